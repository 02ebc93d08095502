"""The heads: from views to log10 likelihood ratios, kept apart, then combined.

A head is a logistic regression on the class tokens and mean patch tokens of CLIP's later blocks. Two heads read
photographs of any subject (the whole picture; native-resolution windows), one head per family of face generators
reads the portrait view, and a small network reads the residual of the windows. What combines them is derived: a
picture made by some generator was made by one family, so the likelihood ratio of "generated" is the mean of the
families' likelihood ratios (a mixture with equal shares); within the photograph family the views are joined by a
logistic regression fitted on sources that none of the heads saw.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.examiners.generated.embed import LAYERS, WIDTH, Features
from facevalue.opinion.calibrate import LogisticCalibration

FIRST_LAYER = 3
FEATURES = 2 * (LAYERS - FIRST_LAYER) * WIDTH
PHOTO_WHOLE, PHOTO_WINDOW = "photo_whole", "photo_window"
LR_LIMIT = 6.0

Array = npt.NDArray[np.float32]


def feature_vector(features: Features) -> Array:
    """float32 (13824,): class tokens, then mean patch tokens, of blocks 3..11, each normalised over its width."""
    stacked = np.concatenate([features["cls"][FIRST_LAYER:], features["patch"][FIRST_LAYER:]]).astype(np.float32)
    centred = stacked - stacked.mean(axis=1, keepdims=True)
    return np.asarray(centred / (centred.std(axis=1, keepdims=True) + 1e-6), np.float32).ravel()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The raw logits of one picture. windows and residual: one per window; portraits: per face, by family.

    sharpness: log10 of the variance of the Laplacian of the whole view.
    """

    whole: float
    windows: Sequence[float]
    residual: Sequence[float]
    portraits: Sequence[Mapping[str, float]]
    sharpness: float


@dataclass(frozen=True, slots=True)
class Combined:
    """log10 likelihood ratios: of the photograph family, of each face (best family named), and of the picture."""

    photo: float
    faces: tuple[float, ...]
    families: tuple[Mapping[str, float], ...]
    raw: float
    log10_lr: float


@dataclass(frozen=True, slots=True)
class Combiner:
    """What calibration.json holds. photo_full reads whole, windows and residual; photo_whole the whole view alone."""

    photo_full: LogisticCalibration
    photo_whole: LogisticCalibration
    families: Mapping[str, LogisticCalibration]
    final: LogisticCalibration

    @classmethod
    def load(cls, path: Path) -> Combiner:
        """Read calibration.json."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            LogisticCalibration.from_dict(raw["photo_full"]),
            LogisticCalibration.from_dict(raw["photo_whole"]),
            {name: LogisticCalibration.from_dict(c) for name, c in raw["families"].items()},
            LogisticCalibration.from_dict(raw["final"]),
        )

    def __call__(self, evidence: Evidence) -> Combined:
        """Combine one picture's evidence."""
        if evidence.windows:
            photo = self.photo_full.predict_one(evidence.whole, float(np.mean(evidence.windows)), float(np.mean(evidence.residual)))
        else:
            photo = self.photo_whole.predict_one(evidence.whole)
        families = tuple({name: self.families[name].predict_one(logit) for name, logit in face.items()} for face in evidence.portraits)
        faces = tuple(mixture(list(face.values())) for face in families)
        raw = mixture([photo, mixture(faces)]) if faces else photo
        return Combined(photo, faces, families, raw, self.final.predict_one(*quality_features(raw, evidence.sharpness)))


def mixture(log10_lrs: Sequence[float]) -> float:
    """log10 of the mean of likelihood ratios: that of "one of these, equally likely beforehand"."""
    values = np.clip(np.asarray(log10_lrs, np.float64), -LR_LIMIT, LR_LIMIT)
    top = float(values.max())
    return top + float(np.log10(np.mean(10.0 ** (values - top))))


QUALITY_NAMES = ("mixture", "mixture x blur")


def quality_features(raw: float, sharpness: float) -> tuple[float, float]:
    """The final calibration's features: blur (0 crisp .. 1 featureless) may only weaken the evidence, not create it."""
    return raw, raw * blur_of(sharpness)


def blur_of(sharpness: float) -> float:
    """0 at a log10 Laplacian variance of 2.6 or more, 1 at 0.6 or less."""
    return float(np.clip((2.6 - sharpness) / 2.0, 0.0, 1.0))
