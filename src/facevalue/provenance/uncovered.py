"""Which bytes the hard binding does not cover: a change there leaves a credential intact.

Data hashes name byte ranges (C2PA 2.2, section 18.5), BMFF hashes name boxes by path (section 18.6). The ranges are
worked out on the file itself; what cannot be worked out is said in words.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

MAX_RANGES = 200
MAX_BOXES = 50_000
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mfra", b"edts", b"dinf"})
_FULL = frozenset({b"meta"})  # containers that begin with version and flags
_USER_TYPE = 16


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes start .. start + length of the file; what: the box or block they belong to."""

    start: int
    length: int
    what: str


def uncovered(stream: BinaryIO, size: int, binding: Mapping[str, Any], store: bytes) -> dict[str, Any]:
    """ "ranges": [{"start", "length", "what"}], "count", "bytes", "credential_bytes": of them the manifest store.

    "ranges" holds the first MAX_RANGES; "count" and "bytes" are of all. "bytes" is None where only names are known.
    """
    kind = str(binding.get("kind"))
    if kind == "c2pa.hash.boxes":
        return _named(binding)
    rows = binding.get("exclusions") or ()
    spans = list(_ranges(rows, size)) if kind == "c2pa.hash.data" else list(_boxes(stream, size, rows))
    merged = _merged(spans)
    return {
        "ranges": [{"start": s.start, "length": s.length, "what": s.what} for s in merged[:MAX_RANGES]],
        "count": len(merged),
        "bytes": sum(s.length for s in merged),
        "credential_bytes": len(store),
    }


def _named(binding: Mapping[str, Any]) -> dict[str, Any]:
    """General box hashes name the boxes they leave out; where those lie is the format's own business."""
    boxes = binding.get("boxes") or ()
    names = [
        n for b in boxes for n in b.get("names") or () if isinstance(n, str) and (b.get("excluded") or n == "C2PA")
    ]
    ranges = [{"start": None, "length": None, "what": name[:80]} for name in names[:MAX_RANGES]]
    return {"ranges": ranges, "count": len(names), "bytes": None, "credential_bytes": None}


def _ranges(rows: Sequence[Mapping[str, Any]], size: int) -> Iterator[Span]:
    for row in rows:
        start, length = row.get("start"), row.get("length")
        if isinstance(start, int) and isinstance(length, int) and 0 <= start < size and length > 0:
            yield Span(start, min(length, size - start), "block left out of the hash")


def _merged(spans: Sequence[Span]) -> list[Span]:
    """In order, neighbours of one kind joined, nothing counted twice."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.length)):
        last = out[-1] if out else None
        end = last.start + last.length if last else -1
        if span.start + span.length <= end:
            continue
        if last and span.start <= end and span.what == last.what:
            out[-1] = Span(last.start, span.start + span.length - last.start, last.what)
        else:
            start = max(span.start, end) if last else span.start
            out.append(Span(start, span.start + span.length - start, span.what))
    return out


# -- BMFF ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Box:
    path: str
    start: int
    size: int
    header: int


def _boxes(stream: BinaryIO, size: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[Span]:
    wanted: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        wanted.setdefault(_plain_path(row.get("xpath")), []).append(row)
    for box in _walk(stream, 0, size, "", [MAX_BOXES]):
        for row in wanted.get(box.path, ()):
            if _matches(stream, box, row):
                yield from _parts(box, row)


def _plain_path(xpath: object) -> str:
    """ "/moov/trak[1]/mdia" without its indices: every box of that path is looked at, which may name too many."""
    return "/".join(step.partition("[")[0] for step in str(xpath).split("/"))


def _walk(stream: BinaryIO, start: int, end: int, path: str, budget: list[int]) -> Iterator[_Box]:
    at = start
    while at + 8 <= end and budget[0] > 0:
        budget[0] -= 1
        head = _read(stream, at, 16)
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - at
        if size < header or at + size > end:
            return
        name = f"{path}/{kind.decode('latin-1')}"
        yield _Box(name, at, size, header)
        if (kind in _CONTAINERS or kind in _FULL) and name.count("/") < 10:
            inner = at + header + (4 if kind in _FULL else 0)
            yield from _walk(stream, inner, at + size, name, budget)
        at += size


def _matches(stream: BinaryIO, box: _Box, row: Mapping[str, Any]) -> bool:
    """Whether the exclusion's further conditions hold: length, bytes at an offset, version, flags (section 18.6.2)."""
    if isinstance(row.get("length"), int) and row["length"] != box.size:
        return False
    for entry in row.get("data") or ():
        offset, value = (entry.get("offset"), _bytes(entry.get("value"))) if isinstance(entry, Mapping) else (None, b"")
        if isinstance(offset, int) and _read(stream, box.start + offset, len(value)) != value:
            return False
    version = row.get("version")
    return not isinstance(version, int) or _read(stream, box.start + box.header, 1) == bytes([version & 0xFF])


def _parts(box: _Box, row: Mapping[str, Any]) -> Iterator[Span]:
    what = f"box {box.path}"
    subset = [s for s in row.get("subset") or () if isinstance(s, Mapping)]
    if not subset:
        yield Span(box.start, box.size, what)
    for part in subset:
        offset, length = part.get("offset"), part.get("length")
        if isinstance(offset, int) and isinstance(length, int) and 0 <= offset < box.size:
            yield Span(box.start + offset, min(length or box.size, box.size - offset), f"part of {what}")


def _bytes(value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return b""


def _read(stream: BinaryIO, at: int, count: int) -> bytes:
    stream.seek(at)
    return stream.read(count)
