"""The quality record of a face: each number moves with what it is named after."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from facevalue.faces import Face, FaceQuality, detect_faces, face_quality


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> Face:
    return detect_faces(portrait)[0]


def test_blur_lowers_sharpness(portrait: np.ndarray, face: Face) -> None:
    values = [
        face_quality(
            cv2.GaussianBlur(portrait, (0, 0), sigma) if sigma else portrait, face.box, face.landmarks
        ).sharpness
        for sigma in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 1


def test_exposure_and_contrast(portrait: np.ndarray, face: Face) -> None:
    usual = face_quality(portrait, face.box, face.landmarks)
    dark = face_quality((portrait * 0.4).astype(np.uint8), face.box, face.landmarks)
    flat = face_quality(np.full_like(portrait, 128), face.box, face.landmarks)
    assert dark.exposure == pytest.approx(0.4 * usual.exposure, abs=0.02)
    assert dark.contrast < usual.contrast
    assert (flat.contrast, flat.exposure) == pytest.approx((0, 128 / 255), abs=1e-6)


def test_pose_follows_the_landmarks(portrait: np.ndarray, face: Face) -> None:
    points = np.array([[80, 100], [120, 100], [100, 120], [85, 140], [115, 140]], np.float32)
    box = (60.0, 60.0, 80.0, 100.0)
    assert face_quality(portrait, box, points).yaw == pytest.approx(0)
    assert face_quality(portrait, box, points).roll == pytest.approx(0)
    aside = points.copy()
    aside[2, 0] += 20
    assert face_quality(portrait, box, aside).yaw == pytest.approx(45)
    assert face_quality(portrait, box, aside * (-1, 1) + (200, 0)).yaw == pytest.approx(45)
    tilted = points.copy()
    tilted[1, 1] += 40
    assert face_quality(portrait, box, tilted).roll == pytest.approx(45)


@pytest.mark.parametrize(
    ("box", "outside"),
    [((0, 0, 100, 100), 0), ((-50, 0, 100, 100), 0.5), ((462, 0, 100, 100), 0.5), ((100.4, 100.6, 50.3, 50.2), 0)],
)
def test_truncated_is_the_share_outside(
    box: tuple[float, float, float, float], outside: float, portrait: np.ndarray, face: Face
) -> None:
    assert face_quality(portrait, box, face.landmarks).truncated == pytest.approx(outside, abs=0.02)


def test_any_box_gives_finite_numbers_in_range(portrait: np.ndarray) -> None:
    same = np.zeros((5, 2), np.float32)
    for box in [(0, 0, 1, 1), (-900, -900, 5, 5), (600, 600, 40, 40), (511.5, 511.5, 0.2, 0.2), (-10, -10, 900, 900)]:
        quality = face_quality(portrait, box, same)
        record = quality.to_dict()
        assert np.isfinite(list(record.values())).all()
        assert 0 <= quality.truncated <= 1
        assert 0 <= quality.exposure <= 1
        json.dumps(record)


def test_the_record_is_rounded() -> None:
    assert FaceQuality(80.12345, 2.5, 0.0, 0.0, 0.5, 0.2, 0.0).to_dict()["size_px"] == 80.123
