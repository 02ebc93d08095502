"""Evidence over time: grows with frames, saturates, and cannot be swayed by a few bad ones."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.errors import UsageError
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import TrackModel, TrackScores, effective_number, huber_mean

PLAIN = LogisticCalibration(("two-level log10 LR",), (1.0,), 0.0)
MODEL = TrackModel(-1.0, 1.5, between=0.8, within=1.2, tau_s=0.7, calibration=PLAIN)
SCORES = st.lists(st.floats(-8, 8), min_size=1, max_size=24).map(np.array)


def _times(n: int, step: float = 0.3) -> np.ndarray:
    return np.arange(n) * step


def _made(rng: np.random.Generator, label: int, source: str, n: int, tau: float = 0.7) -> TrackScores:
    times = _times(n)
    rho = np.exp(-0.3 / tau)
    noise = [rng.normal()]
    for _ in range(n - 1):
        noise.append(rho * noise[-1] + (1 - rho**2) ** 0.5 * rng.normal())
    mean = (1.5 if label else -1.0) + 0.8 * rng.normal()
    return TrackScores(mean + 1.2 * np.array(noise), times, label, source)


@given(SCORES, st.floats(0.01, 5))
def test_a_higher_mean_gives_a_higher_likelihood_ratio(scores: np.ndarray, up: float) -> None:
    times = _times(len(scores))
    assert MODEL.log10_lr(scores + up, times) > MODEL.log10_lr(scores, times)


@given(SCORES, st.randoms(use_true_random=False))
def test_order_does_not_matter_at_equal_spacing(scores: np.ndarray, random: object) -> None:
    shuffled = scores.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    times = _times(len(scores))
    assert MODEL.log10_lr(shuffled, times) == pytest.approx(MODEL.log10_lr(scores, times), abs=1e-6)


@given(SCORES, st.integers(0, 23), st.integers(1, 5))
def test_duplicates_of_a_frame_change_nothing(scores: np.ndarray, which: int, count: int) -> None:
    times = _times(len(scores))
    i = which % len(scores)
    more = np.append(scores, [scores[i]] * count), np.append(times, [times[i]] * count)
    assert MODEL.log10_lr(*more) == pytest.approx(MODEL.log10_lr(scores, times), abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.5, 4.0))
def test_it_grows_with_frames_and_saturates(score: float) -> None:
    lrs = [MODEL.log10_lr(np.full(n, score), _times(n)) for n in (1, 2, 4, 16, 100, 400)]
    assert all(a < b for a, b in itertools.pairwise(lrs))
    limit = 2.5 * (score - 0.25) / 0.8**2 / np.log(10)
    assert lrs[-1] < limit
    assert lrs[-1] == pytest.approx(limit, rel=0.1)


@settings(max_examples=50)
@given(st.floats(-1e6, 1e6), st.integers(8, 24))
def test_one_bad_frame_has_bounded_influence(bad: float, n: int) -> None:
    scores = np.full(n, -1.0)
    clean = MODEL.log10_lr(scores, _times(n))
    scores[n // 2] = bad
    assert abs(MODEL.log10_lr(scores, _times(n)) - clean) < 0.4


def test_a_minority_of_bad_frames_does_not_decide() -> None:
    scores = np.full(16, -1.0)
    scores[:5] = 40.0
    assert MODEL.log10_lr(scores, _times(16)) < 0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0.05, 20))
def test_the_effective_number_lies_between_one_and_all(times: list[float], tau: float) -> None:
    assert 1 - 1e-9 <= effective_number(times, tau) <= len(times) + 1e-9


def test_frames_far_apart_count_fully_and_close_ones_do_not() -> None:
    assert effective_number(_times(10, 100.0), 0.5) == pytest.approx(10)
    assert effective_number(_times(10, 0.03), 5.0) < 1.1
    assert effective_number([], 1.0) == 0


def test_huber_mean_is_the_mean_where_nothing_is_far_off() -> None:
    assert huber_mean([0.1, 0.2, 0.3], 1.0) == pytest.approx(0.2)
    assert huber_mean([0.0, 0.0, 1e9], 1.0) == pytest.approx(0.5, abs=0.01)


def test_fit_recovers_what_made_the_data() -> None:
    rng = np.random.default_rng(5)
    tracks = [_made(rng, label, f"s{i % 7}", 20) for i in range(300) for label in (0, 1)]
    model = TrackModel.fit(tracks)
    assert model.mean_real == pytest.approx(-1.0, abs=0.15)
    assert model.mean_fake == pytest.approx(1.5, abs=0.15)
    assert model.between == pytest.approx(0.8, abs=0.15)
    assert model.within == pytest.approx(1.2, abs=0.15)
    assert 0.4 < model.tau_s < 1.2
    assert model.calibration.coefficients[0] == pytest.approx(1.0, abs=0.2)


def test_fitted_likelihood_ratios_stay_inside_what_the_data_support() -> None:
    rng = np.random.default_rng(6)
    model = TrackModel.fit([_made(rng, label, "s", 12) for _ in range(30) for label in (0, 1)])
    assert model.calibration.low is not None
    assert model.calibration.high is not None
    assert model.log10_lr(np.full(12, 50.0), _times(12)) <= model.calibration.high
    assert model.log10_lr(np.full(12, -50.0), _times(12)) >= model.calibration.low


def test_growth_ends_where_the_track_does_and_starts_with_one_frame() -> None:
    scores = np.array([2.0, 0.5, 3.0, -1.0, 2.0])
    times = np.array([0.4, 0.0, 1.0, 2.0, 1.5])
    curve = MODEL.growth(scores, times)
    assert curve.shape == (5, 2)
    assert curve[:, 0].tolist() == sorted(times)
    assert curve[-1, 1] == pytest.approx(MODEL.log10_lr(scores, times))
    assert curve[0].tolist() == MODEL.moments(scores, times)[0].tolist()


def test_a_model_survives_its_json() -> None:
    assert TrackModel.from_dict(MODEL.to_dict()) == MODEL
    with pytest.raises(UsageError, match="not a model of tracks"):
        TrackModel.from_dict({"kind": "logistic"})


@pytest.mark.parametrize(
    ("tracks", "why"),
    [
        ([TrackScores(np.ones(3), np.arange(3.0), 1, "a")], "both classes"),
        ([TrackScores(np.ones(0), np.ones(0), 0, "a"), TrackScores(np.ones(1), np.ones(1), 1, "a")], "at least one"),
        ([TrackScores(np.array([np.nan]), np.ones(1), 0, "a"), TrackScores(np.ones(1), np.ones(1), 1, "a")], "finite"),
    ],
)
def test_fit_refuses_what_it_cannot_use(tracks: list[TrackScores], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        TrackModel.fit(tracks)


def test_scores_and_times_must_match_and_no_frame_says_nothing() -> None:
    with pytest.raises(UsageError, match="3 scores came with 2 times"):
        MODEL.raw([1, 2, 3], [0, 1])
    assert MODEL.log10_lr([], []) == 0.0


def test_a_score_that_points_the_wrong_way_says_nothing() -> None:
    rng = np.random.default_rng(7)
    tracks = [_made(rng, label, "s", 12) for _ in range(20) for label in (0, 1)]
    turned = [TrackScores(-t.scores, t.times, t.label, t.source) for t in tracks]
    model = TrackModel.fit(turned)
    assert model.log10_lr(np.full(12, 9.0), _times(12)) == pytest.approx(0, abs=1e-6)
    assert model.log10_lr(np.full(12, -9.0), _times(12)) == pytest.approx(0, abs=1e-6)


def test_a_model_whose_bounds_are_closed_says_so() -> None:
    assert not MODEL.says_nothing
    closed = replace(MODEL, calibration=PLAIN.bounded(0.0, 0.0))
    assert closed.says_nothing
    assert closed.log10_lr([5.0], [0.0]) == 0
