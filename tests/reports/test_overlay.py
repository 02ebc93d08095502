"""Pictures made for reports."""

from __future__ import annotations

import handmade
import numpy as np

from facevalue.finding import Region
from facevalue.reports import overlay


def test_masks_land_in_their_boxes_and_the_larger_value_counts() -> None:
    full = Region("mask", "all", None, None, np.full((4, 4), 51, np.uint8))
    face = Region("mask", "face", None, (50, 20, 40, 40), np.full((8, 8), 255, np.uint8))
    heat = overlay.heat_map((full, face), 200, 100)
    assert heat is not None
    assert heat.shape == (100, 200)
    assert heat[40, 70] == 1.0
    np.testing.assert_allclose(heat[90, 190], 0.2)


def test_no_mask_is_no_map() -> None:
    assert overlay.heat_map((Region("box", "b", 0.5, (0, 0, 5, 5)),), 100, 100) is None


def test_a_mask_half_outside_is_cut_at_the_border() -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[:, 5:] = 255
    heat = overlay.heat_map((Region("mask", "m", None, (-50, 0, 100, 100), mask),), 100, 100)
    assert heat is not None
    assert heat[50, 10] > 0.9
    assert heat[50, 60] == 0


def test_large_pictures_get_small_maps() -> None:
    heat = overlay.heat_map((Region("mask", "m", None, None, handmade.blob()),), 8000, 4000)
    assert heat is not None
    assert heat.shape == (400, 800)


def test_heat_keeps_its_order_without_colour() -> None:
    rgba = overlay.colour_heat(np.linspace(0, 1, 101, dtype=np.float32)[None]).astype(float)[0]
    grey = 255 - (255 - rgba[:, :3] @ (0.299, 0.587, 0.114)) * rgba[:, 3] / 255  # laid on white
    away_from_the_line = np.r_[grey[:48], grey[53:]]
    assert (np.diff(away_from_the_line) <= 1e-6).all()
    assert rgba[0, 3] == 0


def test_the_line_lies_at_one_half() -> None:
    rgba = overlay.colour_heat(np.repeat(np.linspace(0, 1, 11, dtype=np.float32)[None], 5, axis=0))
    assert tuple(rgba[2, 5]) == (255, 255, 255, 255)
    assert tuple(rgba[2, 4]) == (0, 0, 0, 230)


def test_a_crop_outside_the_picture_is_none() -> None:
    pixels = np.zeros((50, 50, 3), np.uint8)
    assert overlay.crop_uri(pixels, (200, 200, 20, 20)) is None
    assert (overlay.crop_uri(pixels, (10, 10, 20, 20)) or "").startswith("data:image/jpeg;base64,")
