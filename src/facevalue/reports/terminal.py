"""The examination on a terminal, or as plain text where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from facevalue.finding import CONTRADICTION, DECLARES_SYNTHETIC, QuestionOpinion
from facevalue.opinion.weigh import NOT_PROOF
from facevalue.reports import words
from facevalue.reports.words import plain

if TYPE_CHECKING:
    from rich.console import Console

    from facevalue.examine import Examination

LABEL_WIDTH = 15
MAX_VALUE_CHARS = 200
_STYLES = {0: "green", 1: "cyan", 2: "yellow", 3: "red"}

Line = tuple[str, str]


def make_console(stream: IO[str]) -> Console:
    """A console that emits escape codes only to a terminal, and none where NO_COLOR is set."""
    from rich.console import Console

    colourless = bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    return Console(file=stream, color_system=None if colourless else "auto", markup=False, highlight=False, emoji=False)


def print_examination(exam: Examination, console: Console, *, report: Path | None = None) -> None:
    """Print one verdict line, one line per question, and what else there is to know; report: where it was written."""
    _print_verdict(exam, console)
    for label, text in lines(exam):
        _print_line(console, label, text)
    if report is not None:
        _print_line(console, "report", plain(report))


def print_verdict(exam: Examination, console: Console) -> None:
    """Print the verdict line alone."""
    _print_verdict(exam, console)


def lines(exam: Examination) -> Iterator[Line]:
    """Label and text of every line below the verdict, already safe to print."""
    opinion = exam.opinion
    asked = [(str(q.question), question_line(q)) for q in opinion.by_question.values()]
    yield from asked
    # A reason is often one question's own, and an examiner's silence is often the reason: nothing is said twice.
    said = "\n".join(text for _, text in asked)
    for reason in map(plain, opinion.reasons):
        if reason not in said:
            yield "why", reason
    yield from _field_lines(exam)
    for note in exam.picture.notes if exam.picture else ():
        yield "note", plain(note)
    for name, why in exam.not_examined:
        if plain(why) not in said:
            yield "not examined", f"{plain(name)}: {plain(why)}"
    if (caution := words.verdict_words(opinion.verdict).caution) != words.ABSENCE or NOT_PROOF not in opinion.reasons:
        yield "caution", caution


def question_line(question: QuestionOpinion) -> str:
    """ "LR 24 (log10 +1.4), moderate support for synthesis", or why there is no such number."""
    if question.log10_lr is None:
        return plain(f"{question.status}: {question.why}" if question.why else question.status)
    text = f"{words.lr_words(question.log10_lr)}, {words.band_words(question.band, str(question.question))}"
    return text if question.status == "examined" else plain(f"{text}; {question.status}: {question.why}")


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

    said = words.verdict_words(exam.opinion.verdict)
    line = Text(f"{plain(exam.exhibit.name)}: ", style="bold")
    line.append(said.label.upper(), style=f"bold {_STYLES[said.tone]}")
    line.append(f". {said.headline}", style="none")
    _put(console, line)


def _print_line(console: Console, label: str, text: str) -> None:
    """A label and its text, the text indented as a block on a terminal and left unwrapped elsewhere."""
    from rich.text import Text

    room = console.width - LABEL_WIDTH - 3
    body = Text(text)
    parts = body.wrap(console, room) if console.is_terminal and room >= 20 else [body]
    for number, part in enumerate(parts):
        lead = Text(f"  {label if number == 0 else '':<{LABEL_WIDTH}} ", style="dim")
        _put(console, lead.append_text(Text(part.plain, style="none")))


def _put(console: Console, line: object) -> None:
    # Text objects, never markup strings: a file called "[red]" stays what it is. Longer lines are left to wrap.
    if console.is_terminal:
        console.print(line, overflow="fold")
    else:
        console.print(line, soft_wrap=True)
