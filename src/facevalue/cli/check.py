"""`facevalue check`: examine files, print or write what was found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from facevalue.cli.run import EXIT_FAIL_ON, EXIT_NOTHING
from facevalue.errors import UsageError

STDIN = "-"
STDIN_NAME = "stdin"

# --fail-on, worst first. `verified` is the best that can be said, since a credential speaks for the file; a file
# that could not be examined is as little cleared as an inconclusive one. finding.Verdict is not imported here
# because --help would pay for numpy; a test keeps the two lists equal.
WORST_FIRST = (
    "altered",
    "declared_synthetic",
    "fake",
    "suspect",
    "unexamined",
    "inconclusive",
    "no_signs",
    "verified",
)
QUESTIONS = ("generated", "face_swapped", "edited", "voice_synthetic", "lips_mismatched", "provenance")

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Files; - is stdin.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: an object, or an array for several files.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="Print one JSON object a line, each as soon as it is ready.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the verdict line alone, and no progress.")]
Report = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Write a report: a .html or .json file, or a folder for several files."),
]
Workers = Annotated[int, typer.Option(min=1, max=256, help="Files examined at the same time.")]
FailOn = Annotated[
    str | None,
    typer.Option(
        metavar="VERDICT",
        help=f"Leave with status 1 on this verdict or a worse one. Worst first: {', '.join(WORST_FIRST)}.",
    ),
]
Asked = Annotated[
    list[str] | None,
    typer.Option("--question", metavar="Q", help=f"Ask only this; repeatable. One of {', '.join(QUESTIONS)}."),
]
MaxPixels = Annotated[float, typer.Option(min=0.01, metavar="MP", help="Megapixels above which nothing is decoded.")]
Trust = Annotated[
    Path | None, typer.Option(metavar="PEM", help="Anchors of claim signers, in place of the published list.")
]
Timeout = Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds that decoding one file may take.")]


def check_command(
    files: Files,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
    quiet: Quiet = False,
    report: Report = None,
    workers: Workers = 1,
    fail_on: FailOn = None,
    question: Asked = None,
    max_pixels: MaxPixels = 200.0,
    timeout: Timeout = 60.0,
    trust: Trust = None,
) -> None:
    """Examine files and say what the evidence supports, how strongly, where, and how far to trust it.

    Exit status: 0 examined, whatever the verdict; 1 only with --fail-on; 2 wrong usage; 3 nothing could be examined.
    """
    if as_json and as_jsonl:
        raise UsageError("choose one of --json and --jsonl")
    _check_choice("verdict", [fail_on] if fail_on else [], WORST_FIRST)
    _check_choice("question", question or [], QUESTIONS)
    check_files(files)
    _check_trust(trust)
    from facevalue.cli.outputs import Outputs
    from facevalue.cli.work import examinations

    outputs = Outputs.choose(files, as_json=as_json, as_jsonl=as_jsonl, quiet=quiet, report=report)
    seen: list[str] = []
    try:
        for exam in examinations(
            files,
            workers=workers,
            options={**_options(max_pixels, timeout, question), "trust": trust},
            progress=not quiet and sys.stderr.isatty(),
        ):
            outputs.take(exam)
            seen.append(str(exam.opinion.verdict))
    finally:  # an interruption loses nothing that was done
        outputs.close()
    _leave(seen, fail_on)


def _check_choice(what: str, given: list[str], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise UsageError(f"no {what} is called {name}; known: {', '.join(known)}")


def check_files(files: list[str]) -> None:
    """Raises UsageError for folders, and for stdin given twice."""
    if files.count(STDIN) > 1:
        raise UsageError("stdin (-) can be given once")
    for name in files:
        if name != STDIN and Path(name).is_dir():
            raise UsageError(f"{name} is a folder; name the files in it, such as {Path(name) / '*'}")


def _check_trust(trust: Path | None) -> None:
    """Anchors that cannot be read are wrong usage, and not a fault of every file."""
    if trust is not None:
        from facevalue.provenance.trust import trust_set

        trust_set(trust)


def _options(max_pixels: float, timeout: float, question: list[str] | None) -> dict[str, Any]:
    from facevalue.finding import Question
    from facevalue.media import Limits

    limits = Limits(pixels=max(1, round(max_pixels * 1e6)), seconds=timeout)
    return {"limits": limits, "questions": tuple(Question(q) for q in dict.fromkeys(question)) if question else None}


def _leave(seen: list[str], fail_on: str | None) -> None:
    if all(verdict == "unexamined" for verdict in seen):
        raise typer.Exit(EXIT_NOTHING)
    if fail_on and any(_as_bad(verdict, fail_on) for verdict in seen):
        raise typer.Exit(EXIT_FAIL_ON)


def _as_bad(verdict: str, fail_on: str) -> bool:
    return WORST_FIRST.index(verdict) <= WORST_FIRST.index(fail_on)
