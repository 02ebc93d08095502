"""Blended faces with exact masks: what face swaps, composites and retouching leave behind, made from real faces.

Self-blended images (Shiohara and Yamasaki 2022, arXiv:2204.08376) join a face with a slightly changed copy of
itself, so that nothing but the blending tells the two classes apart; composites take a region (eyes, nose, mouth,
a half, the whole face) from another data set face, aligned and colour-matched, as a hand with an image editor does.
Masks are drawn in the coordinates of the five-point alignment template, so no landmark model is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces.align import TEMPLATE, similarity

Pixels = npt.NDArray[np.uint8]
Alpha = npt.NDArray[np.float32]

# Outlines in the template's unit square: x to the right, y down; eyes near (.34, .46) and (.66, .46).
_OVAL = [
    *((0.13, 0.42), (0.16, 0.3), (0.3, 0.24), (0.5, 0.23), (0.7, 0.24), (0.84, 0.3), (0.87, 0.42), (0.86, 0.62)),
    *((0.8, 0.82), (0.7, 0.98), (0.59, 1.06), (0.5, 1.08), (0.41, 1.06), (0.3, 0.98), (0.2, 0.82), (0.14, 0.62)),
]
_TALL = [(x, y if y > 0.35 else y - 0.16) for x, y in _OVAL]
_INNER = [
    *((0.17, 0.36), (0.32, 0.31), (0.5, 0.35), (0.68, 0.31), (0.83, 0.36), (0.8, 0.55), (0.72, 0.86), (0.6, 0.94)),
    *((0.4, 0.94), (0.28, 0.86), (0.2, 0.55)),
]
_EYE_L = [(0.18, 0.46), (0.24, 0.36), (0.36, 0.33), (0.48, 0.38), (0.46, 0.5), (0.35, 0.55), (0.23, 0.53)]
_EYE_R = [(1 - x, y) for x, y in _EYE_L]
_EYES = [(0.15, 0.46), (0.2, 0.35), (0.5, 0.33), (0.8, 0.35), (0.85, 0.46), (0.78, 0.56), (0.5, 0.53), (0.22, 0.56)]
_NOSE = [
    *((0.46, 0.4), (0.54, 0.4), (0.59, 0.58), (0.65, 0.67), (0.6, 0.74)),
    *((0.5, 0.76), (0.4, 0.74), (0.35, 0.67), (0.41, 0.58)),
]
_MOUTH = [(0.3, 0.83), (0.38, 0.76), (0.5, 0.75), (0.62, 0.76), (0.7, 0.83), (0.62, 0.92), (0.5, 0.95), (0.38, 0.92)]
_LOWER = [(0.2, 0.72), (0.5, 0.7), (0.8, 0.72), (0.8, 0.84), (0.7, 0.98), (0.5, 1.07), (0.3, 0.98), (0.2, 0.84)]
_UPPER = [(0.13, 0.44), (0.16, 0.28), (0.5, 0.2), (0.84, 0.28), (0.87, 0.44), (0.8, 0.6), (0.5, 0.62), (0.2, 0.6)]
_LEFT = [(0.12, 0.4), (0.2, 0.26), (0.5, 0.24), (0.5, 1.06), (0.36, 1.02), (0.2, 0.82)]
_RIGHT = [(1 - x, y) for x, y in _LEFT]

WHOLE = ("oval", "tall", "inner")
PARTS = ("eye_left", "eye_right", "eyes", "nose", "mouth", "lower", "upper", "half_left", "half_right")
OUTLINES: dict[str, list[tuple[float, float]]] = {
    "oval": _OVAL,
    "tall": _TALL,
    "inner": _INNER,
    "eye_left": _EYE_L,
    "eye_right": _EYE_R,
    "eyes": _EYES,
    "nose": _NOSE,
    "mouth": _MOUTH,
    "lower": _LOWER,
    "upper": _UPPER,
    "half_left": _LEFT,
    "half_right": _RIGHT,
}


@dataclass(frozen=True, slots=True)
class RealFace:
    """A real face to start from: uint8 RGB (H, W, 3) and its five landmarks, float32 (5, 2), in its pixels."""

    pixels: Pixels
    landmarks: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Blend:
    """A forged face, the share of foreign pixels at each place, float32 (H, W) in 0..1, and what was done."""

    pixels: Pixels
    mask: Alpha
    method: str
    parameters: dict[str, object]


def region_mask(
    shape: tuple[int, int], landmarks: npt.NDArray[np.float32], regions: list[str], rng: np.random.Generator
) -> Alpha:
    """A soft random mask over the named regions, float32 (H, W) in 0..1."""
    to_picture = similarity(TEMPLATE, landmarks)
    eye_span = float(np.hypot(*(landmarks[1] - landmarks[0])))
    hard = np.zeros(shape, np.uint8)
    for name in regions:
        points = np.array(OUTLINES[name], np.float32)
        centre = points.mean(axis=0)
        points = centre + (points - centre) * rng.uniform(0.85, 1.2, 2) + rng.normal(0, 0.015, points.shape)
        points = points @ to_picture[:, :2].T + to_picture[:, 2]
        cv2.fillPoly(hard, [np.round(_rounded(points) * 16).astype(np.int32)], 255, shift=4)
    soft = _elastic(hard.astype(np.float32) / 255.0, eye_span * rng.uniform(0.05, 0.25), rng)
    if rng.random() < 0.3:  # erode by blur and threshold, as the original method does
        soft = (cv2.GaussianBlur(soft, (0, 0), max(0.5, eye_span * 0.08)) > rng.uniform(0.3, 0.7)).astype(np.float32)
    sigma = eye_span * float(np.exp(rng.uniform(np.log(0.015), np.log(0.16))))
    return np.asarray(np.clip(cv2.GaussianBlur(soft, (0, 0), max(0.4, sigma)), 0, 1), np.float32)


def _rounded(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Chaikin's corner cutting, twice: outlines without corners."""
    for _ in range(2):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1).reshape(-1, 2)
    return points


def _elastic(mask: Alpha, strength: float, rng: np.random.Generator) -> Alpha:
    height, width = mask.shape
    coarse = rng.normal(0, 1, (2, 6, 6)).astype(np.float32)
    dx, dy = (cv2.resize(c, (width, height), interpolation=cv2.INTER_CUBIC) * strength * 0.5 for c in coarse)
    gx, gy = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(cv2.remap(mask, gx + dx, gy + dy, cv2.INTER_LINEAR), np.float32)


def match_colour(source: Pixels, target: Pixels, mask: Alpha) -> Pixels:
    """Shift and scale the source's Lab channels to the target's mean and deviation inside the mask (Reinhard 2001)."""
    inside = mask > 0.3
    if inside.sum() < 32:
        return source
    src = cv2.cvtColor(source, cv2.COLOR_RGB2LAB).astype(np.float32)
    dst = cv2.cvtColor(target, cv2.COLOR_RGB2LAB).astype(np.float32)
    s, d = src[inside], dst[inside]
    gain = np.clip(d.std(axis=0) / np.maximum(s.std(axis=0), 1.0), 0.6, 1.6)
    out = (src - s.mean(axis=0)) * gain + d.mean(axis=0)
    return np.asarray(cv2.cvtColor(np.clip(out, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB), np.uint8)


def shake_colour(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Another camera's colours: offset, contrast, saturation and hue moved a little; uint8 RGB (H, W, 3)."""
    out = pixels.astype(np.float32) + rng.uniform(-18, 18, 3).astype(np.float32)
    out = (out - 128) * rng.uniform(0.88, 1.12) + 128 + rng.uniform(-12, 12)
    out = np.clip(out, 0, 255).astype(np.uint8)
    hsv = cv2.cvtColor(out, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] *= rng.uniform(0.75, 1.25)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-3, 3)) % 180
    return np.asarray(cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8)


def shake_frequency(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The source's own resolution: softer (a generator of 64-256 px), sharper, or through its own JPEG."""
    choice = rng.random()
    height, width = pixels.shape[:2]
    if choice < 0.4:
        factor = rng.uniform(0.3, 0.9)
        small = cv2.resize(
            pixels, (max(8, int(width * factor)), max(8, int(height * factor))), interpolation=cv2.INTER_AREA
        )
        return np.asarray(
            cv2.resize(small, (width, height), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))),
            np.uint8,
        )
    if choice < 0.6:
        amount = float(rng.uniform(0.3, 1.2))
        return np.asarray(
            cv2.addWeighted(pixels, 1 + amount, cv2.GaussianBlur(pixels, (0, 0), 1.2), -amount, 0), np.uint8
        )
    if choice < 0.75:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 85))])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    if choice < 0.85:
        return np.clip(pixels + rng.normal(0, rng.uniform(2, 6), pixels.shape), 0, 255).astype(np.uint8)
    return pixels


def _join(base: Pixels, source: Pixels, mask: Alpha, poisson: bool) -> tuple[Pixels, Alpha]:
    if poisson:
        hard = (mask > 0.5).astype(np.uint8) * 255
        hard[:2] = hard[-2:] = 0
        hard[:, :2] = hard[:, -2:] = 0
        x, y, w, h = cv2.boundingRect(hard)
        if w > 8 and h > 8:
            # The clone writes into the mask it is given, hence the copy.
            out = cv2.seamlessClone(source, base, hard.copy(), (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
            return np.asarray(out, np.uint8), (hard / 255.0).astype(np.float32)
    alpha = mask[..., None]
    return np.round(base * (1 - alpha) + source * alpha).astype(np.uint8), mask


def self_blend(face: RealFace, rng: np.random.Generator, regions: list[str] | None = None) -> Blend:
    """Join a face with a changed copy of itself. regions: names from OUTLINES; by default a whole-face outline."""
    height, width = face.pixels.shape[:2]
    regions = regions or [str(rng.choice(WHOLE))]
    mask = region_mask((height, width), face.landmarks, regions, rng)
    ratio = float(rng.choice([0.35, 0.6, 0.8, 1.0, 1.0, 1.0]))
    span = float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))
    centre = face.landmarks.mean(axis=0)
    turn = cv2.getRotationMatrix2D(
        (float(centre[0]), float(centre[1])), float(rng.normal(0, 1.2)), float(1 + rng.normal(0, 0.025))
    )
    turn[:, 2] += rng.normal(0, 0.03 * span, 2)
    changed, kept = face.pixels, face.pixels
    # Either side may be the changed one: a swap can be softer or crisper than what surrounds it.
    if rng.random() < 0.65:
        changed = shake_frequency(shake_colour(changed, rng), rng)
    else:
        kept = shake_frequency(shake_colour(kept, rng), rng)
    changed = np.asarray(
        cv2.warpAffine(changed, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101),
        np.uint8,
    )
    pixels, mask = _join(kept, changed, mask * ratio, False)
    return Blend(pixels, mask, "self_blend", {"regions": regions, "ratio": round(ratio, 3)})


def composite(base: RealFace, source: RealFace, rng: np.random.Generator, regions: list[str] | None = None) -> Blend:
    """Put regions of another face onto this one: aligned by landmarks, colour-matched, alpha or Poisson blended."""
    if regions is None:
        regions = (
            [str(rng.choice(WHOLE))]
            if rng.random() < 0.35
            else [str(r) for r in rng.choice(PARTS, int(rng.integers(1, 4)), replace=False)]
        )
    height, width = base.pixels.shape[:2]
    goal = base.landmarks + rng.normal(0, 0.02, (5, 2)) * np.hypot(*(base.landmarks[1] - base.landmarks[0]))
    warp = similarity(source.landmarks, goal.astype(np.float32))
    moved = cv2.warpAffine(
        source.pixels,
        warp,
        (width, height),
        flags=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])),
        borderMode=cv2.BORDER_REFLECT_101,
    )
    mask = region_mask((height, width), base.landmarks, regions, rng)
    # Where the source has no pixels there is nothing to paste.
    covered = cv2.warpAffine(np.ones(source.pixels.shape[:2], np.float32), warp, (width, height))
    mask = np.minimum(
        mask, cv2.GaussianBlur(cv2.erode(np.asarray(covered, np.float32), np.ones((5, 5))), (0, 0), 2.0)
    ).astype(np.float32)
    poisson = bool(rng.random() < 0.3)
    if not poisson and rng.random() < 0.9:
        moved = match_colour(np.asarray(moved, np.uint8), base.pixels, mask)
    if rng.random() < 0.4:
        moved = shake_frequency(np.asarray(moved, np.uint8), rng)
    pixels, mask = _join(base.pixels, np.asarray(moved, np.uint8), mask, poisson)
    return Blend(pixels, mask, "composite", {"regions": regions, "poisson": poisson})
