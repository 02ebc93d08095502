"""From mouths and speech to a likelihood ratio: the shipped projection, calibration and what conditions it."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.lips.speech import STEP_S
from facevalue.examiners.lips.sync import Fit, Pairing, Projection, fit_of, lag_curve
from facevalue.opinion.calibrate import LogisticCalibration

FOLDER = Path(__file__).parent
CALIBRATION_FILE = "calibration.json"
SPEECH_FROM = 0.5
# A mouth wider than this in the frame is reduced to it in the crop.
FULL_MOUTH_PX = 28.0
# Beyond the longest stretch that was calibrated, more speech adds no more.
MOST_SPEECH_S = 16.0
NAMES = ("peak", "margin", "peak x log2 speech", "log2 speech", "log2 mouth")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one mouth says against one sound. speech_s: seconds of speech beside it."""

    fit: Fit
    speech_s: float
    log10_lr: float
    curve: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judge:
    """projection: of mouth and speech. calibration: log10 LR of "do not belong together". still: the motion of the gap,
    in eye distances between the 10th and the 90th percentile, that still faces show in the network's eyes.
    """

    projection: Projection
    calibration: LogisticCalibration
    still: float

    def judged(self, pairs: Sequence[Pairing], mouth_px: float) -> Judgement:
        """The runs of one person together. mouth_px: width of the mouth in the frame."""
        curve = lag_curve(pairs, self.projection)
        fit, spoken = fit_of(curve), speech_seconds(pairs)
        return Judgement(fit, spoken, self.calibration.predict_one(*features(fit, spoken, mouth_px)), curve)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "projection": self.projection.to_dict(),
            "calibration": self.calibration.to_dict(),
            "still": self.still,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Judge:
        """Read what to_dict wrote."""
        calibration = LogisticCalibration.from_dict(raw["calibration"])
        return cls(Projection.from_dict(raw["projection"]), calibration, float(raw["still"]))


def speech_seconds(pairs: Sequence[Pairing]) -> float:
    """Seconds of speech beside the mouth."""
    return float(sum(np.count_nonzero(pair.spoken >= SPEECH_FROM) for pair in pairs) * STEP_S)


def features(fit: Fit, speech_s: float, mouth_px: float) -> tuple[float, ...]:
    """What the calibration is linear in, as NAMES."""
    length = float(np.log2(np.clip(speech_s, 1.0, MOST_SPEECH_S) / 4.0))
    size = float(np.log2(np.clip(mouth_px, 8.0, FULL_MOUTH_PX) / FULL_MOUTH_PX))
    peak = fit.peak - fit.null_mean
    return (peak, fit.peak - fit.elsewhere, peak * length, length, size)


@functools.cache
def judge() -> Judge:
    """The shipped one."""
    return Judge.from_dict(json.loads((FOLDER / CALIBRATION_FILE).read_text(encoding="utf-8")))


__all__ = ["NAMES", "Judge", "Judgement", "features", "judge", "speech_seconds"]
