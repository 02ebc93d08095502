"""`facevalue compare ORIGINAL SUSPECT`: what was changed, and where, apart from re-encoding."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facevalue.cli.check import STDIN, STDIN_NAME
from facevalue.errors import UsageError

Original = Annotated[str, typer.Argument(help="The original, as its publisher released it.")]
Suspect = Annotated[str, typer.Argument(help="What is said to be it; - is stdin.")]
Json = Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the outcome alone.")]
Report = Annotated[Path | None, typer.Option(metavar="PATH", help="Write a report: a .html or .json file.")]


def compare_command(
    original: Original, suspect: Suspect, as_json: Json = False, quiet: Quiet = False, report: Report = None
) -> None:
    """Compare a suspect picture, clip or sound with its original: what was changed, and where, apart from re-encoding.

    Exit status: 0 compared, whatever was found, and also when the two have nothing in common; 2 wrong usage; 3 a file
    cannot be read.
    """
    if original == STDIN and suspect == STDIN:
        raise UsageError("only one of the two can be stdin")
    if report is not None:
        from facevalue.reports import check_suffix

        check_suffix(report)
    from facevalue import compare

    sources = [sys.stdin.buffer if name == STDIN else name for name in (original, suspect)]
    names = tuple(STDIN_NAME if name == STDIN else None for name in (original, suspect))
    found = compare(sources[0], sources[1], names=(names[0], names[1]))
    written = found.save(report) if report is not None else None
    if as_json:
        from facevalue.reports.comparison import json_bytes

        sys.stdout.flush()
        sys.stdout.buffer.write(json_bytes(found, indent=2))
        return
    from facevalue.reports.comparison import print_comparison
    from facevalue.reports.terminal import make_console

    print_comparison(found, make_console(sys.stdout), report=written, quiet=quiet)
