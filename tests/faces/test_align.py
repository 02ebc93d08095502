"""Cropping and aligning: the similarity transform, crops that stay inside, and the portrait framing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.faces import crop_face, crop_square, portrait_square, similarity
from facevalue.faces.align import TEMPLATE

angles, shifts = st.floats(-np.pi, np.pi), st.floats(-500, 500)
scales = st.floats(0.05, 20)


def turned(points: np.ndarray, angle: float, scale: float, dx: float, dy: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return points @ (scale * np.array([[c, -s], [s, c]])).T + (dx, dy)


@given(angles, scales, shifts, shifts)
def test_similarity_recovers_a_known_transform(angle: float, scale: float, dx: float, dy: float) -> None:
    source = TEMPLATE.astype(np.float64) * 100
    goal = turned(source, angle, scale, dx, dy)
    found = similarity(source, goal)
    assert found.shape == (2, 3)
    assert source @ found[:, :2].T + found[:, 2] == pytest.approx(goal, abs=1e-6 * (1 + abs(goal).max()))
    assert np.sqrt(np.linalg.det(found[:, :2])) == pytest.approx(scale, rel=1e-6)


def test_similarity_never_mirrors() -> None:
    source = TEMPLATE.astype(np.float64) * 100
    found = similarity(source, source * (-1, 1))
    assert np.linalg.det(found[:, :2]) > 0


def test_similarity_of_noisy_points_is_the_best_in_the_middle() -> None:
    rng = np.random.default_rng(0)
    source = TEMPLATE.astype(np.float64) * 100
    goal = turned(source, 0.3, 1.4, 7, -3) + rng.normal(0, 0.5, source.shape)
    found = similarity(source, goal)
    moved = source @ found[:, :2].T + found[:, 2]
    assert moved.mean(axis=0) == pytest.approx(goal.mean(axis=0))
    assert np.abs(moved - goal).max() < 2


def test_similarity_of_coinciding_points_is_finite() -> None:
    points = np.full((5, 2), 3.0)
    assert np.isfinite(similarity(points, points + 1)).all()


boxes = st.tuples(st.floats(-40, 180), st.floats(-40, 130), st.floats(4, 300), st.floats(4, 300))


@given(boxes, st.floats(1, 2))
def test_crop_face_stays_inside_the_picture(box: tuple[float, float, float, float], margin: float) -> None:
    picture = np.full((120, 170, 3), 200, np.uint8)  # anything from outside would be black or mirrored
    crop = crop_face(picture, box, margin, 48)
    assert crop.shape == (48, 48, 3)
    assert crop.dtype == np.uint8
    assert (crop == 200).all()


def test_crop_face_does_not_mirror_at_the_border() -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2)
    crop = crop_face(ramp, (170, 80, 30, 30), 2.0, 60)
    assert (np.diff(crop[30, :, 0].astype(int)) >= 0).all(), "a mirrored border would fall again"


def test_crop_face_is_centred_on_the_box() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[140:160, 190:210] = 255
    crop = crop_face(picture, (180, 130, 40, 40), 1.5, 60)
    assert crop[20:40, 20:40].mean() > 250
    assert crop[:15].max() == 0


@pytest.mark.parametrize("centre", [(-500.0, 50.0), (50.0, 9000.0)])
def test_crop_square_outside_the_picture_is_black(centre: tuple[float, float]) -> None:
    assert not crop_square(np.full((100, 100, 3), 9, np.uint8), centre, 30, 16).any()


@given(st.floats(-30, 130), st.floats(-30, 130), st.floats(1, 400))
def test_crop_square_always_has_the_size_asked_for(x: float, y: float, side: float) -> None:
    crop = crop_square(np.full((90, 110, 3), 9, np.uint8), (x, y), side, 32)
    assert crop.shape == (32, 32, 3)


def test_portrait_square_frames_as_ffhq_does() -> None:
    landmarks = np.array([[80, 100], [120, 100], [100, 125], [85, 145], [115, 145]], np.float32)
    (x, y), side = portrait_square((60, 70, 80, 100), landmarks)
    assert x == pytest.approx(100)
    assert 100 < y < 110
    assert side == pytest.approx(max(4 * 40, 3.6 * 45))


@given(st.floats(0.1, 10))
def test_portrait_square_scales_with_the_face(scale: float) -> None:
    landmarks = TEMPLATE * 100
    (x, y), side = portrait_square((0, 0, 100, 100), landmarks)
    (sx, sy), sside = portrait_square((0, 0, 100, 100), (landmarks * scale).astype(np.float32))
    assert (sx, sy, sside) == pytest.approx((x * scale, y * scale, side * scale), rel=1e-4)
