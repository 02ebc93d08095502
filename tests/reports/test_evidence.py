"""What is read from findings along the time axis: finite, ordered, bounded, whatever the examiner wrote."""

from __future__ import annotations

import math
from typing import Any

import handmade_clip
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.finding import Finding, Question, Region, Status
from facevalue.reports import evidence
from facevalue.reports.chart import course, draw
from facevalue.reports.clock import Axis
from facevalue.reports.sparkline import ASCII, BLOCKS, CELLS, curve_line, glyphs, sparkline, strongest

AXIS = Axis(12.0)
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.none() | st.booleans() | st.text()
rows = st.lists(st.lists(numbers, max_size=4) | numbers, max_size=30)


def finding(*regions: Region, log10_lr: float | None = None) -> Finding:
    return Finding("third_party", Question.FACE_SWAPPED, Status.FOUND, "why", 0.5, log10_lr, regions)


def curve_of(points: Any, **details: Any) -> list[evidence.Curve]:
    region = Region("span", "track 1", span=(0.0, 12.0), details={"track": 1, "curve": points} | details)
    return evidence.curves([finding(region)], AXIS)


def test_a_curve_is_read_with_its_track_and_its_likelihood_ratio() -> None:
    (curve,) = curve_of([[1.0, 0.5], [0.0, 0.25]], log10_lr=2.5)
    assert (curve.track, curve.log10_lr) == (1, 2.5)
    assert curve.points.tolist() == [[0.0, 0.25], [1.0, 0.5]]
    assert curve.near(0.9) == (1.0, 0.5)


def test_a_curve_of_no_track_speaks_for_the_finding() -> None:
    region = Region("span", "voice", span=(0.0, 12.0), details={"curve": [[1.0, 0.5]]})
    assert evidence.curves([finding(region, log10_lr=1.25)], AXIS)[0].log10_lr == 1.25
    assert curve_of([[1.0, 0.5]])[0].log10_lr is None  # of a track that states none, nothing is made up


@given(rows, numbers, numbers)
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_curve_what_is_drawn_is_sane(points: Any, track: Any, stated: Any) -> None:
    for curve in curve_of(points, track=track, log10_lr=stated):
        assert np.isfinite(curve.points).all()
        assert (np.diff(curve.points[:, 0]) >= 0).all()
        assert curve.points[0, 0] >= 0
        assert curve.points[-1, 0] <= AXIS.duration_s
        assert len(sparkline(curve, AXIS)) == CELLS
        chart = draw([curve], AXIS)
        assert "nan" not in "".join((*chart.lines, chart.area, course(curve)))


@pytest.mark.parametrize("points", [None, "text", 7, {}, [], [[]], [["a", "b"]], [[math.nan, 1]], [[99.0, 1.0]]])
def test_what_is_no_curve_is_none(points: Any) -> None:
    assert curve_of(points) == []


def test_a_million_points_are_thinned_before_they_are_read() -> None:
    class Counted(list[list[float]]):
        read = 0

        def __getitem__(self, place: Any) -> Any:
            Counted.read += 1
            return [12e-6 * float(place), 1.0]

    endless = Counted([[0.0, 0.0]] * 1_000_000)
    (curve,) = curve_of(endless)
    assert len(curve.points) == Counted.read == evidence.MAX_POINTS


def test_a_peak_survives_being_drawn() -> None:
    points = [[12 * i / 599, 4.5 if i == 300 else 0.0] for i in range(600)]
    chart = draw(curve_of(points), Axis(1200.0))  # all points in a hundredth of the axis
    assert ",5.0" in chart.lines[0]  # 4.5 of 5, from the top


@pytest.mark.parametrize(
    "span", [(math.nan, 1.0), (-9.0, -1.0), (13.0, 14.0), (5.0, 4.0), (1.0,), None, ("a", "b"), (math.inf, math.inf)]
)
def test_absurd_spans_are_left_out(span: Any) -> None:
    found, left_out = evidence.spans(0, finding(Region("span", "x", span=span)), AXIS)
    assert (found, left_out) == ([], 0)


def test_a_span_beyond_the_end_ends_there() -> None:
    (span,), _ = evidence.spans(0, finding(Region("span", "x", span=(-3.0, 1e300))), AXIS)
    assert (span.start, span.end) == (0.0, 12.0)


def test_of_many_spans_the_strongest_are_kept_in_order_of_time() -> None:
    regions = [Region("span", f"{i}", i / 999, span=(12 - i / 100, 12 - i / 100)) for i in range(1000)]
    found, left_out = evidence.spans(0, finding(*regions), AXIS)
    assert len(found) == evidence.MAX_SPANS
    assert left_out == 1000 - evidence.MAX_SPANS
    assert [s.start for s in found] == sorted(s.start for s in found)
    assert min(s.score or 0 for s in found) > 0.87


def test_an_examiners_own_words_on_a_span_are_kept_and_cut() -> None:
    details = {"measured": "hum \u202ebreaks", "innocent": "x" * 9999, "other": 1}
    (span,), _ = evidence.spans(0, finding(Region("span", "x", span=(1, 2), details=details)), AXIS)
    assert span.notes[0] == "measured: hum \\u202ebreaks"
    assert len(span.notes[1]) < 400


def test_sparkline_names_the_bands_and_leaves_blank_what_was_not_seen() -> None:
    (curve,) = curve_of([[6.0, -2.5], [6.5, 0.0], [7.0, 1.5], [12.0, 3.5]])
    line = sparkline(curve, AXIS)
    assert line[:12] == " " * 12
    assert line[12:15] == "▁▄▆"
    assert line[-1] == "█"
    assert sparkline(curve, AXIS, ASCII)[12:15] == "_-+"


@pytest.mark.parametrize(
    ("encoding", "signs"), [("utf-8", BLOCKS), ("ascii", ASCII), ("latin-1", ASCII), ("cp437", ASCII), ("?", ASCII)]
)
def test_signs_are_those_that_the_terminal_can_show(encoding: str, signs: str) -> None:
    assert glyphs(encoding) == signs


def test_a_line_of_text_holds_person_span_and_likelihood_ratio() -> None:
    watched = handmade_clip.footage()
    found = evidence.curves(handmade_clip.findings(watched), AXIS)
    assert watched.tracks
    line = curve_line(found[0], watched.tracks[0], AXIS, BLOCKS)
    assert line.endswith("| LR 250 (log10 +2.4), face_blend, person 1, 0:00 to 0:11")
    assert [c.track for c in strongest(found, 3)] == [1, 1, None]
