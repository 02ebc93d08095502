"""A likelihood ratio over time in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facevalue.faces.track import Track
from facevalue.reports import words
from facevalue.reports.clock import Axis, between
from facevalue.reports.evidence import Curve

CELLS = 24
# log10 LR at which the next block begins: the bounds of the verbal bands, and of the verdicts.
_EDGES = (-2.0, -1.0, -0.30103, 0.30103, 1.0, 2.0, 3.0)
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.:-=+*#"


def glyphs(encoding: str) -> str:
    """Eight signs from bona fide to synthetic that the encoding holds."""
    try:
        BLOCKS.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return BLOCKS


def sparkline(curve: Curve, axis: Axis, signs: str = BLOCKS, cells: int = CELLS) -> str:
    """The curve over the whole axis, one sign a cell: the value farthest from 0 in it, else the line between points.

    Before its first and after its last point the line is blank, so that the lines of several tracks stand under
    each other in time.
    """
    seconds, values = curve.points[:, 0], curve.points[:, 1]
    centres = (np.arange(cells) + 0.5) / cells * axis.duration_s
    places = np.minimum((seconds / axis.duration_s * cells).astype(np.int64), cells - 1)
    out = []
    for cell, centre in enumerate(centres):
        here = values[places == cell]
        inside = places[0] <= cell <= places[-1]
        value = here[np.argmax(np.abs(here))] if len(here) else np.interp(centre, seconds, values)
        out.append(signs[int(np.searchsorted(_EDGES, value, side="right"))] if inside else " ")
    return "".join(out)


def legend(signs: str) -> str:
    """What the signs mean, in one line."""
    return (
        f"{signs[0]} LR below 1/100, {signs[3]} neither way, {signs[5]} LR 10 (suspect), "
        f"{signs[7]} LR 1,000 (fake) and more"
    )


def strongest(curves: Sequence[Curve], limit: int) -> list[Curve]:
    """At most `limit` curves, those kept whose evidence is strongest; by track, what is no track's last."""
    kept = sorted(curves, key=lambda c: -c.weight)[:limit]
    return sorted(kept, key=lambda c: (c.track is None, c.track or 0, c.finding))


def curve_line(curve: Curve, track: Track | None, axis: Axis, signs: str) -> str:
    """ "|▄▅▆▇▇| LR 24 (log10 +1.4), face_blend, person 1, 0:00 to 0:09"."""
    span = (float(curve.points[0, 0]), float(curve.points[-1, 0]))
    person = ""
    if track is not None and len(track.times):
        span, person = track.span, f", person {track.person}"
    lr = words.lr_words(curve.log10_lr)
    return f"|{sparkline(curve, axis, signs)}| {lr}, {curve.examiner}{person}, {between(*span)}"
