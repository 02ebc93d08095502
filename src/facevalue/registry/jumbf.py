"""Just enough JUMBF (ISO 19566-5) to see which C2PA manifests a manifest store holds, and to take out the active one.

Nothing is interpreted beyond box headers and labels, and nothing is trusted: whoever fetches a manifest validates it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from facevalue.registry.errors import RefusedError

STORE_LABEL = "c2pa"
MAX_MANIFESTS = 1000
_HEADER_BYTES = 8
_UUID_BYTES = 16
_HAS_LABEL = 0x02


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest of a store: its label, which is its identifier, and where its superbox lies in the bytes."""

    label: str
    start: int
    end: int


def read_store(data: bytes) -> tuple[Manifest, ...]:
    """The manifests of a C2PA manifest store, in order; the last one is the active one (C2PA 2.x, section 11.1).

    Raises RefusedError when the bytes are not exactly one well-formed store with at least one manifest.
    """
    boxes = list(_boxes(data, 0, len(data)))
    if len(boxes) != 1 or boxes[0][0] != b"jumb" or _label(data, *boxes[0][1:]) != STORE_LABEL:
        raise RefusedError("bad_manifest", "the manifest is not a C2PA manifest store in JUMBF")
    inside = list(_boxes(data, *boxes[0][1:]))[1:]
    found = tuple(
        Manifest(_label(data, start, end), start - _HEADER_BYTES, end) for kind, start, end in inside if kind == b"jumb"
    )
    if not 0 < len(found) <= MAX_MANIFESTS or not all(manifest.label for manifest in found):
        raise RefusedError("bad_manifest", "the manifest store holds no manifest with a label")
    return found


def active_only(data: bytes) -> bytes:
    """A store that holds the active manifest alone. Raises RefusedError."""
    active = read_store(data)[-1]
    _, start, end = next(_boxes(data, 0, len(data)))
    description = next(_boxes(data, start, end))
    body = data[start : description[2]] + data[active.start : active.end]
    return struct.pack(">I4s", len(body) + _HEADER_BYTES, b"jumb") + body


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each box in the range; only 32-bit lengths, as stores of manifests have."""
    while start < end:
        if end - start < _HEADER_BYTES:
            raise RefusedError("bad_manifest", "a JUMBF box is cut short")
        length, kind = struct.unpack_from(">I4s", data, start)
        if not _HEADER_BYTES <= length <= end - start:
            raise RefusedError("bad_manifest", "a JUMBF box has an impossible length")
        yield kind, start + _HEADER_BYTES, start + length
        start += length


def _label(data: bytes, start: int, end: int) -> str:
    """The label in the description box that a superbox begins with; empty when there is none."""
    kind, start, end = next(_boxes(data, start, end), (b"", 0, 0))
    toggles = start + _UUID_BYTES
    if kind != b"jumd" or toggles >= end or not data[toggles] & _HAS_LABEL:
        return ""
    raw, terminator, _ = data[toggles + 1 : end].partition(b"\0")
    try:
        return raw.decode("utf-8") if terminator else ""
    except UnicodeDecodeError:
        return ""
