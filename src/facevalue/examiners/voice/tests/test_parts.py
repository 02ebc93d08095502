from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.voice.frontend import (
    BANDS,
    HIGH_DB,
    LOW_DB,
    bands_db,
    close_features,
    quality,
    quality_features,
)
from facevalue.examiners.voice.segments import MAX_SEGMENTS, Segment, curve, plan, plan_close, runs
from facevalue.examiners.voice.statistics import FAMILIES, LIMIT, SIZE, columns, statistics
from facevalue.examiners.voice.tests.make_speech import RATE, speech_like
from facevalue.sound.copies import phone_copy

GOOD = quality(np.zeros((0, BANDS), np.float32))


def segment(start: float, lr: float) -> Segment:
    return Segment(start, start + 4.0, lr, lr, lr, GOOD)


def test_bands_do_not_depend_on_level():
    samples = speech_like(3)
    quiet = (samples // 4).astype(np.int16)
    difference = bands_db(samples) - bands_db(quiet)
    assert abs(float(np.median(difference[bands_db(samples) > -40]))) < 0.3


@pytest.mark.parametrize(
    "samples", [np.zeros(16_000, np.int16), np.full(16_000, 32767, np.int16), np.zeros(3, np.int16)]
)
def test_bands_of_degenerate_sound_are_finite(samples):
    bands = bands_db(samples)
    assert bands.shape[1] == BANDS
    assert np.isfinite(bands).all()
    assert ((bands >= LOW_DB) & (bands <= HIGH_DB)).all()
    quality(bands)


def test_statistics_do_not_depend_on_level():
    samples = speech_like(4).astype(np.float32) / 32768
    assert np.abs(statistics(samples) - statistics(samples / 8)).max() < 0.2


def test_a_smooth_filter_hardly_moves_how_bands_move():
    bands = bands_db(speech_like(3)).clip(-60, 0)
    tilted = bands + np.linspace(-10, 10, BANDS, dtype=np.float32)
    samples, mine = speech_like(3), columns(("movement",))
    # Cepstra and differences along time: all but the roughness along frequency, which sees the slope.
    moved = np.abs(statistics(samples, bands) - statistics(samples, tilted))[mine[:120]]
    assert moved.max() < 0.05


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(16_000, np.int16),
        np.full(64_000, -32768, np.int16),
        np.zeros(3, np.int16),
        np.zeros(0, np.int16),
        np.tile(np.array([-32768, 32767], np.int16), 32_000),
        np.eye(1, 40_000, 20_000, dtype=np.int16)[0] * 32767,
        np.full(20_000, np.nan, np.float32),
        (np.sin(np.arange(64_000) * 0.1) * 30_000).astype(np.int16),
        np.random.default_rng(0).normal(0, 3000, 64_000).astype(np.int16),
        np.concatenate([np.zeros(60_000, np.int16), np.random.default_rng(0).integers(-9, 9, 4_000).astype(np.int16)]),
    ],
    ids=["silence", "rail", "three samples", "nothing", "nyquist", "click", "nan", "tone", "noise", "end only"],
)
def test_statistics_of_degenerate_sound_are_finite_and_bounded(samples):
    out = statistics(samples)
    assert out.shape == (SIZE,)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= LIMIT


@given(st.integers(4_000, 64_000), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_statistics_take_any_length(n, seed):
    assert np.isfinite(statistics(speech_like(4.0, seed)[:n])).all()


def test_families_lie_side_by_side():
    assert np.array_equal(columns(tuple(FAMILIES)), np.arange(SIZE))
    assert len(columns(("voicing",))) == FAMILIES["voicing"]


def test_pitch_and_its_regularity_are_heard():
    t = np.arange(4 * RATE) / RATE
    rng = np.random.default_rng(0)

    def pulses(jitter: float) -> np.ndarray:
        steps = RATE / 120 * (1 + jitter * rng.normal(size=600))
        out = np.zeros(len(t) + 1000)
        places = np.cumsum(steps).astype(int)
        out[places[places < len(t)]] = 8000
        return (out[: len(t)] + rng.normal(0, 5, len(t))).astype(np.int16)

    start = columns(("voicing",))[0]
    regular, rough, noise = statistics(pulses(0.0)), statistics(pulses(0.06)), statistics(rng.normal(0, 2000, len(t)))
    assert regular[start] > 0.9 > noise[start]
    # Mean harmonicity: the first value after the share voiced and the spread of pitch.
    assert regular[start + 2] > rough[start + 2] > noise[start + 2]


def test_a_phone_line_is_seen_as_narrow_and_noise_as_noisy():
    clean = np.clip(speech_like(4) + np.random.default_rng(0).normal(0, 20, 4 * RATE), -32768, 32767).astype(np.int16)
    loud = np.clip(speech_like(4) + np.random.default_rng(0).normal(0, 2000, 4 * RATE), -32768, 32767).astype(np.int16)
    assert quality(bands_db(phone_copy(clean))).narrow > quality(bands_db(loud)).narrow
    assert quality(bands_db(loud)).noisy > quality(bands_db(clean)).noisy
    assert quality(bands_db(clean[:RATE])).short > quality(bands_db(clean)).short


def test_quality_alone_says_nothing():
    assert quality_features(0.0, GOOD) == (0.0,) * 4
    assert close_features(1.0, -1.0) == (1.0, 2.0)


def test_an_hour_is_judged_in_bounded_pieces():
    n = 3600 * RATE
    spans = plan(n, np.ones(n // 512 + 1, np.float32))
    assert len(spans) <= MAX_SEGMENTS + 1
    assert n - spans[-1][1] < RATE


def test_short_segments_lie_inside_the_loudest():
    segments = [segment(2.0 * i, float(i == 20)) for i in range(40)]
    spans = plan_close(segments, np.ones(90 * RATE // 512, np.float32))
    assert spans == sorted(set(spans))
    assert all(b - a == 2 * RATE for a, b in spans)
    assert (40 * RATE, 42 * RATE) in spans
    assert len(spans) < 60
    assert plan_close(segments, np.zeros(90 * RATE // 512, np.float32)) == []


@given(st.floats(0.0, 4000.0), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_segments_lie_inside_in_order_and_hold_speech(seconds, seed):
    n = int(seconds * RATE)
    probability = np.random.default_rng(seed).random(max(1, n // 512)).astype(np.float32)
    spans = plan(n, probability)
    assert all(0 <= a < b <= n and b - a <= 4 * RATE for a, b in spans)
    assert spans == sorted(set(spans))


def test_a_recording_full_of_speech_is_covered_to_its_end():
    n = 10 * RATE + 5000
    spans = plan(n, np.ones(n // 512 + 1, np.float32))
    assert spans[0][0] == 0
    assert n - spans[-1][1] < RATE
    assert plan(n, np.zeros(n // 512 + 1, np.float32)) == []


@given(st.lists(st.floats(-3, 3), max_size=30))
def test_runs_are_disjoint_and_inside(lrs):
    segments = [segment(2.0 * i, lr) for i, lr in enumerate(lrs)]
    found = runs(segments, 1.0)
    assert bool(found) == any(lr >= 1.0 for lr in lrs)
    for run in found:
        assert 0 <= run.start_s < run.end_s <= 2.0 * len(lrs) + 2.0
        assert run.log10_lr >= 1.0
    assert all(a.start_s <= b.start_s for a, b in itertools.pairwise(found))


def test_a_run_is_trimmed_where_its_neighbours_disagree():
    segments = [segment(2.0 * i, 2.0 if i == 3 else -1.0) for i in range(7)]
    (run,) = runs(segments, 1.0)
    assert 6.0 < run.start_s < run.end_s < 10.0


@given(st.lists(st.floats(-3, 3), max_size=50), st.integers(1, 20))
def test_a_curve_has_at_most_so_many_points(lrs, most):
    points = curve([segment(2.0 * i, lr) for i, lr in enumerate(lrs)], 5.0, most)
    assert len(points) == min(most, len(lrs))
    assert all(point[0] >= 5.0 for point in points)
