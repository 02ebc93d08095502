"""The pure parts of reading a clip: which stretches, which frames, which times, and the gathering of samples."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.media.clip_animated import animation_seconds
from facevalue.media.clip_clock import Clock
from facevalue.media.clip_plan import ClipLimits, ReadPlan, Schedule, segments_of
from facevalue.media.clip_store import SampleStore
from facevalue.media.clip_wire import ROW, info_of, table_of


@given(st.floats(0, 1e5), st.floats(1, 300), st.floats(0.5, 20))
def test_segments_are_ascending_disjoint_and_bounded(duration: float, whole: float, segment: float) -> None:
    plan = ReadPlan(whole_up_to_s=whole, segment_s=segment)
    spans = segments_of(duration, plan)
    if duration <= whole:
        assert spans == ((0.0, duration),)
        return
    assert sum(b - a for a, b in spans) <= max(whole, segment) + 1e-3
    assert all(a[1] <= b[0] + 1e-3 for a, b in pairwise(spans)) or duration < len(spans) * segment
    assert spans[0][0] == 0.0
    if len(spans) > 1:
        assert spans[-1][1] == pytest.approx(duration, abs=1e-3)


@given(st.floats(5, 120), st.integers(30, 200), st.floats(0.5, 10))
def test_looks_are_at_most_as_many_as_asked_and_regular(fps: float, count: int, hertz: float) -> None:
    schedule = Schedule(ReadPlan(look_hz=hertz, burst_frames=0))
    schedule.start(3.0)
    times = 3.0 + np.arange(count) / fps
    looks = [t for t in times if schedule.wants(float(t))[0]]
    assert looks[0] == 3.0
    assert len(looks) <= (times[-1] - 3.0) * hertz + 1.01
    assert np.all(np.diff(looks) <= 1 / hertz + 1 / fps + 1e-6) if len(looks) > 1 else True


@given(st.floats(10, 60), st.integers(1, 12))
def test_bursts_are_consecutive(fps: float, length: int) -> None:
    schedule = Schedule(ReadPlan(burst_every_s=2.0, burst_frames=length))
    schedule.start(0.0)
    numbers = [schedule.wants(i / fps)[1] for i in range(int(6 * fps))]
    for number in range(2):
        places = [i for i, n in enumerate(numbers) if n == number]
        assert places == list(range(places[0], places[0] + length))


@given(st.lists(st.one_of(st.none(), st.floats(-10, 1e4)), max_size=60))
def test_times_are_strictly_increasing_whatever_comes(stamps: list[float | None]) -> None:
    clock = Clock(0.04)
    times = [clock.place(s) for s in stamps]
    assert all(a < b for a, b in pairwise(times))


@given(st.lists(st.floats(0.001, 2), min_size=1, max_size=40))
def test_good_times_are_left_alone(steps: list[float]) -> None:
    stamps = np.cumsum(steps).tolist()
    clock = Clock(0.04)
    assert [clock.place(s) for s in stamps] == stamps
    assert clock.notes() == []


def test_time_counts_on_after_a_new_start() -> None:
    clock = Clock(0.1)
    assert [round(clock.place(s), 3) for s in (5.0, 5.1, 0.0, 0.1, 0.2)] == [5.0, 5.1, 5.2, 5.3, 5.4]
    assert "start anew 1 times" in clock.notes()[0]


@pytest.mark.parametrize("bound", [0, 1 << 20])
def test_samples_come_back_as_they_went_in(bound: int) -> None:
    store, parts = SampleStore(bound), [np.arange(i, i + 1000, dtype=np.int16) for i in range(5)]
    for part in parts:
        store.add(bytearray(part.tobytes()))
    samples = store.samples()
    assert isinstance(samples, np.memmap) == (bound == 0)
    assert np.array_equal(samples, np.concatenate(parts))
    assert not samples.flags.writeable


def test_a_table_without_rows_is_none() -> None:
    assert table_of([]) is None
    table = table_of([np.zeros(3, ROW), np.ones(2, ROW)])
    assert table is not None
    assert table.key.tolist() == [False] * 3 + [True] * 2
    assert table.thumb.shape == (5, 32, 32)


def test_impossible_information_is_not_believed() -> None:
    good = {
        "container": "mp4", "width": 10, "height": 10, "duration_s": 1.0, "frame_rate": 25.0, "codec": "h264",
        "pixel_format": "yuv420p", "rotation": 0, "picture_tracks": 1, "audio_tracks": 0, "whole": True,
        "segments": [[0, 1]],
    }  # fmt: skip
    assert info_of(good, ClipLimits()).segments == ((0.0, 1.0),)
    for name, lie in (("width", 10**6), ("height", -1), ("duration_s", float("nan")), ("segments", 3), ("codec", None)):
        broken = {**good, name: lie}
        if name == "codec":
            del broken["codec"]
        with pytest.raises((ValueError, TypeError, KeyError)):
            info_of({**broken, "height": 10**6} if name == "width" else broken, ClipLimits())


def test_the_budget_grows_with_the_material_up_to_a_bound() -> None:
    limits = ClipLimits(seconds=10, seconds_per_s=2, most_seconds=100)
    assert [limits.budget(s) for s in (0, 5, 1e9)] == [10, 20, 100]


@given(st.binary(max_size=300), st.sampled_from(["image/webp", "image/gif", "image/avif"]))
def test_the_length_of_any_bytes(data: bytes, media_type: str) -> None:
    assert animation_seconds(data, media_type) >= 0
