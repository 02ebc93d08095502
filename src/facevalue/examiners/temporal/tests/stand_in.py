"""Bursts and tracks drawn by code: a textured head that moves, and a face on it that moves along or is put in anew."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import cv2
import numpy as np

from facevalue.examiners.base import Subject
from facevalue.examiners.temporal.areas import OVAL
from facevalue.examiners.temporal.look import CONDITIONS, TRAITS, BurstLook, look_at_burst
from facevalue.examiners.temporal.model import CALIBRATION_FILE, Norms, TemporalModel
from facevalue.exhibit import Exhibit
from facevalue.faces import Burst, Track
from facevalue.faces.align import TEMPLATE
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import FEATURE, TrackModel

SIDE = 128
# Crop pixels per unit of the template, and where its corner lies in the crop.
UNIT, CORNER = 80.0, np.array([24.0, 26.0])
BOX_PX = 180.0


def texture(seed: int, side: int = SIDE + 32) -> np.ndarray:
    """A smooth random picture, float32 (side, side, 3), grey levels."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (side, side, 3)).astype(np.float32), (0, 0), 2.0)
    return np.asarray(128 + 30 * grain / grain.std(), np.float32)


def moved(picture: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The middle SIDE x SIDE pixels after a shift (x, y)."""
    warp = np.array([[1, 0, shift[0] - 16], [0, 1, shift[1] - 16]], np.float64)
    return np.asarray(cv2.warpAffine(picture, warp, (SIDE, SIDE), flags=cv2.INTER_CUBIC), np.float32)


def burst(
    seed: int = 0,
    jitter: float = 0.0,
    colour: float = 0.0,
    speed: float = 0.6,
    noise: float = 0.5,
    start: float = 0.0,
    frames: int = 8,
    px: float = 100.0,
    step: float = 0.04,
) -> Burst:
    """A burst of a head that moves by speed pixels a frame. jitter: of the face on it, pixels, anew in each frame;
    colour: of the face, levels, anew in each frame. px: the face's size in the frame.
    """
    rng = np.random.default_rng(seed)
    head, face = texture(seed), texture(seed + 1000)
    crops, marks = [], []
    for i in range(frames):
        shift = np.array([speed * i, 0.3 * speed * i])
        off = rng.normal(0, 1, 2) * jitter
        mask = np.zeros((SIDE, SIDE), np.uint8)
        points = np.array(OVAL) * UNIT + CORNER + shift
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, shift=4)
        alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.5)[..., None]
        frame = moved(head, shift) * (1 - alpha) + (moved(face, shift + off) + rng.normal(0, 1, 3) * colour) * alpha
        crops.append(np.clip(frame + rng.normal(0, noise, frame.shape), 0, 255).astype(np.uint8))
        marks.append(TEMPLATE * UNIT + CORNER + shift + off)
    side = px * 1.8
    box = (40.0, 30.0, side, side)
    landmarks = np.stack(marks) * (side / SIDE) + np.array(box[:2])
    return Burst(start + step * np.arange(frames), landmarks.astype(np.float32), np.stack(crops), box)


def track(
    *bursts: Burst, number: int = 1, person: int = 1, embeddings: np.ndarray | None = None, every_s: float = 0.5
) -> Track:
    """A track with those bursts, no views, and embeddings every half second."""
    times = np.concatenate([b.time_s for b in bursts]) if bursts else np.arange(0, 2, 0.2)
    marks = np.concatenate([b.landmarks for b in bursts]) if bursts else np.zeros((len(times), 5, 2), np.float32)
    vectors = np.zeros((0, 128), np.float32) if embeddings is None else embeddings.astype(np.float32)
    boxes = np.tile(np.array([60, 50, 100, 100], np.float32), (len(times), 1))
    return Track(number, person, times, boxes, marks, (), bursts, vectors, every_s * np.arange(len(vectors)))


def subject(*tracks: Track, seen: bool = True) -> Subject:
    """What an examiner is given of a clip with those tracks; without a detector when seen is False."""
    info = ClipInfo("mp4", 400, 300, 6.0, 25.0, "h264", "yuv420p", 0, 1, 0, True, ((0.0, 6.0),))
    footage = Footage(info, None, (), tracks if seen else None, np.zeros(0), None)
    return Subject(Exhibit("a.mp4", b"", "", "video/mp4"), None, {}, None, None, footage)


@functools.cache
def norms() -> Norms:
    """What the steady bursts drawn here show, whatever the conditions."""
    looks = [look_at_burst(track(b), b) for b in (burst(seed=i) for i in range(3))]
    coefficients = np.zeros((len(TRAITS), 1 + len(CONDITIONS)))
    coefficients[:, 0] = np.nan_to_num(np.mean([look.traits for look in looks if isinstance(look, BurstLook)], axis=0))
    spread = np.full(len(TRAITS), 0.3)
    return Norms(coefficients, spread, np.full(len(CONDITIONS), -9.0), np.full(len(CONDITIONS), 9.0))


def model(trait: str = "skin mean tremble", intercept: float = -1.0) -> TemporalModel:
    """A model whose burst score is one trait's excess, in spreads, plus the intercept."""
    weights = LogisticCalibration(TRAITS, tuple(float(name == trait) for name in TRAITS), intercept)
    track_model = TrackModel(-1.0, 1.0, 0.5, 1.0, 0.5, LogisticCalibration((FEATURE,), (1.0,), 0.0, -4.0, 4.0))
    return TemporalModel(norms(), weights, track_model)


def install(folder: Path, made: TemporalModel) -> Path:
    """The model as the examiner's file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CALIBRATION_FILE).write_text(json.dumps(made.to_dict()), encoding="utf-8")
    return folder
