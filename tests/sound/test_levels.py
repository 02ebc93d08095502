from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.sound import levels
from facevalue.sound.band import Band, band_of
from facevalue.sound.spectra import hann, linear_bands, log_power, long_term_spectrum_db, power_spectrogram

RATE = levels.RATE_HZ


def tone(hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def test_a_full_scale_sine_lies_three_decibels_below_full_scale():
    assert levels.rms_db(tone(1000, amplitude=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert levels.active_level_db(tone(1000, amplitude=1.0)) == pytest.approx(-3.01, abs=0.01)


def test_pauses_do_not_lower_the_active_level():
    speech = np.concatenate([tone(500), np.zeros(3 * RATE, np.float32)])
    assert levels.active_level_db(speech) == pytest.approx(levels.rms_db(tone(500)), abs=0.1)
    assert levels.rms_db(speech) < levels.active_level_db(speech) - 5
    assert levels.active_seconds(speech) == pytest.approx(1.0, abs=0.05)


def test_signal_to_noise_is_near_the_truth_where_there_are_pauses():
    rng = np.random.default_rng(0)
    speech = np.concatenate([tone(500), np.zeros(RATE, np.float32)]) + rng.normal(0, 0.0035, 2 * RATE)
    assert levels.snr_db(speech) == pytest.approx(40.1, abs=2.0)


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(5, np.int16), np.zeros(RATE, np.float32)])
def test_silence_has_a_level_and_no_activity(samples):
    assert levels.rms_db(samples) == levels.SILENT_DB
    assert levels.active_level_db(samples) == levels.SILENT_DB
    assert levels.active_seconds(samples) == 0.0
    assert levels.snr_db(samples) == 0.0
    assert levels.clipped_fraction(samples) == 0.0
    assert np.array_equal(levels.normalised(samples), levels.to_float(samples))


def test_integers_and_floats_are_the_same_sound():
    samples = (tone(300) * 32767).astype(np.int16)
    assert levels.rms_db(samples) == pytest.approx(levels.rms_db(levels.to_float(samples)), abs=1e-3)
    assert not np.isnan(levels.to_float(np.array([np.nan, np.inf, -np.inf], np.float32))).any()


def test_clipping_counts_both_rails():
    samples = np.array([32767, -32768, 0, 100], np.int16)
    assert levels.clipped_fraction(samples) == 0.5
    assert levels.clipped_fraction(np.array([1.0, -1.0, 0.0, 0.1], np.float32)) == 0.5


@given(st.floats(-50, -3), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_normalising_reaches_the_level(level, seed):
    noise = np.random.default_rng(seed).normal(0, 10 ** (level / 20) / 3, RATE).astype(np.float32)
    assert levels.active_level_db(levels.normalised(noise, -26.0)) == pytest.approx(-26.0, abs=0.1)


def test_blocks_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch):
    noise = np.random.default_rng(1).normal(0, 0.1, 5 * RATE).astype(np.float32)
    whole = levels.frame_levels_db(noise)
    monkeypatch.setattr(levels, "BLOCK_FRAMES", 7)
    assert np.array_equal(levels.frame_levels_db(noise), whole)


def test_a_tone_is_one_line_of_the_spectrum():
    power = power_spectrogram(tone(1000))
    assert power.shape == ((RATE - 512) // 160 + 1, 257)
    assert (power.argmax(axis=1) == 32).all()
    assert log_power(np.zeros((1, 3), np.float32)).tolist() == [[-100.0] * 3]
    assert power_spectrogram(np.zeros(100, np.int16)).shape == (0, 257)


def test_linear_bands_cover_the_axis_evenly():
    filters = linear_bands(40)
    assert filters.shape == (257, 40)
    assert np.allclose(filters.sum(axis=0), 1.0, atol=1e-5)
    assert (np.diff(filters.argmax(axis=0)) > 0).all()
    assert not hann(8).flags.writeable


def test_the_band_of_noise_follows_its_filter():
    noise = np.random.default_rng(2).normal(0, 0.1, 4 * RATE)
    spectrum, hz = np.fft.rfft(noise), np.fft.rfftfreq(len(noise), 1 / RATE)

    def cut(low: float, high: float) -> Band:
        return band_of(np.fft.irfft(spectrum * ((hz >= low) & (hz <= high)), len(noise)).astype(np.float32))

    assert cut(0, 8000).high_hz > 7800
    assert not cut(0, 8000).narrow
    assert cut(0, 3800).high_hz == pytest.approx(3800, abs=150)
    assert cut(0, 3800).narrow
    assert not cut(0, 3800).phone
    assert cut(330, 3300).phone


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(RATE, np.int16)])
def test_silence_has_the_whole_band(samples):
    assert band_of(samples) == Band(0.0, 8000.0)
    assert np.isfinite(long_term_spectrum_db(samples)).all()
