"""Blended faces: masks in range, nothing touched outside them, and the same seed gives the same forgery."""

from __future__ import annotations

import numpy as np
import pytest

from facevalue.faces import detect_faces
from facevalue.lab.blend import OUTLINES, PARTS, WHOLE, RealFace, composite, match_colour, region_mask, self_blend


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> RealFace:
    cut = np.ascontiguousarray(portrait[20:240, 120:340])
    return RealFace(cut, detect_faces(cut)[0].landmarks)


@pytest.fixture(scope="module")
def other(face: RealFace) -> RealFace:
    """The same face mirrored: another one as far as pixels go."""
    flipped = np.ascontiguousarray(face.pixels[:, ::-1])
    return RealFace(flipped, detect_faces(flipped)[0].landmarks)


def test_every_outline_is_whole_or_part() -> None:
    assert set(OUTLINES) == set(WHOLE) | set(PARTS)


@pytest.mark.parametrize("name", list(OUTLINES))
@pytest.mark.parametrize("seed", range(3))
def test_every_region_gives_a_mask_over_the_face(name: str, seed: int, face: RealFace) -> None:
    mask = region_mask(face.pixels.shape[:2], face.landmarks, [name], np.random.default_rng(seed))
    assert mask.shape == face.pixels.shape[:2]
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert 0.001 < mask.mean() < 0.6
    rows, columns = np.nonzero(mask > 0.3)
    centre = np.array([columns.mean(), rows.mean()])
    assert np.abs(centre - face.landmarks.mean(axis=0)).max() < 60


def test_left_is_left(face: RealFace) -> None:
    for left, right in (("eye_left", "eye_right"), ("half_left", "half_right")):
        columns = [
            np.nonzero(region_mask(face.pixels.shape[:2], face.landmarks, [n], np.random.default_rng(0)) > 0.3)[
                1
            ].mean()
            for n in (left, right)
        ]
        assert columns[0] < columns[1]


@pytest.mark.parametrize("name", list(OUTLINES))
def test_composites_change_nothing_outside_the_mask(name: str, face: RealFace, other: RealFace) -> None:
    for seed in range(3):
        made = composite(face, other, np.random.default_rng(seed), [name])
        _check(made.pixels, made.mask, face)
        if not made.parameters["poisson"]:
            assert np.array_equal(made.pixels[made.mask == 0], face.pixels[made.mask == 0])
        assert made.parameters["regions"] == [name]


@pytest.mark.parametrize("seed", range(12))
def test_self_blends_join_two_versions_of_one_face(seed: int, face: RealFace) -> None:
    made = self_blend(face, np.random.default_rng(seed))
    _check(made.pixels, made.mask, face)
    assert made.method == "self_blend"
    assert made.mask.max() <= float(made.parameters["ratio"]) + 1e-6  # type: ignore[arg-type]


def _check(pixels: np.ndarray, mask: np.ndarray, face: RealFace) -> None:
    assert pixels.shape == face.pixels.shape
    assert pixels.dtype == np.uint8
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert mask.any()
    assert not np.array_equal(pixels, face.pixels)


def test_the_same_seed_gives_the_same_forgery(face: RealFace, other: RealFace) -> None:
    for make in (lambda rng: self_blend(face, rng), lambda rng: composite(face, other, rng)):
        first, again, else_ = (make(np.random.default_rng(s)) for s in (5, 5, 6))
        assert np.array_equal(first.pixels, again.pixels)
        assert np.array_equal(first.mask, again.mask)
        assert first.parameters == again.parameters
        assert not np.array_equal(first.pixels, else_.pixels)


def test_the_faces_given_are_left_alone(face: RealFace, other: RealFace) -> None:
    kept = face.pixels.copy(), other.pixels.copy()
    for seed in range(6):
        self_blend(face, np.random.default_rng(seed))
        composite(face, other, np.random.default_rng(seed))
    assert np.array_equal(face.pixels, kept[0])
    assert np.array_equal(other.pixels, kept[1])


def test_colours_are_matched_inside_the_mask(face: RealFace) -> None:
    mask = np.zeros(face.pixels.shape[:2], np.float32)
    mask[60:160, 60:160] = 1
    darker = (face.pixels * 0.6).astype(np.uint8)
    matched = match_colour(darker, face.pixels, mask)
    inside = mask > 0
    before = abs(darker[inside].mean() - face.pixels[inside].mean())
    assert abs(matched[inside].mean() - face.pixels[inside].mean()) < 0.2 * before
    assert match_colour(darker, face.pixels, mask * 0) is darker
