"""Decoding an exhibit: hand its bytes to a limited worker process, take back an upright sRGB picture and facts."""

from __future__ import annotations

import signal
import time
from typing import Any

import numpy as np

from facevalue.errors import DecodeError, LimitError
from facevalue.exhibit import Exhibit
from facevalue.media.picture import Limits, Media, Picture
from facevalue.sandbox.frames import EXIT_NO_MEMORY, memory_sentence
from facevalue.sandbox.pool import Worker, WorkerGone, WorkerLate, WorkerNotStarted, WorkerPool, describe_exit

PICTURE_TYPES = frozenset(
    {
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/bmp",
        "image/tiff",
        "image/webp",
        "image/avif",
        "image/heic",
    }
)
# A worker's heap keeps some room from earlier exhibits, which a limit on new memory does not see. That room is small
# beside the usual limit; beside a limit below this one it would not be, so such a request gets a fresh worker.
FRESH_BELOW_BYTES = 256 << 20
# Once the picture has cost a worker its life, the facts alone get this long in a fresh one.
FACTS_SECONDS = 5.0

_NAMES = {
    "application/pdf": "a PDF document",
    "application/zip": "a ZIP archive",
    "application/gzip": "a gzip archive",
    "application/x-7z-compressed": "a 7-Zip archive",
    "application/vnd.rar": "a RAR archive",
    "image/svg+xml": "an SVG drawing",
    "text/html": "a web page",
    "image/jxl": "a JPEG XL picture",
    "image/jp2": "a JPEG 2000 picture",
    "image/vnd.adobe.photoshop": "a Photoshop document",
    "image/x-icon": "an icon",
    "image/x-canon-cr3": "a raw camera file",
}

_pool = WorkerPool()
_DEFAULT_LIMITS = Limits()


def decode(exhibit: Exhibit, limits: Limits = _DEFAULT_LIMITS) -> Media:
    """Decode a picture: pixels uint8 (H, W, 3), read-only, upright, sRGB; and the facts read from its bytes.

    Reads JPEG (MPO: the first picture), PNG, GIF (first frame), BMP, TIFF (first page), WebP, AVIF and HEIC, by
    content. A file that is cut off is decoded as far as it goes and says so (`truncated`, `decoded_fraction`, a note).
    Safe to call from several threads; each works with a process of its own.

    Raises DecodeError when the bytes are no picture or do not decode, LimitError when decoding would pass a limit.
    Both carry `.facts`. Starting a process is not counted against limits.seconds.
    """
    if not exhibit.size:
        raise DecodeError("the file is empty")
    if exhibit.media_type not in PICTURE_TYPES:
        raise DecodeError(_not_a_picture(exhibit.media_type))
    try:
        return _decode_reusing(exhibit, limits)
    except WorkerNotStarted as error:
        raise DecodeError(f"the decoding process could not be started: {error}") from None
    except WorkerLate:
        message = f"decoding took longer than the limit of {limits.seconds:g} s and was stopped"
        raise LimitError(message, _facts_alone(exhibit, limits)) from None
    except WorkerGone as gone:
        raise _death(gone.returncode, limits, _facts_alone(exhibit, limits)) from None


def _decode_reusing(exhibit: Exhibit, limits: Limits) -> Media:
    """Ask a pooled worker; when one that has served before dies, ask a fresh one: no exhibit pays for another."""
    served = 0
    try:
        with _pool.borrow(fresh=limits.memory_bytes < FRESH_BELOW_BYTES) as worker:
            served = worker.served
            answer = _ask(worker, exhibit, limits)
    except WorkerGone:
        if not served:
            raise
        with _pool.borrow(fresh=True) as worker:
            answer = _ask(worker, exhibit, limits)
    if isinstance(answer, DecodeError):
        raise answer
    return answer


def _ask(worker: Worker, exhibit: Exhibit, limits: Limits) -> Media | DecodeError:
    deadline = time.monotonic() + limits.seconds
    worker.send(_request("decode", exhibit, limits), exhibit.data, deadline)
    header, size = worker.read_header(deadline)
    if header.get("kind") == "error":
        worker.note_state(header)
        error = LimitError if header.get("limit") else DecodeError
        return error(str(header.get("message")), header.get("facts"))
    picture = _picture(worker, header, size, limits, deadline)
    try:
        header, _ = worker.read_header(deadline)
    except (WorkerGone, WorkerLate) as lost:  # the picture is here: the facts never cost it
        late = isinstance(lost, WorkerLate)
        why = "took longer than the limit" if late else "crashed the reader"
        return Media(picture=picture, facts={"error": f"reading the file's facts {why}"})
    worker.note_state(header)
    return Media(picture=picture, facts=_facts_of(header))


def _request(op: str, exhibit: Exhibit, limits: Limits) -> dict[str, Any]:
    return {
        "op": op,
        "media_type": exhibit.media_type,
        "pixels": int(limits.pixels),
        "memory_bytes": int(limits.memory_bytes),
        "seconds": float(limits.seconds),
    }


def _picture(worker: Worker, header: dict[str, Any], size: int, limits: Limits, deadline: float) -> Picture:
    """Check what the worker announces before believing it, then read the pixels straight into their array."""
    try:
        width, height = int(header["width"]), int(header["height"])
        if width < 1 or height < 1 or width * height > limits.pixels or size != width * height * 3:
            raise ValueError
        pixels = np.empty((height, width, 3), np.uint8)
        fields = _fields(header)
    except (KeyError, TypeError, ValueError):
        raise WorkerGone(worker.kill()) from None
    worker.read_into(memoryview(pixels.data).cast("B"), deadline)
    pixels.flags.writeable = False
    return Picture(pixels=pixels, **fields)


def _fields(header: dict[str, Any]) -> dict[str, Any]:
    stored_width, stored_height = header["stored_size"]
    profile = header["icc_profile"]
    return {
        "format": str(header["format"]),
        "mode": str(header["mode"]),
        "stored_size": (int(stored_width), int(stored_height)),
        "orientation": int(header["orientation"]),
        "frames": int(header["frames"]),
        "icc_profile": None if profile is None else str(profile),
        "truncated": bool(header["truncated"]),
        "decoded_fraction": float(header["decoded_fraction"]),
        "notes": tuple(str(note) for note in header["notes"]),
    }


def _facts_of(header: dict[str, Any]) -> dict[str, Any]:
    facts = header.get("facts")
    return facts if isinstance(facts, dict) else {}


def _facts_alone(exhibit: Exhibit, limits: Limits) -> dict[str, Any]:
    """Facts from the bytes only, after the picture ended a worker; empty when that fails too."""
    deadline = time.monotonic() + FACTS_SECONDS
    try:
        with _pool.borrow() as worker:
            worker.send(_request("facts", exhibit, limits), exhibit.data, deadline)
            return _facts_of(worker.read_header(deadline)[0])
    except (WorkerGone, WorkerLate, WorkerNotStarted):
        return {}


def _death(returncode: int, limits: Limits, facts: dict[str, Any]) -> DecodeError:
    if returncode == EXIT_NO_MEMORY:
        return LimitError(memory_sentence(limits.memory_bytes), facts)
    if returncode == -signal.SIGXCPU:
        message = f"decoding took longer than the limit of {limits.seconds:g} s of processor time and was stopped"
        return LimitError(message, facts)
    return DecodeError(f"the decoder crashed on this file ({describe_exit(returncode)})", facts)


def _not_a_picture(media_type: str) -> str:
    kind = media_type.split("/")[0]
    if media_type in _NAMES:
        name = _NAMES[media_type]
        if kind == "image" and media_type != "image/svg+xml":
            return f"this is {name} ({media_type}), a format that this version does not decode"
        return f"this is {name} ({media_type}); this version examines pictures, clips and sound"
    if kind in ("video", "audio"):
        return f"this is {'a video' if kind == 'video' else 'a sound file'} ({media_type}), not a picture"
    if kind == "text":
        return f"this is text ({media_type}); this version examines pictures, clips and sound"
    return "the bytes match no format that this version knows"
