"""A face made to look smoother, brighter, slimmer or without spots: what beauty filters and portrait editors do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from facevalue.errors import UsageError
from facevalue.faces import Face, detect_faces
from facevalue.lab.edits.edit import Edit, Mask, Pixels, Plane, Rng, checked_picture, confined
from facevalue.lab.edits.face_parts import Parts, parts_of

METHODS = ("smooth", "brighten", "liquify", "spots")
SMALLEST_FACE_PX = 48
# Where a soft mask is below this, nothing is changed.
_EDGE = 0.02


def retouch(
    pixels: Pixels, rng: Rng, methods: Sequence[str] | str | None = None, faces: Sequence[Face] | None = None
) -> Edit:
    """Retouch the faces of a picture, uint8 RGB (H, W, 3).

    methods: from METHODS, done in that order; None draws one to three of them. faces: None detects them. The mask is
    every pixel that a step may change. Raises UsageError when no face of SMALLEST_FACE_PX is there, or for an unknown
    method.
    """
    checked_picture(pixels)
    steps = _steps(methods, rng)
    found = [f for f in (detect_faces(pixels) if faces is None else faces) if f.size_px >= SMALLEST_FACE_PX]
    if not found:
        raise UsageError(f"no face of at least {SMALLEST_FACE_PX} px: nothing to retouch")
    out, mask = pixels, np.zeros(pixels.shape[:2], np.bool_)
    record: list[dict[str, Any]] = []
    for face in found:
        parts = parts_of(pixels, face)
        done: dict[str, Any] = {}
        for name in steps:
            made, region, done[name] = STEPS[name](out, parts, rng)
            out, mask = confined(out, made, region), mask | region
        record.append(done)
    if not mask.any():
        raise UsageError("nothing to retouch was found on the face")
    return Edit(out, mask, "+".join(steps), {"faces": record})


def _steps(methods: Sequence[str] | str | None, rng: Rng) -> list[str]:
    if methods is None:
        drawn = rng.choice(len(METHODS), int(rng.integers(1, 4)), replace=False)
        return [METHODS[int(i)] for i in sorted(drawn)]
    asked = methods.split("+") if isinstance(methods, str) else list(methods)
    if unknown := [name for name in asked if name not in METHODS]:
        raise UsageError(f"unknown method '{unknown[0]}'; one of: {', '.join(METHODS)}")
    return asked


def smooth(pixels: Pixels, parts: Parts, rng: Rng) -> tuple[Plane, Mask, dict[str, float]]:
    """Skin without blotches: an edge-preserving base (bilateral filter), some of the finest texture left on it."""
    strength, grain = float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.1, 0.5))
    radius = max(2.5, parts.span * 0.06)
    base = pixels
    for _ in range(2):
        base = cv2.bilateralFilter(base, 0, 32, radius) if radius < 6 else _large_bilateral(base, radius)
    fine = pixels.astype(np.float32) - cv2.GaussianBlur(pixels, (0, 0), max(0.6, parts.span * 0.008)).astype(np.float32)
    alpha = (parts.skin * strength)[..., None]
    made = pixels * (1 - alpha) + (base.astype(np.float32) + grain * fine) * alpha
    return made.astype(np.float32), parts.skin > _EDGE, {"strength": round(strength, 3), "grain": round(grain, 3)}


def _large_bilateral(pixels: Pixels, radius: float) -> Pixels:
    """At a smaller size: there is nothing fine left in the base that the size could lose."""
    factor = 5.0 / radius
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    size = (pixels.shape[1], pixels.shape[0])
    return np.asarray(cv2.resize(cv2.bilateralFilter(small, 0, 32, 5.0), size, interpolation=cv2.INTER_CUBIC), np.uint8)


def brighten(pixels: Pixels, parts: Parts, rng: Rng) -> tuple[Plane, Mask, dict[str, float]]:
    """Whiter teeth and eyes: light, greyish pixels in mouth and eyes get lighter and lose their yellow."""
    amount = float(rng.uniform(0.35, 0.9))
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    light = np.zeros(lab.shape[:2], np.float32)
    for place in (parts.inner_mouth, parts.eyes):
        inside = place > 0.5
        if not inside.any():
            continue
        # Against the part's own middle: teeth in the shade are darker than lips in the sun.
        level = float(np.percentile(lab[..., 0][inside], 60))
        white = np.clip((lab[..., 0] - level + 12) / 14, 0, 1) * np.clip((32 - chroma) / 12, 0, 1)
        light = np.maximum(light, place * white)
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), max(0.5, parts.span * 0.008)), np.float32) * amount
    lab[..., 0] += light * (96 - np.minimum(lab[..., 0], 96)) * 0.45
    lab[..., 2] -= light * np.maximum(lab[..., 2], 0) * 0.7
    made = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255
    return np.asarray(made, np.float32), light > _EDGE, {"amount": round(amount, 3)}


def liquify(pixels: Pixels, parts: Parts, rng: Rng) -> tuple[Plane, Mask, dict[str, float]]:
    """A smooth local warp: larger eyes, a slimmer jaw, a narrower nose."""
    eyes, jaw, nose = float(rng.uniform(0.04, 0.14)), float(rng.uniform(0.02, 0.09)), float(rng.uniform(0.0, 0.08))
    if rng.random() < 0.3:
        eyes, jaw = (eyes, 0.0) if rng.random() < 0.5 else (0.0, jaw)
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    field = np.zeros((*pixels.shape[:2], 2), np.float32)
    marks, span = parts.landmarks, parts.span
    for eye in marks[:2]:
        field += _magnified(x, y, eye, 0.32 * span, eyes)
    field += _magnified(x, y, marks[2], 0.3 * span, -nose)
    middle = (marks[3] + marks[4]) / 2
    across = (marks[1] - marks[0]) / span
    for side in (-1.0, 1.0):
        cheek = middle + side * 0.85 * span * across
        field += _pushed(x, y, cheek, 0.6 * span, side * jaw * span * across)
    moved = np.hypot(field[..., 0], field[..., 1]) > 0.02
    made = cv2.remap(pixels, x + field[..., 0], y + field[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    record = {"eyes": round(eyes, 3), "jaw": round(jaw, 3), "nose": round(nose, 3)}
    return np.asarray(made, np.float32), np.asarray(moved, np.bool_), record


def _magnified(x: Plane, y: Plane, centre: Any, radius: float, amount: float) -> Plane:
    """Where to read from so that what lies around the centre is enlarged by about amount (shrunk if negative)."""
    dx, dy = x - centre[0], y - centre[1]
    fall = np.clip(1 - (dx * dx + dy * dy) / (2 * radius) ** 2, 0, 1) ** 2
    return np.asarray(-amount * fall[..., None] * np.stack([dx, dy], axis=-1), np.float32)


def _pushed(x: Plane, y: Plane, centre: Any, radius: float, outward: Any) -> Plane:
    """Where to read from so that what lies around the centre moves against outward (Gustafsson 1993's local warp)."""
    fall = np.clip(1 - ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (1.6 * radius) ** 2, 0, 1) ** 2
    return np.asarray(fall[..., None] * np.asarray(outward, np.float32), np.float32)


def spots(pixels: Pixels, parts: Parts, rng: Rng) -> tuple[Plane, Mask, dict[str, float]]:
    """Blemishes and moles taken out: dark or red spots on the skin, filled from around, with the skin's grain."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    stands_out = np.zeros(pixels.shape[:2], np.float32)
    for size in (0.012, 0.022, 0.035):
        inner, outer = (cv2.GaussianBlur(lab, (0, 0), max(0.6, parts.span * size * f)) for f in (1.0, 2.2))
        apart = (outer[..., 0] - inner[..., 0]) + 0.5 * np.maximum(inner[..., 1] - outer[..., 1], 0)
        stands_out = np.maximum(stands_out, apart)
    skin = np.asarray(cv2.erode(parts.skin, np.ones((5, 5))), np.float32) > 0.45
    if not skin.any():
        return pixels.astype(np.float32), np.zeros(pixels.shape[:2], np.bool_), {"spots": 0}
    most = float(rng.uniform(96.5, 99.0))
    found = ((stands_out > max(1.0, float(np.percentile(stands_out[skin], most)))) & skin).astype(np.uint8)
    reach = max(3, round(parts.span * 0.02) | 1)
    region = cv2.dilate(found, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(region)
    # A long line is a wrinkle or the edge of a shadow, not a spot.
    area, box = stats[:, cv2.CC_STAT_AREA], stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    round_enough = (area > 0.35 * box * box) & (box < 0.25 * parts.span)
    round_enough[0] = False
    chosen = round_enough[labels]
    made = cv2.inpaint(pixels, chosen.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32)
    fine = pixels.astype(np.float32) - cv2.GaussianBlur(pixels, (0, 0), 1.0).astype(np.float32)
    shift = int(reach * 2)
    made += np.roll(fine, (shift, shift), axis=(0, 1)) * chosen[..., None]  # grain of the skin beside it
    return made, chosen, {"spots": int(round_enough.sum())}


STEPS: dict[str, Callable[[Pixels, Parts, Rng], tuple[Plane, Mask, dict[str, float]]]] = {
    "smooth": smooth,
    "brighten": brighten,
    "liquify": liquify,
    "spots": spots,
}

__all__ = ["METHODS", "SMALLEST_FACE_PX", "retouch"]
