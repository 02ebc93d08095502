from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.errors import UsageError
from facevalue.examiners.lips.judge import FULL_MOUTH_PX, MOST_SPEECH_S, NAMES, Judge, features
from facevalue.examiners.lips.mouth import INNER_AT, MIRROR, OUTER_AT, POINTS, SHAPE_NAMES, network_input, shape_of
from facevalue.examiners.lips.people import between
from facevalue.examiners.lips.speech import EDGES_HZ, STEP_S, Speech, scaled, speech_of
from facevalue.examiners.lips.sync import LAGS, Projection, fit_of, lag_curve, pairing, windows
from facevalue.examiners.lips.tests import stand_in

BANDS = len(EDGES_HZ)


def talk(seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.normal(size=round(seconds / STEP_S) + 20), np.hanning(9), "same")[10:-10]
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def spoken(level: np.ndarray) -> Speech:
    levels = np.repeat(level[:, None], BANDS, axis=1)
    return Speech(np.arange(len(level)) * STEP_S, levels, np.ones(len(level), np.float32))


def mouth(level: np.ndarray, late_s: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Frames at 25 Hz whose gap follows the level; late_s: the sound comes so much later than the lips."""
    grid = np.arange(len(level)) * STEP_S
    times = np.arange(0, grid[-1], 0.04)
    gap = 0.2 * np.interp(times + late_s, grid, level)
    values = np.zeros((len(times), len(SHAPE_NAMES)), np.float32)
    values[:, 0] = gap
    return times, values


@settings(max_examples=30, deadline=None)
@given(st.integers(-40, 40), st.integers(0, 50))
def test_an_offset_is_found_to_the_step_and_with_its_sign(steps: int, seed: int):
    level = talk(8.0, seed)
    times, values = mouth(level, steps * STEP_S)
    pair = pairing(times, values, spoken(level))
    fit = fit_of(lag_curve([pair], stand_in.projection()))
    assert fit.offset_s == pytest.approx(steps * STEP_S, abs=2 * STEP_S)
    assert fit.best > 0.5
    moved = fit_of(lag_curve([pair], stand_in.projection()), fit.offset_s)
    assert moved.peak == fit.best


@given(st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_correlations_lie_within_one_and_do_not_depend_on_gain(seed: int):
    one, other = talk(4.0, seed), talk(4.0, seed + 1000)
    times, values = mouth(one)
    curve = lag_curve([pairing(times, values, spoken(other))], stand_in.projection())
    assert curve.shape == (len(LAGS),)
    assert np.abs(curve).max() <= 1 + 1e-6
    louder = lag_curve([pairing(times, values, spoken(0.5 * other))], stand_in.projection())
    assert louder == pytest.approx(curve, abs=1e-5)


def test_runs_together_say_more_than_each():
    level = talk(12.0, 3)
    times, values = mouth(level)
    halves = [pairing(times[a:b], values[a:b], spoken(level)) for a, b in ((0, 140), (150, 290))]
    whole = fit_of(lag_curve(halves, stand_in.projection()))
    single = [fit_of(lag_curve([half], stand_in.projection())) for half in halves]
    assert whole.null_spread < max(s.null_spread for s in single)
    assert whole.z > np.mean([s.z for s in single]) - 0.5


def test_sound_and_pictures_that_hardly_overlap_are_no_pair():
    level = talk(4.0, 0)
    times, values = mouth(level)
    assert pairing(times + 3.8, values, spoken(level)) is None
    assert pairing(times[:0], values[:0], spoken(level)) is None
    nothing = Speech(np.zeros(0), np.zeros((0, BANDS), np.float32), np.zeros(0, np.float32))
    assert pairing(times, values, nothing) is None


def test_a_part_of_a_pair_is_that_part():
    level = talk(8.0, 1)
    times, values = mouth(level)
    pair = pairing(times, values, spoken(level))
    (part,) = between([pair], 2.0, 6.0)
    assert part.time_s[0] == pytest.approx(2.0)
    assert part.time_s[-1] == pytest.approx(6.0)
    assert len(part.speech) == len(part.mouth) + len(LAGS) - 1
    assert fit_of(lag_curve([part], stand_in.projection())).offset_s == pytest.approx(0.0, abs=0.021)
    assert between([pair], 20.0, 24.0) == ()


def test_a_flat_mouth_gives_no_correlation_and_no_warning():
    level = talk(4.0, 1)
    times, values = mouth(level)
    with np.errstate(all="raise"):
        curve = lag_curve([pairing(times, 0 * values, spoken(level))], stand_in.projection())
    assert np.abs(curve).max() < 1e-6


def test_windows_repeat_their_edges():
    values = np.arange(40, dtype=np.float32)[:, None]
    wide = windows(values)
    assert wide.shape == (40, 9)
    assert wide[0].tolist() == [0, 0, 0, 0, 0, 2, 4, 6, 8]
    assert wide[20].tolist() == [12, 14, 16, 18, 20, 22, 24, 26, 28]


def test_levels_of_a_tone_lie_in_its_band():
    t = np.arange(32_000) / 16_000
    tone = (np.sin(2 * np.pi * 800 * t) * (t > 1) * 8000).astype(np.int16)
    speech = speech_of(tone, 0.5, np.ones(63, np.float32))
    assert speech.time_s[0] == pytest.approx(0.516)
    assert np.diff(speech.time_s) == pytest.approx(STEP_S)
    after = speech.levels[speech.time_s > 1.6]
    assert after[:, 2].min() > 0.9
    assert speech.levels[speech.time_s < 1.4].max() == 0.0
    assert len(speech_of(tone[:100], 0.0, np.zeros(1, np.float32)).time_s) == 0


def test_long_sound_is_read_in_pieces_without_seams():
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 500, 16_000 * 130).astype(np.int16)
    speech = speech_of(sound, 0.0, np.ones(10, np.float32))
    assert len(speech.levels) == (len(sound) - 512) // 320 + 1
    assert np.abs(np.diff(speech.levels[:, -1])).max() < 0.2


def test_scaled_levels_are_bounded():
    assert scaled(np.array([[-100.0], [0.0], [30.0]], np.float32)).max() <= 1.25
    assert scaled(np.zeros((0, 8), np.float32)).shape == (0, 8)


def test_shapes_are_lengths_in_eye_distances():
    crops = stand_in.drawn(np.array([0.0, 1.0]))
    points = np.stack([stand_in.points(0.5), stand_in.points(18.0)])
    shapes = shape_of(crops, points, 32.0)
    assert shapes.shape == (2, len(SHAPE_NAMES))
    gap, area, width, height, jaw, _ = shapes[1]
    assert gap == pytest.approx(0.9 * 18 / 32, abs=0.1)
    assert area == pytest.approx(np.pi * 11 * 9 / 32**2, rel=0.15)
    assert width == pytest.approx(30 / 32, abs=0.01)
    assert height == pytest.approx(26 / 32, rel=0.15)
    assert jaw == pytest.approx(48 / 32)
    assert shapes[1, 5] > shapes[0, 5] + 0.2


def test_the_mirror_takes_each_point_to_its_partner_and_back():
    assert [MIRROR[i] for i in MIRROR] == list(range(POINTS))
    points = stand_in.points(8.0)
    mirrored = np.stack([64 - points[:, 0], points[:, 1]], axis=1)[list(MIRROR)]
    assert mirrored[OUTER_AT] == pytest.approx(points[OUTER_AT], abs=1e-4)
    assert mirrored[INNER_AT] == pytest.approx(points[INNER_AT], abs=1e-4)


def test_the_networks_input_does_not_depend_on_light():
    crops = stand_in.drawn(np.array([0.5]))
    darker = (crops * 0.5).astype(np.uint8)
    assert network_input(darker) == pytest.approx(network_input(crops), abs=0.5)
    assert np.isfinite(network_input(np.zeros((1, 64, 64), np.uint8))).all()


def test_features_saturate_with_length_and_size():
    fit = fit_of(np.linspace(-0.1, 0.1, len(LAGS)))
    assert len(features(fit, 4.0, 20.0)) == len(NAMES)
    assert features(fit, 1e6, 1e6) == features(fit, MOST_SPEECH_S, FULL_MOUTH_PX)
    assert all(np.isfinite(features(fit, 0.0, 0.0)))


def test_a_judge_is_written_and_read():
    judge = stand_in.judge()
    again = Judge.from_dict(judge.to_dict())
    assert again.calibration == judge.calibration
    assert np.array_equal(again.projection.mouth, judge.projection.mouth)
    with pytest.raises((UsageError, KeyError)):
        Judge.from_dict({"projection": judge.projection.to_dict(), "calibration": {"kind": "?"}, "still": 0})
    assert isinstance(Projection.from_dict(judge.projection.to_dict()), Projection)
