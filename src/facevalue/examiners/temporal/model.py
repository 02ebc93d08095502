"""From the traits of one burst to a score, and from the scores of a track's bursts to a likelihood ratio.

Three steps, all fitted by `facevalue lab train temporal`. What real faces show under the same conditions (size, noise,
speed, turning) is taken off each trait and its spread divided out. A regression weighs what remains. How bursts of one
track depend on each other, and what a likelihood ratio they support, is the two-level model of opinion.over_time.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.examiners.temporal.look import CONDITIONS, TRAITS, BurstLook
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import TrackModel

Floats = npt.NDArray[np.float64]

CALIBRATION_FILE = "calibration.json"
FOLDER = Path(__file__).parent
# Traits further off than this many spreads count as that: no single one may decide, and a face that is steadier than
# usual is no more genuine than a usual one.
LEAST_SPREADS, MOST_SPREADS = -1.0, 3.0


@dataclass(frozen=True, slots=True)
class Norms:
    """What real faces show: trait = coefficients . (1, conditions), give or take the spread.

    coefficients: float64 (traits, 1 + conditions). spread: float64 (traits,), positive.
    low, high: float64 (conditions,), the range of conditions that was seen; beyond it the nearest one is taken.
    """

    coefficients: Floats
    spread: Floats
    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        shape = (len(TRAITS), 1 + len(CONDITIONS))
        if self.coefficients.shape != shape or self.spread.shape != shape[:1] or len(self.low) != len(CONDITIONS):
            raise UsageError(f"norms of {shape[0]} traits under {shape[1] - 1} conditions are wanted")

    def excess(self, traits: npt.ArrayLike, conditions: npt.ArrayLike) -> Floats:
        """How far traits (..., t) are off what conditions (..., c) explain, in spreads; 0 where one is NaN."""
        seen = np.clip(np.asarray(conditions, np.float64), self.low, self.high)
        usual = self.coefficients[:, 0] + seen @ self.coefficients[:, 1:].T
        off = (np.asarray(traits, np.float64) - usual) / self.spread
        return np.asarray(np.clip(np.nan_to_num(off, nan=0.0), LEAST_SPREADS, MOST_SPREADS), np.float64)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; floats keep every digit."""
        return {
            "traits": list(TRAITS),
            "conditions": list(CONDITIONS),
            "coefficients": self.coefficients.tolist(),
            "spread": self.spread.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Norms:
        """Read what to_dict wrote. Raises UsageError when its traits or conditions are others."""
        if tuple(raw.get("traits", ())) != TRAITS or tuple(raw.get("conditions", ())) != CONDITIONS:
            raise UsageError("these norms are of other traits or conditions")
        coefficients, spread, low, high = (
            np.array(raw[k], np.float64) for k in ("coefficients", "spread", "low", "high")
        )
        return cls(coefficients, spread, low, high)


@dataclass(frozen=True, slots=True)
class TemporalModel:
    """The whole of it: norms, the weights of the excesses (log10 LR of one burst, unbounded), the model of a track."""

    norms: Norms
    weights: LogisticCalibration
    track: TrackModel

    def score(self, look: BurstLook) -> float:
        """The score of one burst: its log10 LR by the weights alone, unbounded."""
        return float(self.weights.raw(self.norms.excess(look.traits, look.conditions)[None])[0])

    def reasons(self, look: BurstLook, count: int = 3) -> list[tuple[str, float]]:
        """The traits that speak loudest for a swap in this burst: (name, share of the score), positive ones only."""
        shares = np.array(self.weights.coefficients) * self.norms.excess(look.traits, look.conditions)
        order = np.argsort(-shares, kind="stable")[:count]
        return [(TRAITS[i], float(shares[i])) for i in order if shares[i] > 0]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"norms": self.norms.to_dict(), "weights": self.weights.to_dict(), "track": self.track.to_dict()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> TemporalModel:
        """Read what to_dict wrote. Raises UsageError when it is something else."""
        weights = LogisticCalibration.from_dict(raw["weights"])
        return cls(Norms.from_dict(raw["norms"]), weights, TrackModel.from_dict(raw["track"]))


@functools.cache
def model() -> TemporalModel:
    """The shipped model."""
    return TemporalModel.from_dict(json.loads((FOLDER / CALIBRATION_FILE).read_text(encoding="utf-8")))
