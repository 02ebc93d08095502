"""Metadata carried over byte for byte: JPEG segments (ITU-T T.81, annex B), PNG chunks (PNG, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError

_PNG = b"\x89PNG\r\n\x1a\n"
# Chunks that describe the coded pixels, animation, and credentials: never carried over.
_OWN = frozenset({b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"bKGD", b"hIST", b"sBIT", b"caBX"})
_OWN_MARKERS = frozenset({0xE0, 0xEE})


def jpeg_with_segments(pixels: bytes, source: bytes) -> bytes:
    """A JPEG with another one's application segments and comments in place of its own, except JFIF's and Adobe's.

    Credentials (APP11 JUMBF) and the index of further pictures (APP2 MPF) are left behind.
    """
    kept = b"".join(raw for marker, raw in _segments(source) if _carried(marker, raw[4:]))
    own = [(marker, raw) for marker, raw in _segments(pixels) if marker in _OWN_MARKERS]
    head = 2 + sum(len(raw) for _, raw in _leading(pixels))
    return pixels[:2] + b"".join(raw for _, raw in own) + kept + pixels[head:]


def _carried(marker: int, body: bytes) -> bool:
    app = 0xE1 <= marker <= 0xEF and marker not in _OWN_MARKERS
    return (app and marker != 0xEB and not body.startswith(b"MPF\0")) or marker == 0xFE


def _leading(data: bytes) -> list[tuple[int, bytes]]:
    """The application segments and comments that stand before anything else."""
    out = []
    for marker, raw in _segments(data):
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            break
        out.append((marker, raw))
    return out


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, the whole segment) up to the start of scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        size = struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xDA or size < 2 or at + 2 + size > len(data):
            return
        yield marker, data[at : at + 2 + size]
        at += 2 + size


def png_with_chunks(pixels: bytes, source: bytes) -> bytes:
    """A PNG with another one's ancillary chunks."""
    kept = b"".join(raw for kind, raw in _chunks(source) if kind not in _OWN and kind[0] & 0x20 and kind[:2] != b"fc")
    head = next(len(raw) for kind, raw in _chunks(pixels) if kind == b"IHDR")
    rest = b"".join(raw for kind, raw in _chunks(pixels) if kind in _OWN and kind != b"IHDR")
    return pixels[: len(_PNG) + head] + kept + rest


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        if at + 12 + size > len(data):
            return
        kind, raw = data[at + 4 : at + 8], data[at : at + 12 + size]
        if zlib.crc32(raw[4:-4]) == struct.unpack(">I", raw[-4:])[0]:
            yield kind, raw
        at += 12 + size


def png_depth(data: bytes) -> tuple[int, bool]:
    """Bits a sample and whether there is more than one sample (colour or alpha), from IHDR."""
    for kind, raw in _chunks(data):
        if kind == b"IHDR":
            return raw[16], raw[17] != 0
    return 8, True


def png16(data: bytes) -> npt.NDArray[np.uint16]:
    """The samples of a 16-bit PNG, as stored: (h, w, 3 or 4), red first. Raises UsageError when it does not decode."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16 or found.ndim != 3:
        raise UsageError("this 16-bit PNG could not be decoded")
    order = [2, 1, 0, 3][: found.shape[2]]
    return np.ascontiguousarray(found[:, :, order])


def png16_bytes(values: npt.NDArray[np.uint16]) -> bytes:
    """The inverse of png16."""
    order = [2, 1, 0, 3][: values.shape[2]]
    done, data = cv2.imencode(".png", np.ascontiguousarray(values[:, :, order]))
    assert done
    return bytes(data.tobytes())
