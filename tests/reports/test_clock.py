"""Clock times, and the axis that every row of a time line shares."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.reports.clock import MAX_TICKS, Axis, between, clock

anything = st.floats(allow_nan=True, allow_infinity=True)
durations = st.floats(1e-3, 1e9)


@pytest.mark.parametrize(
    ("seconds", "decimals", "expected"),
    [
        (0, 0, "0:00"),
        (59.999, 2, "1:00.00"),
        (3.2, 2, "0:03.20"),
        (3599.6, 0, "1:00:00"),
        (7384.05, 1, "2:03:04.0"),
        (-1.5, 1, "-0:01.5"),
        (-0.0001, 1, "0:00.0"),
        (math.nan, 1, "–"),
    ],
)
def test_clock_reads_as_a_clock(seconds: float, decimals: int, expected: str) -> None:
    assert clock(seconds, decimals) == expected


def test_between_names_both_ends() -> None:
    assert between(3, 65.25, 2) == "0:03.00 to 1:05.25"


@given(durations, anything)
def test_every_time_has_a_place_on_the_axis(duration: float, seconds: float) -> None:
    assert 0 <= Axis(duration).at(seconds) <= 100


@given(durations, anything, anything)
def test_a_clipped_span_lies_on_the_axis(duration: float, start: float, end: float) -> None:
    inside = Axis(duration).clip(start, end)
    if inside is None:
        assert not (0 <= start <= end <= duration)
    else:
        assert 0 <= inside[0] <= inside[1] <= duration


@given(durations)
def test_ticks_are_few_and_rise_from_zero(duration: float) -> None:
    ticks = Axis(duration).ticks()
    assert 1 <= len(ticks) <= MAX_TICKS
    assert ticks[0].left == 0
    assert [t.left for t in ticks] == sorted({t.left for t in ticks})


def test_ticks_of_two_hours_stand_at_half_hours_or_finer() -> None:
    assert [t.label for t in Axis(7200).ticks()][-1] == "2:00:00"
