"""Lanes of a time line: which tracks share a row, where thumbnails stand, and how spans are packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facevalue.faces.track import Track
from facevalue.reports import words
from facevalue.reports.chart import Chart, course, draw
from facevalue.reports.clock import Axis, between
from facevalue.reports.evidence import Curve, Span
from facevalue.reports.moments import Moment, nearest

MAX_LANES = 8
MAX_ROWS_OF_SPANS = 4
FACE_SLOTS = 16
MAX_COURSES = 3
# Of the axis: what the label of a short span takes beside it.
LABEL_SHARE = 0.16


@dataclass(frozen=True, slots=True)
class Thumb:
    """A picture in a strip; left and width: per cent of the axis. moment: the id of what it opens."""

    left: float
    width: float
    uri: str
    title: str
    moment: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time. label: on it; title: in full. moment: what it opens, "" without one. row: 0 from the top.

    side: "synthetic", "bona-fide" or "plain": which proposition it supports.
    """

    left: float
    width: float
    label: str
    title: str
    moment: str
    row: int = 0
    side: str = "plain"

    @property
    def beside(self) -> str:
        """Where the label of a bar too short for it goes: "after" or "before" it; "" on one that is long enough."""
        if self.width >= 100 * LABEL_SHARE:
            return ""
        return "after" if self.left + self.width < 75 else "before"


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One examiner's curves over a lane. lrs: the likelihood ratio of each track, in words."""

    examiner: str
    question: str
    lrs: tuple[str, ...]
    chart: Chart
    courses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """One person over time: a strip of faces, the tracks they come from, and a row of curves by examiner."""

    title: str
    note: str
    thumbs: tuple[Thumb, ...]
    bars: tuple[Bar, ...]
    curves: tuple[CurveRow, ...]


def by_importance(tracks: Sequence[Track], curves: Sequence[Curve]) -> list[Track]:
    """Tracks that have a place in time, those with the strongest evidence first, then by their number."""
    strength: dict[int | None, float] = {}
    for curve in curves:
        strength[curve.track] = max(curve.weight, strength.get(curve.track, curve.weight))
    placed = [track for track in tracks if len(track.times)]
    return sorted(placed, key=lambda t: (-strength.get(t.number, 0.0), t.number))


def share(tracks: Sequence[Track]) -> list[list[Track]]:
    """Tracks grouped into at most MAX_LANES lanes, in the order in which they come: one lane for each person, more
    where tracks of a person overlap in time."""
    lanes: list[list[Track]] = []
    for track in tracks:
        fitting = (lane for lane in lanes if lane[0].person == track.person and not _overlaps(track, lane))
        lane = next(fitting, None)
        if lane is not None:
            lane.append(track)
        elif len(lanes) < MAX_LANES:
            lanes.append([track])
    return [sorted(lane, key=lambda t: t.span) for lane in lanes]


def _overlaps(track: Track, lane: Sequence[Track]) -> bool:
    start, end = track.span
    return any(start <= other.span[1] and other.span[0] <= end for other in lane)


def lane_view(tracks: Sequence[Track], curves: Sequence[Curve], moments: Sequence[Moment], axis: Axis) -> Lane:
    """One lane as it is drawn; tracks: in order of time, none overlapping."""
    numbers = [track.number for track in tracks]
    own = [moment for moment in moments if moment.track in numbers]
    names = ", ".join(map(str, numbers[:6])) + (f" and {len(numbers) - 6} more" if len(numbers) > 6 else "")
    return Lane(
        title=f"Person {tracks[0].person}",
        note=f"track{'s' if len(numbers) > 1 else ''} {names}",
        thumbs=strip(own, axis, FACE_SLOTS),
        bars=tuple(_track_bar(track, own, axis) for track in tracks),
        curves=curve_rows([curve for curve in curves if curve.track in numbers], axis),
    )


def _track_bar(track: Track, moments: Sequence[Moment], axis: Axis) -> Bar:
    start, end = track.span
    shown = nearest([m for m in moments if m.track == track.number], start, end)
    title = f"track {track.number}: {between(start, end, 1)}, {len(track.times)} positions, {len(track.views)} looks"
    left = axis.at(start)
    return Bar(left, round(axis.at(end) - left, 3), f"track {track.number}", title, shown.id if shown else "")


def curve_rows(curves: Sequence[Curve], axis: Axis) -> tuple[CurveRow, ...]:
    """A row for each finding that has curves among these."""
    rows: dict[int, list[Curve]] = {}
    for curve in curves:
        rows.setdefault(curve.finding, []).append(curve)
    return tuple(curve_row(row, axis) for row in rows.values())


def curve_row(curves: Sequence[Curve], axis: Axis) -> CurveRow:
    """Curves of one finding in one row; curves: at least one."""
    several = len(curves) > 1
    loud = sorted(curves, key=lambda c: -c.weight)[:MAX_COURSES]

    def named(curve: Curve, text: str) -> str:
        return f"track {curve.track}: {text}" if several and curve.track is not None else text

    return CurveRow(
        examiner=curves[0].examiner,
        question=curves[0].question,
        lrs=tuple(named(c, words.lr_words(c.log10_lr)) for c in loud if c.log10_lr is not None),
        chart=draw(curves, axis),
        courses=tuple(named(c, course(c)) for c in loud),
    )


def strip(moments: Sequence[Moment], axis: Axis, slots: int) -> tuple[Thumb, ...]:
    """At most `slots` thumbnails at their times, moved aside where they would overlap.

    Of the moments in one slot of the axis the one with a heat map is shown, else the strongest.
    """
    width = 100 / slots
    chosen: dict[int, Moment] = {}
    for moment in moments:
        slot = min(slots - 1, int(moment.left / width))
        if slot not in chosen or _worth(moment) > _worth(chosen[slot]):
            chosen[slot] = moment
    shown = [chosen[slot] for slot in sorted(chosen)]
    lefts = _apart([m.left - width / 2 for m in shown], width)
    return tuple(
        Thumb(left, round(width, 3), m.thumb, f"{m.title} at {m.time}", m.id)
        for left, m in zip(lefts, shown, strict=True)
    )


def _worth(moment: Moment) -> tuple[bool, float]:
    return bool(moment.heats), moment.strength if moment.strength is not None else 0.0


def _apart(lefts: Sequence[float], width: float) -> list[float]:
    """Rising places moved as little as two sweeps can, so that things of a width neither overlap nor leave 0..100."""
    out: list[float] = []
    for left in lefts:
        out.append(max(left, out[-1] + width if out else 0.0))
    limit = 100.0
    for i in reversed(range(len(out))):
        limit = out[i] = min(out[i], limit - width)
    return [round(max(0.0, left), 3) for left in out]


def span_bars(spans: Sequence[Span], moments: Sequence[Moment], axis: Axis) -> tuple[Bar, ...]:
    """Spans in order of time as bars, packed into at most MAX_ROWS_OF_SPANS rows, with room for their labels."""
    ends: list[float] = []
    bars = []
    for span in spans:
        row = next((i for i, end in enumerate(ends) if end <= span.start), len(ends))
        row = min(row, MAX_ROWS_OF_SPANS - 1)
        end = max(span.end, span.start + LABEL_SHARE * axis.duration_s)
        ends[row : row + 1] = [max(end, ends[row] if row < len(ends) else end)]
        bars.append(_span_bar(span, row, moments, axis))
    return tuple(bars)


def _span_bar(span: Span, row: int, moments: Sequence[Moment], axis: Axis) -> Bar:
    left = axis.at(span.start)
    heard = next((m for m in moments if m.span == (span.finding, span.start, span.end)), None)
    shown = heard or nearest(moments, span.start, span.end, span.track)
    return Bar(
        left,
        round(axis.at(span.end) - left, 3),
        span.label,
        f"{span.label}: {between(span.start, span.end, 2)}{_said(span)}",
        shown.id if shown else "",
        row,
        side_of(span),
    )


def side_of(span: Span) -> str:
    """Which proposition a span supports, as far as it says so."""
    if span.log10_lr is not None:
        return "plain" if words.is_neutral(span.log10_lr) else "synthetic" if span.log10_lr > 0 else "bona-fide"
    return "plain" if span.score is None else "synthetic" if span.score >= 0.5 else "plain"


def _said(span: Span) -> str:
    lr = "" if span.log10_lr is None else f", {words.lr_words(span.log10_lr)}"
    return lr + ("" if span.score is None else f", score {span.score:.2f}")
