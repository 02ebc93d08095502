"""`facevalue verify`: what credentials say of files, and what can be relied on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facevalue.cli.check import STDIN, STDIN_NAME, Files, Json, Jsonl, check_files
from facevalue.cli.run import EXIT_NOTHING
from facevalue.errors import UsageError

if TYPE_CHECKING:
    from facevalue.provenance.record import Provenance

Registry = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="Ask this registry: its folder, or its http(s) address over the network."),
]
LogKey = Annotated[
    str | None,
    typer.Option(metavar="VKEY", help="The key that the registry's log must have; remembered in FACEVALUE_HOME."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the line of the state alone.")]
Trust = Annotated[
    Path | None, typer.Option(metavar="PEM", help="Anchors of claim signers, in place of the published list.")
]
TsaTrust = Annotated[
    Path | None,
    typer.Option(metavar="PEM", help="Anchors of time-stamping authorities, in place of the published list."),
]
Sidecar = Annotated[
    Path | None, typer.Option(metavar="C2PA", help="A .c2pa file that holds the manifest; for one file.")
]
Online = Annotated[
    bool, typer.Option("--online", help="Fetch a manifest that is kept elsewhere, and ask about revocation.")
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Write a report: a .html or .json file, or a folder for several files."),
]


def verify_command(
    files: Files,
    trust: Trust = None,
    tsa_trust: TsaTrust = None,
    sidecar: Sidecar = None,
    online: Online = False,
    registry: Registry = None,
    log_key: LogKey = None,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
    quiet: Quiet = False,
    report: Report = None,
) -> None:
    """Verify the credentials of files: is the content what was signed, by whom, who vouches for them, what went before.

    Exit status: 0 verified or not, whatever the state; 2 wrong usage; 3 nothing could be verified.
    """
    if as_json and as_jsonl:
        raise UsageError("choose one of --json and --jsonl")
    if sidecar is not None and len(files) != 1:
        raise UsageError("--sidecar goes with exactly one file")
    check_files(files)
    writer = _Writer(files, as_json, as_jsonl, quiet, report)
    from facevalue import verify

    states = []
    try:
        for name in files:
            stdin = name == STDIN
            found = verify(
                sys.stdin.buffer if stdin else name,
                trust,
                registry,
                tsa_trust=tsa_trust,
                sidecar=sidecar,
                online=online,
                log_key=log_key,
                name=STDIN_NAME if stdin else None,
            )
            writer.take(found)
            states.append(str(found.state))
    finally:  # an interruption loses nothing that was done
        writer.close()
    if all(state == "error" for state in states):
        raise typer.Exit(EXIT_NOTHING)


class _Writer:
    """Prints one provenance after the other, and writes the reports."""

    def __init__(self, files: list[str], as_json: bool, as_jsonl: bool, quiet: bool, report: Path | None) -> None:
        from facevalue.reports import check_suffix

        self.several, self.as_json, self.as_jsonl, self.quiet, self.report = (
            len(files) > 1,
            as_json,
            as_jsonl,
            quiet,
            report,
        )
        self.waiting: list[bytes] = []
        self.count = 0
        if report is not None and not self.several:
            check_suffix(report)
        elif report is not None and (report.suffix.lower() in {".html", ".json"} or report.is_file()):
            raise UsageError(f"{len(files)} files need a folder for their reports, not the file {report}")

    def take(self, found: Provenance) -> None:
        """Write the report of one file, then print it."""
        from facevalue.reports.provenance import json_bytes, print_provenance, write_provenance
        from facevalue.reports.terminal import make_console

        self.count += 1
        written = write_provenance(found, self._path(found)) if self.report else None
        if self.as_jsonl or (self.as_json and not self.several):
            _write(json_bytes(found, indent=None if self.as_jsonl else 2))
        elif self.as_json:
            self.waiting.append(json_bytes(found).rstrip(b"\n"))
        else:
            console = make_console(sys.stdout)
            if self.count > 1 and not self.quiet:
                console.print()
            print_provenance(found, console, report=written, quiet=self.quiet)
            sys.stdout.flush()

    def close(self) -> None:
        """Print what JSON is still waiting: an array, in the order of the command line."""
        if self.as_json and self.several:
            _write(b"[\n" + b",\n".join(self.waiting) + b"\n]\n")

    def _path(self, found: Provenance) -> Path:
        assert self.report is not None
        if not self.several:
            return self.report
        from facevalue.reports.words import plain

        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in plain(found.exhibit.name))[:80].lstrip(".")
        return self.report / f"{self.count:04}-{stem or 'exhibit'}.html"


def _write(text: bytes) -> None:
    # Bytes, since JSON is UTF-8 whatever encoding stdout has.
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
