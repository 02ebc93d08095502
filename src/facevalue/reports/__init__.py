"""Reports: writers of one examination. A writer never computes a score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from facevalue.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from facevalue.examine import Examination

SUFFIXES = (".html", ".json")


def check_suffix(path: Path) -> None:
    """Raises UsageError, naming the supported suffixes, when no writer is known for the path."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"no report can be written as {path.suffix or path.name!r}; use {' or '.join(SUFFIXES)}")


def write_report(exam: Examination, path: Path) -> Path:
    """Write one report; the suffix chooses the writer.

    Missing folders are made. Raises UsageError for another suffix and UnreadableError when the path cannot be
    written.
    """
    path = Path(path)
    check_suffix(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _writer(path.suffix.lower())(exam, path)
    except OSError as error:
        raise UnreadableError(f"cannot write {path}: {error.strerror or error}") from None


def write_by_suffix(path: Path, as_json: Callable[[], bytes], as_html: Callable[[], str]) -> Path:
    """Write what the suffix asks for: bytes of JSON, or a page as UTF-8. Raises as write_report does."""
    check_suffix(path)
    text = as_json() if path.suffix.lower() == ".json" else as_html().encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    except OSError as error:
        raise UnreadableError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def _writer(suffix: str) -> Callable[[Examination, Path], Path]:
    # Imported late: a JSON report needs no template engine.
    if suffix == ".json":
        from facevalue.reports.json import write_json

        return write_json
    from facevalue.reports.html import write_html

    return write_html


__all__ = ["SUFFIXES", "check_suffix", "write_by_suffix", "write_report"]
