"""Runs: every frame of some stretches, where there is sound to compare them with."""

from __future__ import annotations

from itertools import pairwise

import make_clip
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.exhibit import Exhibit
from facevalue.media import ClipLimits, ReadPlan, open_clip
from facevalue.media.clip import Frame
from facevalue.media.clip_plan import Schedule, runs_of


@given(st.floats(0.0, 500.0), st.integers(1, 40), st.floats(1.0, 6.0), st.floats(6.0, 40.0))
def test_runs_lie_in_what_is_decoded_and_are_bounded(gap: float, count: int, run: float, total: float) -> None:
    spans = [(i * (4.0 + gap), i * (4.0 + gap) + 4.0) for i in range(count)]
    plan = ReadPlan(run_s=run, run_total_s=total)
    runs = runs_of(spans, plan)
    assert all(a < b for a, b in runs)
    assert all(one[1] <= two[0] + 1e-9 for one, two in pairwise(runs))
    assert all(any(s <= a and b <= e + max(run - 4.0, 0.0) + 1e-9 for s, e in spans) for a, b in runs)
    assert sum(b - a for a, b in runs) <= total + 1e-6
    assert runs_of(spans, ReadPlan()) == ()


@given(st.floats(24.1, 3600.0))
def test_runs_of_one_long_stretch_are_spread(length: float) -> None:
    runs = runs_of([(0.0, length)], ReadPlan(run_s=4.0))
    assert len(runs) == 6
    assert runs[0][0] == 0.0
    assert runs[-1][1] == pytest.approx(length)
    assert runs_of([(0.0, 20.0)], ReadPlan(run_s=4.0)) == ((0.0, 20.0),)
    assert runs_of([(0.0, 0.0)], ReadPlan(run_s=4.0)) == ((0.0, 24.0),)


@given(st.floats(5.0, 240.0))
def test_frames_of_a_run_come_evenly_and_not_too_often(fps: float) -> None:
    schedule = Schedule(ReadPlan(run_s=4.0), [(0.0, 2.0), (3.0, 5.0)])
    times = np.arange(0, 6, 1 / fps)
    runs = np.array([schedule.run(float(t)) for t in times])
    assert set(runs) == {-1, 0, 1} or fps < 31
    assert (runs[(times > 2.01) & (times < 2.98)] == -1).all()
    taken = times[runs == 0]
    steps = np.diff(taken)
    if len(steps):
        assert np.allclose(steps, steps[0], atol=1e-6)
        assert 15.0 <= 1 / steps[0] <= 31.6 or fps < 31
    if fps <= 30:
        assert (runs[times < 1.99] == 0).all()


def _frames(data: bytes, plan: ReadPlan) -> list[Frame]:
    with open_clip(Exhibit.open(data), ClipLimits(), plan) as clip:
        return list(clip)


def test_a_clip_with_sound_gives_every_frame_the_rest_as_luma() -> None:
    frames = _frames(make_clip.clip(seconds=2.0), ReadPlan(run_s=4.0, burst_frames=0))
    assert len(frames) == 50
    assert all(f.run == 0 for f in frames)
    alone = [f for f in frames if not f.look]
    assert len(alone) == 40
    assert {f.pixels.shape for f in alone} == {(120, 160)}
    assert {f.pixels.shape for f in frames if f.look} == {(120, 160, 3)}
    wanted = make_clip.scene(1).astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(frames[1].pixels - wanted).mean() < 12
    assert not frames[1].pixels.flags.writeable


def test_luma_is_turned_as_frames_are() -> None:
    frames = _frames(make_clip.clip(seconds=1.0, rotate=90), ReadPlan(run_s=4.0, burst_frames=0))
    colour, grey = frames[0].pixels, frames[1].pixels
    assert colour.shape == (160, 120, 3)
    assert grey.shape == (160, 120)
    assert np.abs(colour.astype(float) @ [0.299, 0.587, 0.114] - grey).mean() < 15


@pytest.mark.parametrize("plan", [ReadPlan(burst_frames=0), ReadPlan(run_s=4.0, burst_frames=0, sound=False)])
def test_without_sound_or_unasked_nothing_more_is_read(plan: ReadPlan) -> None:
    assert len(_frames(make_clip.clip(seconds=2.0), plan)) == 10


def test_a_clip_without_a_sound_track_has_no_runs() -> None:
    frames = _frames(make_clip.clip(seconds=2.0, audio=None), ReadPlan(run_s=4.0, burst_frames=0))
    assert len(frames) == 10
    assert {f.run for f in frames} == {-1}


def test_a_sampled_clip_has_runs_in_some_of_its_stretches() -> None:
    plan = ReadPlan(burst_frames=0, whole_up_to_s=8.0, segment_s=2.0, run_s=2.0, run_total_s=4.0)
    data = make_clip.clip(seconds=30.0, size=(64, 48), options={"g": "25"})
    frames = _frames(data, plan)
    segments = {f.segment for f in frames if f.run >= 0}
    assert len(segments) == 2
    assert max(segments) == max(f.segment for f in frames)
    assert 90 <= sum(f.run >= 0 for f in frames) <= 102
