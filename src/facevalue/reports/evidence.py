"""What findings say along the time axis: curves and spans, cleaned of everything that no time line can show.

A finding is a claim of an examiner, maybe a third party's: its numbers may be absurd and its lists endless. What is
read here is finite, in order, on the axis, and bounded in number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.finding import Finding, Region
from facevalue.reports.clock import Axis
from facevalue.reports.words import plain

MAX_POINTS = 600
MAX_REGIONS = 20_000
MAX_CURVES = 400
MAX_SPANS = 120
MAX_NOTE_CHARS = 300
_NOTES = (("measured", "measured"), ("innocent", "innocent causes"))
# Likelihood ratios beyond this are not told apart by any report.
LIMIT_LOG10 = 15.0
# A little beyond either end is rounding; more than that is an error of the examiner's, and left out.
SLACK_S = 0.5


@dataclass(frozen=True, slots=True)
class Curve:
    """A likelihood ratio over time. points: float64 (n, 2), n >= 1, seconds (rising) and log10 LR of each moment.

    growth: float64 (m, 2), log10 LR of all moments up to a time; m is 0 where the examiner states none. finding:
    the finding's place among the examination's. track: the face's track, None for the sound or the whole. log10_lr:
    of the track, as its examiner states it; None where it states none.
    """

    finding: int
    examiner: str
    question: str
    track: int | None
    points: npt.NDArray[np.float64]
    log10_lr: float | None
    growth: npt.NDArray[np.float64]

    @property
    def weight(self) -> float:
        """What sorts curves: the likelihood ratio as stated, else the middle one of the moments."""
        return self.log10_lr if self.log10_lr is not None else float(np.median(self.points[:, 1]))

    def near(self, seconds: float) -> tuple[float, float]:
        """The point nearest to a time: its seconds and its log10 LR."""
        row = self.points[int(np.argmin(np.abs(self.points[:, 0] - seconds)))]
        return float(row[0]), float(row[1])


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that a finding marks, seconds on the axis; track: whose, None where it names none.
    notes: what was measured there, and what else may explain it, as the examiner puts it."""

    finding: int
    start: float
    end: float
    label: str
    score: float | None
    log10_lr: float | None
    track: int | None
    notes: tuple[str, ...] = ()

    @property
    def strength(self) -> float:
        """Sorts spans, strongest support for the first proposition last; a span that only locates lies between."""
        if self.log10_lr is not None:
            return self.log10_lr
        return 4 * self.score - 2 if self.score is not None else 0.0


def curves(findings: Sequence[Finding], axis: Axis) -> list[Curve]:
    """Every curve of the findings that has a point on the axis; at most MAX_CURVES."""
    found = (_curve(n, f, r, axis) for n, f in enumerate(findings) for r in spans_of(f) if "curve" in _details(r))
    return list(islice((curve for curve in found if curve is not None), MAX_CURVES))


def spans(number: int, finding: Finding, axis: Axis) -> tuple[list[Span], int]:
    """The spans that a finding marks, in order of time, and how many more there are; the strongest are kept.

    A region that carries a curve says over which time something was examined, and marks nothing.
    """
    found = [s for r in spans_of(finding) if "curve" not in _details(r) and (s := _span(number, r, axis)) is not None]
    kept = sorted(found, key=lambda s: -s.strength)[:MAX_SPANS]
    return sorted(kept, key=lambda s: (s.start, s.end)), len(found) - len(kept)


def spans_of(finding: Finding) -> Iterator[Region]:
    """The regions of kind "span" among the first MAX_REGIONS."""
    return (r for r in islice(finding.regions, MAX_REGIONS) if r.kind == "span")


def number(value: Any, limit: float = LIMIT_LOG10) -> float | None:
    """A finite number within +-limit; None for whatever else stands there."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        real = float(value)
    except OverflowError:
        return None
    return min(limit, max(-limit, real)) if math.isfinite(real) else None


def track_of(region: Region) -> int | None:
    """The number of the track that a region names, 1.. ; None where it names none."""
    value: Any = _details(region).get("track")
    is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return int(value) if is_number and 0 < value < 1_000_000 else None


def time_of(region: Region) -> float | None:
    """The time of the frame that a box or mask belongs to, seconds; None where it names none."""
    return number(_details(region).get("time_s"), 1e9)


def _details(region: Region) -> Mapping[str, Any]:
    details: Any = region.details  # of a third party's, whatever its type says
    return details if isinstance(details, Mapping) else {}


def _curve(place: int, finding: Finding, region: Region, axis: Axis) -> Curve | None:
    details = _details(region)
    points = _points(details.get("curve"), axis)
    if not len(points):
        return None
    growth = _points(details.get("growth"), axis)
    stated, track = number(details.get("log10_lr")), track_of(region)
    if stated is None and track is None:  # the whole is what the finding itself is about
        stated = number(finding.log10_lr)
    return Curve(place, plain(finding.examiner), str(finding.question), track, points, stated, growth)


def _points(raw: Any, axis: Axis) -> npt.NDArray[np.float64]:
    """Rows (seconds, log10 LR), rising in time; thinned evenly before anything else is done with them."""
    if not isinstance(raw, list | tuple | np.ndarray) or not len(raw):
        return np.empty((0, 2))
    keep = np.unique(np.linspace(0, len(raw) - 1, min(len(raw), MAX_POINTS)).astype(np.int64))
    pairs = [pair for i in keep if (pair := _pair(raw[i], axis)) is not None]
    pairs.sort(key=lambda pair: pair[0])
    return np.asarray(pairs, np.float64).reshape(-1, 2)


def _pair(raw: Any, axis: Axis) -> tuple[float, float] | None:
    if not isinstance(raw, list | tuple | np.ndarray) or len(raw) < 2:
        return None
    seconds, value = number(raw[0], 1e9), number(raw[1])
    if seconds is None or value is None or not -SLACK_S <= seconds <= axis.duration_s + SLACK_S:
        return None
    return min(axis.duration_s, max(0.0, seconds)), value


def _span(place: int, region: Region, axis: Axis) -> Span | None:
    raw: Any = region.span
    ends = raw if isinstance(raw, list | tuple) and len(raw) == 2 else (None, None)
    start, end = number(ends[0], 1e12), number(ends[1], 1e12)
    inside = axis.clip(start, end) if start is not None and end is not None else None
    if inside is None:
        return None
    stated = number(_details(region).get("log10_lr"))
    return Span(
        place, *inside, plain(region.label), number(region.score, 1.0), stated, track_of(region), notes_of(region)
    )


def notes_of(region: Region) -> tuple[str, ...]:
    """What an examiner says of a region beyond its label: what it measured, and which innocent cause there may be."""
    said = ((name, _details(region).get(key)) for key, name in _NOTES)
    return tuple(f"{name}: {plain(text[:MAX_NOTE_CHARS])}" for name, text in said if isinstance(text, str) and text)
