"""PDQ against hashes of the reference, its orientations, and what is taken for a border."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import recoded, scene

from facevalue.fingerprint.picture import BITS, MAX_DISTANCE, dihedral, distance, pdq, trimmed

# What the reference implementation (pdqhash 0.2.8) gives for these pictures.
REFERENCE = {
    (20, 27): "0ad545b644b9ebcc1fcd07391ff0bd68029ab346f1c2a9c41f2fe9b845351378",
    (12, 9): "38c53247fd82d899243426378e39c538162ebe0dec15bd8f4a5a93e9358e0dbf",
}


def blocks() -> dict[tuple[int, int], np.ndarray]:
    rng = np.random.default_rng(11)
    return {
        shape: np.kron(rng.integers(0, 256, (*shape, 3)), np.ones((16, 16, 1))).astype(np.uint8) for shape in REFERENCE
    }


def test_hashes_are_those_of_the_reference() -> None:
    assert {shape: pdq(rgb).bits.hex() for shape, rgb in blocks().items()} == REFERENCE


def test_orientations_are_the_hashes_of_turned_pictures() -> None:
    rgb = scene(1, 300, 200)
    turned = [np.rot90(rgb, k) for k in range(4)]
    turned += [rgb[::-1], rgb[:, ::-1], rgb.transpose(1, 0, 2), rgb[::-1, ::-1].transpose(1, 0, 2)]
    for own, view in zip(dihedral(rgb), turned, strict=True):
        assert own.distance(pdq(np.ascontiguousarray(view))) <= 2  # rounding


def test_a_copy_is_near_and_a_stranger_is_far() -> None:
    rgb = scene(2)
    copy = recoded(np.asarray(cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)), 40)
    assert pdq(rgb).distance(pdq(copy)) <= MAX_DISTANCE
    assert pdq(rgb).distance(pdq(scene(3))) > 60


def test_a_flat_picture_has_no_usable_hash() -> None:
    assert not pdq(np.full((50, 60, 3), 90, np.uint8)).usable


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 5), (5, 5, 4)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a picture is"):
        pdq(np.zeros(shape, np.uint8))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_distance_is_a_metric_on_bits(one: bytes, other: bytes) -> None:
    assert distance(one, other) == distance(other, one)
    assert distance(one, one) == 0
    assert 0 <= distance(one, other) <= BITS


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_any_picture_has_a_hash_and_a_box_within_it(height: int, width: int, level: int) -> None:
    rgb = np.full((height, width, 3), level, np.uint8)
    assert len(pdq(rgb).bits) == 32
    x, y, w, h = trimmed(rgb)
    assert w >= 1
    assert h >= 1
    assert x + w <= width
    assert y + h <= height


@pytest.mark.parametrize("text", ["", "what really happened"])
@pytest.mark.parametrize("shade", [0, 255])
def test_bars_and_bands_with_writing_are_borders(shade: int, text: str) -> None:
    rgb = scene(4)
    framed = cv2.copyMakeBorder(rgb, 60, 40, 25, 25, cv2.BORDER_CONSTANT, value=(shade,) * 3)
    if text:
        cv2.putText(framed, text, (20, 38), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255 - shade,) * 3, 2)
    x, y, w, h = trimmed(recoded(framed, 70))
    assert abs(x - 25) <= 2
    assert abs(y - 60) <= 2
    assert abs(w - rgb.shape[1]) <= 4
    assert abs(h - rgb.shape[0]) <= 4


def test_a_picture_without_borders_is_left_whole() -> None:
    rgb = scene(5)
    assert trimmed(rgb) == (0, 0, rgb.shape[1], rgb.shape[0])


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=120), st.lists(st.booleans(), min_size=1, max_size=120))
def test_whatever_lines_are_plain_a_box_inside_the_picture_is_left(rows: list[bool], columns: list[bool]) -> None:
    """Lists say which lines have something on them; borders found from two sides may meet."""
    busy = np.outer(rows, columns)[..., None]
    rgb = np.where(busy, np.random.default_rng(3).integers(0, 200, (*busy.shape[:2], 3)), 255).astype(np.uint8)
    x, y, w, h = trimmed(rgb)
    assert w >= 1
    assert h >= 1
    assert 0 <= x <= rgb.shape[1] - w
    assert 0 <= y <= rgb.shape[0] - h


def test_a_page_of_thin_lines_is_not_all_border() -> None:
    lines = np.isin(np.arange(100) % 4, (1, 2))  # whose plain ones, from above and from below, add up to all
    page = np.where(lines[:, None, None], np.random.default_rng(4).integers(0, 200, (100, 100, 3)), 255)
    assert trimmed(page.astype(np.uint8)) == (0, 0, 100, 100)
