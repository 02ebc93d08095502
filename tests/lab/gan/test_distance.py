"""Distances whose values are known, and the neighbours against a brute-force search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.lab.gan.distance import copied, frechet, nearest, precision_recall, quality
from facevalue.lab.gan.features import FeatureNet


def cloud(seed: int, count: int = 60, width: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, width))


def test_a_set_has_no_distance_to_itself() -> None:
    assert frechet(cloud(1), cloud(1)) == pytest.approx(0, abs=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=5))
def test_a_shift_costs_its_squared_length(shift: list[float]) -> None:
    assert frechet(cloud(1), cloud(1) + np.array(shift)) == pytest.approx(float(np.square(shift).sum()), abs=1e-6)


@given(st.floats(0.1, 10))
def test_scaling_costs_the_squared_difference_of_deviations(scale: float) -> None:
    x = cloud(2)
    x -= x.mean(axis=0)
    expected = (1 - scale) ** 2 * np.trace(np.cov(x, rowvar=False))
    assert frechet(x, x * scale) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_distance_is_symmetric_and_agrees_with_the_matrix_root() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    a, b = cloud(3) @ np.diag([1, 2, 3, 4, 5]), cloud(4) + 1
    c1, c2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(c1 @ c2).real
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(c1 + c2 - 2 * root)
    assert frechet(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet(b, a) == pytest.approx(expected, rel=1e-8)


def test_fewer_pictures_than_features_are_no_trouble() -> None:
    assert frechet(cloud(5, 8, 40), cloud(6, 9, 40)) > 0


def test_precision_and_recall_of_known_sets() -> None:
    x = cloud(7)
    assert precision_recall(x, x) == (1.0, 1.0)
    assert precision_recall(x, x + 100) == (0.0, 0.0)
    narrow = x[:1] + 1e-3 * cloud(8)
    precision, recall = precision_recall(x, narrow)
    assert precision == 1.0
    assert recall < 0.2
    assert precision_recall(narrow, x) == (recall, precision)


@given(st.integers(0, 1000), st.integers(5, 30), st.integers(5, 30), st.integers(1, 4))
def test_precision_and_recall_by_brute_force(seed: int, n: int, m: int, k: int) -> None:
    real, drawn = cloud(seed, n, 3), cloud(seed + 1, m, 3) * 1.5

    def inside(points: np.ndarray, manifold: np.ndarray) -> float:
        radii = [sorted(np.linalg.norm(manifold - row, axis=1))[k] for row in manifold]
        return float(np.mean([any(np.linalg.norm(manifold - p, axis=1) <= radii) for p in points]))

    assert precision_recall(real, drawn, k) == pytest.approx((inside(drawn, real), inside(real, drawn)))


def test_the_nearest_is_found_across_blocks_of_rows() -> None:
    among, of = cloud(9, 700), cloud(10, 1100)
    index, far = nearest(of, among)
    for row in (0, 511, 512, 1099):
        all_far = np.linalg.norm(among - of[row], axis=1)
        assert index[row] == all_far.argmin()
        assert far[row] == pytest.approx(all_far.min())


def test_copies_are_found_out() -> None:
    train = cloud(11, 400)
    assert copied(train, train[:50] + 1e-9) == 1.0
    assert copied(train, cloud(12, 400)) < 0.1


def test_quality_says_all_of_it_in_json() -> None:
    found = quality(cloud(13, 100), cloud(14, 50))
    assert found.pictures == (100, 50)
    assert 0 <= found.frechet < 2
    assert found.to_dict()["pictures"] == [100, 50]
    assert set(found.to_dict()) == {"frechet", "floor", "precision", "recall", "copied", "pictures"}


def test_features_do_not_depend_on_the_batch(pixels: np.ndarray) -> None:
    net = FeatureNet()
    features = net(pixels[:5])
    assert features.shape == (5, 320)
    assert np.allclose(features[2:4], net(pixels[2:4]), atol=1e-4)
    assert np.abs(features[0] - features[4]).max() > 0.01
