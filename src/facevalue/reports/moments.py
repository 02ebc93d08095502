"""The moments of a clip that a report can show: looks at tracked faces and whole frames, with their heat maps.

A report is one file that people send by mail, so what is shown is chosen: tracks take turns, the looks that a
finding points at come first, and a budget of bytes ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import TypeVar

import numpy as np

from facevalue.faces.track import Track, TrackView
from facevalue.finding import Finding, Region, Status
from facevalue.footage import Footage
from facevalue.media.clip import Frame
from facevalue.reports import overlay
from facevalue.reports.clock import Axis, clock
from facevalue.reports.evidence import MAX_REGIONS, Curve, Span, time_of, track_of
from facevalue.reports.layers import BoxView, place_box
from facevalue.reports.words import plain, signed

MAX_MOMENTS = 90
BUDGET_BYTES = 3_800_000
FACE_SIDE_PX = 320
FRAME_SIDE_PX = 800
THUMB_PX = 96
FRAME_THUMB_PX = 160
MAX_FACTS = 12
MAX_BOXES = 12
_Item = TypeVar("_Item")
# A mask belongs to a look when their times agree this closely: less than a frame at 25 a second.
SAME_TIME_S = 0.03


@dataclass(frozen=True, slots=True)
class Heat:
    """A heat map to lay over a moment; finding: whose. uri: a transparent PNG."""

    finding: int
    uri: str


# Kinds of moments.
FACE, FRAME, SOUND = "face", "frame", "sound"


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that can be shown. left: per cent of the time axis. track: that of a face. span: what a close-up of
    the sound shows, as (finding, start, end).

    strength: what the curves of its track say at that time (log10 LR, the highest), None where none does. heats: at
    most one by finding. boxes: in per cent of the image. place: the face in the frame, in per cent of the frame.
    """

    id: str
    kind: str
    seconds: float
    time: str
    left: float
    title: str
    track: int | None
    image: str
    thumb: str
    strength: float | None
    heats: tuple[Heat, ...] = ()
    boxes: tuple[BoxView, ...] = ()
    place: BoxView | None = None
    facts: tuple[str, ...] = ()
    span: tuple[int, float, float] | None = None

    @property
    def size(self) -> int:
        """Bytes that it adds to the page, about."""
        return len(self.image) + len(self.thumb) + sum(len(heat.uri) for heat in self.heats)


@dataclass(frozen=True, slots=True)
class Said:
    """What the findings say along the time axis."""

    findings: Sequence[Finding]
    curves: Sequence[Curve]
    spans: Sequence[Span]


def choose(
    footage: Footage, tracks: Sequence[Track], said: Said, axis: Axis, heard: Iterable[Moment] = ()
) -> list[Moment]:
    """The moments of some tracks, of the stills, and those heard, in order of time, within MAX_MOMENTS and
    BUDGET_BYTES."""
    masks = _masks_by_track(said.findings)
    waiting: list[Iterator[Moment]] = [iter(heard), *(_of_track(t, footage, masks, said, axis) for t in tracks)]
    waiting.append(_of_stills(footage, masks.get(None, []), said, axis))
    out: list[Moment] = []
    spent = 0
    for moment in (m for turn in zip_longest(*waiting) for m in turn if m is not None):
        if len(out) >= MAX_MOMENTS or spent + moment.size > BUDGET_BYTES:
            break
        out.append(moment)
        spent += moment.size
    out.sort(key=lambda m: (m.seconds, m.track or 0))
    return [replace(moment, id=f"m-{number}") for number, moment in enumerate(out)]


def strongest(moments: Sequence[Moment], findings: Sequence[Finding]) -> Moment | None:
    """The moment that a report opens with: one with a heat map of a finding that found something, where it is
    strongest; else the strongest look; else the first frame."""
    found = {n for n, f in enumerate(findings) if f.status is Status.FOUND}

    def rank(moment: Moment) -> tuple[bool, bool, float]:
        accused = any(heat.finding in found for heat in moment.heats)
        return accused, moment.strength is not None, moment.strength if moment.strength is not None else 0.0

    return max(moments, key=rank, default=None)


def nearest(moments: Sequence[Moment], start: float, end: float, track: int | None = None) -> Moment | None:
    """The look or frame to show for a span: of its track, strongest inside, else nearest to its middle."""
    seen = [m for m in moments if m.kind != SOUND]
    own = [m for m in seen if track is None or m.track == track] or seen
    inside = [m for m in own if start <= m.seconds <= end and m.strength is not None]
    if inside:
        return max(inside, key=lambda m: m.strength or 0.0)
    return min(own, key=lambda m: abs(m.seconds - (start + end) / 2), default=None)


_Masks = dict[int | None, list[tuple[int, float, Region]]]


def _masks_by_track(findings: Sequence[Finding]) -> _Masks:
    """Masks with a time, as (finding, seconds, region), by the track that they name."""
    out: _Masks = {}
    for number, finding in enumerate(findings):
        for region in islice(finding.regions, MAX_REGIONS):
            seconds = time_of(region)
            if region.kind == "mask" and region.mask is not None and seconds is not None:
                out.setdefault(track_of(region), []).append((number, seconds, region))
    return out


def _at(masks: Sequence[tuple[int, float, Region]], seconds: float) -> dict[int, list[Region]]:
    out: dict[int, list[Region]] = {}
    for number, time_s, region in masks:
        if abs(time_s - seconds) <= SAME_TIME_S:
            out.setdefault(number, []).append(region)
    return out


def _of_track(track: Track, footage: Footage, masks: _Masks, said: Said, axis: Axis) -> Iterator[Moment]:
    own = masks.get(track.number, [])
    looked = [(view, _at(own, view.time_s)) for view in track.views if np.isfinite(view.time_s)]
    pointed = [pair for pair in looked if pair[1]]
    for view, regions in (*pointed, *_spread([pair for pair in looked if not pair[1]])):
        yield _face_moment(track, view, regions, footage, said, axis)


def _spread(items: Sequence[_Item]) -> list[_Item]:
    """The same items, so ordered that any number of first ones is spread over the whole (bit-reversal order)."""
    bits = max(1, (len(items) - 1).bit_length())
    order = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(1 << bits))
    return [items[i] for i in order if i < len(items)]


def _face_moment(
    track: Track, view: TrackView, regions: Mapping[int, Sequence[Region]], footage: Footage, said: Said, axis: Axis
) -> Moment:
    size = (view.crop.shape[1], view.crop.shape[0])
    heats = _heats({n: [_in_crop(r, view, footage) for r in rs] for n, rs in regions.items()}, size)
    curves = [c for c in said.curves if c.track == track.number]
    values = [c.near(view.time_s)[1] for c in curves]
    facts = [
        *(f"{c.examiner}: log10 LR {signed(value)} at this time" for c, value in zip(curves, values, strict=True)),
        _looks(view),
    ]
    return Moment(
        id="",
        kind=FACE,
        seconds=float(view.time_s),
        time=clock(view.time_s, 2),
        left=axis.at(view.time_s),
        title=f"Track {track.number}, person {track.person}",
        track=track.number,
        image=overlay.jpeg_uri(overlay.reduced(view.crop, FACE_SIDE_PX), 80),
        thumb=overlay.jpeg_uri(overlay.reduced(view.crop, THUMB_PX), 72),
        strength=max(values, default=None),
        heats=heats,
        place=place_box(view.face.box, (footage.info.width, footage.info.height), ""),
        facts=_with_spans(facts, said, view.time_s, track.number),
    )


def _looks(view: TrackView) -> str:
    q = view.face.quality
    frame = f"; frame {view.index}" if view.index >= 0 else ""
    size, score = f"face of {view.face.size_px:.0f} px", f"detector {view.face.score:.2f}"
    return f"{size}, sharpness {q.sharpness:.1f}, yaw {q.yaw:+.0f}°, {score}{frame}"


def _of_stills(
    footage: Footage, masks: Sequence[tuple[int, float, Region]], said: Said, axis: Axis
) -> Iterator[Moment]:
    looked = [(still, _at(masks, still.time_s)) for still in footage.stills if np.isfinite(still.time_s)]
    pointed = [pair for pair in looked if pair[1]]
    for still, regions in (*pointed, *_spread([pair for pair in looked if not pair[1]])):
        yield _frame_moment(still, regions, footage, said, axis)


def _frame_moment(
    still: Frame, regions: Mapping[int, Sequence[Region]], footage: Footage, said: Said, axis: Axis
) -> Moment:
    size = (still.pixels.shape[1], still.pixels.shape[0])
    return Moment(
        id="",
        kind=FRAME,
        seconds=float(still.time_s),
        time=clock(still.time_s, 2),
        left=axis.at(still.time_s),
        title="Whole frame",
        track=None,
        image=overlay.jpeg_uri(overlay.reduced(still.pixels, FRAME_SIDE_PX), 74),
        thumb=overlay.jpeg_uri(overlay.reduced(still.pixels, FRAME_THUMB_PX), 70),
        strength=None,
        heats=_heats(regions, size),
        boxes=_faces_at(footage, still.time_s, size),
        facts=_with_spans([f"frame {still.index}"] if still.index >= 0 else [], said, still.time_s, None),
    )


def _with_spans(facts: Sequence[str], said: Said, seconds: float, track: int | None) -> tuple[str, ...]:
    """The facts, and what marks this time; spans of other tracks say nothing of this one."""
    around = (s for s in said.spans if s.start <= seconds <= s.end)
    here = (s for s in around if s.track is None or track is None or s.track == track)
    marks = ("; ".join((f"marked by {plain(said.findings[s.finding].examiner)}: {s.label}", *s.notes)) for s in here)
    return tuple(dict.fromkeys([*facts, *marks]))[:MAX_FACTS]


def _in_crop(region: Region, view: TrackView, footage: Footage) -> Region:
    """A region of the frame in pixels of a view's crop; one without a box covers the whole frame."""
    x, y, w, h = region.box or (0.0, 0.0, float(footage.info.width), float(footage.info.height))
    (left, top), scale = view.origin, view.scale
    return replace(region, box=((x - left) * scale, (y - top) * scale, w * scale, h * scale))


def _heats(regions: Mapping[int, Sequence[Region]], size: tuple[int, int]) -> tuple[Heat, ...]:
    maps = ((number, overlay.heat_map(found, *size, side=FACE_SIDE_PX)) for number, found in sorted(regions.items()))
    return tuple(Heat(number, overlay.heat_uri(heat)) for number, heat in maps if heat is not None)


def _faces_at(footage: Footage, seconds: float, size: tuple[int, int]) -> tuple[BoxView, ...]:
    """Boxes of the tracks that were seen within half a second of a time."""
    out: list[BoxView | None] = []
    for track in footage.tracks or ():
        place = int(np.argmin(np.abs(track.times - seconds)))
        if abs(float(track.times[place]) - seconds) <= 0.5 and len(out) < MAX_BOXES:
            x, y, w, h = (float(v) for v in track.boxes[place])
            out.append(place_box((x, y, w, h), size, f"track {track.number}"))
    return tuple(box for box in out if box is not None)
