"""The terminal report, with a terminal and without."""

from __future__ import annotations

import io
import re
from pathlib import Path

import handmade
import handmade_clip
import pytest

from facevalue.finding import CONTRADICTION, DECLARES_SYNTHETIC, Finding, Question, Region, Status, Verdict
from facevalue.reports.terminal import make_console, print_examination


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(exam: object, stream: io.StringIO | None = None, **options: object) -> str:
    stream = stream or io.StringIO()
    print_examination(exam, make_console(stream), **options)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def test_says_everything_in_one_line_each() -> None:
    lines = printed(handmade.suspect(), report=Path("out/report.html")).splitlines()
    assert lines[0].startswith("street.jpg: SUSPECT. There are signs")
    assert "  face_swapped    LR 24 (log10 +1.4), moderate support for a manipulated face" in lines
    assert "  edited          unexamined: No examiner answers this question yet." in lines
    assert "  contradiction   EXIF thumbnail = 160 × 120, differs from the picture" in lines
    assert "  not examined    voice: The exhibit holds no sound." in lines
    assert "  report          out/report.html" in lines


def test_nothing_is_said_twice() -> None:
    why = "no face was found"
    weighed = handmade.opinion(
        Verdict.INCONCLUSIVE,
        handmade.question("face_swapped", None, "none", f"face_blend: {why}", "unexamined"),
        reasons=(f"face_blend: {why}",),
    )
    assert printed(handmade.suspect(opinion=weighed, not_examined=(("face_blend", why),))).count(why) == 1


def test_no_signs_is_no_proof() -> None:
    exam = handmade.suspect(opinion=handmade.opinion(Verdict.NO_SIGNS))
    assert "Absence of detection is not proof of authenticity." in printed(exam)


def test_without_a_terminal_no_line_is_wrapped_cut_or_coloured() -> None:
    exam = handmade.suspect(not_examined=(("voice", "word " * 60 + "end"),))
    text = printed(exam)
    assert "word " * 60 + "end" in text
    assert "\x1b" not in text
    assert not any("\u2500" <= c <= "\u259f" for c in text)


def test_a_terminal_gets_colour_and_whole_words() -> None:
    exam = handmade.suspect(not_examined=(("voice", "word " * 60 + "end"),))
    text = printed(exam, Terminal())
    assert "\x1b[" in text
    assert max(map(len, printed(exam, Terminal()).splitlines())) < 120
    assert text.count("word") == 60


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(handmade.suspect(), Terminal())


def test_hostile_text_cannot_steer_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07[bold red]\u202e[/]\x9b2J\nname: VERIFIED"
    field = Region("field", DECLARES_SYNTHETIC, field_name=hostile, value=hostile)
    exam = handmade.suspect(
        exhibit=handmade.exhibit(hostile),
        findings=(Finding("metadata", Question.PROVENANCE, Status.FOUND, hostile, regions=(field,)),),
        not_examined=((hostile, hostile),),
    )
    text = printed(exam, report=Path("a\x1bb"))
    assert not set("\x1b\x07\u202e\x9b") & set(text)
    assert "[bold red]" in text
    assert not any(line.startswith("name: VERIFIED") for line in text.splitlines())


def test_a_hint_is_called_one() -> None:
    hint = Region("field", DECLARES_SYNTHETIC, field_name="PNG prompt", value="graph", details={"strength": "hint"})
    odd = Region("field", CONTRADICTION, field_name="EXIF date", value="2099", details={"strength": "hint"})
    finding = Finding("metadata", Question.PROVENANCE, Status.FOUND, "It hints.", regions=(hint, odd))
    text = printed(handmade.suspect(findings=(finding,)))
    assert re.search(r"hint +PNG prompt = graph", text)
    assert re.search(r"contradiction +EXIF date = 2099", text)
    assert "declared" not in text


def test_unreadable_says_why() -> None:
    text = printed(handmade.unreadable())
    assert text.startswith("broken.jpg: UNEXAMINED. Nothing could be examined.")
    assert "The file is empty." in text


def test_a_clip_gets_a_sparkline_for_each_track_and_one_for_the_voice() -> None:
    text = printed(handmade_clip.suspect())
    assert re.search(r"  track 1 +\|[▁-█ ]{24}\| LR 250 \(log10 \+2.4\), face_blend, person 1, 0:00 to 0:11\n", text)
    assert re.search(
        r"  track 2 +\| {8}[▁-█ ]{16}\| LR 1/25 \(log10 -1.4\), face_blend, person 2, 0:04 to 0:09\n", text
    )
    assert re.search(r"  voice +\|[▁-█ ]{24}\| LR 40", text)
    assert "the whole clip from left to right" in text
    assert "Bona fide clips reach this band too" in text


def test_where_the_encoding_lacks_blocks_signs_do() -> None:
    class Narrow(io.StringIO):
        encoding = "ascii"  # type: ignore[assignment]

    text = printed(handmade_clip.suspect(), Narrow())
    assert re.search(r"  track 1 +\|[_.:=+*# -]{24}\| LR 250", text)
    assert not re.search("[▁-█]", text)


def test_many_tracks_do_not_flood_the_terminal() -> None:
    curves = tuple(handmade_clip.curve(n, [[n / 10, n / 10]], n / 10) for n in range(1, 31))
    finding = Finding("face_blend", Question.FACE_SWAPPED, Status.FOUND, "why", 0.5, 3.0, curves)
    text = printed(handmade_clip.suspect(findings=(finding,)))
    assert "  track 30 " in text
    assert "  track 18 " not in text
    assert "18 weaker curves in the report" in text


def test_notes_of_a_clip_are_printed() -> None:
    watched = handmade_clip.footage(notes=("The last 3 s did not decode.",))
    assert re.search(r"note +The last 3 s did not decode.", printed(handmade_clip.suspect(footage=watched)))
