"""Where the examinations of one command go: text or JSON on stdout, and reports on disk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from facevalue.cli.run import say
from facevalue.errors import UsageError
from facevalue.reports import check_suffix, write_report

if TYPE_CHECKING:
    from facevalue.examine import Examination
    from facevalue.reports.batch import BatchReport

TEXT, QUIET, JSON, JSONL = "text", "quiet", "json", "jsonl"


@dataclass
class Outputs:
    """Takes one examination after the other; close() writes what can only be written at the end."""

    files: Sequence[str]
    style: str = TEXT
    report: Path | None = None
    batch: BatchReport | None = None
    _waiting: list[tuple[int, bytes]] = field(default_factory=list)
    _printed: int = 0

    @classmethod
    def choose(
        cls, files: Sequence[str], *, as_json: bool, as_jsonl: bool, quiet: bool, report: Path | None
    ) -> Outputs:
        """From the command's options. Raises UsageError before anything is examined."""
        style = JSON if as_json else JSONL if as_jsonl else QUIET if quiet else TEXT
        if report is None:
            return cls(files, style)
        if len(files) == 1 and report.suffix and not report.is_dir():
            check_suffix(report)
            return cls(files, style, report=report)
        if report.suffix.lower() in {".html", ".json"} and not report.is_dir():
            raise UsageError(f"{len(files)} files need a folder for their reports, not the file {report}")
        if report.exists() and not report.is_dir():
            raise UsageError(f"{report} is a file; reports of several files need a folder")
        from facevalue.reports.batch import BatchReport

        return cls(files, style, batch=BatchReport(report))

    def take(self, exam: Examination) -> None:
        """Write the examination's report, then print it."""
        written = self.batch.add(exam) if self.batch else write_report(exam, self.report) if self.report else None
        if self.style in {JSON, JSONL}:
            self._take_json(exam)
        else:
            self._print(exam, written)

    def close(self) -> None:
        """Print what JSON is still waiting, and write the batch's index."""
        if self.style == JSON and len(self.files) > 1:
            rows = [text.rstrip(b"\n") for _, text in sorted(self._waiting, key=lambda pair: pair[0])]
            _write(b"[\n" + b",\n".join(rows) + b"\n]\n")
        if self.batch and self.batch.rows:
            say(f"the index of all reports is {self.batch.write_index()}")

    def _take_json(self, exam: Examination) -> None:
        from facevalue.reports.json import json_bytes

        if self.style == JSONL or len(self.files) == 1:
            _write(json_bytes(exam, indent=None if self.style == JSONL else 2))
        else:  # an array is in the order of the command line, whatever finished first
            self._waiting.append((self._place(exam.exhibit.name), json_bytes(exam)))

    def _place(self, name: str) -> int:
        taken = {place for place, _ in self._waiting}
        own = ("stdin" if file == "-" else Path(file).name for file in self.files)
        return next((i for i, n in enumerate(own) if n == name and i not in taken), len(self.files))

    def _print(self, exam: Examination, written: Path | None) -> None:
        from facevalue.reports.terminal import make_console, print_examination, print_verdict

        console = make_console(sys.stdout)
        if self.style == QUIET:
            print_verdict(exam, console)
            return
        if self._printed:
            console.print()
        self._printed += 1
        print_examination(exam, console, report=written)
        sys.stdout.flush()


def _write(text: bytes) -> None:
    # Bytes, since JSON is UTF-8 whatever encoding stdout has.
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
