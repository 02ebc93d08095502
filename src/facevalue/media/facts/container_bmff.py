"""ISO base media files (ISO/IEC 14496-12) and QuickTime: the order of boxes, tracks, times, codecs, tables, texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from facevalue.media.facts.container_bmff_text import read_meta, read_udta
from facevalue.media.facts.container_bmff_track import read_track_box
from facevalue.media.facts.container_reader import FactsError, Found, Window, fourcc, mac_time

MAX_TOP_BOXES = 2_000
MAX_BOXES = 6_000
MAX_DEPTH = 10
MAX_TRACKS = 32
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
MAX_XMP = 1 << 20
# Boxes that only hold boxes; everything else is a leaf.
_FOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"udta", b"meta", b"gmhd", b"tapt"}


@dataclass(frozen=True, slots=True)
class Box:
    """kind: four bytes. start: of its header; body: after it; end: one past its last byte."""

    kind: bytes
    start: int
    body: int
    end: int


def walk(window: Window, start: int, stop: int, found: Found, limit: int) -> Iterator[Box]:
    """The boxes in a range. A size that reaches past the range is noted and cut; an impossible one ends the walk."""
    for _ in range(limit):
        if start + 8 > stop:
            return
        head = window.read(start, 16)
        if len(head) < 8:
            return
        size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        end = stop if size == 0 else start + size
        if end < body:
            found.odd(f"the box {fourcc(kind)} states a size smaller than its own header")
            return
        if end > stop:
            found.odd(f"the box {fourcc(kind)} states a size that reaches past the end of what holds it")
            end = stop
        yield Box(kind, start, body, end)
        start = end


@dataclass(slots=True)
class _Walk:
    window: Window
    found: Found
    boxes_left: int = MAX_BOXES
    tracks: list[dict[str, Any]] = field(default_factory=list)


def read_bmff(window: Window, found: Found) -> None:
    """Fill `found` from an ISO base media or QuickTime file."""
    facts = found.facts
    top: list[Box] = []
    state = _Walk(window, found)
    facts["tracks"] = state.tracks
    facts["c2pa"] = False
    for box in walk(window, 0, window.size, found, MAX_TOP_BOXES):
        top.append(box)
        if box.kind in (b"ftyp", b"styp") and "brands" not in facts:
            facts["brands"] = _brands(window.read(box.body, min(box.end - box.body, 256)))
        elif box.kind == b"uuid":
            _uuid(state, box)
    kinds = [fourcc(b.kind) for b in top]
    _order(facts, found, top, kinds, window.size)
    for box in top:
        if box.kind == b"moov":
            _descend(state, box, ("moov",), None)
        elif box.kind in (b"meta", b"udta"):
            _texts(state, box, fourcc(box.kind))
    mdat = next((b for b in top if b.kind == b"mdat"), None)
    if mdat is not None:
        found.samples.append((mdat.body, mdat.end - mdat.body, "data"))


def _order(facts: dict[str, Any], found: Found, top: list[Box], kinds: list[str], size: int) -> None:
    facts["order"] = _runs(kinds)[:60]
    facts["boxes"] = [[kind, b.start, b.end - b.start] for kind, b in zip(kinds, top, strict=True)][:40]
    facts["fragments"] = kinds.count("moof")
    if "moov" in kinds and "mdat" in kinds:
        facts["moov_first"] = kinds.index("moov") < kinds.index("mdat")
    for name in ("moov", "mdat"):
        if name not in kinds:
            found.odd(f"there is no {name} box")
    if kinds.count("moov") > 1:
        found.odd("there are several moov boxes")
    end = top[-1].end if top else 0
    if 0 < end < size and len(top) < MAX_TOP_BOXES:
        facts["trailing_bytes"] = size - end


def _runs(kinds: list[str]) -> list[str]:
    """Neighbours of one kind, and the moof-mdat pairs of fragments, are written once with their count."""
    counted: list[tuple[str, int]] = []
    i = 0
    while i < len(kinds):
        name = "moof mdat" if kinds[i : i + 2] == ["moof", "mdat"] else kinds[i]
        i += 2 if name == "moof mdat" else 1
        if counted and counted[-1][0] == name:
            counted[-1] = (name, counted[-1][1] + 1)
        else:
            counted.append((name, 1))
    return [name if n == 1 else f"{name} x{n}" for name, n in counted]


def _brands(raw: bytes) -> dict[str, Any]:
    others = [fourcc(raw[i : i + 4]) for i in range(8, len(raw) - 3, 4)]
    return {"major": fourcc(raw[:4]), "minor": int.from_bytes(raw[4:8], "big"), "compatible": others[:24]}


def _uuid(state: _Walk, box: Box) -> None:
    name = state.window.read(box.body, 16)
    uuids = state.found.facts.setdefault("uuids", [])
    if len(uuids) < 16:
        uuids.append(name.hex())
    if name == C2PA_UUID:
        state.found.facts["c2pa"] = True
    elif name == XMP_UUID:
        _keep_xmp(state, box.body + 16, box.end)


def _keep_xmp(state: _Walk, start: int, end: int) -> None:
    if len(state.found.xmp) < 4 and end - start <= MAX_XMP:
        state.found.xmp.append(state.window.read(start, end - start))


def _descend(state: _Walk, box: Box, path: tuple[str, ...], track: dict[str, Any] | None) -> None:
    """Walk a box that holds boxes; `track` is the record of the trak that it lies in."""
    if len(path) > MAX_DEPTH:
        raise FactsError("the boxes are nested too deeply")
    for child in walk(state.window, box.body, box.end, state.found, MAX_BOXES + 1):
        state.boxes_left -= 1
        if state.boxes_left < 0:
            raise FactsError("there are too many boxes")
        name = fourcc(child.kind)
        here = (*path, name)
        if child.kind in (b"udta", b"meta"):
            _texts(state, child, "/".join(here))
        elif child.kind == b"trak":
            if len(state.tracks) < MAX_TRACKS:
                state.tracks.append({})
                _descend(state, child, here, state.tracks[-1])
        elif child.kind in _FOLDERS:
            _descend(state, child, here, track)
        elif child.kind == b"mvhd":
            _movie_header(state, child)
        elif child.kind == b"uuid":
            _uuid(state, child)
        elif track is not None:
            read_track_box(state.window, state.found, track, child.kind, child.body, child.end)


def _movie_header(state: _Walk, box: Box) -> None:
    raw = state.window.read(box.body, 32)
    if len(raw) < 32:
        raise FactsError("the movie header is cut off")
    wide = raw[0] == 1
    step = 8 if wide else 4
    created, modified = (int.from_bytes(raw[4 + i * step : 4 + (i + 1) * step], "big") for i in range(2))
    scale = int.from_bytes(raw[4 + 2 * step : 8 + 2 * step], "big")
    length = int.from_bytes(raw[8 + 2 * step : 8 + 3 * step], "big")
    unknown = length in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    state.found.facts["movie"] = {
        "created": mac_time(created),
        "modified": mac_time(modified),
        "timescale": scale,
        "duration_s": round(length / scale, 4) if scale and not unknown else None,
    }


def _texts(state: _Walk, box: Box, where: str) -> None:
    """udta and meta have a grammar of their own; see container_bmff_text."""
    counts: Counter[str] = Counter()
    if box.kind == b"meta":
        read_meta(state.window, state.found, where, box.body, box.end, walk, counts)
        return
    for child in read_udta(state.window, state.found, where, box.body, box.end, walk, counts):
        _keep_xmp(state, *child)
