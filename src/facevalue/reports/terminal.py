"""The examination on a terminal, or as plain text where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from facevalue.finding import CONTRADICTION, DECLARES_SYNTHETIC, QuestionOpinion
from facevalue.reports import words
from facevalue.reports.words import plain

if TYPE_CHECKING:
    from rich.console import Console

    from facevalue.examine import Examination

LABEL_WIDTH = 15
MAX_VALUE_CHARS = 200
MAX_CURVES = 12
_STYLES = {0: "green", 1: "cyan", 2: "yellow", 3: "red"}
# What a curve without a track is drawn over, by question; whole frames for the others.
_CURVE_LABELS = {"voice_synthetic": "voice", "lips_mismatched": "lips", "edited": "sound"}

Line = tuple[str, str]


def make_console(stream: IO[str]) -> Console:
    """A console that emits escape codes only to a terminal, and none where NO_COLOR is set."""
    from rich.console import Console

    colourless = bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    return Console(file=stream, color_system=None if colourless else "auto", markup=False, highlight=False, emoji=False)


def print_examination(exam: Examination, console: Console, *, report: Path | None = None) -> None:
    """Print one verdict line, one line per question, and what else there is to know; report: where it was written."""
    _print_verdict(exam, console)
    for label, text in lines(exam, console.encoding):
        print_line(console, label, text)
    if report is not None:
        print_line(console, "report", plain(report))


def print_verdict(exam: Examination, console: Console) -> None:
    """Print the verdict line alone."""
    _print_verdict(exam, console)


def lines(exam: Examination, encoding: str = "utf-8") -> Iterator[Line]:
    """Label and text of every line below the verdict, already safe to print in an encoding."""
    opinion, kind = exam.opinion, exam.kind
    asked = [(str(q.question), question_line(q, kind)) for q in opinion.by_question.values()]
    yield from asked
    yield from _curve_lines(exam, encoding)
    # A reason is often one question's own, and an examiner's silence is often the reason: nothing is said twice.
    said = "\n".join(text for _, text in asked)
    for reason in map(plain, opinion.reasons):
        if reason not in said:
            yield "why", reason
    yield from _field_lines(exam)
    from facevalue.reports.provenance import examination_lines

    yield from examination_lines(exam.provenance.get("credentials"))
    watched = exam.picture or exam.footage
    for note in watched.notes if watched else ():
        yield "note", plain(note)
    for name, why in exam.not_examined:
        if plain(why) not in said:
            yield "not examined", f"{plain(name)}: {plain(why)}"
    caution = words.verdict_words(opinion.verdict, kind).caution
    if caution != words.ABSENCE or not any(map(words.is_not_proof, opinion.reasons)):
        yield "caution", caution


def question_line(question: QuestionOpinion, kind: str = "image") -> str:
    """ "LR 24 (log10 +1.4), moderate support for synthesis", or why there is no such number."""
    if question.log10_lr is None:
        return plain(f"{question.status}: {question.why}" if question.why else question.status)
    text = f"{words.lr_words(question.log10_lr)}, {words.band_words(question.band, str(question.question), kind)}"
    return text if question.status == "examined" else plain(f"{text}; {question.status}: {question.why}")


def _curve_lines(exam: Examination, encoding: str) -> Iterator[Line]:
    """A sparkline for each track and for the voice, all on one time axis; the strongest where there are many."""
    footage = exam.footage
    if footage is None:
        return
    # Imported late: a picture's lines need none of it.
    from facevalue.reports.evidence import curves
    from facevalue.reports.sparkline import curve_line, glyphs, legend, strongest
    from facevalue.reports.timeline import axis_of

    axis, signs = axis_of(footage), glyphs(encoding)
    found = curves(exam.findings, axis)
    tracks = {track.number: track for track in footage.tracks or ()}
    for curve in strongest(found, MAX_CURVES):
        label = _CURVE_LABELS.get(curve.question, "frames") if curve.track is None else f"track {curve.track}"
        yield label, curve_line(curve, tracks.get(curve.track or 0), axis, signs)
    if len(found) > MAX_CURVES:
        yield "tracks", f"{words.count(len(found) - MAX_CURVES, 'weaker curve')} in the report"
    if found:
        yield "time line", f"the whole {words.thing(exam.kind)} from left to right; {legend(signs)}"


def _field_lines(exam: Examination) -> Iterator[Line]:
    labels = {DECLARES_SYNTHETIC: "declared", CONTRADICTION: "contradiction"}
    for finding in exam.findings:
        for region in finding.regions:
            if region.kind == "field" and region.label in labels:
                value = plain(region.value or "")
                value = value if len(value) <= MAX_VALUE_CHARS else f"{value[:MAX_VALUE_CHARS]}..."
                label = "hint" if words.is_hint(region) else labels[region.label]
                yield label, f"{plain(region.field_name or '')} = {value}"


def _print_verdict(exam: Examination, console: Console) -> None:
    from rich.text import Text

    said = words.verdict_words(exam.opinion.verdict, exam.kind)
    line = Text(f"{plain(exam.exhibit.name)}: ", style="bold")
    line.append(said.label.upper(), style=f"bold {_STYLES[said.tone]}")
    line.append(f". {said.headline}", style="none")
    put(console, line)


def print_line(console: Console, label: str, text: str) -> None:
    """A label and its text, the text indented as a block on a terminal and left unwrapped elsewhere."""
    from rich.text import Text

    room = console.width - LABEL_WIDTH - 3
    body = Text(text)
    parts = body.wrap(console, room) if console.is_terminal and room >= 20 else [body]
    for number, part in enumerate(parts):
        lead = Text(f"  {label if number == 0 else '':<{LABEL_WIDTH}} ", style="dim")
        put(console, lead.append_text(Text(part.plain, style="none")))


def put(console: Console, line: object) -> None:
    """Print a Text object."""
    # Text objects, never markup strings: a file called "[red]" stays what it is. Longer lines are left to wrap.
    if console.is_terminal:
        console.print(line, overflow="fold")
    else:
        console.print(line, soft_wrap=True)
