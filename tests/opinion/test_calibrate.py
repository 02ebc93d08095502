"""Calibration reaches what theory allows, claims no more than its samples, and survives a trip through JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from facevalue.errors import UsageError
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds, pav, pav_log10_lr, soft_bound
from facevalue.opinion.metrics import auc, cllr, cllr_min

DISTANCE = 2.0  # between the two Gaussians, in standard deviations


def gaussians(n: int, seed: int, reals: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, labels and the true log10 LR of two unit Gaussians."""
    rng, reals = np.random.default_rng(seed), n if reals is None else reals
    scores = np.r_[rng.normal(DISTANCE, 1, n), rng.normal(0, 1, reals)]
    truth = (DISTANCE * scores - DISTANCE**2 / 2) / math.log(10)
    return scores, np.r_[np.ones(n), np.zeros(reals)], truth


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.integers(-4, 4).map(float)),
    st.randoms(use_true_random=False),
)
def test_pav_is_isotonic_regression(scores: np.ndarray, random: object) -> None:
    labels = np.array([random.randint(0, 1) for _ in scores])  # type: ignore[attr-defined]
    weights = np.array([random.randint(1, 5) for _ in scores], float)  # type: ignore[attr-defined]
    expected = IsotonicRegression().fit(scores, labels, sample_weight=weights).predict(scores)
    np.testing.assert_allclose(pav(scores, labels, weights), expected, atol=1e-12)


def test_pav_ratios_are_odds_of_shares() -> None:
    ratios = pav_log10_lr([1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 0, 0, 1, 1, 0, 1])
    # Blocks: 0 | 1 0 0 | 1 1 0 | 1, at prior odds 1.
    np.testing.assert_allclose(ratios, [-np.inf, *[math.log10(0.5)] * 3, *[math.log10(2)] * 3, np.inf])


def test_fit_reaches_theory_on_unseen_samples() -> None:
    scores, labels, _ = gaussians(2000, 0, reals=400)
    unseen, unseen_labels, unseen_truth = gaussians(5000, 1)
    calibration = LogisticCalibration.fit(scores, labels, names=["score"])
    assert cllr(calibration.predict(unseen), unseen_labels) == pytest.approx(
        cllr(unseen_truth, unseen_labels), abs=0.01
    )
    assert calibration.coefficients[0] == pytest.approx(DISTANCE / math.log(10), rel=0.1)
    # Unequal class sizes do not shift the ratio: it is neutral half-way.
    assert calibration.predict_one(DISTANCE / 2) == pytest.approx(0, abs=0.08)


@pytest.mark.parametrize("ridge", [0.1, 1.0, 30.0])
def test_fit_agrees_with_scikit_learn(ridge: float) -> None:
    rng = np.random.default_rng(2)
    labels = np.r_[np.ones(80), np.zeros(200)]
    features = rng.normal(0, [1, 5, 0.1], (280, 3)) + labels[:, None] * [1, -2, 0.02]
    weights = rng.uniform(0.5, 2, 280)
    mine = LogisticCalibration.fit(features, labels, weights=weights, ridge=ridge)
    balanced = weights * np.where(labels == 1, 140 / weights[labels == 1].sum(), 140 / weights[labels == 0].sum())
    mean = np.average(features, axis=0, weights=balanced)
    spread = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=balanced))
    reference = LogisticRegression(C=1 / ridge, tol=1e-10, max_iter=1000)
    reference.fit((features - mean) / spread, labels, sample_weight=balanced)
    expected = reference.decision_function((features - mean) / spread) / math.log(10)
    np.testing.assert_allclose(mine.raw(features), expected, atol=1e-4)


def test_a_quality_covariate_helps_when_quality_moves_the_scores() -> None:
    rng = np.random.default_rng(4)
    labels, quality = np.r_[np.ones(800), np.zeros(800)], rng.uniform(-1, 1, 1600)
    scores = rng.normal(labels * 2 + 3 * quality, 1)
    alone = LogisticCalibration.fit(scores, labels)
    conditioned = LogisticCalibration.fit(np.column_stack([scores, quality]), labels)
    together = conditioned.predict(np.column_stack([scores, quality]))
    assert cllr(together, labels) < cllr(alone.predict(scores), labels) - 0.15


def test_separable_scores_stay_finite() -> None:
    scores, labels = np.r_[np.full(9, 1.0), np.full(9, -1.0)], np.r_[np.ones(9), np.zeros(9)]
    for ridge in (0.0, 1.0):
        assert np.isfinite(LogisticCalibration.fit(scores, labels, ridge=ridge).predict(scores)).all()


def test_a_constant_feature_is_ignored() -> None:
    scores, labels, _ = gaussians(200, 5)
    padded = np.column_stack([scores, np.full(scores.size, 7.0)])
    np.testing.assert_allclose(
        LogisticCalibration.fit(padded, labels).predict(padded), LogisticCalibration.fit(scores, labels).predict(scores)
    )


def test_sample_weights_act_like_repeats() -> None:
    scores, labels, _ = gaussians(60, 6)
    counts = np.random.default_rng(0).integers(1, 4, scores.size)
    # Weights are rescaled to the number of samples, so equal answers need an equal ridge per sample.
    weighted = LogisticCalibration.fit(scores, labels, weights=counts, ridge=1e-6)
    repeated = LogisticCalibration.fit(np.repeat(scores, counts), np.repeat(labels, counts), ridge=1e-6)
    np.testing.assert_allclose(weighted.predict(scores), repeated.predict(scores), atol=1e-6)


def test_fitting_changes_nothing_it_was_given() -> None:
    scores, labels, _ = gaussians(50, 7)
    weights, copies = np.ones(100), (scores.copy(), labels.copy())
    LogisticCalibration.fit(scores, labels, weights=weights)
    np.testing.assert_array_equal(scores, copies[0])
    np.testing.assert_array_equal(labels, copies[1])
    np.testing.assert_array_equal(weights, np.ones(100))


def test_json_round_trip_is_exact() -> None:
    scores, labels, _ = gaussians(100, 8)
    fitted = LogisticCalibration.fit(np.column_stack([scores, scores**2]), labels, names=["score", "size"])
    for calibration in (fitted, fitted.bounded(-1.5, 2.25)):
        again = LogisticCalibration.from_dict(json.loads(json.dumps(calibration.to_dict(), allow_nan=False)))
        assert again == calibration


def test_what_cannot_be_fitted_or_read_is_refused() -> None:
    with pytest.raises(UsageError, match="both classes"):
        LogisticCalibration.fit([1.0, 2.0], [1, 1])
    with pytest.raises(UsageError, match="finite"):
        LogisticCalibration.fit([1.0, math.nan], [1, 0])
    with pytest.raises(UsageError, match="names"):
        LogisticCalibration.fit([1.0, 2.0], [1, 0], names=["a", "b"])
    with pytest.raises(UsageError, match="features"):
        LogisticCalibration(("a", "b"), (1.0, 2.0), 0.0).predict([1.0])
    with pytest.raises(UsageError, match="not a logistic"):
        LogisticCalibration.from_dict({"kind": "oracle"})
    with pytest.raises(UsageError, match="both classes"):
        elub_bounds([1.0, 2.0], [1, 1])


def test_bounds_widen_with_samples() -> None:
    widths = []
    for n in (20, 200, 2000, 20_000):
        _, labels, truth = gaussians(n, 9)
        low, high = elub_bounds(truth, labels)
        assert low < 0 < high
        widths.append(high - low)
    assert widths == sorted(widths)


@pytest.mark.parametrize(("fakes", "reals"), [(100, 100), (1000, 30), (30, 1000)])
def test_perfect_separation_supports_about_the_other_class_size(fakes: int, reals: int) -> None:
    labels = np.r_[np.ones(fakes), np.zeros(reals)]
    low, high = elub_bounds(np.where(labels == 1, 9.0, -9.0), labels)
    assert high == pytest.approx(math.log10((reals + 1) * fakes / (fakes + 1)), abs=0.01)
    assert low == pytest.approx(-math.log10((fakes + 1) * reals / (reals + 1)), abs=0.01)


def test_bounds_match_a_slow_reference() -> None:
    _, labels, truth = gaussians(150, 10, reals=400)
    low, high = elub_bounds(truth, labels)
    beats = {t: _beats_neutral(truth, labels, t) for t in (low + 0.001, high - 0.001, low - 0.02, high + 0.02)}
    assert list(beats.values()) == [True, True, False, False]


def _beats_neutral(log10_lrs: np.ndarray, labels: np.ndarray, threshold: float) -> bool:
    """Bayes error of system and neutral system at prior odds 1 / 10^threshold, one misleading LR in each class."""
    fakes, reals = np.r_[log10_lrs[labels == 1], -np.inf], np.r_[log10_lrs[labels == 0], np.inf]
    prior = 1 / (1 + 10**threshold)
    error = prior * (fakes <= threshold).mean() + (1 - prior) * (reals > threshold).mean()
    return bool(error < min(prior, 1 - prior))


def test_a_useless_system_supports_nothing() -> None:
    _, labels, truth = gaussians(500, 11)
    assert elub_bounds(-truth, labels) == (0.0, 0.0)
    assert elub_bounds(np.zeros(1000), labels) == (0.0, 0.0)


@given(st.floats(-1e6, 1e6), st.floats(0.1, 6), st.floats(0.1, 6))
def test_soft_bound_stays_inside_and_keeps_the_sign(value: float, low: float, high: float) -> None:
    out = soft_bound(value, -low, high)
    assert -low <= out <= high
    assert abs(out) <= abs(value)
    assert out * value >= 0
    assert soft_bound(-value, -high, low) == pytest.approx(-out)


@given(st.lists(st.integers(-400, 400), min_size=2, unique=True), st.floats(1, 5))
def test_soft_bound_keeps_order_without_ties(tenths: list[int], bound: float) -> None:
    values = np.sort(np.asarray(tenths, float)) / 10
    assert (np.diff(soft_bound(values, -bound, bound)) > 0).all()


def test_soft_bound_at_the_origin_at_its_ends_and_where_open() -> None:
    assert soft_bound(0.0, -2, 3) == 0
    assert soft_bound(1e-4, -2, 3) == pytest.approx(1e-4, rel=1e-9)
    assert soft_bound(math.inf, -2, 3) == 3
    assert soft_bound(-1e300, -2, 3) == -2
    assert soft_bound(7.0, None, None) == 7
    assert soft_bound(7.0, -2, 0) == 0
    for low, high in ((1, 2), (-2, -1)):
        with pytest.raises(UsageError):
            soft_bound(1.0, low, high)


def test_bounding_keeps_the_ranking() -> None:
    scores, labels, _ = gaussians(300, 12)
    raw = LogisticCalibration.fit(scores, labels)
    bounded = raw.bounded(*elub_bounds(raw.predict(scores), labels))
    assert auc(bounded.predict(scores), labels) == auc(raw.predict(scores), labels)
    assert cllr_min(bounded.predict(scores), labels) == pytest.approx(cllr_min(scores, labels))
    assert np.abs(bounded.predict(scores)).max() < max(-bounded.low, bounded.high)  # type: ignore[operator]
