from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.voice.copies import opus_copy, phone_copy
from facevalue.examiners.voice.frontend import BANDS, HIGH_DB, LOW_DB, bands_db, quality, quality_features, to_network
from facevalue.examiners.voice.segments import Segment, curve, plan, runs
from facevalue.examiners.voice.tests.make_speech import RATE, speech_like

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


def test_the_channel_is_taken_out():
    bands = bands_db(speech_like(3)).clip(-60, 0)
    tilted = bands + np.linspace(-10, 10, BANDS, dtype=np.float32)
    assert np.allclose(to_network(bands[None]), to_network(tilted[None]), atol=1e-4)
    assert to_network(bands[None]).shape == (1, 1, BANDS, len(bands))


def test_a_phone_line_is_seen_as_narrow_and_noise_as_noisy():
    clean = np.clip(speech_like(4) + np.random.default_rng(0).normal(0, 20, 4 * RATE), -32768, 32767).astype(np.int16)
    loud = np.clip(speech_like(4) + np.random.default_rng(0).normal(0, 2000, 4 * RATE), -32768, 32767).astype(np.int16)
    assert quality(bands_db(phone_copy(clean))).narrow > quality(bands_db(loud)).narrow
    assert quality(bands_db(loud)).noisy > quality(bands_db(clean)).noisy
    assert quality(bands_db(clean[:RATE])).short > quality(bands_db(clean)).short


def test_quality_alone_says_nothing():
    assert quality_features(0.0, GOOD) == (0.0,) * 4


def test_a_phone_copy_has_no_high_frequencies():
    out = phone_copy(speech_like(2))
    spectrum = np.abs(np.fft.rfft(out.astype(float)))
    frequency = np.fft.rfftfreq(len(out), 1 / RATE)
    assert spectrum[frequency > 3600].max() < 0.01 * spectrum.max()
    assert len(phone_copy(np.zeros(0, np.int16))) == 0


def test_an_opus_copy_keeps_length_and_resembles():
    samples = speech_like(2)
    out = opus_copy(samples)
    if out is None:
        pytest.skip("this FFmpeg has no Opus encoder")
    assert out.shape == samples.shape
    assert np.abs(out).max() > 0


def test_an_opus_copy_of_nothing_is_none():
    assert opus_copy(np.zeros(0, np.int16)) is None


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
