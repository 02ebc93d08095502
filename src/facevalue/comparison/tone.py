"""What was done to the colours of the whole picture: estimated robustly, and done to the original as well."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Planes = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_SAMPLES = 40_000
_ROUNDS = 12
_LEVELS = 33
_LEAST_IN_BIN = 30
# Residuals beyond this many levels hardly count: they are what was changed.
_TUKEY = 24.0


@dataclass(frozen=True, slots=True)
class Tone:
    """colours: float64 (4, 3), an affine map of RGB. curves: float64 (3, 33), what follows it, per channel."""

    colours: Floats
    curves: Floats

    def apply(self, rgb: Planes) -> Planes:
        """The original's pixels, float32 (h, w, 3), as the suspect shows them."""
        mixed = rgb @ self.colours[:3].astype(np.float32) + self.colours[3].astype(np.float32)
        knots = np.linspace(0, 255, _LEVELS)
        bent = [np.interp(mixed[..., c], knots, self.curves[c]) for c in range(3)]
        return np.asarray(np.clip(np.stack(bent, axis=-1), 0, 255), np.float32)

    @property
    def change(self) -> float:
        """How far a grey ramp and the primary colours move, in levels of 0..255, on average."""
        ramp = np.linspace(16, 239, 12)[:, None].repeat(3, axis=1)
        probe = np.concatenate([ramp, 64 + 128 * np.eye(3)]).astype(np.float32)[None]
        return float(np.abs(self.apply(probe) - probe).mean())

    @property
    def grey(self) -> bool:
        """Whether colour was taken away."""
        spread = np.ptp(self.colours[:3], axis=1)
        return bool(spread.max() < 0.08)


def fit(original: Planes, suspect: Planes, known: Mask) -> Tone:
    """The colour map that most of the picture agrees with; both float32 (h, w, 3), laid on one another."""
    a = cv2.blur(original, (5, 5))[known]
    b = cv2.blur(suspect, (5, 5))[known]
    step = max(1, len(a) // _SAMPLES)
    a, b = a[::step].astype(np.float64), b[::step].astype(np.float64)
    colours = _affine(a, b)
    mixed = np.clip(np.c_[a, np.ones(len(a))] @ colours, 0, 255)
    curves = np.stack([_curve(mixed[:, c], b[:, c]) for c in range(3)])
    return Tone(colours, curves)


def _affine(a: Floats, b: Floats) -> Floats:
    """By iteratively reweighted least squares, Tukey's weights, from the identity; a little drawn towards it."""
    design = np.c_[a, np.ones(len(a))]
    found = np.vstack([np.eye(3), np.median(b - a, axis=0)])
    pull = np.diag([1.0, 1.0, 1.0, 0.01]) * len(a) * 0.5
    for number in range(_ROUNDS):
        away = np.linalg.norm(b - design @ found, axis=1) / np.sqrt(3)
        width = (
            max(_TUKEY, 3 * float(np.median(away)))
            if number < _ROUNDS // 2
            else max(_TUKEY / 2, 3 * float(np.median(away)))
        )
        weight = np.maximum(1 - (away / width) ** 2, 0) ** 2
        weighted = design * weight[:, None]
        start = np.vstack([np.eye(3), np.zeros(3)])
        found = np.linalg.solve(weighted.T @ design + pull, weighted.T @ b + pull @ start)
    return np.asarray(found, np.float64)


def _curve(a: Floats, b: Floats) -> Floats:
    """Medians of what the levels became, smoothed, rising; the identity where there are too few pixels."""
    knots = np.linspace(0, 255, _LEVELS)
    place = np.clip(np.rint(a / 255 * (_LEVELS - 1)).astype(int), 0, _LEVELS - 1)
    shift = np.full(_LEVELS, np.nan)
    for level in np.unique(place):
        inside = place == level
        gap = (b - a)[inside]
        if len(gap) >= _LEAST_IN_BIN:
            shift[level] = np.clip(np.median(gap), -_TUKEY, _TUKEY)
    there = np.flatnonzero(~np.isnan(shift))
    if not len(there):
        return knots
    filled = np.interp(np.arange(_LEVELS), there, shift[there])
    smooth = np.convolve(np.pad(filled, 2, mode="edge"), [1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9], mode="valid")
    return np.asarray(np.maximum.accumulate(knots + smooth), np.float64)
