"""The trips that pictures take."""

from __future__ import annotations

import numpy as np
import pytest

from facevalue.lab.launder import PRESETS, augment, launder


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_gives_a_picture_and_repeats(preset: str, portrait: np.ndarray) -> None:
    kept = portrait.copy()
    out = launder(portrait, preset, 3)
    assert out.dtype == np.uint8
    assert out.ndim == 3
    assert out.shape[2] == 3
    assert min(out.shape[:2]) >= 16
    assert np.array_equal(out, launder(portrait, preset, 3))
    assert np.array_equal(portrait, kept)
    assert out.shape != portrait.shape or not np.array_equal(out, portrait)


@pytest.mark.parametrize("preset", sorted(set(PRESETS) - {"q70", "q50"}))
def test_parameters_are_drawn(preset: str, portrait: np.ndarray) -> None:
    trips = [launder(portrait, preset, seed) for seed in range(4)]
    assert any(a.shape != trips[0].shape or not np.array_equal(a, trips[0]) for a in trips[1:])


@pytest.mark.parametrize("preset", list(PRESETS))
def test_tiny_and_long_pictures_survive(preset: str) -> None:
    for shape in ((20, 20), (18, 700)):
        picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
        assert launder(picture, preset, 1).dtype == np.uint8


def test_chat_applications_shrink_to_their_long_side() -> None:
    picture = np.zeros((1500, 3000, 3), np.uint8)
    assert launder(picture, "whatsapp", 0).shape == (800, 1600, 3)
    assert launder(picture, "telegram", 0).shape == (640, 1280, 3)


def test_an_unknown_preset_is_a_key_error(portrait: np.ndarray) -> None:
    with pytest.raises(KeyError):
        launder(portrait, "moon", 0)


@pytest.mark.parametrize("geometry", [False, True])
def test_augmentation_is_seeded_and_keeps_the_frame_unless_asked(geometry: bool, portrait: np.ndarray) -> None:
    for seed in range(12):
        out = augment(portrait, np.random.default_rng(seed), geometry)
        assert out.dtype == np.uint8
        assert np.array_equal(out, augment(portrait, np.random.default_rng(seed), geometry))
        if not geometry:
            assert out.shape == portrait.shape
