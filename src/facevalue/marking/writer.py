"""mark_file: marked by a limited process of its own, then read back before anyone relies on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.marking.clips import CLIPS
from facevalue.marking.marked import MarkedFile
from facevalue.marking.pictures import PICTURES
from facevalue.marking.reader import read_file
from facevalue.marking.sounds import SOUNDS
from facevalue.sandbox.pool import describe_exit
from facevalue.watermark import Payload

MARKABLE = frozenset({*PICTURES, *CLIPS, *SOUNDS})
# Limits of the worker: address space beyond its code; processor seconds of a picture; and for clips and sounds, one
# more second for so many bytes (a clip of 1 Mbit/s takes about 7 times its length on one slow core).
_MEMORY_BYTES = 6 << 30
_PICTURE_S = 300.0
_MOVING_BYTES_PER_S = 4_000
_WHY_NOT = {
    "image/heic": "HEIC pictures are read but cannot be written by this version: convert to JPEG, PNG or AVIF first",
    "image/gif": "a GIF's palette leaves no room for a mark: convert to PNG first",
    "image/svg+xml": "a drawing has no pixels: there is nothing to hide a mark in",
    "application/pdf": "a document is not marked; sign it without a watermark",
}


def mark_file(source: str | Path, out: str | Path, payload: Payload) -> MarkedFile:
    """Write a marked copy of a file to `out`, in the source's format, and read the mark back from it.

    out: a new file or one to replace, never the source. It is written beside its place and moved there when it is
    whole. Raises UsageError, with the reason, for what cannot be marked (MARKABLE lists the media types that can),
    UnreadableError for a source that cannot be read.
    """
    origin, target = Path(source), Path(out)
    exhibit = Exhibit.open(origin)
    if target.exists() and os.path.samefile(origin, target):  # noqa: PTH121 - Path.samefile follows the same rule
        raise UsageError("the marked copy must not replace the original: give another name")
    if exhibit.media_type not in MARKABLE:
        other = f"files of this type ({exhibit.media_type}) cannot be marked"
        raise UsageError(_WHY_NOT.get(exhibit.media_type, other))
    try:
        descriptor, name = tempfile.mkstemp(prefix=".marked-", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise UsageError(f"cannot write to {target.parent.name or 'this folder'}: {error.strerror}") from None
    os.close(descriptor)
    try:
        return _into(exhibit, origin, Path(name), target, payload)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def _into(exhibit: Exhibit, origin: Path, draft: Path, target: Path, payload: Payload) -> MarkedFile:
    made = _apart(exhibit, origin, draft, payload)
    found = read_file(draft)
    if found is None or found.payload != payload:
        raise UsageError("the mark could not be read back from the copy, so none was written: too little to hide it in")
    draft.chmod(0o666 & ~_umask())
    draft.replace(target)
    return MarkedFile(
        target,
        exhibit.media_type,
        str(made["algorithm"]),
        payload,
        float(made["distortion_db"]),
        int(made["frames"]),
        tuple(made["notes"]),
    )


def _apart(exhibit: Exhibit, origin: Path, draft: Path, payload: Payload) -> dict[str, Any]:
    """What the worker did. Raises UsageError with its reason, or with how it ended."""
    still = exhibit.media_type in PICTURES
    request = {
        "source": str(origin.resolve()),
        "out": str(draft.resolve()),
        "sha256": exhibit.sha256,
        "payload": payload.to_bytes().hex(),
        "memory_bytes": _MEMORY_BYTES,
        "seconds": _PICTURE_S if still else _PICTURE_S + exhibit.size / _MOVING_BYTES_PER_S,
    }
    command = [sys.executable, "-P", "-m", "facevalue.marking.worker"]
    ended = subprocess.run(command, input=json.dumps(request).encode(), stdout=subprocess.PIPE, check=False)  # noqa: S603
    if ended.returncode or not ended.stdout:
        raise UsageError(f"marking this file was stopped: {_death(ended.returncode)}")
    answer: dict[str, Any] = json.loads(ended.stdout)
    if "refused" in answer:
        raise UsageError(str(answer["refused"]))
    return answer


def _death(status: int) -> str:
    if status == -getattr(signal, "SIGXCPU", 0):
        return "it took more processor time than its limit"
    return f"its process crashed ({describe_exit(status)})"


def _umask() -> int:
    """The process's file mode mask; there is no way to ask but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
