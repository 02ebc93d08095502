"""Each trace on drawn frame tables, beside the innocent pattern that resembles it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.container.clones import clones
from facevalue.examiners.container.copies import cadence, freezes, runs
from facevalue.examiners.container.grid import find_break, find_grid, series_of
from facevalue.examiners.container.jumps import drop_rhythm, flashes, jumps, scene_changes
from facevalue.examiners.container.series import Stretch, roles, rolling_median, stretches
from facevalue.examiners.container.structure import changes, groups, off_grid
from facevalue.examiners.container.tests.stand_in import table, thumbs
from facevalue.examiners.container.timing import gaps, lengths, rate
from facevalue.examiners.container.traces import FEATURES, features, traces_of
from facevalue.media.clip import KIND_B, KIND_I, KIND_P, FrameTable, Sound


def stretch(frames: np.ndarray, **how: object) -> Stretch:
    (only,) = stretches(table(frames, **how))  # type: ignore[arg-type]
    return only


# -- series ------------------------------------------------------------------------------------------------------------


def test_series_do_not_look_across_a_jump_of_the_decoder() -> None:
    parts = list(stretches(table(thumbs(60), segment=np.repeat([0, 1], 30))))
    assert [len(p) for p in parts] == [30, 30]
    assert [p.first for p in parts] == [0, 30]
    assert np.isnan(parts[1].diff[0])


def test_rolling_median_leaves_out_the_value_itself() -> None:
    values = np.array([1.0, 1.0, 9.0, 1.0, np.nan])
    assert rolling_median(values, 2).tolist() == [5.0, 1.0, 1.0, 5.0, 5.0]
    assert rolling_median(np.full(3, np.nan), 2).tolist() == [0.0, 0.0, 0.0]


def test_roles_tell_frames_of_a_mini_group_apart() -> None:
    kind = np.array([KIND_I, KIND_B, KIND_B, KIND_P, KIND_P, KIND_B, KIND_P], np.uint8)
    out = roles(kind)
    assert len({*out[[1, 2]].tolist(), out[5]}) == 3
    assert len({out[3], out[4], out[6]}) == 3


# -- copies ------------------------------------------------------------------------------------------------------------


def test_a_frozen_stretch_between_movements_is_found() -> None:
    frames = thumbs(120)
    frames[50:62] = frames[50]
    (found,) = freezes(stretch(frames))
    assert (found.start, found.end) == (51, 62)


def test_a_clip_that_moves_throughout_has_no_freeze() -> None:
    assert freezes(stretch(thumbs(120))) == []


def test_a_still_tail_and_a_still_head_are_no_freeze() -> None:
    frames = thumbs(120)
    frames[:20], frames[100:] = frames[20], frames[100]
    assert freezes(stretch(frames)) == []


def test_a_screen_that_stands_still_is_no_freeze() -> None:
    moving = thumbs(160)
    frames = np.repeat(moving[:4], 40, axis=0)
    frames[60:70] = moving[60:70]
    assert freezes(stretch(frames)) == []


@pytest.mark.parametrize("every", [4, 5])
def test_a_conversion_to_more_frames_is_a_cadence_and_no_freeze(every: int) -> None:
    frames = np.concatenate([np.repeat(part, [1] * (every - 1) + [2], axis=0)
                             for part in np.split(thumbs(every * 30), 30)])  # fmt: skip
    found = stretch(frames)
    rhythm = cadence(found)
    assert rhythm is not None
    assert rhythm.every == pytest.approx(every + 1, abs=0.5)
    assert freezes(found) == []


def test_ten_to_twenty_five_frames_is_a_cadence() -> None:
    frames = np.repeat(thumbs(60, speed=1.0), np.resize([2, 3], 60), axis=0)
    assert cadence(stretch(frames)) is not None
    assert freezes(stretch(frames)) == []


def test_a_freeze_stands_out_of_a_cadence() -> None:
    frames = np.concatenate([np.repeat(part, [1, 1, 1, 2], axis=0) for part in np.split(thumbs(120), 30)])
    frames[70:90] = frames[70]
    assert [f.end - f.start >= 18 for f in freezes(stretch(frames))] == [True]


def test_runs() -> None:
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, np.bool_)) == []


# -- jumps -------------------------------------------------------------------------------------------------------------


def test_frames_taken_out_are_a_jump() -> None:
    frames = thumbs(200, speed=0.8)
    cut = np.concatenate([frames[:80], frames[86:]])
    found = jumps(stretch(cut))
    assert found
    assert found[0].frame == 80
    assert found[0].ratio > 3


def test_smooth_movement_has_no_large_jump() -> None:
    assert all(j.ratio < 3 for j in jumps(stretch(thumbs(200, speed=0.8))))


def test_another_scene_is_no_jump() -> None:
    frames = np.concatenate([thumbs(60), 255 - thumbs(60, seed=3)])
    found = stretch(frames)
    assert np.flatnonzero(scene_changes(found)).tolist() == [60]
    assert all(j.frame != 60 for j in jumps(found))


def test_a_flash_is_no_jump() -> None:
    frames = thumbs(120)
    frames[60] = np.clip(frames[60].astype(int) + 20, 0, 255)
    found = stretch(frames)
    assert flashes(found)[60]
    assert all(j.frame not in (60, 61) for j in jumps(found))


def test_frames_left_out_in_a_rhythm_are_a_conversion_and_no_jumps() -> None:
    frames = thumbs(300, speed=1.2)
    kept = frames[np.arange(300) % 6 != 5]
    found = stretch(kept)
    rhythm = drop_rhythm(found)
    assert rhythm is not None
    assert rhythm.every == 5
    assert all(j.ratio < 2.5 for j in jumps(found))


# -- clones ------------------------------------------------------------------------------------------------------------


def test_a_stretch_that_returns_is_found() -> None:
    frames = thumbs(240, speed=1.0)
    noise = np.random.default_rng(1).integers(-1, 2, (40, 32, 32))
    frames[150:190] = np.clip(frames[40:80].astype(int) + noise, 0, 255)
    found = clones(stretch(frames))
    assert found
    assert found[0].second - found[0].first == 110
    assert found[0].first >= 40
    assert found[0].first + found[0].length <= 80
    assert found[0].length >= 15


def test_movement_that_does_not_return_and_stillness_are_no_clones() -> None:
    assert clones(stretch(thumbs(240, speed=1.0))) == []
    assert clones(stretch(np.repeat(thumbs(1), 200, axis=0))) == []


# -- time stamps -------------------------------------------------------------------------------------------------------


def test_a_gap_at_a_constant_rate() -> None:
    times = np.arange(100) / 25.0
    times[50:] += 0.4
    found = stretch(thumbs(100), times=times)
    assert not rate(found).variable
    (gap,) = gaps(found)
    assert (gap.frame, gap.missing) == (50, 10)
    assert gap.seconds == pytest.approx(0.44)


def test_a_variable_rate_has_no_gaps_of_its_own() -> None:
    steps = np.random.default_rng(2).uniform(0.025, 0.07, 200)
    found = stretch(thumbs(200), times=np.cumsum(steps))
    assert rate(found).variable
    assert gaps(found) == []


def sound(seconds: float, start: float = 0.0) -> Sound:
    return Sound(np.zeros(round(16_000 * seconds), np.int16), start, 48_000, 1, "aac", None)


@pytest.mark.parametrize(("seconds", "start", "odd"), [(4.0, 0.0, False), (4.1, 0.02, False), (5.5, 0.0, True),
                                                       (2.0, 0.0, True), (4.0, 0.9, True)])  # fmt: skip
def test_lengths_of_pictures_and_sound(seconds: float, start: float, odd: bool) -> None:
    assert (lengths(0.0, 3.96, 0.04, sound(seconds, start)).excess > 0) is odd


# -- structure ---------------------------------------------------------------------------------------------------------


def test_a_key_frame_off_a_fixed_grid() -> None:
    keys = [0, 30, 60, 77, 107, 137, 167]
    found = stretch(thumbs(180), keys=keys)
    scene = np.zeros(180, np.bool_)
    assert groups(found).period == 30
    assert [(k.frame, k.distance) for k in off_grid(found, scene)] == [(77, 17)]
    scene[76] = True
    assert off_grid(found, scene) == []


def test_key_frames_without_a_grid_say_nothing() -> None:
    found = stretch(thumbs(180), keys=[0, 41, 60, 125, 140])
    assert off_grid(found, np.zeros(180, np.bool_)) == []


def test_a_change_of_the_encoding_at_a_key_frame() -> None:
    size = np.full(180, 1000.0)
    size[90:] = 6000.0
    qp = np.full(180, 33.0)
    qp[90:] = 22.0
    found = stretch(thumbs(180), gop=30, size=size, qp=qp)
    (change,) = changes(found, np.zeros(180, np.bool_))
    assert change.frame == 90
    assert change.qp == pytest.approx(-11.0)
    assert change.spending > 3.0
    same = stretch(thumbs(180), gop=30)
    assert changes(same, np.zeros(180, np.bool_)) == []


# -- the former grid ---------------------------------------------------------------------------------------------------


def sizes(n: int, period: int, swell: float, shift_at: int | None = None, shift: int = 0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    places = np.arange(n) % period == 3
    if shift_at is not None:
        places[shift_at:] = (np.arange(n - shift_at) + shift) % period == 3
    return np.exp(rng.normal(7.0, 0.2, n) + swell * places)


def test_a_former_grid_is_found_with_its_period() -> None:
    found = stretch(thumbs(300), size=sizes(300, 12, 0.7))
    grid = find_grid(series_of(found), own=250)
    assert grid is not None
    assert (grid.period, grid.phase) == (12, 3)
    assert grid.p == 0.01


def test_false_alarms_of_the_grid_keep_to_the_stated_rate() -> None:
    alarms = 0
    for seed in range(60):
        found = stretch(thumbs(120, seed=seed), seed=seed)
        grid = find_grid(series_of(found), own=250, seed=seed)
        alarms += grid is not None and grid.p <= 0.05
    assert alarms <= 8  # 3 are expected; 9 or more have a chance below 0.4 %


def test_the_rhythm_of_b_frames_is_no_grid() -> None:
    kinds = np.arange(300) % 4
    size = np.exp(np.random.default_rng(5).normal(7.0, 0.1, 300)) * np.array([4.0, 0.5, 1.5, 0.5])[kinds]
    found = stretch(thumbs(300), size=size, b_frames=3)
    grid = find_grid(series_of(found), own=250)
    assert grid is None or grid.p > 0.01


def test_a_grid_that_shifts_breaks_where_it_was_cut() -> None:
    whole = find_break(series_of(stretch(thumbs(360), size=sizes(360, 12, 1.0))))
    cut = find_break(series_of(stretch(thumbs(360), size=sizes(360, 12, 1.0, shift_at=180, shift=5))))
    assert whole is not None
    assert cut is not None
    assert cut.period % 12 == 0
    assert abs(cut.frame - 180) <= 24
    assert cut.gain > 2 * whole.gain


def test_too_few_frames_give_no_grid() -> None:
    assert find_grid(np.full(20, np.nan)) is None
    assert find_grid(np.zeros(12)) is None


# -- together ----------------------------------------------------------------------------------------------------------


def test_features_are_zero_without_traces_and_grow_with_them() -> None:
    calm = features(traces_of(table(thumbs(200))))
    frames = thumbs(240, speed=0.8)
    cut = features(traces_of(table(np.concatenate([frames[:80], frames[86:]]))))
    names = dict(zip(FEATURES, range(len(FEATURES)), strict=True))
    assert len(calm) == len(FEATURES)
    assert calm[names["freeze"]] == calm[names["clone"]] == calm[names["gap"]] == 0.0
    assert cut[names["jump"]] > calm[names["jump"]] + 0.5
    assert features([]) == (0.0,) * len(FEATURES)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n=st.integers(0, 70))
def test_any_table_gives_finite_features(data: st.DataObject, n: int) -> None:
    seed = data.draw(st.integers(0, 1 << 16))
    rng = np.random.default_rng(seed)
    step = data.draw(st.sampled_from([0.0, 1e-9, 0.04, 1e6]))
    made = FrameTable(
        time_s=np.cumsum(rng.random(n) * step),
        bytes=rng.integers(-1, data.draw(st.sampled_from([1, 2, 1 << 40])), n),
        kind=rng.integers(0, 4, n).astype(np.uint8),
        key=rng.random(n) < data.draw(st.sampled_from([0.0, 0.2, 1.0])),
        qp=np.where(rng.random(n) < 0.5, np.nan, rng.normal(30, 10, n)).astype(np.float32),
        thumb=rng.integers(0, data.draw(st.sampled_from([1, 2, 256])), (n, 32, 32)).astype(np.uint8),
        segment=np.sort(rng.integers(0, data.draw(st.sampled_from([1, 3])), n)).astype(np.int32),
    )
    assert np.isfinite(features(traces_of(made))).all()
