"""The heads: from views to log10 likelihood ratios, kept apart, then combined.

A head is a logistic regression on the class tokens and mean patch tokens of CLIP's later blocks. Two heads read
photographs of any subject (the whole picture; native-resolution windows), one head per family of face generators
reads the portrait view, and a small network reads the residual of the windows. Among the face families the
combination is derived: a face made by some generator was made by one family, so the likelihood ratio is the mean of
the families' (a mixture with equal shares), and so it is over several faces. Everything else is learned: logistic
regressions, fitted on sources, people and generators that the heads in question never saw, join the views of the
photograph family, and then photograph and faces.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    sharpness: log10 of the variance of the Laplacian of the whole view. blockiness: strength of an 8 px JPEG grid in
    the windows (in the whole view where there are none) beside its neighbours, about 1 where there is none.
    """

    whole: float
    windows: Sequence[float]
    residual: Sequence[float]
    portraits: Sequence[Mapping[str, float]]
    sharpness: float
    blockiness: float


@dataclass(frozen=True, slots=True)
class Combined:
    """log10 likelihood ratios: of the photograph family, of each face and its families, and of the picture.

    raw is the picture's before saturation: what rankings and the score are made of.
    """

    photo: float
    faces: tuple[float, ...]
    families: tuple[Mapping[str, float], ...]
    raw: float
    log10_lr: float


@dataclass(frozen=True, slots=True)
class Combiner:
    """What calibration.json holds.

    photo_full reads whole view, windows and residual; photo_whole the whole view alone (pictures too small for
    windows). with_faces and without_faces turn the parts into the picture's likelihood ratio.
    """

    photo_full: LogisticCalibration
    photo_whole: LogisticCalibration
    families: Mapping[str, LogisticCalibration]
    with_faces: LogisticCalibration
    without_faces: LogisticCalibration

    @classmethod
    def load(cls, path: Path) -> Combiner:
        """Read calibration.json."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        read = LogisticCalibration.from_dict
        families = {name: read(c) for name, c in raw["families"].items()}
        return cls(
            read(raw["photo_full"]),
            read(raw["photo_whole"]),
            families,
            read(raw["with_faces"]),
            read(raw["without_faces"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """What load reads."""
        return {
            "photo_full": self.photo_full.to_dict(),
            "photo_whole": self.photo_whole.to_dict(),
            "families": {name: c.to_dict() for name, c in self.families.items()},
            "with_faces": self.with_faces.to_dict(),
            "without_faces": self.without_faces.to_dict(),
        }

    def __call__(self, evidence: Evidence) -> Combined:
        """Combine one picture's evidence."""
        if evidence.windows:
            means = (float(np.mean(evidence.windows)), float(np.mean(evidence.residual)))
            photo = self.photo_full.predict_one(evidence.whole, *means)
        else:
            photo = self.photo_whole.predict_one(evidence.whole)
        families = tuple(
            {name: self.families[name].predict_one(logit) for name, logit in face.items()}
            for face in evidence.portraits
        )
        faces = tuple(mixture(list(face.values())) for face in families)
        if faces:
            features = face_features(photo, mixture(faces), evidence.sharpness, evidence.blockiness)
            calibration = self.with_faces
        else:
            features = photo_features(photo, evidence.sharpness, evidence.blockiness)
            calibration = self.without_faces
        # A calibration reads the features that it was fitted with, by name.
        read = [features[name] for name in calibration.names]
        return Combined(photo, faces, families, float(calibration.raw([read])[0]), calibration.predict_one(*read))


def mixture(log10_lrs: Sequence[float]) -> float:
    """log10 of the mean of likelihood ratios: that of "one of these, equally likely beforehand"."""
    values = np.clip(np.asarray(log10_lrs, np.float64), -LR_LIMIT, LR_LIMIT)
    top = float(values.max())
    return top + float(np.log10(np.mean(10.0 ** (values - top))))


PHOTO_NAMES = ("photo", "photo x blur", "photo x blocky")
FACE_NAMES = ("photo", "faces", "either", "either x blur", "either x blocky")


def photo_features(photo: float, sharpness: float, blockiness: float) -> dict[str, float]:
    """PHOTO_NAMES where no face is read: quality may change how much the evidence weighs, never speak for itself."""
    values = (photo, photo * blur_of(sharpness), photo * blocky_of(blockiness))
    return dict(zip(PHOTO_NAMES, values, strict=True))


def face_features(photo: float, faces: float, sharpness: float, blockiness: float) -> dict[str, float]:
    """FACE_NAMES where faces are read. either: the mixture of photograph and faces, for when only one speaks."""
    either = mixture([photo, faces])
    values = (photo, faces, either, either * blur_of(sharpness), either * blocky_of(blockiness))
    return dict(zip(FACE_NAMES, values, strict=True))


def blur_of(sharpness: float) -> float:
    """0 at a log10 Laplacian variance of 2.6 or more, 1 at 0.6 or less."""
    return float(np.clip((2.6 - sharpness) / 2.0, 0.0, 1.0))


def blocky_of(blockiness: float) -> float:
    """0 without a JPEG grid (blockiness 1), 1 at 2 and above: about JPEG quality 40 and below."""
    return float(np.clip(blockiness - 1.0, 0.0, 1.0))
