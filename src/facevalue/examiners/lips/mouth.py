"""Lip landmarks from mouth crops, and the shape of the mouth over time that is read from them.

The network was distilled by `facevalue lab train lips` from a face mesh; it knows POINTS points of a 64 px grey crop:
12 of the outer and 8 of the inner contour of the lips, the point under the nose and the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.faces.track import MOUTH_PX, MouthRun
from facevalue.faces.track_run import EYE_DISTANCE, MOUTH_SIDE

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

# Indices in the 468-point mesh, image-left corner first and on over the upper lip.
OUTER = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)
INNER = (78, 81, 13, 311, 308, 402, 14, 178)
BELOW_NOSE, CHIN = 2, 152
MESH = (*OUTER, *INNER, BELOW_NOSE, CHIN)
POINTS = len(MESH)
OUTER_AT, INNER_AT = slice(0, 12), slice(12, 20)
# Where each point goes when the picture is mirrored.
MIRROR = (6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 16, 15, 14, 13, 12, 19, 18, 17, 20, 21)
BATCH = 64
# Distance of the eyes in crop pixels, by which lengths are measured.
EYES_CROP_PX = EYE_DISTANCE * MOUTH_PX / MOUTH_SIDE
SHAPE_NAMES = ("gap", "area", "width", "height", "jaw", "dark")


@dataclass(frozen=True, slots=True)
class MouthShape:
    """The mouth over time. time_s: float64 (n,). values: float32 (n, len(SHAPE_NAMES)), lengths in eye distances.

    gap: between the inner contours in the middle. area: inside the inner contour, eye distances squared. width: between
    the outer corners. height: of the outer contour in the middle. jaw: from under the nose to the chin. dark: how much
    darker the inside is than the lips, in grey levels / 255. width_px: median width of the mouth in frame pixels.
    """

    time_s: npt.NDArray[np.float64]
    values: Floats
    width_px: float


def network_input(crops: Pixels) -> Floats:
    """uint8 (n, MOUTH_PX, MOUTH_PX) to float32 (n, 1, MOUTH_PX, MOUTH_PX), each of mean 0 and spread 1."""
    values = crops.astype(np.float32)[:, None]
    mean = values.mean(axis=(2, 3), keepdims=True)
    return np.asarray((values - mean) / (values.std(axis=(2, 3), keepdims=True) + 4.0), np.float32)


def lip_points(network: ort.InferenceSession, crops: Pixels) -> Floats:
    """Landmarks of mouth crops, float32 (n, POINTS, 2), x and y in crop pixels."""
    parts = [
        np.asarray(network.run(["points"], {"mouths": network_input(crops[i : i + BATCH])})[0])
        for i in range(0, len(crops), BATCH)
    ]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, POINTS, 2), np.float32)


def read_run(network: ort.InferenceSession, run: MouthRun, size: int = MOUTH_PX) -> MouthShape:
    """The mouth's shape in every frame of a run. size: side to which crops are reduced and enlarged again first."""
    crops = run.crops if size >= MOUTH_PX else np.stack([_reduced(crop, size) for crop in run.crops])
    values = shape_of(crops, lip_points(network, crops), EYES_CROP_PX)
    width = float(np.median(values[:, 2] * run.eyes_px))
    return MouthShape(run.time_s, values, width if size >= MOUTH_PX else min(width, values_px(values, size)))


def values_px(values: Floats, size: int) -> float:
    """Width of the mouth in a crop of that side, pixels."""
    return float(np.median(values[:, 2])) * EYES_CROP_PX * size / MOUTH_PX


def _reduced(crop: Pixels, size: int) -> Pixels:
    small = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (MOUTH_PX, MOUTH_PX), interpolation=cv2.INTER_LINEAR), np.uint8)


def shape_of(crops: Pixels, points: Floats, eyes_crop_px: float) -> Floats:
    """float32 (n, len(SHAPE_NAMES)), see MouthShape. eyes_crop_px: distance of the eyes in crop pixels."""
    p = points / np.float32(eyes_crop_px)
    outer, inner = p[:, OUTER_AT], p[:, INNER_AT]
    pairs = ((1, 7), (2, 6), (3, 5))  # upper and lower points of the inner contour
    gap = np.mean([_distance(inner[:, a], inner[:, b]) for a, b in pairs], axis=0)
    width = _distance(outer[:, 0], outer[:, 6])
    height = np.mean([_distance(outer[:, a], outer[:, b]) for a, b in ((2, 10), (3, 9), (4, 8))], axis=0)
    jaw = _distance(p[:, 20], p[:, 21])
    columns = (gap, _area(inner), width, height, jaw, _darkness(crops, points))
    return np.asarray(np.stack(columns, axis=1), np.float32)


def _distance(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.hypot(*(a - b).T), np.float32)


def _area(contour: Floats) -> Floats:
    """Of closed contours (n, k, 2), by the shoelace formula."""
    x, y = contour[..., 0], contour[..., 1]
    return np.asarray(np.abs((x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1)) / 2, np.float32)


def _darkness(crops: Pixels, points: Floats) -> Floats:
    """Mean grey level of the lips minus that along the line between the inner contours' middles, / 255."""
    inner, outer = points[:, INNER_AT], points[:, OUTER_AT]
    middle = np.asarray((inner[:, 1:4] + inner[:, [7, 6, 5]]) / 2, np.float32)
    upper, lower = outer[:, 2:5] + inner[:, 1:4], outer[:, 8:11] + inner[:, [5, 6, 7]]
    lips = np.asarray(np.concatenate([upper, lower], axis=1) / 2, np.float32)
    apart = np.subtract(_sampled(crops, lips), _sampled(crops, middle))
    return np.asarray(apart / 255, np.float32)


def _sampled(crops: Pixels, places: Floats) -> Floats:
    """Mean over a 3 x 3 square at each place (n, k, 2), then over the places, float32 (n,)."""
    x, y = (np.clip(np.round(places[..., i]).astype(int), 1, MOUTH_PX - 2) for i in (0, 1))
    rows = np.arange(len(crops))[:, None]
    steps = [(u, v) for u in (-1, 0, 1) for v in (-1, 0, 1)]
    return np.asarray(np.mean([crops[rows, y + v, x + u] for u, v in steps], axis=0).mean(axis=1), np.float32)


__all__ = [
    "MESH",
    "MIRROR",
    "POINTS",
    "SHAPE_NAMES",
    "MouthShape",
    "lip_points",
    "network_input",
    "read_run",
    "shape_of",
]
