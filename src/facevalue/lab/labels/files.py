"""Files that stand whole or not at all: bytes, masks, and the lines of a manifest."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facevalue.errors import UsageError

MANIFEST = "manifest.jsonl"


def put(path: Path, data: bytes) -> None:
    """Write a file so that its name holds all of the data or what it held before. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name[:60]}.", suffix=".partial", dir=path.parent)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written: {error.strerror or error}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()


def write_mask(mask: npt.NDArray[Any], path: Path) -> None:
    """Write where a picture was changed as a grey PNG. mask: bool, uint8, or float 0..1, (H, W). Raises UsageError."""
    if mask.ndim != 2:
        raise UsageError("a mask is an array (height, width)")
    values = mask if mask.dtype == np.uint8 else np.round(np.clip(np.asarray(mask, np.float32), 0, 1) * 255)
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(buffer, "PNG")
    put(path, buffer.getvalue())


def note(folder: Path, line: Mapping[str, Any]) -> None:
    """Add a line to folder/manifest.jsonl, whole or not at all. Raises UsageError.

    An earlier line on the same "file" is replaced: the same command run again leaves one line for each file. One
    process writes a manifest at a time.
    """
    notes(folder, [line])


def notes(folder: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Add several lines, as `note` does."""
    rows = list(lines)
    texts = [json.dumps(dict(row), sort_keys=True) + "\n" for row in rows]
    path = folder / MANIFEST
    known = path.read_text(encoding="utf-8") if path.is_file() else ""
    names = {row["file"] for row in rows if "file" in row}
    again = any(f'"file": {json.dumps(name)}' in known for name in names)
    if known and not again and known.endswith("\n"):
        _append(path, "".join(texts))
        return
    # The last line of a writer that was killed is not whole; lines on files that are written anew go.
    whole = [line for line in known.splitlines(keepends=True) if line.endswith("\n")]
    kept = [line for line in whole if not (again and _file_of(line) in names)]
    put(path, "".join([*kept, *texts]).encode())


def _file_of(line: str) -> object:
    """The file that a line is about; None for a line of another form."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row.get("file") if isinstance(row, dict) else None


def _append(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written: {error.strerror or error}") from None
