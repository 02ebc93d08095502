"""Tracks drawn for the tests: one textured face that moves before a textured background, cut as the tracker cuts."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from facevalue.examiners.base import Subject
from facevalue.examiners.reenactment.examiner import CALIBRATION_FILE
from facevalue.examiners.reenactment.model import Head, Model
from facevalue.examiners.reenactment.moments import NAMES
from facevalue.exhibit import Exhibit
from facevalue.faces import Burst, Face, FaceQuality, Track
from facevalue.faces.align import TEMPLATE
from facevalue.faces.track_keep import OpenBurst, make_view
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import FEATURE, TrackModel

FRAME = (240, 320)
TRACK_MODEL = TrackModel(-1.0, 1.0, 0.5, 0.5, 0.5, LogisticCalibration((FEATURE,), (1.0,), 0.0, -4.0, 4.0))


def texture(seed: int, shape: tuple[int, int], grain: float) -> np.ndarray:
    """Smooth spots with fine grain on them, float32 (H, W, 3), about 60..200."""
    rng = np.random.default_rng(seed)
    spots = cv2.GaussianBlur(rng.normal(0, 1, (*shape, 3)).astype(np.float32), (0, 0), 6)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (*shape, 3)).astype(np.float32), (0, 0), 0.8)
    return np.asarray(128 + 40 * spots / spots.std() + grain * fine / fine.std(), np.float32)


def frame_at(time_s: float, side: float, noise: float = 0.0, grain: float = 8.0) -> tuple[np.ndarray, Face]:
    """One frame and its face: the face sways, the background stands still. noise: of the camera, anew each frame."""
    width = round(side)
    picture = texture(1, FRAME, grain)
    left, top = 100 + 12 * np.sin(2 * time_s), 50 + 4 * np.cos(3 * time_s)
    move = np.array([[1.0, 0.0, left], [0.0, 1.0, top]])
    face = cv2.warpAffine(texture(2, (width, width), grain), move, FRAME[::-1], borderValue=0)
    inside = cv2.warpAffine(np.ones((width, width), np.float32), move, FRAME[::-1], borderValue=0)[..., None]
    picture = inside * face + (1 - inside) * picture
    picture += noise * np.random.default_rng(round(time_s * 1000)).normal(0, 1, picture.shape)
    marks = (TEMPLATE * width + (left, top)).astype(np.float32)
    quality = FaceQuality(side, 3.0, 0.0, 0.0, 0.5, 0.2, 0.0)
    return np.clip(picture, 0, 255).astype(np.uint8), Face((float(left), float(top), side, side), marks, 0.9, quality)


def burst(start_s: float, side: float, rate: float = 25.0, noise: float = 0.0) -> Burst:
    """Eight consecutive frames."""
    times = start_s + np.arange(8) / rate
    shots = [frame_at(float(t), side, noise) for t in times]
    made = OpenBurst.around(shots[0][1], shots[0][0])
    for at, (pixels, face) in zip(times, shots, strict=True):
        made.add(float(at), pixels, face)
    closed = made.closed()
    assert closed is not None
    return closed


def track(
    number: int = 1,
    person: int = 1,
    count: int = 12,
    side: float = 100.0,
    start_s: float = 0.0,
    noise: float = 0.0,
    bursts: int = 1,
) -> Track:
    """A track of count looks at 5 Hz."""
    times = start_s + 0.2 * np.arange(count)
    shots = [frame_at(float(t), side, noise) for t in times]
    views = tuple(make_view(i, float(times[i]), *shot) for i, shot in enumerate(shots))
    boxes = np.array([face.box for _, face in shots], np.float32)
    marks = np.stack([face.landmarks for _, face in shots])
    kept = tuple(burst(start_s + i, side, noise=noise) for i in range(bursts))
    vectors = np.tile(np.eye(1, 128, dtype=np.float32), (6, 1))
    return Track(number, person, times, boxes, marks, views, kept, vectors, times[:6])


def subject(*tracks: Track, seen: bool = True) -> Subject:
    """What the examiner is given of a clip with these tracks; seen: whether a face detector ran."""
    info = ClipInfo("mp4", FRAME[1], FRAME[0], 4.0, 25.0, "h264", "yuv420p", 0, 1, 0, True, ((0.0, 4.0),))
    footage = Footage(info, None, (), tracks if seen else None, np.zeros(0), None)
    return Subject(Exhibit("a.mp4", b"", "", "video/mp4"), None, {}, None, None, footage)


def model(bias: float = 0.0, name: str = "look: skin slope 0", slope: float = 0.0) -> Model:
    """A model whose score of a moment is slope x one value + bias."""
    one = np.ones(1)
    return Model(Head((name,), 0 * one, -9 * one, 9 * one, slope * one, bias), TRACK_MODEL)


def install(folder: Path, made: Model) -> Path:
    """Write it as the examiner's calibration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CALIBRATION_FILE).write_text(json.dumps(made.to_dict()), encoding="utf-8")
    return folder


__all__ = ["NAMES", "burst", "frame_at", "install", "model", "subject", "texture", "track"]
