"""The shipped model: a linear score of a moment, and how moments of one track join into one likelihood ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.examiners.reenactment.moments import NAMES, Moments
from facevalue.opinion.calibrate import LN10, LogisticCalibration
from facevalue.opinion.over_time import TrackModel

Floats = npt.NDArray[np.float64]

# What a value is about, by the head of its name, as a report says it.
ASPECTS = {
    "look": "how sharp skin, mouth and hair are against the eyes and from one scale to the next",
    "next": "how closely the texture of one look follows into the next once motion is taken out",
    "far": "how closely the texture of one look returns a second away once motion is taken out",
    "burst": "how little of the texture changes within fractions of a second",
    "course": "how far the head turns and wanders",
}


@dataclass(frozen=True, slots=True)
class Head:
    """A linear score, natural log-odds, of one moment. names: the values it reads, of NAMES. typical: what stands for a
    value that could not be had. low, high: values are clipped into this range, which is what training saw."""

    names: tuple[str, ...]
    typical: Floats
    low: Floats
    high: Floats
    coefficients: Floats
    intercept: float

    @classmethod
    def fit(
        cls, rows: Floats, labels: npt.ArrayLike, weights: npt.ArrayLike, names: tuple[str, ...], ridge: float
    ) -> Head:
        """Ridge logistic regression of labels on the named columns of rows, float64 (n, len(NAMES)).

        Typical is the median of each column, and the range that counts its 1st to 99th percentile.
        """
        values = rows[:, columns(names)]
        typical = np.nan_to_num(np.nanmedian(values, axis=0))
        filled = np.where(np.isfinite(values), values, typical)
        low, high = np.quantile(filled, (0.01, 0.99), axis=0)
        fitted = LogisticCalibration.fit(np.clip(filled, low, high), labels, names=names, weights=weights, ridge=ridge)
        slopes = np.array(fitted.coefficients) * LN10
        return cls(names, typical, low, high, slopes, fitted.intercept * LN10)

    @property
    def groups(self) -> frozenset[str]:
        """The groups of values that it reads, of moments.GROUPS."""
        return frozenset(name.partition(":")[0] for name in self.names)

    def parts(self, rows: Floats) -> Floats:
        """What each value adds to the score of each moment, against a typical value; float64 (n, len(names))."""
        values = rows[:, columns(self.names)]
        filled = np.where(np.isfinite(values), values, self.typical)
        return np.asarray((np.clip(filled, self.low, self.high) - self.typical) * self.coefficients, np.float64)

    def scores(self, rows: Floats) -> Floats:
        """The scores of moments, float64 (n,); rows: float64 (n, len(NAMES))."""
        level = self.intercept + float(self.typical @ self.coefficients)
        return np.asarray(self.parts(rows).sum(axis=1) + level, np.float64)

    def aspects(self, rows: Floats) -> dict[str, float]:
        """What each aspect adds to the score, the mean over moments; keys as in ASPECTS."""
        mean = self.parts(rows).mean(axis=0)
        heads = np.array([name.partition(":")[0] for name in self.names])
        return {aspect: float(mean[heads == aspect].sum()) for aspect in ASPECTS}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        arrays = {key: getattr(self, key).tolist() for key in ("typical", "low", "high", "coefficients")}
        return {"kind": "linear", "names": list(self.names), **arrays, "intercept": self.intercept}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Head:
        """Read what to_dict wrote. Raises UsageError when it is something else or reads what is not measured."""
        if raw.get("kind") != "linear":
            raise UsageError(f"not a linear score: {raw.get('kind')!r}")
        names = tuple(str(name) for name in raw["names"])
        columns(names)
        typical, low, high, slopes = (
            np.array(raw[key], np.float64) for key in ("typical", "low", "high", "coefficients")
        )
        if any(array.shape != (len(names),) for array in (typical, low, high, slopes)):
            raise UsageError(f"a linear score of {len(names)} values needs as many of each number")
        return cls(names, typical, low, high, slopes, float(raw["intercept"]))


def columns(names: tuple[str, ...]) -> list[int]:
    """Where the named values stand in a row. Raises UsageError for a name that is not measured."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UsageError(f"not measured: {', '.join(unknown)}")
    return [NAMES.index(name) for name in names]


@dataclass(frozen=True, slots=True)
class Model:
    """Head and track model together: what calibration.json holds."""

    head: Head
    track: TrackModel

    def log10_lr(self, found: Moments) -> float:
        """log10 LR of one track."""
        return self.track.log10_lr(self.head.scores(found.rows), found.times)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"head": self.head.to_dict(), "track": self.track.to_dict()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Model:
        """Read what to_dict wrote. Raises UsageError."""
        return cls(Head.from_dict(raw["head"]), TrackModel.from_dict(raw["track"]))


__all__ = ["ASPECTS", "Head", "Model", "columns"]
