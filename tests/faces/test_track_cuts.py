"""Scene cuts from thumbnails: cuts, dissolves and fades between shots are found; flashes, pans and noise are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.faces import scene_cuts
from facevalue.faces.track_cuts import change, thumbnail

RATE = 25.0


def _shot(seed: int, n: int, drift: float = 0.1) -> np.ndarray:
    """A smooth random picture that moves a little, with noise: uint8 (n, 32, 32)."""
    rng = np.random.default_rng(seed)
    big = cv2.resize(rng.uniform(20, 230, (6, 6)).astype(np.float32), (160, 96), interpolation=cv2.INTER_CUBIC)
    out = []
    for i in range(n):
        shift = int(i * drift)
        out.append(big[16:80:2, 16 + shift : 80 + shift : 2][:32, :32] + rng.normal(0, 1.5, (32, 32)))
    return np.clip(np.array(out).reshape(-1, 32, 32), 0, 255).astype(np.uint8)


def _cuts(thumbs: np.ndarray) -> list[float]:
    return scene_cuts(thumbs, np.arange(len(thumbs)) / RATE).tolist()


def test_a_hard_cut_is_found_at_the_first_frame_of_the_new_shot() -> None:
    assert _cuts(np.concatenate([_shot(1, 40), _shot(2, 40), _shot(3, 30)])) == [40 / RATE, 80 / RATE]


def test_one_shot_has_no_cuts() -> None:
    assert _cuts(_shot(4, 100)) == []


def test_a_moving_camera_is_no_cut() -> None:
    assert _cuts(_shot(5, 30, drift=1.0)) == []


@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_is_no_cut(length: int) -> None:
    thumbs = _shot(6, 60)
    thumbs[30 : 30 + length] = np.clip(thumbs[30 : 30 + length].astype(int) + 140, 0, 255)
    assert _cuts(thumbs) == []


def test_a_dissolve_is_one_cut_in_its_middle() -> None:
    a, b = _shot(7, 60).astype(float), _shot(8, 60).astype(float)
    share = np.clip((np.arange(60) - 20) / 20, 0, 1)[:, None, None]
    (cut,) = _cuts(((1 - share) * a + share * b).astype(np.uint8))
    assert cut == pytest.approx(30 / RATE, abs=0.2)


def test_fading_through_black_to_another_shot_is_one_cut_and_to_the_same_none() -> None:
    dim = np.concatenate([np.ones(25), np.linspace(1, 0, 12), np.zeros(6), np.linspace(0, 1, 12), np.ones(25)])
    gain = dim[:, None, None]
    a, b = _shot(9, len(dim)).astype(float), _shot(10, len(dim)).astype(float)
    other = np.where(np.arange(len(dim))[:, None, None] < 40, a, b)
    assert _cuts((gain * a).astype(np.uint8)) == []
    (cut,) = _cuts((gain * other).astype(np.uint8))
    assert 37 / RATE <= cut <= 47 / RATE


def test_a_gap_between_segments_is_no_cut() -> None:
    thumbs = np.concatenate([_shot(11, 20), _shot(12, 20)])
    times = np.concatenate([np.arange(20), 5000 + np.arange(20)]) / RATE
    assert scene_cuts(thumbs, times).tolist() == []


def test_few_frames_are_no_trouble() -> None:
    assert _cuts(_shot(13, 0)) == []
    assert _cuts(_shot(13, 1)) == []
    assert _cuts(np.zeros((10, 32, 32), np.uint8)) == []


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.integers(2, 40))
def test_noise_alone_never_fails_and_times_rise(seed: int, n: int) -> None:
    found = _cuts(np.random.default_rng(seed).integers(0, 256, (n, 32, 32), dtype=np.uint8))
    assert found == sorted(set(found))


def test_change_is_nothing_between_equals_and_symmetric() -> None:
    a, b = _shot(14, 3), _shot(15, 3)
    assert change(a, a) == pytest.approx(0, abs=1e-6)
    assert change(a, b) == pytest.approx(change(b, a))
    assert (change(a, b) > 0.2).all()


def test_a_thumbnail_of_any_size() -> None:
    for shape in ((16, 16, 3), (1080, 1920, 3), (40, 2000, 3)):
        assert thumbnail(np.full(shape, 77, np.uint8)).tolist() == np.full((32, 32), 77).tolist()
