"""The figures agree with their definitions, with scikit-learn and with the invariances that define them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from facevalue.errors import UsageError
from facevalue.opinion import metrics as m

# Few distinct values, so that ties are common rather than rare.
SCORES = st.integers(-6, 6).map(lambda v: v / 2)


@st.composite
def samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    labels = np.r_[0, 1, draw(hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 1)))]
    return draw(hnp.arrays(np.float64, labels.size, elements=SCORES)), labels


@pytest.fixture
def gaussian() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return np.r_[rng.normal(1, 1, 300), rng.normal(0, 1, 500)], np.r_[np.ones(300), np.zeros(500)]


@given(samples())
def test_auc_counts_pairs_with_ties_as_half(sample: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = sample
    gap = scores[labels == 1][:, None] - scores[labels == 0][None]
    assert m.auc(scores, labels) == pytest.approx(((gap > 0) + 0.5 * (gap == 0)).mean())
    assert m.auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


@given(samples())
def test_ranking_figures_survive_monotone_maps(sample: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = sample
    mapped = np.exp(scores) * 3 + 1
    for figure in (m.auc, m.eer, m.cllr_min, lambda s, y: m.recall_at_false_alarm(s, y, 0.05)):
        assert figure(mapped, labels) == pytest.approx(figure(scores, labels))


@given(samples())
def test_swapping_the_propositions_mirrors(sample: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = sample
    assert m.auc(scores, 1 - labels) == pytest.approx(1 - m.auc(scores, labels))
    for figure in (m.auc, m.eer, m.cllr, m.cllr_min, m.brier):
        assert figure(-scores, 1 - labels) == pytest.approx(figure(scores, labels))


@given(samples())
def test_recalibration_never_costs(sample: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = sample
    assert -1e-12 <= m.cllr_min(scores, labels) <= min(1.0, m.cllr(scores, labels)) + 1e-12


@given(samples())
def test_roc_is_a_staircase_from_corner_to_corner(sample: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = sample
    alarms, found, thresholds = m.roc(scores, labels)
    assert (alarms[0], found[0], alarms[-1], found[-1]) == (0, 0, 1, 1)
    assert (np.diff(alarms) >= 0).all()
    assert (np.diff(found) >= 0).all()
    assert (np.diff(thresholds) < 0).all()
    reference = roc_curve(labels, scores, drop_intermediate=False)
    for mine, theirs in zip((alarms, found, thresholds), reference, strict=True):
        np.testing.assert_allclose(mine, theirs)


# Rates in thousandths: rates of alarms that equal the wanted one up to rounding count as equal.
@given(samples(), st.integers(0, 1000).map(lambda thousandths: thousandths / 1000))
def test_recall_is_the_best_of_all_thresholds(sample: tuple[np.ndarray, np.ndarray], rate: float) -> None:
    scores, labels = sample
    best = 0.0
    for threshold in [*scores.tolist(), math.inf]:
        called = scores >= threshold
        if called[labels == 0].mean() <= rate:
            best = max(best, float(called[labels == 1].mean()))
    assert m.recall_at_false_alarm(scores, labels, rate) == pytest.approx(best)


@given(samples())
def test_eer_lies_where_errors_meet(sample: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = sample
    alarms, found, _ = m.roc(scores, labels)
    value = m.eer(scores, labels)
    along = np.linspace(0, len(alarms) - 1, 20_001)  # fine steps along the staircase
    false, missed = (np.interp(along, np.arange(len(alarms)), side) for side in (alarms, 1 - found))
    meeting = np.argmin(np.abs(false - missed))
    assert value == pytest.approx((false[meeting] + missed[meeting]) / 2, abs=1e-3)


def test_neutral_ratios_cost_one_bit_and_perfect_ones_none() -> None:
    labels = [1, 1, 0, 0, 0]
    assert m.cllr(np.zeros(5), labels) == pytest.approx(1.0)
    assert m.cllr([math.inf, math.inf, -math.inf, -math.inf, -math.inf], labels) == 0
    assert m.cllr([-math.inf, 2, -2, -2, -2], labels) == math.inf
    assert m.cllr_min(np.zeros(5), labels) == pytest.approx(1.0)
    assert m.cllr_min([3, 2, 1, 0, 0], labels) == 0


def test_cllr_follows_its_definition(gaussian: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = gaussian
    ratios = 10.0**scores
    by_hand = 0.5 * (np.log2(1 + 1 / ratios[labels == 1]).mean() + np.log2(1 + ratios[labels == 0]).mean())
    assert m.cllr(scores, labels) == pytest.approx(by_hand)


def test_brier_agrees_with_scikit_learn(gaussian: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = gaussian
    weights = np.where(labels == 1, 1 / 300, 1 / 500)
    expected = brier_score_loss(labels, 1 / (1 + 10.0**-scores), sample_weight=weights)
    assert m.brier(scores, labels) == pytest.approx(expected)
    assert m.brier(np.zeros(800), labels) == pytest.approx(0.25)


def test_a_missing_class_is_not_a_number() -> None:
    for figure in (m.auc, m.eer, m.cllr, m.cllr_min, m.brier):
        assert math.isnan(figure([1.0, 2.0], [1, 1]))
        assert math.isnan(figure([], []))
    assert math.isnan(m.recall_at_false_alarm([1.0], [0], 0.01))
    assert m.reliability_table([1.0], [0]) == []


@pytest.mark.parametrize(("scores", "labels"), [([1.0], [0, 1]), ([math.nan, 1], [0, 1]), ([1.0, 2.0], [0, 2])])
def test_wrong_arrays_are_refused(scores: list[float], labels: list[int]) -> None:
    with pytest.raises(UsageError):
        m.auc(scores, labels)


@given(samples(), st.integers(1, 12))
def test_reliability_bins_hold_every_sample_once(sample: tuple[np.ndarray, np.ndarray], bins: int) -> None:
    scores, labels = sample
    table = m.reliability_table(scores, labels, bins)
    assert sum(row.n for row in table) == scores.size
    for row in table:
        assert row.low - 1e-9 <= row.predicted <= row.high + 1e-9
        assert 0 <= row.observed_low <= row.observed + 1e-9
        assert row.observed <= row.observed_high + 1e-9 <= 1 + 2e-9


def test_true_ratios_lie_on_the_diagonal() -> None:
    rng = np.random.default_rng(1)
    scores, labels = np.r_[rng.normal(1, 1, 20_000), rng.normal(-1, 1, 5_000)], np.r_[np.ones(20_000), np.zeros(5_000)]
    for row in m.reliability_table(2 * scores / math.log(10), labels, 5):
        assert row.observed == pytest.approx(row.predicted, abs=0.03)


def test_wilson_matches_its_published_example() -> None:
    # Newcombe 1998, table I: 15 of 148.
    assert m.wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert m.wilson(0.0, 20)[0] == 0
    assert all(math.isnan(v) for v in m.wilson(0.5, 0))


def test_verdict_rates() -> None:
    verdicts, labels = ["fake", "suspect", "no_signs", "inconclusive", "unexamined", "fake"], [0, 0, 0, 0, 1, 1]
    assert m.rates_at_verdict(verdicts, labels) == {
        "fake": 0.25, "suspect_or_worse": 0.5, "inconclusive": 0.25, "unexamined": 0.0,
    }  # fmt: skip
    assert m.rates_at_verdict(verdicts, labels, label=1)["suspect_or_worse"] == 0.5
    assert m.abstention_rate(verdicts) == pytest.approx(2 / 6)
    assert math.isnan(m.abstention_rate([]))
    assert math.isnan(m.rates_at_verdict(["fake"], [1])["fake"])


def test_bootstrap_is_seeded_and_covers(gaussian: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = gaussian
    value, low, high = m.bootstrap_interval(m.auc, scores, labels, n=300, seed=5)
    assert (value, low, high) == m.bootstrap_interval(m.auc, scores, labels, n=300, seed=5)
    assert value == m.auc(scores, labels)
    assert low < value < high
    # Hanley & McNeil's standard error for this AUC and these class sizes is about .017.
    assert 0.04 < high - low < 0.10


def test_clusters_widen_the_interval(gaussian: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = np.repeat(gaussian[0], 8), np.repeat(gaussian[1], 8)
    clips = np.repeat(np.arange(800), 8).astype(str).tolist()
    _, low, high = m.bootstrap_interval(m.auc, scores, labels, n=200)
    _, wide_low, wide_high = m.bootstrap_interval(m.auc, scores, labels, groups=clips, n=200)
    assert wide_high - wide_low > 2 * (high - low)


def test_one_group_is_no_certainty(gaussian: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = gaussian
    _, low, high = m.bootstrap_interval(m.auc, scores, labels, groups=["one"] * len(scores), n=100)
    assert high > low


def test_undefined_figures_have_undefined_intervals() -> None:
    assert all(math.isnan(v) for v in m.bootstrap_interval(m.auc, [1.0, 2.0], [1, 1], n=20))


@settings(max_examples=25)
@given(samples())
def test_intervals_are_ordered(sample: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = sample
    pairs = [str(i // 2) for i in range(len(labels))]
    for groups in (None, pairs):
        _, low, high = m.bootstrap_interval(m.auc, scores, labels, groups=groups, n=30)
        assert 0 <= low <= high <= 1
