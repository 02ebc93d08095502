"""The shape of a likelihood ratio over time: a line, the area between it and LR 1, and the levels that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.reports.clock import Axis, clock
from facevalue.reports.evidence import Curve
from facevalue.reports.words import signed

# Columns of the drawing: no screen shows more, and a curve with more points costs bytes for nothing.
COLUMNS = 1000
# What the upper and lower edge of a chart may stand for, log10 LR.
_TOPS = (2.0, 3.0, 4.0, 5.0)
# The contract's thresholds ("suspect", "fake") and the middle.
_LEVELS = (3.0, 1.0, 0.0, -1.0, -3.0)


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line; top: per cent from the top. zero: whether it stands for LR 1."""

    top: float
    label: str
    zero: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. lines: points of SVG polylines in a box of COLUMNS x 100. area: a CSS polygon() to clip a fill with.

    Both show the evidence up to each time where the examiner states it, and then thin shows each moment by itself;
    else they show the moments. dots: curves of a single point, per cent from left and top.
    """

    lines: tuple[str, ...]
    thin: tuple[str, ...]
    area: str
    dots: tuple[tuple[float, float], ...]
    levels: tuple[Level, ...]


def draw(curves: Sequence[Curve], axis: Axis) -> Chart:
    """Draw curves that share a row (the tracks of one person, or one voice) over the axis."""
    moments = [_thinned(curve.points, axis) for curve in curves]
    pieces = [_thinned(c.growth, axis) if len(c.growth) else p for c, p in zip(curves, moments, strict=True)]
    highest = max((float(np.abs(p[:, 1]).max()) for p in (*pieces, *moments)), default=0.0)
    top = next((t for t in _TOPS if highest <= t), _TOPS[-1])
    placed = [_placed(p, axis, top) for p in pieces]
    beside = [_placed(p, axis, top) for p, c in zip(moments, curves, strict=True) if len(c.growth)]
    return Chart(
        lines=_polylines(placed),
        thin=_polylines(beside),
        area=_polygon([p for p in placed if len(p) > 1]),
        dots=tuple((round(float(p[0, 0]) / 10, 2), round(float(p[0, 1]), 2)) for p in placed if len(p) == 1),
        levels=tuple(_level(value, top) for value in _LEVELS if abs(value) <= top),
    )


def _placed(points: npt.NDArray[np.float64], axis: Axis, top: float) -> npt.NDArray[np.float64]:
    """Points in the box of COLUMNS x 100, from its upper left corner."""
    return np.column_stack([10 * _lefts(points, axis), 50 - 50 * np.clip(points[:, 1] / top, -1, 1)])


def _polylines(pieces: Sequence[npt.NDArray[np.float64]]) -> tuple[str, ...]:
    return tuple(" ".join(f"{x:.1f},{y:.1f}" for x, y in p) for p in pieces if len(p) > 1)


def _level(value: float, top: float) -> Level:
    crowded = abs(value) == 1 and top > 3
    label = "" if crowded else f"{value:+.0f}" if value else "0"
    return Level(round(50 - 50 * value / top, 2), label, value == 0)


def course(curve: Curve) -> str:
    """The course of a curve in words: how the evidence grows, and what single moments say, as far as is stated."""
    points = curve.points
    lowest, highest = points[int(np.argmin(points[:, 1]))], points[int(np.argmax(points[:, 1]))]
    if len(points) == 1:
        single = f"one moment, {signed(highest[1])} at {clock(highest[0], 1)}"
    else:
        single = (
            f"{len(points)} moments from {signed(lowest[1])} ({clock(lowest[0], 1)}) "
            f"to {signed(highest[1])} ({clock(highest[0], 1)})"
        )
    return f"{_grows(curve.growth)}; {single}" if len(curve.growth) > 1 else single


def _grows(growth: npt.NDArray[np.float64]) -> str:
    """From the first to the last value, and when nine tenths of the way between them were gone for good."""
    first, last = growth[0], growth[-1]
    away = np.abs(growth[:, 1] - last[1]) > 0.1 * abs(last[1] - first[1])
    settled = growth[min(len(growth) - 1, int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0)]
    return (
        f"evidence goes from {signed(first[1])} ({clock(first[0], 1)}) to {signed(last[1])} "
        f"({clock(last[0], 1)}), settled by {clock(settled[0], 1)}"
    )


def _lefts(points: npt.NDArray[np.float64], axis: Axis) -> npt.NDArray[np.float64]:
    return np.clip(100 * points[:, 0] / axis.duration_s, 0.0, 100.0)


def _thinned(points: npt.NDArray[np.float64], axis: Axis) -> npt.NDArray[np.float64]:
    """The value farthest from 0 in each column of the drawing, and both ends: no peak is lost."""
    columns = (_lefts(points, axis) * (COLUMNS / 100)).astype(np.int64)
    order = np.lexsort((-np.abs(points[:, 1]), columns))
    _, first = np.unique(columns[order], return_index=True)
    kept = np.unique(np.concatenate([[0, len(points) - 1], order[first]]))
    return np.asarray(points[kept], np.float64)


def _polygon(pieces: Sequence[npt.NDArray[np.float64]]) -> str:
    """Along every piece, and between pieces along the middle, where the area has no height."""
    corners = [f"{x / 10:.2f}% {y:.1f}%" for p in pieces for x, y in ((p[0, 0], 50.0), *p.tolist(), (p[-1, 0], 50.0))]
    return f"polygon({', '.join(corners)})" if corners else "none"
