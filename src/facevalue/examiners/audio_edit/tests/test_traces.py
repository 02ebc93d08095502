"""Each trace on made sound with known truth: it is there where it was put, and not where it was not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.audio_edit import changes, hum, repeat, reverb, seams, silence, splice
from facevalue.examiners.audio_edit.background import default_prior, find_background, find_band
from facevalue.examiners.audio_edit.spectra import BANDS, QUARTER, Spectra, measure, mel_edges
from facevalue.examiners.audio_edit.trace import MAX_MARKS, Mark, ranked

_spec = importlib.util.spec_from_file_location("audio_edit_sounds", Path(__file__).with_name("sounds.py"))
assert _spec is not None
assert _spec.loader is not None
sounds = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(sounds)
RATE = sounds.RATE
NETWORKS = seams.Networks.in_folder(Path(seams.__file__).parent)


# Marks


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 2), st.floats(-1, 50)), max_size=40), st.floats(0, 3))
def test_ranked_marks_fall_and_stand_apart(rows: list[tuple[float, float, float]], apart: float) -> None:
    trace = ranked("x", [Mark(a, a + w, s, "") for a, w, s in rows], apart_s=apart)
    assert list(trace.marks) == sorted(trace.marks, key=lambda m: -m.score)
    assert trace.score == max([s for *_, s in rows if s > 0], default=0.0)
    for i, one in enumerate(trace.marks):
        for two in trace.marks[:i]:
            assert one.start_s >= two.end_s + apart or one.end_s <= two.start_s - apart


def test_marks_are_bounded() -> None:
    assert len(ranked("x", [Mark(float(i), i + 0.5, 1.0, "") for i in range(2 * MAX_MARKS)]).marks) == MAX_MARKS


# Spectra


def test_white_noise_has_its_variance_in_every_band() -> None:
    rng = np.random.default_rng(0)
    spectra = measure((rng.standard_normal(20 * RATE) * 100).astype(np.int16))
    assert len(spectra) == 80
    assert spectra.frames.shape == (80 * 16, BANDS)
    levels = 10 * np.log10((10 ** (spectra.frames.astype(np.float64) / 10)).mean(axis=0))
    # The first frames reach back before the start, and the narrowest bands hold few bins.
    assert levels == pytest.approx(40.0, abs=1.0)


def test_a_tone_lies_in_its_band() -> None:
    t = np.arange(2 * RATE) / RATE
    spectra = measure((8000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16))
    edges = mel_edges()
    band = int(np.argmax(spectra.floor[3]))
    assert edges[band] <= 1000 < edges[band + 1]


@given(st.integers(0, 40_000))
@settings(max_examples=15, deadline=None)
def test_any_length_is_measured_in_whole_quarters(n: int) -> None:
    spectra = measure(np.ones(n, np.int16))
    assert len(spectra) == n // QUARTER
    assert np.isfinite(spectra.floor).all()


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    from facevalue.examiners.audio_edit import spectra as module

    samples = sounds.recording(9.0)
    whole = measure(samples)
    monkeypatch.setattr(module, "CHUNK_QUARTERS", 7)
    pieces = measure(samples)
    for name in Spectra.__slots__:
        assert getattr(pieces, name) == pytest.approx(getattr(whole, name), abs=0.05), name
    monkeypatch.setattr(splice, "CHUNK", 64 * splice.HOP)
    first = splice.pulses(samples)
    monkeypatch.setattr(splice, "CHUNK", 1 << 24)
    assert np.concatenate(splice.pulses(samples)) == pytest.approx(np.concatenate(first), rel=1e-2, abs=1.0)


# Butt splices


def test_the_predictor_finds_the_process_it_came_from() -> None:
    rng = np.random.default_rng(1)
    x = np.zeros(4096)
    for i in range(2, len(x)):
        x[i] = 1.6 * x[i - 1] - 0.8 * x[i - 2] + rng.standard_normal() * 100
    found = splice.predictor(x[None, :].astype(np.float32), order=2)[0]
    assert found == pytest.approx([1, -1.6, 0.8], abs=0.05)


def test_a_pulse_stands_alone_where_two_stretches_meet() -> None:
    base = sounds.to_int16(sounds.noise(12.0, 3, tilt_db=-60, level=600.0))
    cut = np.concatenate([base[: 5 * RATE], base[7 * RATE + 123 :]])
    lone = splice.lone_db(*splice.pulses(cut))[200:-200]
    assert (int(np.argmax(lone)) + 200) * splice.STEP == pytest.approx(5 * RATE, abs=32)
    assert lone.max() > splice.lone_db(*splice.pulses(base))[200:-200].max() + 3


# Seams: what the networks are given, and what they make of it


@given(st.integers(0, 30_000), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_any_length_gives_inputs_of_bounded_size(n: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(-32768, 32767, n).astype(np.int16)
    for inputs, channels in (
        (seams.fast_inputs(samples), seams.FAST_CHANNELS),
        (seams.slow_inputs(measure(samples)), seams.SLOW_CHANNELS),
    ):
        assert inputs.shape[0] == channels
        assert np.isfinite(inputs).all()
        assert np.abs(inputs).max(initial=0.0) <= 6.0
    assert seams.fast_inputs(samples).shape[1] == n // seams.FAST_HOP


def test_the_level_of_a_recording_does_not_count() -> None:
    samples = sounds.recording(5, 2, level=100.0)
    louder = (samples.astype(np.int32) * 4).clip(-32768, 32767).astype(np.int16)
    for of in (lambda x: seams.fast_inputs(x)[:-3], lambda x: seams.slow_inputs(measure(x))):
        # All but what lies near the rounding of the quieter one.
        assert np.quantile(np.abs(of(louder) - of(samples)), 0.99) < 0.1


def test_chunks_of_the_networks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = seams.fast_inputs(sounds.recording(6.0))
    whole = seams.run_network(NETWORKS.fast, inputs, seams.FAST_STRIDE)
    monkeypatch.setattr(seams, "FAST_CHUNK", 256)
    assert seams.run_network(NETWORKS.fast, inputs, seams.FAST_STRIDE) == pytest.approx(whole, abs=1e-3)
    assert len(whole) == inputs.shape[1] // seams.FAST_STRIDE
    assert len(seams.run_network(NETWORKS.slow, np.zeros((seams.SLOW_CHANNELS, 0), np.float32))) == 0


def test_a_cut_is_marked_to_a_hundredth_of_a_second() -> None:
    base = sounds.to_int16(sounds.noise(14.0, 3, tilt_db=-60, level=600.0))
    cut = np.concatenate([base[: 6 * RATE], base[9 * RATE + 123 :]])
    trace = seams.find_joints(cut, measure(cut), NETWORKS.fast)
    near = [m for m in trace.marks[:3] if m.start_s - 0.01 <= 6.0 <= m.end_s + 0.01]
    assert near
    assert "does not go on" in near[0].text


def test_another_place_is_marked_where_it_begins() -> None:
    one, other = sounds.recording(10, 1, tilt_db=-5, level=100), sounds.recording(10, 2, tilt_db=-45, level=30)
    joined = np.concatenate([one, other])
    trace = seams.find_places(measure(joined), NETWORKS.slow)
    assert trace.marks[0].start_s - 0.3 <= 10.0 <= trace.marks[0].end_s + 0.3
    assert trace.score > seams.find_places(measure(sounds.recording(20, 1)), NETWORKS.slow).score


@pytest.mark.parametrize(
    "samples", [np.zeros(100, np.int16), np.zeros(80_000, np.int16), np.full(80_000, -32768, np.int16)]
)
def test_silence_has_no_seams(samples: np.ndarray) -> None:
    spectra = measure(samples)
    for trace in (seams.find_joints(samples, spectra, NETWORKS.fast), seams.find_places(spectra, NETWORKS.slow)):
        assert all(np.isfinite(m.score) and m.text for m in trace.marks)
        assert trace.score < 9.0


# Background, level, band


def test_another_background_is_found_where_it_begins() -> None:
    one, other = sounds.recording(10, 1, tilt_db=-10), sounds.recording(10, 2, tilt_db=-45)
    prior = default_prior()
    shape, level = find_background(measure(np.concatenate([one, other])), prior)
    same, _ = find_background(measure(sounds.recording(20, 1, tilt_db=-10)), prior)
    assert shape.marks[0].start_s <= 10.0 <= shape.marks[0].end_s
    assert shape.score > 1.5 * same.score
    assert level.score > 0


def test_a_step_of_gain_is_a_step_of_level() -> None:
    samples = sounds.recording(20, 4)
    stepped = samples.copy()
    stepped[10 * RATE :] = (stepped[10 * RATE :] * 0.2).astype(np.int16)
    _, level = find_background(measure(stepped), default_prior())
    assert level.marks[0].start_s <= 10.0 <= level.marks[0].end_s
    assert "-1" in level.marks[0].text


def test_a_narrow_band_begins_where_it_does() -> None:
    wide = sounds.noise(16, 5, tilt_db=0, level=300)
    spectrum = np.fft.rfft(wide)
    spectrum[len(spectrum) * 3 // 8 :] = 0
    narrow = np.fft.irfft(spectrum, len(wide))
    joined = sounds.to_int16(np.concatenate([wide[: 8 * RATE], narrow[8 * RATE :]]))
    trace = find_band(measure(joined), default_prior())
    assert trace.marks[0].start_s <= 8.0 <= trace.marks[0].end_s
    assert "3.2 kHz after" in trace.marks[0].text
    assert find_band(measure(sounds.to_int16(wide)), default_prior()).score == 0.0


def test_digital_silence_has_no_background() -> None:
    shape, level = find_background(measure(np.zeros(10 * RATE, np.int16)), default_prior())
    assert (shape.score, level.score) == (0.0, 0.0)
    assert "no background" in shape.note


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_windows_summarise_every_stretch(n: int, width: int, seed: int) -> None:
    track = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    out = changes.windowed(track, width, changes.highest)
    assert out.shape == (max(0, n - width + 1), 3)
    for i, row in enumerate(out):
        assert row == pytest.approx(track[i : i + width].max(axis=0))


@given(st.floats(-3, 3), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_a_ramp_is_no_step(slope: float, width: int) -> None:
    track = (np.arange(60, dtype=np.float32) * slope)[:, None]
    ramp = changes.steps(changes.contrasts(track, width, changes.highest), width)
    assert ramp == pytest.approx(0.0, abs=1e-3)


def test_a_step_stays_a_step() -> None:
    track = np.where(np.arange(60) < 30, 0, 10).astype(np.float32)[:, None]
    found = changes.steps(changes.contrasts(track, 4, changes.lowest_third), 4)[:, 0]
    assert found.max() == pytest.approx(10.0)
    assert abs(int(np.argmax(found)) + 4 - 30) <= 3


# Silence, zero line, clipping


@given(st.integers(8000, 60_000), st.integers(silence.MIN_RUN, 4000), st.integers(-3, 3))
@settings(max_examples=25, deadline=None)
def test_constant_runs_are_exact(start: int, length: int, value: int) -> None:
    samples = sounds.to_int16(sounds.noise(5.0, 1, level=80))
    samples[start : start + length] = value
    samples[start - 1] = samples[start + length] = 99
    assert silence.constant_runs(samples) == [(start, start + length)]


def test_one_silence_tells_more_than_many_and_a_filled_gap_nothing() -> None:
    samples = sounds.to_int16(sounds.noise(20.0, 1, level=80))
    one, many = samples.copy(), samples.copy()
    one[8 * RATE : 8 * RATE + 1600] = 0
    for k in range(2, 18):
        many[k * RATE : k * RATE + 1600] = 0
    assert silence.find_silence(samples).score == 0.0
    assert silence.find_silence(one).score > 5 * silence.find_silence(many).score > 0
    assert silence.find_silence(one, gaps=((8.0, 0.1),)).score == 0.0
    assert silence.find_silence(np.zeros(5 * RATE, np.int16)).note


def test_the_zero_line_steps() -> None:
    wave = sounds.noise(20.0, 2, level=40)
    wave[12 * RATE :] += 25
    trace = silence.find_offset(measure(sounds.to_int16(wave)))
    assert trace.marks[0].start_s <= 12.0 <= trace.marks[0].end_s


def test_flat_tops_below_the_peaks_of_another_stretch() -> None:
    wave = sounds.noise(16.0, 2, level=6000)
    wave[: 8 * RATE] = np.clip(wave[: 8 * RATE] * 2, -9000, 9000)
    trace = silence.find_clipping(measure(sounds.to_int16(wave)))
    assert trace.score > 1
    assert trace.marks[0].start_s < 8.0 < trace.marks[0].end_s + 0.3
    assert silence.find_clipping(measure(sounds.to_int16(wave[: 8 * RATE]))).score == 0.0


# Reverberation


def test_decay_rates_are_read_off() -> None:
    level = np.full(400, 20.0)
    for start in range(20, 380, 60):
        level[start : start + 40] = np.maximum(20.0, 70 - np.arange(40) * 2.0)
    times, slopes = reverb.decays(level)
    assert len(times) == 6
    assert slopes == pytest.approx(-128.0, rel=0.1)


def test_the_rank_sum_knows_equal_from_different() -> None:
    rng = np.random.default_rng(0)
    left = rng.normal(size=30)
    assert reverb.rank_sum_p(left, rng.normal(size=30)) > 0.01
    assert reverb.rank_sum_p(left, rng.normal(3, 1, 30)) < 1e-6


def test_too_few_decays_are_said() -> None:
    assert "free decays" in reverb.find_reverb(measure(sounds.to_int16(sounds.noise(6.0)))).note


# Hum


def hummed(seconds: float, hertz: float = 50.02) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return sum(a * np.sin(2 * np.pi * k * hertz * t + k) for k, a in ((1, 90), (2, 60), (3, 40)))


def test_the_phase_of_the_hum_breaks_at_a_cut() -> None:
    wave = hummed(40.0) + sounds.noise(40.0, 6, level=30)
    whole = sounds.to_int16(wave)
    cut = sounds.to_int16(np.concatenate([wave[: 20 * RATE], wave[20 * RATE + int(1.5055 * RATE) :]]))
    trace = hum.find_hum(cut)
    assert trace.marks[0].start_s - 0.1 <= 20.0 <= trace.marks[0].end_s + 0.1
    assert trace.score > 3 * hum.find_hum(whole).score


def test_one_shift_of_all_harmonics_tells_a_cut_from_a_device() -> None:
    hertz, noise = np.array([50.0, 100.0, 150.0]), np.full(3, 0.1)
    shift = 2 * np.pi * hertz * 0.004
    cut, device, nothing = np.angle(np.exp(1j * shift)), np.array([2.0, -2.0, 0.3]), np.zeros(3)
    z = hum.shifts(hertz, np.stack([cut, device, nothing], axis=1), noise)
    assert z[0] > z[1] > z[2] == 0.0


def test_no_hum_no_phase() -> None:
    trace = hum.find_hum(sounds.to_int16(sounds.noise(20.0, 6)))
    assert not trace.marks
    assert "hum" in trace.note
    assert hum.find_hum(np.zeros(1000, np.int16)).note


# Copies


def test_a_copy_within_is_found_with_its_extent() -> None:
    samples = sounds.recording(20, 7)
    copied = samples.copy()
    copied[int(14.03 * RATE) : int(15.53 * RATE)] = samples[int(4.0 * RATE) : int(5.5 * RATE)]
    trace = repeat.find_repeats(copied, measure(copied))
    assert trace.marks[0].start_s == pytest.approx(14.03, abs=0.4)
    assert trace.marks[0].end_s == pytest.approx(15.53, abs=0.4)
    assert trace.score > 3


@pytest.mark.parametrize("seconds", [0.6, 1.0])
def test_short_copies_are_found_too(seconds: float) -> None:
    samples = sounds.recording(12, 9)
    length = int(seconds * RATE)
    loud = max(range(RATE, 4 * RATE, 800), key=lambda i: float(samples[i : i + length].astype(float).std()))
    copied = np.concatenate([samples[: 8 * RATE], samples[loud : loud + length], samples[8 * RATE :]])
    trace = repeat.find_repeats(copied, measure(copied))
    assert trace.marks[0].start_s == pytest.approx(8.0, abs=0.2)
    assert trace.marks[0].end_s == pytest.approx(8.0 + seconds, abs=0.2)


def test_the_phase_match_is_one_for_a_copy_and_small_for_a_vowel_of_one_pitch() -> None:
    t = np.arange(2 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * t + k * k) for k in range(1, 25))
    other = sum(np.sin(2 * np.pi * 130 * k * t + 3 * k * k) / k for k in range(1, 25))
    samples = sounds.to_int16(np.concatenate([buzz, other]) * 500 + sounds.noise(4.0, 1, level=50))
    copied = np.concatenate([samples, samples[4000:20_000]])
    assert repeat.phase_match(copied, 6000, 2000 + len(samples))[0] > 0.95
    assert repeat.phase_match(samples, 6000, 40_000)[0] < 0.25


def test_nothing_repeats_in_noise_or_silence() -> None:
    for samples in (sounds.to_int16(sounds.noise(15.0, 8)), np.zeros(10 * RATE, np.int16), np.ones(400, np.int16)):
        assert repeat.find_repeats(samples, measure(samples)).score == 0.0
