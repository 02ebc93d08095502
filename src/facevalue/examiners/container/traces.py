"""All traces of one clip, gathered; and the few numbers of them that are calibrated."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facevalue.examiners.container.clones import Clone, clones
from facevalue.examiners.container.copies import Cadence, Freeze, cadence, freezes
from facevalue.examiners.container.grid import Break, Grid, find_break, find_grid, series_of
from facevalue.examiners.container.jumps import Drops, Jump, drop_rhythm, jumps, scene_changes
from facevalue.examiners.container.series import Stretch, stretches
from facevalue.examiners.container.structure import Change, Groups, OffGrid, changes, groups, off_grid
from facevalue.examiners.container.timing import Gap, Rate, gaps, rate
from facevalue.media.clip import FrameTable

FEATURES = ("freeze", "jump", "clone", "grid break", "off grid", "gap", "encoding change")
MAX_STRETCHES = 40
MIN_FRAMES = 24
# A gap of the grid's phase gains this much by chance alone; below it nothing is counted (squared standard deviations).
GRID_CHANCE = 15.0


@dataclass(frozen=True, slots=True)
class Traces:
    """What one stretch shows. still: share of frames around which nothing moves."""

    stretch: Stretch
    rate: Rate
    groups: Groups
    cadence: Cadence | None
    drops: Drops | None
    freezes: list[Freeze]
    jumps: list[Jump]
    clones: list[Clone]
    gaps: list[Gap]
    off_grid: list[OffGrid]
    changes: list[Change]
    grid: Grid | None
    grid_break: Break | None
    scenes: list[int] = field(default_factory=list)
    still: float = 0.0


def trace(stretch: Stretch, sized: bool = True) -> Traces:
    """Look for everything in one stretch. sized: whether the codec's packet sizes tell of former key frames."""
    scene = scene_changes(stretch)
    known = groups(stretch)
    excess = series_of(stretch)
    own = known.period or None
    usable = sized and not known.intra_only and np.isfinite(excess).any()
    rhythm = cadence(stretch)
    return Traces(
        stretch=stretch,
        rate=rate(stretch),
        groups=known,
        cadence=rhythm,
        drops=drop_rhythm(stretch),
        freezes=freezes(stretch),
        # A conversion's rhythm makes every second step large; nothing lone can be told in it.
        jumps=[] if rhythm is not None else jumps(stretch),
        clones=clones(stretch),
        gaps=gaps(stretch),
        off_grid=off_grid(stretch, scene),
        changes=changes(stretch, scene),
        # A rhythm of copies is a rhythm of packet sizes too: a former grid cannot be told from it.
        grid=find_grid(excess, own) if usable and rhythm is None else None,
        grid_break=find_break(excess, own) if usable and rhythm is None else None,
        scenes=np.flatnonzero(scene).tolist(),
        still=round(1.0 - float(stretch.moving.mean()), 3),
    )


def traces_of(table: FrameTable, sized: bool = True) -> list[Traces]:
    """Traces of every stretch long enough, at most MAX_STRETCHES of them; sized as in trace()."""
    found = []
    for stretch in stretches(table, MIN_FRAMES):
        found.append(trace(stretch, sized))
        if len(found) >= MAX_STRETCHES:
            break
    return found


def features(found: list[Traces]) -> tuple[float, ...]:
    """The numbers of FEATURES, each 0 without a trace and growing with it: the largest over all stretches.

    freeze: log2 of 1 + frames of the longest freeze. jump: log2 of the largest lone ratio. clone: log2 of 1 + frames of
    the longest clone. grid break: gain beyond chance, tens. off grid: key frames, at most 3. gap: log2 of 1 + missing
    frames, 0 with a variable rate. encoding change: size of the largest step of spending, log2, at most 3.
    """
    rows = [_row(t) for t in found]
    return tuple(float(v) for v in np.max(rows, axis=0)) if rows else (0.0,) * len(FEATURES)


def _row(t: Traces) -> tuple[float, ...]:
    gain = t.grid_break.gain if t.grid_break else 0.0
    missing = max((g.missing for g in t.gaps), default=0)
    return (
        np.log2(1 + max((f.end - f.start for f in t.freezes), default=0)),
        np.log2(max((j.ratio for j in t.jumps), default=1.0)),
        np.log2(1 + max((c.length for c in t.clones), default=0)),
        max(gain - GRID_CHANCE, 0.0) / 10.0,
        min(len(t.off_grid), 3),
        0.0 if t.rate.variable else np.log2(1 + missing),
        min(max((abs(np.log2(c.spending)) for c in t.changes), default=0.0), 3.0),
    )


def sized_codec(codec: str) -> bool:
    """Whether the codec's kinds of frames are known, so that packet sizes can be compared within a kind."""
    return codec in {"h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "h263"}
