"""The time line of clips and recordings: complete, bounded, and nothing in it comes from a file unescaped."""

from __future__ import annotations

import datetime
import itertools
import math
import re
from dataclasses import replace
from typing import Any

import handmade
import handmade_clip
import numpy as np
import pytest
from test_html import ATTACK, Page

from facevalue.finding import Finding, Question, Region, Status, Verdict
from facevalue.reports import evidence, lanes, timeline
from facevalue.reports.html import render_html
from facevalue.reports.moments import BUDGET_BYTES, MAX_MOMENTS
from facevalue.reports.tracks import MAX_CARDS, build_tracks

MAX_REPORT_BYTES = 6_000_000


def page(exam: Any = None) -> Page:
    return Page(render_html(exam or handmade_clip.suspect(), cards={}))


def line_of(exam: Any = None) -> timeline.TimeLine:
    built = timeline.build(exam or handmade_clip.suspect())
    assert built is not None
    return built


def finding(*regions: Region, question: Question = Question.EDITED) -> Finding:
    return Finding("third_party", question, Status.FOUND, "why", 0.5, None, regions)


def test_report_of_a_clip_holds_what_a_court_asks_for() -> None:
    text = page().text
    for wanted in (
        "video/mp4, 640 × 360 px, 12.0 s",
        "Was a face in the clip swapped, reenacted, blended in or retouched?",
        "Is speech in the clip cloned, converted or generated?",
        "Bona fide clips reach this band too",
        "Person 1",
        "track 2",
        "LR 250 (log10 +2.4)",
        "evidence goes from 0.0 (0:00.2) to +2.6 (0:11.4), settled by 0:07.6; 20 moments from +0.6 (0:00.2) to +3.1",
        "2 scene cuts",
        "spoken part 2",
        "spoken part 2, score 0.94, LR 50 (log10 +1.7): 5.20 s to 7.90 s",
        "8 heat maps of moments from 0.20 s to",
        "aac, 44.1 kHz, stereo, 128 kbit/s",
        "h264, yuv420p, 25.000 frames a second",
        "How evidence grows.",
        "face_blend LR 1/25 (log10 -1.4)",
    ):
        assert wanted in text, wanted
    shown = re.sub(r"(?s)<style>.*?</style>|<script>.*?</script>", "", render_html(handmade_clip.suspect(), cards={}))
    assert [line for line in Page(shown).text.split(". ") if "picture" in line.lower()] == []


def test_report_of_a_recording_says_so_and_shows_the_sound() -> None:
    found = page(handmade_clip.call())
    assert "Is speech in the recording cloned, converted or generated?" in found.text
    assert "Sound: spoken part 2" in found.text
    assert "LR 50 (log10 +1.7) of this span" in found.text
    assert [a["alt"] for a in found.all("img") if (a.get("alt") or "").startswith("Spectrogram")]
    assert "No face was found" not in found.text


def test_everything_drawn_opens_a_moment_that_exists() -> None:
    found = page()
    moments = {a["id"] for a in found.all("input") if a.get("name") == "moment"}
    opened = {a["for"] for a in found.all("label") if (a.get("for") or "").startswith("m-")}
    assert len(moments) > 20
    assert opened <= moments
    assert len([a for a in found.all("input") if a.get("name") == "moment" and "checked" in a]) == 1
    assert all(a.get("aria-label") for a in found.all("input") if a.get("name") == "moment")


def test_it_opens_with_the_strongest_look_that_has_a_heat_map() -> None:
    line = line_of()
    (first,) = (m for m in line.moments if m.id == line.first)
    assert first.track == 1
    assert first.heats
    strengths = [m.strength for m in line.moments if m.heats and m.strength is not None]
    assert first.strength == max(strengths)


def test_a_heat_map_lies_on_the_face_in_the_crop() -> None:
    import base64
    import io

    from PIL import Image

    line = line_of()
    moment = next(m for m in line.moments if m.heats)
    with Image.open(io.BytesIO(base64.b64decode(moment.heats[0].uri.partition(",")[2]))) as image:
        alpha = np.asarray(image)[..., 3].astype(float)
    rows, columns = np.nonzero(alpha > 150)
    assert abs(float(rows.mean()) - (28 + 40)) < 3  # the face's centre in a crop of 144 px
    assert abs(float(columns.mean()) - (32 + 40)) < 3


def test_a_span_of_the_sound_opens_its_own_close_up() -> None:
    line = line_of()
    bars = {bar.label: bar for row in line.spans for bar in row.bars}
    (shown,) = (m for m in line.moments if m.id == bars["spoken part 2"].moment)
    assert shown.kind == "sound"
    (seen,) = (m for m in line.moments if m.id == bars["repeated frames"].moment)
    assert abs(seen.seconds - 9.2) < 1
    assert seen.kind != "sound"


def test_rows_share_one_axis() -> None:
    line = line_of()
    bars = {bar.label: bar for row in line.spans for bar in row.bars}
    assert bars["spoken part 2"].left == pytest.approx(100 * 5.2 / 12, abs=0.01)
    assert bars["spoken part 2"].width == pytest.approx(100 * 2.7 / 12, abs=0.01)
    assert [cut.left for cut in line.cuts] == pytest.approx([100 * 4.04 / 12, 100 * 9.04 / 12], abs=0.01)
    assert bars["spoken part 1"].side == "bona-fide"
    assert bars["spoken part 2"].side == "synthetic"


def test_thumbnails_neither_overlap_nor_leave_the_strip() -> None:
    for strip in (line_of().frames, *(lane.thumbs for lane in line_of().lanes)):
        edges = [(t.left, t.left + t.width) for t in strip]
        assert all(a >= -0.01 and b <= 100.01 for a, b in edges)
        assert all(b <= c + 0.01 for (_, b), (c, _) in itertools.pairwise(edges))


def test_tracks_of_one_person_share_a_lane_unless_they_overlap() -> None:
    tracks = [
        handmade_clip.track(1, 0, 4, person=1),
        handmade_clip.track(2, 5, 9, person=1),
        handmade_clip.track(3, 3, 6, person=1),
        handmade_clip.track(4, 0, 9, person=2),
    ]
    assert [[t.number for t in lane] for lane in lanes.share(tracks)] == [[1, 2], [3], [4]]


def test_growth_and_moments_are_both_drawn_and_told_apart() -> None:
    line = line_of()
    assert line.has_growth
    chart = line.lanes[0].curves[0].chart
    assert len(chart.lines) == len(chart.thin) == 1
    assert chart.lines != chart.thin
    assert "thick line: all evidence up to that time" in page().text
    plain = Region("span", "voice", span=(0, 9), details={"curve": [[1, 1.0], [2, 2.0]]})
    other = line_of(handmade_clip.suspect(findings=(finding(plain),)))
    assert not other.has_growth
    assert other.sound
    assert other.sound.curves[0].chart.lines


def test_a_curve_of_no_track_on_another_question_stands_over_the_frames() -> None:
    region = Region("span", "moments", span=(0, 9), details={"curve": [[1, 1.0], [2, 2.0]], "log10_lr": 1.5})
    line = line_of(handmade_clip.suspect(findings=(finding(region, question=Question.GENERATED),)))
    assert [row.lrs for row in line.whole] == [("LR 32 (log10 +1.5)",)]


def test_hostile_text_is_escaped_everywhere() -> None:
    span = Region("span", ATTACK, 0.9, span=(1, 3), details={"measured": ATTACK, "innocent": ATTACK})
    curve = handmade_clip.curve(1, handmade_clip.growth(0, 9, 2), 2.0, ATTACK)
    mask = handmade_clip.mask(0.2, 1)
    spoken = replace(finding(span, curve, mask, question=Question.VOICE_SYNTHETIC), examiner=ATTACK, why=ATTACK)
    sound = replace(handmade_clip.sound(3), codec=ATTACK)
    watched = handmade_clip.footage(
        info=handmade_clip.info(12.0, container=ATTACK, codec=ATTACK, pixel_format=ATTACK), sound=sound, notes=(ATTACK,)
    )
    exam = handmade_clip.examination(
        watched, findings=(spoken,), exhibit=handmade_clip.exhibit(ATTACK, "video/mp4"), weights={ATTACK: ATTACK}
    )
    html = render_html(exam, cards={})
    found = Page(html)
    assert len(found.all("script")) == 1
    assert all("onerror" not in attributes for _, attributes in found.tags)
    assert "<img src=x" not in html
    assert "alert('x')" in found.text


def test_direction_marks_and_endless_labels_are_tamed() -> None:
    regions = [Region("span", "\u202e\x1b[2J" + "x" * 5_000, 0.9, span=(i / 10, i / 10)) for i in range(200)]
    html = render_html(handmade_clip.suspect(findings=(finding(*regions),)), cards={})
    assert not set("\u202e\x1b") & set(html)
    assert len(html) < MAX_REPORT_BYTES


def test_page_is_self_contained() -> None:
    html = render_html(handmade_clip.suspect(), cards={})
    sources = [v for _, a in Page(html).tags for k, v in a.items() if k in {"src", "href"} and v]
    assert all(s.startswith(("data:image/", "data:,", "#")) for s in sources)
    assert not re.search(r"url\(|@import|https?://", html)
    assert not any(k.startswith("on") for _, a in Page(html).tags for k in a)


NAN = math.nan


@pytest.mark.parametrize(
    "region",
    [
        Region("span", "x", NAN, span=(NAN, NAN), details={"log10_lr": NAN}),
        Region("span", "x", 2.0, span=(-1e300, 1e300), details={"log10_lr": 10**400}),
        Region("span", "x", span=(5, 4), details={"track": "1", "curve": [[NAN, NAN], [1e400, 1], ["a", {}]]}),
        Region("span", "x", span=(1, 2), details={"track": 10**30, "curve": [[1, 10**400], [1, 1]]}),
        Region("span", "x", span=(1, 2), details={"track": 77, "curve": [[1, 1e300]]}),
        Region("mask", "x", 0.5, (NAN, 0, 1, 1), handmade.blob(), details={"time_s": 0.2, "track": 1}),
        Region("mask", "x", 0.5, (0, 0, 1e12, 1e12), handmade.blob(), details={"time_s": 0.2, "track": 1}),
        Region("mask", "x", 0.5, None, handmade.blob(), details={"time_s": NAN}),
        Region("mask", "x", 0.5, None, handmade.blob(), details={"time_s": 10**400, "track": 1}),
        Region("mask", "x", 0.5, None, np.zeros((0, 4), np.uint8), details={"time_s": 0.2, "track": 1}),
        Region("box", "x", 0.5, (NAN, 0, 1, 1), details={"time_s": 0.2, "track": -1}),
    ],
)
def test_absurd_regions_do_no_harm(region: Region) -> None:
    watched = handmade_clip.footage(sound=handmade_clip.sound(2))
    text = page(handmade_clip.examination(watched, findings=(finding(region),))).text
    assert "third_party" in text
    assert "Time line" in text


def test_endless_regions_cost_nothing() -> None:
    span = Region("span", "x", 0.5, span=(1.0, 2.0))
    curve = handmade_clip.curve(1, [[1.0, 1.0]] * 1_000_000, 1.0)
    exam = handmade_clip.suspect(findings=(finding(curve, *[span] * 1_000_000),))
    line = line_of(exam)
    (row,) = line.spans
    assert len(row.bars) == evidence.MAX_SPANS
    assert row.rows == lanes.MAX_ROWS_OF_SPANS
    assert len(render_html(exam, cards={})) < MAX_REPORT_BYTES


@pytest.mark.slow
def test_report_of_two_hours_stays_small() -> None:
    rng = np.random.default_rng(1)

    def noisy(number: int) -> Any:
        start = 80.0 * number
        track = handmade_clip.track(number, start, start + 70, person=1 + number % 9, looks=32 if number <= 8 else 0)
        views = tuple(replace(v, crop=rng.integers(0, 256, (384, 384, 3), np.uint8)) for v in track.views)
        return replace(track, views=views)

    tracks = tuple(noisy(n) for n in range(1, 81))
    still = handmade_clip.footage().stills[0]
    stills = tuple(
        replace(still, time_s=t, pixels=rng.integers(0, 256, (720, 1280, 3), np.uint8)) for t in range(0, 7200, 450)
    )
    voice = replace(handmade_clip.sound(1), samples=np.broadcast_to(np.int16(7), 7200 * 16_000))
    said = finding(
        *(handmade_clip.curve(t.number, handmade_clip.growth(*t.span, 2, 600), 2.0) for t in tracks),
        *(handmade_clip.mask(v.time_s, t.number) for t in tracks for v in t.views),
        *(Region("span", "sentence", 0.9, span=(60.0 * i, 60.0 * i + 9)) for i in range(118)),
        question=Question.FACE_SWAPPED,
    )
    watched = handmade_clip.footage(
        7200.0, tracks=tracks, stills=stills, sound=voice, cuts=np.arange(0, 7200, 4.0),
        info=handmade_clip.info(7200.0, whole=False, segments=tuple((60.0 * i, 60.0 * i + 10) for i in range(120))),
    )  # fmt: skip
    exam = handmade_clip.examination(watched, findings=(said,))
    html = render_html(exam, cards={})
    assert len(html.encode()) < MAX_REPORT_BYTES
    line = line_of(exam)
    assert len(line.moments) <= MAX_MOMENTS
    assert sum(m.size for m in line.moments) <= BUDGET_BYTES
    assert {m.track for m in line.moments} >= {None, 1, 2, 3, 4, 5, 6, 7, 8}  # every one has its turn
    assert line.examined
    assert any("further track" in text for text in line.missing)
    listed = build_tracks(exam)
    assert listed
    assert (len(listed.cards), len(listed.rows), listed.left_out) == (MAX_CARDS, 80 - MAX_CARDS, 0)


@pytest.mark.parametrize("claimed", [0.0, NAN, math.inf, -4.0, 1e12])
def test_a_claim_of_an_absurd_length_is_not_believed(claimed: float) -> None:
    watched = handmade_clip.footage(info=handmade_clip.info(claimed))
    assert timeline.axis_of(watched).duration_s == pytest.approx(12.0, abs=0.1)
    assert "Time line" in page(handmade_clip.examination(watched)).text


def test_footage_with_nothing_in_it_has_a_time_line_too() -> None:
    empty = handmade_clip.footage(
        0.0, info=handmade_clip.info(0.0), table=None, stills=(), tracks=(), cuts=np.empty(0), sound=None
    )
    text = page(handmade_clip.examination(empty)).text
    assert "No face was found in the frames that were examined." in text
    assert "There is no sound" in text


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_renders(verdict: Verdict) -> None:
    exam = handmade_clip.call(2.0, opinion=handmade.opinion(verdict), findings=())
    assert "Time line" in page(exam).text


def test_same_examination_gives_the_same_page() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
    first, second = (render_html(handmade_clip.suspect(), cards={}, written=moment) for _ in range(2))
    assert first == second
