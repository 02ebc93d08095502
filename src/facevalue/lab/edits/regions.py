"""Regions to edit, drawn by seed: smooth blobs, brush strokes, boxes, and the outline of something in the picture."""

from __future__ import annotations

import cv2
import numpy as np

from facevalue.errors import UsageError
from facevalue.lab.edits.edit import Mask, Pixels, Plane, Rng

Box = tuple[int, int, int, int]

SHAPES = ("blob", "strokes", "box", "object")
# Objects are looked for at this size.
_LOOK_PX = 256
_LEAST_OBJECT, _MOST_OBJECT = 0.015, 0.3


def box_mask(shape: tuple[int, int], box: Box) -> Mask:
    """The rectangle x, y, width, height as a mask. Raises UsageError when none of it lies in the picture."""
    x, y, width, height = box
    out = np.zeros(shape, np.bool_)
    out[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = True
    if not out.any():
        raise UsageError(f"the box {x},{y},{width},{height} is not in a picture of {shape[1]} x {shape[0]} pixels")
    return out


def draw_region(pixels: Pixels, rng: Rng, kind: str | None = None) -> tuple[Mask, str]:
    """A region of about 1 to 15% of the picture and the name of its shape, one of SHAPES."""
    shape = (pixels.shape[0], pixels.shape[1])
    kind = kind or str(rng.choice(SHAPES))
    if kind == "object":
        found = object_mask(pixels, rng)
        if found is not None:
            return found, kind
        kind = "blob"
    if kind == "strokes":
        return strokes(shape, rng), kind
    if kind == "box":
        side = np.sqrt(rng.uniform(0.01, 0.1))
        stretch = float(np.exp(rng.uniform(-0.5, 0.5)))
        height, width = (max(8, int(s * side * f)) for s, f in zip(shape, (stretch, 1 / stretch), strict=True))
        y, x = (int(rng.integers(0, max(1, s - n + 1))) for s, n in zip(shape, (height, width), strict=True))
        return box_mask(shape, (x, y, width, height)), kind
    return blob(shape, rng), kind


def blob(shape: tuple[int, int], rng: Rng, share: tuple[float, float] = (0.01, 0.1)) -> Mask:
    """A connected region with a smooth irregular outline that covers about that share of the picture."""
    height, width = shape
    area = float(rng.uniform(*share)) * height * width
    radius = np.sqrt(area / np.pi)
    stretch, turn = float(np.exp(rng.uniform(-0.4, 0.4))), float(rng.uniform(0, np.pi))
    reach = [min(radius * max(stretch, 1 / stretch), s / 2 - 1) for s in shape]
    cy, cx = (float(rng.uniform(r, s - r)) for r, s in zip(reach, shape, strict=True))
    angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    wave = 1 + sum(
        rng.normal(0, 0.22 / k) * np.cos(k * angle) + rng.normal(0, 0.22 / k) * np.sin(k * angle) for k in range(2, 7)
    )
    wave = np.clip(wave, 0.35, 1.8)
    x, y = radius * stretch * wave * np.cos(angle), radius / stretch * wave * np.sin(angle)
    points = np.stack([cx + x * np.cos(turn) - y * np.sin(turn), cy + x * np.sin(turn) + y * np.cos(turn)], axis=1)
    out = np.zeros(shape, np.uint8)
    cv2.fillPoly(out, [np.round(points).astype(np.int32)], 1)
    if not out.any():
        out[int(cy), int(cx)] = 1
    return out.astype(np.bool_)


def strokes(shape: tuple[int, int], rng: Rng) -> Mask:
    """Brush strokes, as a hand wipes something out (free-form masks, Yu et al. 2019, arXiv:1806.03589)."""
    out = np.zeros(shape, np.uint8)
    side = min(shape)
    for _ in range(int(rng.integers(1, 4))):
        width = max(3, int(side * rng.uniform(0.02, 0.07)))
        angle = float(rng.uniform(0, 2 * np.pi))
        at = np.array([rng.uniform(0.1, 0.9) * shape[1], rng.uniform(0.1, 0.9) * shape[0]])
        for _ in range(int(rng.integers(3, 9))):
            angle += float(rng.normal(0, 0.6))
            step = side * float(rng.uniform(0.03, 0.12))
            to = np.clip(at + step * np.array([np.cos(angle), np.sin(angle)]), 0, (shape[1] - 1, shape[0] - 1))
            ends = [(round(float(p[0])), round(float(p[1]))) for p in (at, to)]
            cv2.line(out, ends[0], ends[1], 1, width)
            at = to
    return out.astype(np.bool_)


def object_mask(pixels: Pixels, rng: Rng) -> Mask | None:
    """The outline of something that stands out, bool (H, W), cut with GrabCut; None where nothing does.

    GrabCut: Rother, Kolmogorov and Blake 2004, doi:10.1145/1015706.1015720. The boxes it starts from are drawn, and the
    one whose colours differ most from those around it is taken.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _LOOK_PX / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    found = _cut(small, _standing_out(small, rng), rng)
    if found is None:
        return None
    soft = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    if scale < 1:
        soft = cv2.GaussianBlur(soft, (0, 0), 0.5 / scale)
    return np.asarray(soft > 0.5, np.bool_)


def _standing_out(small: Pixels, rng: Rng) -> Box:
    """Of two dozen drawn boxes the one whose colours differ most from the ring around it."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    height, width = small.shape[:2]
    best, best_score = (0, 0, 1, 1), -1.0
    for _ in range(24):
        w, h = (max(10, int(s * rng.uniform(0.15, 0.55))) for s in (width, height))
        x, y = int(rng.integers(2, max(3, width - w - 1))), int(rng.integers(2, max(3, height - h - 1)))
        score = _contrast(lab, (x, y, w, h))
        if score > best_score:
            best, best_score = (x, y, min(w, width - x - 2), min(h, height - y - 2)), score
    return best


def _contrast(lab: Plane, box: Box) -> float:
    x, y, w, h = box
    inner = lab[y : y + h, x : x + w].reshape(-1, 3)
    margin = max(3, min(w, h) // 4)
    top, left = max(0, y - margin), max(0, x - margin)
    outer = lab[top : y + h + margin, left : x + w + margin]
    ring = np.ones(outer.shape[:2], np.bool_)
    ring[y - top : y - top + h, x - left : x - left + w] = False
    around = outer[ring]
    if len(around) < 16:
        return 0.0
    apart = np.abs(inner.mean(axis=0) - around.mean(axis=0)).sum()
    return float(apart / (8.0 + around.std(axis=0).sum()))


def _cut(small: Pixels, box: Box, rng: Rng) -> Mask | None:
    labels = np.zeros(small.shape[:2], np.uint8)
    back, front = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(int(rng.integers(1, 2**31 - 1)))  # its mixtures start from OpenCV's own generator
    try:
        cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), labels, box, back, front, 4, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # one flat colour: no two mixtures to tell apart
        return None
    inside = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    inside = np.asarray(cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    if count < 2:
        return None
    largest = np.asarray(parts == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(largest)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled.astype(np.bool_) if _LEAST_OBJECT <= filled.mean() <= _MOST_OBJECT else None


__all__ = ["SHAPES", "blob", "box_mask", "draw_region", "object_mask", "strokes"]
