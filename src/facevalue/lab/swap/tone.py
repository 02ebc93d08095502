"""The source in the target's colour and light: global statistics, then the large-scale light across the face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Row = npt.NDArray[np.float32]

# Standard deviation of the light's blur, in spans of the face, and how much of it is taken over (lightness, colours).
LIGHT_SPAN = 0.14
LIGHT_SHARE = np.array([0.85, 0.6, 0.6], np.float32)
_MOST_CONTRAST = 1.5
_BLURS_PX = (0.0, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0)


@dataclass(frozen=True)
class Tone:
    """How colours of the source become the target's, in CIELAB: value * gain + shift; float32 (3,) each.

    blur_px: by how much the source is softened to be no sharper than the target.
    """

    gain: Row
    shift: Row
    blur_px: float

    def blended(self, other: Tone, share: float) -> Tone:
        """Between this (share 0) and another (share 1)."""
        return Tone(
            np.asarray(self.gain + (other.gain - self.gain) * share, np.float32),
            np.asarray(self.shift + (other.shift - self.shift) * share, np.float32),
            self.blur_px + (other.blur_px - self.blur_px) * share,
        )


def to_lab(pixels: Pixels) -> Plane:
    """CIELAB (D65), L 0..100; float32."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def to_rgb(lab: Plane) -> Plane:
    """Back to RGB 0..255, clipped; float32."""
    return np.asarray(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255, np.float32)


def tone_between(source: Plane, target: Plane, where: Plane) -> Tone:
    """The tone that gives the source the target's mean and spread (Reinhard et al. 2001) where the weight is high."""
    if float(where.sum()) < 16:
        return Tone(np.ones(3, np.float32), np.zeros(3, np.float32), 0.0)
    (mean_s, spread_s), (mean_t, spread_t) = (_moments(lab, where) for lab in (source, target))
    gain = np.clip(spread_t / np.maximum(spread_s, 0.5), 1 / _MOST_CONTRAST, _MOST_CONTRAST).astype(np.float32)
    blur = _blur_to_match(source[..., 0] * gain[0], target[..., 0], where)
    return Tone(gain, (mean_t - mean_s * gain).astype(np.float32), blur)


def _moments(lab: Plane, where: Plane) -> tuple[Row, Row]:
    weight = where / max(float(where.sum()), 1e-6)
    mean = (lab * weight[..., None]).sum(axis=(0, 1))
    spread = np.sqrt((((lab - mean) ** 2) * weight[..., None]).sum(axis=(0, 1)))
    return mean.astype(np.float32), spread.astype(np.float32)


def _blur_to_match(source: Plane, target: Plane, where: Plane) -> float:
    """The least blur with which the source's finest detail is no stronger than the target's."""
    wanted = _detail(target, where) * 1.05
    return next((s for s in _BLURS_PX if _detail(_blurred(source, s), where) <= wanted), _BLURS_PX[-1])


def _detail(plane: Plane, where: Plane) -> float:
    edges = cv2.Laplacian(plane, cv2.CV_32F)
    return float(np.sqrt((edges**2 * where).sum() / max(float(where.sum()), 1e-6)))


def _blurred(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32) if sigma > 0.2 else plane


def toned(source: Plane, tone: Tone) -> Plane:
    """The source with a tone applied; CIELAB, float32 (h, w, 3)."""
    return np.asarray(_blurred(source, tone.blur_px) * tone.gain + tone.shift, np.float32)


def lit(source: Plane, target: Plane, where: Plane, span: float) -> Plane:
    """The source with the target's large-scale light: what is left of their difference after a wide blur.

    where: weights 0..1 of the places that show skin in both; only they speak, and they are continued over the rest.
    """
    sigma = LIGHT_SPAN * span
    factor = min(1.0, 8.0 / sigma)
    size = (max(4, round(source.shape[1] * factor)), max(4, round(source.shape[0] * factor)))
    apart = cv2.resize(np.concatenate([(target - source) * where[..., None], where[..., None]], axis=2), size,
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    smooth = cv2.GaussianBlur(apart, (0, 0), sigma * factor, borderType=cv2.BORDER_CONSTANT)
    # A little of the global mean (0 after the tone) where no skin is near.
    light = smooth[..., :3] / (smooth[..., 3:] + 0.02)
    grown = np.asarray(cv2.resize(light, source.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(source + grown * LIGHT_SHARE, np.float32)
