"""Pictures: what a mark survives, what it costs, and what is refused. Shares are measured by bench/watermark.py."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_host import Pixels, scene

from facevalue.errors import UsageError
from facevalue.watermark import Payload, lapped, picture


@pytest.fixture(scope="module")
def marked(photo: Pixels) -> picture.Marked:
    return picture.embed(photo, Payload.random(seed=11))


def jpeg(rgb: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])


def half(rgb: Pixels) -> Pixels:
    return cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


TREATMENTS = {
    "untouched": lambda x: x,
    "jpeg": lambda x: jpeg(x, 30),
    "half": half,
    "half_jpeg": lambda x: jpeg(half(x), 50),
    "twice": lambda x: cv2.resize(x, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
    "another_aspect": lambda x: cv2.resize(x, (333, 280), interpolation=cv2.INTER_AREA),
    "darker": lambda x: cv2.convertScaleAbs(x, alpha=0.7),
    "blur": lambda x: cv2.GaussianBlur(x, (0, 0), 1.0),
}


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_the_payload_survives(marked: picture.Marked, payload: Payload, treatment: str) -> None:
    reading = picture.read(np.ascontiguousarray(TREATMENTS[treatment](marked.rgb)))
    assert reading is not None
    assert reading.payload == payload
    assert reading.log10_false_alarm <= -9
    assert reading.orientation == 0


@pytest.mark.parametrize("orientation", range(picture.ORIENTATIONS))
def test_every_orientation_is_read(marked: picture.Marked, payload: Payload, orientation: int) -> None:
    turned = np.rot90(marked.rgb, -(orientation % 4))
    lying = np.ascontiguousarray(turned[:, ::-1] if orientation >= 4 else turned)
    reading = picture.read(lying)
    assert reading is not None
    assert reading.payload == payload
    assert reading.orientation == orientation


def test_the_mark_is_faint_and_leaves_colour_alone(photo: Pixels, marked: picture.Marked) -> None:
    assert marked.psnr_db >= picture.LOWEST_DB
    assert marked.psnr_db == pytest.approx(picture.psnr_db(photo, marked.rgb))
    inside = (photo > 40).all(axis=2) & (photo < 215).all(axis=2)
    change = marked.rgb.astype(int) - photo
    assert (change[inside] == change[inside][:, :1]).all()
    assert not np.shares_memory(photo, marked.rgb)


def test_nothing_is_read_where_nothing_is_hidden(photo: Pixels) -> None:
    assert picture.read(photo) is None
    for flat in (0, 128, 255):
        assert picture.read(np.full((240, 320, 3), flat, np.uint8)) is None
    assert picture.read(np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)) is None


def test_a_part_is_read_when_it_lies_where_it_came_from(marked: picture.Marked, payload: Payload) -> None:
    height, width = marked.rgb.shape[:2]
    known = np.zeros((height, width), np.bool_)
    known[height // 10 :, : 9 * width // 10] = True
    laid = np.where(known[:, :, None], jpeg(marked.rgb, 70), 0).astype(np.uint8)
    reading = picture.read(laid, known)
    assert reading is not None
    assert reading.payload == payload
    assert picture.read(laid, np.zeros_like(known)) is None


@pytest.mark.parametrize("size", [(200, 200), (200, 900), (701, 233)])
def test_any_shape_from_the_least_size_on(size: tuple[int, int], payload: Payload) -> None:
    marked = picture.embed(scene(*size, seed=3), payload)
    assert marked.psnr_db >= picture.LOWEST_DB
    reading = picture.read(jpeg(marked.rgb, 70))
    assert reading is not None
    assert reading.payload == payload


def test_large_pictures_are_marked_at_a_working_size(payload: Payload, photo: Pixels) -> None:
    large = cv2.resize(photo, (2000, 1500), interpolation=cv2.INTER_CUBIC)
    marked = picture.embed(large, payload)
    reading = picture.read(jpeg(marked.rgb, 30))
    assert reading is not None
    assert reading.payload == payload


def test_equal_pictures_get_equal_marks(photo: Pixels, marked: picture.Marked, payload: Payload) -> None:
    assert (picture.embed(photo, payload).rgb == marked.rgb).all()


def test_what_is_no_picture_is_refused(payload: Payload, photo: Pixels) -> None:
    with pytest.raises(UsageError, match="200 pixels"):
        picture.embed(photo[:199], payload)
    with pytest.raises(UsageError, match="32 pixels"):
        picture.read(photo[:31])
    for wrong in (photo[:, :, 0], photo.astype(np.float32), np.zeros((240, 320, 4), np.uint8)):
        with pytest.raises(UsageError, match="uint8"):
            picture.embed(wrong, payload)
    with pytest.raises(UsageError, match="known"):
        picture.read(photo, np.ones((3, 3), np.bool_))


@settings(max_examples=15, deadline=None)
@given(st.integers(150, 420), st.integers(0, 2**32 - 1))
def test_the_transform_gives_back_what_it_was_given(pixels: int, seed: int) -> None:
    basis = lapped.basis(pixels)
    assert np.abs(basis @ basis.T - np.eye(len(basis))).max() < 0.05
    given_ = np.random.default_rng(seed).normal(size=(16, 6, 16, 6)).astype(np.float32)
    again = lapped.analyse(lapped.synthesise(given_, pixels, 256))
    assert np.abs(again - given_).max() < 0.25


def test_coefficients_do_not_depend_on_the_size(photo: Pixels) -> None:
    large = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(large, (200, 150), interpolation=cv2.INTER_AREA)
    one, other = (lapped.analyse(v)[:, :4, :, :4].ravel() for v in (large, small))
    assert np.corrcoef(one, other)[0, 1] > 0.97
