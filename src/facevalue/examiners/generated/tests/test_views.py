"""What `generated` looks at: sizes, determinism, and what a small or a long picture gives."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.generated.views import (
    INPUT_PX,
    MIN_NATIVE_SIDE_PX,
    MIN_PORTRAIT_PX,
    WHOLE_SIDE_PX,
    WINDOW_PX,
    jpeg_round,
    portrait_view,
    short_side_to,
    to_clip_input,
    whole_view,
    window_boxes,
    window_views,
)
from facevalue.faces import detect_faces


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(512, 512), (300, 700), (700, 300), (100, 120), (64, 64)])
def test_the_whole_view_has_one_short_side(height: int, width: int) -> None:
    view = whole_view(noise(height, width))
    assert min(view.shape[:2]) == WHOLE_SIDE_PX
    assert view.shape[1] / view.shape[0] == pytest.approx(width / height, rel=0.02)
    assert view.dtype == np.uint8


@pytest.mark.parametrize(("height", "width"), [(200, 4000), (4000, 200)])
def test_a_panorama_is_embedded_by_a_part_four_times_as_long(height: int, width: int) -> None:
    view = whole_view(noise(height, width))
    assert min(view.shape[:2]) == WHOLE_SIDE_PX
    assert max(view.shape[:2]) == 4 * WHOLE_SIDE_PX


def test_views_repeat_and_leave_the_picture_alone(portrait: np.ndarray) -> None:
    kept = portrait.copy()
    assert np.array_equal(whole_view(portrait), whole_view(portrait))
    assert all(map(np.array_equal, window_views(portrait, 4), window_views(portrait, 4)))
    assert np.array_equal(portrait, kept)


@pytest.mark.parametrize(("height", "width"), [(399, 900), (900, 399), (64, 64)])
def test_a_small_picture_gives_no_windows(height: int, width: int) -> None:
    assert window_views(noise(height, width), 4) == []
    assert window_boxes(noise(height, width), 4) == []


@settings(deadline=None, max_examples=30)
@given(st.integers(MIN_NATIVE_SIDE_PX, 1500), st.integers(MIN_NATIVE_SIDE_PX, 1500), st.integers(0, 9))
def test_windows_lie_inside_and_never_exceed_the_count(height: int, width: int, count: int) -> None:
    picture = noise(height, width)
    boxes, views = window_boxes(picture, count), window_views(picture, count)
    assert len(boxes) == len(views) <= count
    assert bool(boxes) == (count > 0)
    assert len(set(boxes)) == len(boxes)
    for (x, y, w, h), view in zip(boxes, views, strict=True):
        assert (w, h) == (WINDOW_PX, WINDOW_PX)
        assert 0 <= x <= width - w
        assert 0 <= y <= height - h
        assert view.shape == (WINDOW_PX, WINDOW_PX, 3)


def test_windows_are_native_pixels(portrait: np.ndarray) -> None:
    for (x, y, w, h), view in zip(window_boxes(portrait, 4), window_views(portrait, 4), strict=True):
        cut = portrait[int(y) : int(y + h), int(x) : int(x + w)]
        assert np.array_equal(view, jpeg_round(np.ascontiguousarray(cut), 88))


def test_the_first_half_of_the_windows_is_spread_over_the_picture() -> None:
    first, second = window_boxes(noise(1000, 1200), 4)[:2]
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_windows_without_texture_are_left_out_unless_there_are_no_others() -> None:
    height, third = MIN_NATIVE_SIDE_PX, MIN_NATIVE_SIDE_PX
    picture = np.full((height, 3 * third, 3), 200, np.uint8)
    everywhere = window_boxes(picture, 3)
    assert len(everywhere) == 3, "a flat picture is still looked at"
    picture[:, -third:] = 60 + noise(height, third) // 2
    assert window_boxes(picture, 3) == [max(everywhere)]


def test_the_portrait_view_frames_the_face(portrait: np.ndarray) -> None:
    (face,) = detect_faces(portrait)
    view = portrait_view(portrait, face)
    assert view is not None
    assert view.shape == (WHOLE_SIDE_PX, WHOLE_SIDE_PX, 3)
    (again,) = detect_faces(view)
    assert 0.3 < again.box[3] / WHOLE_SIDE_PX < 0.9


def test_a_face_too_small_for_a_portrait_gives_none(portrait: np.ndarray) -> None:
    small = cv2.resize(portrait, (170, 170), interpolation=cv2.INTER_AREA)
    for face in detect_faces(small):
        assert face.size_px < MIN_PORTRAIT_PX / 2
        assert portrait_view(small, face) is None


def test_the_clip_input_is_normalised_and_windows_are_cut_not_resized() -> None:
    grey = np.full((300, 400, 3), 128, np.uint8)
    made = to_clip_input(grey)
    assert made.shape == (1, 3, INPUT_PX, INPUT_PX)
    assert made.dtype == np.float32
    assert made.std(axis=(2, 3)).max() < 1e-3
    window = noise(WINDOW_PX, WINDOW_PX)
    inner = window[8:-8, 8:-8]
    assert np.array_equal(to_clip_input(window), to_clip_input(inner))


def test_short_side_to_leaves_a_picture_that_fits_untouched() -> None:
    picture = noise(248, 300)
    assert short_side_to(picture, 248) is picture
