"""The arithmetic under the vocoders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.lab.voices import spectra
from facevalue.lab.voices.excitation import pulses
from facevalue.lab.voices.measure import mel_distance, stoi
from facevalue.lab.voices.pitch import continuous, track

RATE = 16_000


@given(st.integers(2, 3_000), st.sampled_from([(512, 128), (1024, 256), (256, 64)]), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_spectra_give_back_the_wave(length: int, sizes: tuple[int, int], seed: int) -> None:
    wave = np.random.default_rng(seed).standard_normal(length)
    rows = spectra.stft(wave, *sizes)
    assert rows.shape == (1 + length // sizes[1], sizes[0] // 2 + 1)
    back = spectra.istft(rows, *sizes, length)
    covered = length // sizes[1] * sizes[1]  # behind the last frame's centre a window may be too thin to divide by
    np.testing.assert_allclose(back[:covered], wave[:covered], atol=1e-6)


@given(st.integers(1, 5_000), st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]))
@settings(max_examples=25, deadline=None)
def test_another_rate_is_as_long_and_as_loud(length: int, rate: int) -> None:
    at = np.arange(length) / RATE
    wave = np.sin(2 * np.pi * 440 * at)
    out = spectra.resampled(wave, RATE, rate)
    assert out.dtype == np.float32
    assert len(out) == round(length * rate / RATE)
    inside = slice(len(out) // 10, len(out) - len(out) // 10)
    if length > 2_000:
        expected = np.sin(2 * np.pi * 440 * np.arange(len(out)) / rate)
        assert np.abs(out - expected)[inside].max() < 0.02


def test_mel_bands_are_weighted_means() -> None:
    bands = spectra.mel_bands(512, 80, RATE)
    np.testing.assert_allclose(bands.sum(axis=0), 1.0)
    np.testing.assert_allclose(spectra.mel_spread(512, 80, RATE).sum(axis=0), 1.0)
    assert spectra.log_mel(np.zeros(1_000), 512, 128, 80, RATE).max() == pytest.approx(np.log(1e-10))


@pytest.mark.parametrize("hertz", [80.0, 110.0, 163.0, 240.0, 390.0])
def test_the_pitch_of_pulses_is_found(hertz: float) -> None:
    wave = 0.1 * pulses(np.full(101, hertz), 80, 8_000, RATE)
    found = track(wave, RATE)
    inner = found.hertz[5:-5]
    assert np.median(inner) == pytest.approx(hertz, rel=0.01)
    assert (inner > 0).mean() > 0.95


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000) * 0.1
    assert track(noise, RATE).voiced.mean() < 0.1
    silent = track(np.zeros(4_000), RATE)
    assert not silent.voiced.any()
    assert (continuous(silent, 130.0) == 130.0).all()


def test_pulses_are_flat_and_of_unit_power() -> None:
    wave = pulses(np.full(401, 137.0), 80, 32_000, RATE)
    assert np.mean(wave**2) == pytest.approx(1.0, rel=0.1)
    assert not pulses(np.zeros(11), 80, 800, RATE).any()


def test_measures_know_a_copy_from_noise(low: np.ndarray) -> None:
    noise = np.random.default_rng(0).standard_normal(len(low)) * low.std()
    assert mel_distance(low, low, RATE) == 0
    assert stoi(low, low, RATE) == pytest.approx(1.0)
    assert stoi(low, low + 0.3 * noise, RATE) > stoi(low, low + 2 * noise, RATE) > stoi(low, noise, RATE)
    assert np.isnan(stoi(low[:3_000], low[:3_000], RATE))
