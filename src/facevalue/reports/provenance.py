"""Reports of one verification: JSON, HTML, and lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facevalue.reports import write_by_suffix
from facevalue.reports.credentials import CredentialsView, coverage, credentials_view
from facevalue.reports.terminal import Line, print_line, put
from facevalue.reports.words import plain

if TYPE_CHECKING:
    from rich.console import Console

    from facevalue.provenance.record import Provenance

_STYLES = {0: "green", 1: "cyan", 2: "yellow", 3: "red"}
_LABELS = {
    "claim_signature": "signature",
    "signer_trust": "signer",
    "declared_origin": "origin",
    "second_opinion": "second opinion",
}


def json_bytes(found: Provenance, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON text, one newline at the end; lone surrogates of a name become JSON's own escapes."""
    return found.to_json(indent=indent).encode("utf-8", "backslashreplace") + b"\n"


def write_provenance(found: Provenance, path: Path) -> Path:
    """Write one report; the suffix chooses the writer (.html, .json). Missing folders are made.

    Raises UsageError for another suffix and UnreadableError when the path cannot be written.
    """
    return write_by_suffix(path, lambda: json_bytes(found, indent=2), lambda: render_provenance(found))


def render_provenance(found: Provenance) -> str:
    """The report as one self-contained HTML file."""
    from facevalue.reports.html import render

    view = credentials_view(found.body())
    return render("provenance.html.j2", exhibit=found.exhibit, name=plain(found.exhibit.name), credentials=view)


def print_provenance(found: Provenance, console: Console, *, report: Path | None = None, quiet: bool = False) -> None:
    """Print the line of the state, then one line per axis and whatever else there is; quiet: the first line alone."""
    from rich.text import Text

    view = credentials_view(found.body())
    assert view is not None
    line = Text(f"{plain(found.exhibit.name)}: ", style="bold")
    line.append(view.label.upper(), style=f"bold {_STYLES[view.tone]}")
    line.append(f". {view.summary}", style="none")
    put(console, line)
    if quiet:
        return
    for label, text in lines(view):
        print_line(console, label, text)
    if report is not None:
        print_line(console, "report", plain(report))


def lines(view: CredentialsView) -> Iterator[Line]:
    """Label and text of every line below the state."""
    for axis in view.axes:
        yield _LABELS.get(axis.name, axis.name), f"{axis.status}: {axis.summary}"
    for step in view.history:
        for result in step.results:
            yield "recorded", f"{step.title}: {result}"
    if view.coverage:
        yield "outside hash", view.coverage
    for text in view.warnings:
        if text not in view.summary:
            yield "warning", text
    for text in view.notes:
        yield "note", text
    for name, what in view.lists:
        yield "trust list", f"{name}: {what}"
    yield "caution", view.caution


def examination_lines(body: Mapping[str, Any] | None) -> Iterator[Line]:
    """What an examination's lines say of its credential, beyond the reasons of its opinion."""
    view = credentials_view(body)
    if view is None:
        return
    for axis in view.axes:
        if axis.name in ("binding", "claim_signature", "signer_trust", "history") and axis.tag in (
            "found",
            "contradiction",
        ):
            yield "credential", f"{axis.title}: {axis.summary}"
            yield from (("credential", text) for text in axis.evidence[:3] if axis.name == "history")
    if view.state in ("verified", "verified_with_warnings") and body:
        yield "credential", f"outside the hash: {coverage(body.get('uncovered'))}"
    for note in view.notes:
        yield "note", note
