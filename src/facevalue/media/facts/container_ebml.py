"""Matroska and WebM (EBML, RFC 8794; Matroska, RFC 9559): who muxed and wrote the file, tracks, tags, order."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from facevalue.media.facts.container_reader import FactsError, Found, Window

MAX_TOP = 600
MAX_ELEMENTS = 4_000
MAX_TRACKS = 32
MAX_VALUE = 16_384
_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)

SEGMENT, CLUSTER, INFO, TRACKS, TAGS, CUES, SEEK_HEAD = (
    0x18538067, 0x1F43B675, 0x1549A966, 0x1654AE6B, 0x1254C367, 0x1C53BB6B, 0x114D9B74,
)  # fmt: skip
_TOP = {CLUSTER: "Cluster", INFO: "Info", TRACKS: "Tracks", TAGS: "Tags", CUES: "Cues", SEEK_HEAD: "SeekHead",
        0x1043A770: "Chapters", 0x1941A469: "Attachments", 0xEC: "Void", 0xBF: "CRC-32"}  # fmt: skip
_KINDS = {1: "video", 2: "audio", 17: "text", 18: "buttons", 33: "metadata"}


@dataclass(frozen=True, slots=True)
class Element:
    """ident: with its length marker. body, end: place of its content. known: whether its size is stated."""

    ident: int
    body: int
    end: int
    known: bool = True


@dataclass(slots=True)
class _Count:
    left: int = MAX_ELEMENTS


def elements(window: Window, start: int, stop: int, found: Found, count: _Count) -> Iterator[Element]:
    """The elements in a range; one of unknown size reaches to its end."""
    while start + 2 <= stop:
        count.left -= 1
        if count.left < 0:
            raise FactsError("there are too many elements")
        head = window.read(start, 12)
        ident, used = _number(head, keep_marker=True)
        size, more = _number(head[used:], keep_marker=False) if used else (0, 0)
        if not used or not more:
            return
        body = start + used + more
        known = size != (1 << (7 * more)) - 1
        end = body + size if known else stop
        if end > stop:
            found.odd(f"the element {ident:X} states a size that reaches past the end of what holds it")
            end = stop
        yield Element(ident, body, end, known)
        start = end


def _number(raw: bytes, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-size integer and how many bytes it took; (0, 0) when it is none."""
    if not raw or raw[0] == 0:
        return 0, 0
    length = 9 - raw[0].bit_length()
    if length > len(raw) or (keep_marker and length > 4):
        return 0, 0
    value = int.from_bytes(raw[:length], "big")
    return (value if keep_marker else value & ((1 << (7 * length)) - 1)), length


def read_ebml(window: Window, found: Found) -> None:
    """Fill `found` from a Matroska or WebM file."""
    count = _Count()
    facts = found.facts
    facts["tracks"] = []
    facts["order"] = []
    for element in elements(window, 0, window.size, found, count):
        if element.ident == 0x1A45DFA3:
            for child in elements(window, element.body, element.end, found, count):
                if child.ident == 0x4282:
                    facts["doc_type"] = _text(window, child)
        elif element.ident == SEGMENT:
            if not element.known:
                facts["unknown_size"] = True  # live recording, as browsers' MediaRecorder writes it
            _segment(window, found, element, count)
            break
        else:
            found.odd(f"the element {element.ident:X} stands where a segment should")
            break


def _segment(window: Window, found: Found, segment: Element, count: _Count) -> None:
    seeks: dict[int, int] = {}
    seen: set[int] = set()
    clusters = 0
    for top, element in enumerate(elements(window, segment.body, segment.end, found, count), 1):
        _note_order(found.facts["order"], _TOP.get(element.ident, f"{element.ident:X}"))
        seen.add(element.ident)
        if element.ident == CLUSTER:
            clusters += 1
            if clusters == 1:
                found.samples.append((element.body, element.end - element.body, "data"))
        elif element.ident == SEEK_HEAD:
            seeks.update(_seeks(window, found, element, count))
        else:
            _top_element(window, found, element, count)
        if top >= MAX_TOP or (element.ident == CLUSTER and not element.known):
            break
    found.facts["clusters"] = clusters
    # What lies behind thousands of clusters is found by the directory, as a player would.
    for ident in (INFO, TRACKS, TAGS, CUES):
        if ident in seeks and ident not in seen:
            place = segment.body + seeks[ident]
            for element in elements(window, place, segment.end, found, count):
                if element.ident == ident:
                    _note_order(found.facts["order"], _TOP[ident])
                    _top_element(window, found, element, count)
                break


def _note_order(order: list[str], name: str) -> None:
    if len(order) < 60 and (not order or order[-1] != name):
        order.append(name)


def _top_element(window: Window, found: Found, element: Element, count: _Count) -> None:
    if element.ident == INFO:
        _info(window, found, element, count)
    elif element.ident == TRACKS:
        for child in elements(window, element.body, element.end, found, count):
            if child.ident == 0xAE and len(found.facts["tracks"]) < MAX_TRACKS:
                found.facts["tracks"].append(_track(window, found, child, count))
    elif element.ident == TAGS:
        _tags(window, found, element, count, "Tags", 0)
    elif element.ident == CUES:
        found.facts["cues"] = True


def _seeks(window: Window, found: Found, head: Element, count: _Count) -> dict[int, int]:
    out: dict[int, int] = {}
    for seek in elements(window, head.body, head.end, found, count):
        if seek.ident != 0x4DBB:  # a checksum stands among them
            continue
        ident = place = -1
        for part in elements(window, seek.body, seek.end, found, count):
            if part.ident == 0x53AB:
                ident = int.from_bytes(_raw(window, part, 8), "big")
            elif part.ident == 0x53AC:
                place = int.from_bytes(_raw(window, part, 8), "big")
        if place >= 0 and len(out) < 32:
            out[ident] = place
    return out


def _raw(window: Window, element: Element, most: int = MAX_VALUE) -> bytes:
    return window.read(element.body, min(element.end - element.body, most))


def _text(window: Window, element: Element) -> str:
    return _raw(window, element, 4_096).split(b"\0", 1)[0].decode("utf-8", "replace")


def _integer(window: Window, element: Element) -> int:
    return int.from_bytes(_raw(window, element, 8), "big")


def _float(window: Window, element: Element) -> float:
    raw = _raw(window, element, 8)
    layout = {4: ">f", 8: ">d"}.get(len(raw))
    return float(struct.unpack(layout, raw)[0]) if layout else 0.0


def _info(window: Window, found: Found, info: Element, count: _Count) -> None:
    facts = found.facts
    scale, duration = 1_000_000, 0.0
    for child in elements(window, info.body, info.end, found, count):
        if child.ident == 0x2AD7B1:
            scale = _integer(window, child)
        elif child.ident == 0x4489:
            duration = _float(window, child)
        elif child.ident in (0x4D80, 0x5741, 0x7BA9):
            key = {0x4D80: "MuxingApp", 0x5741: "WritingApp", 0x7BA9: "Title"}[child.ident]
            found.say("Info", key, _text(window, child))
        elif child.ident == 0x4461:
            nanoseconds = int.from_bytes(_raw(window, child, 8), "big", signed=True)
            facts["date"] = (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).isoformat()
    facts["timescale_ns"] = scale
    facts["duration_s"] = round(duration * scale / 1e9, 4) if duration else None


def _track(window: Window, found: Found, entry: Element, count: _Count) -> dict[str, Any]:
    track: dict[str, Any] = {"kind": "other"}
    for child in elements(window, entry.body, entry.end, found, count):
        if child.ident == 0xD7:
            track["number"] = _integer(window, child)
        elif child.ident == 0x83:
            track["kind"] = _KINDS.get(_integer(window, child), "other")
        elif child.ident == 0x86:
            track["codecs"] = [_text(window, child)]
        elif child.ident == 0x23E383:
            track["frame_ns"] = _integer(window, child)
        elif child.ident in (0x536E, 0x258688):
            found.say(
                f"track {track.get('number', '?')}", {0x536E: "name"}.get(child.ident, "codec"), _raw(window, child)
            )
        elif child.ident == 0x22B59C:
            track["language"] = _text(window, child)
        elif child.ident == 0x63A2:
            found.extras.append((_raw(window, child), "codec private data"))
            _vorbis_vendor(found, _raw(window, child))
        elif child.ident in (0xE0, 0xE1):
            _dimensions(window, found, child, track, count)
    return track


def _vorbis_vendor(found: Found, raw: bytes) -> None:
    at = raw.find(b"\x03vorbis")
    if at >= 0:
        size = int.from_bytes(raw[at + 7 : at + 11], "little")
        found.say("codec private data", "vendor", raw[at + 11 : at + 11 + min(size, 400)])


def _dimensions(window: Window, found: Found, part: Element, track: dict[str, Any], count: _Count) -> None:
    names = {0xB0: "width", 0xBA: "height", 0x9F: "channels"}
    for child in elements(window, part.body, part.end, found, count):
        if child.ident in names:
            track[names[child.ident]] = _integer(window, child)
        elif child.ident == 0xB5:
            track["sample_rate"] = _float(window, child)


def _tags(window: Window, found: Found, part: Element, count: _Count, where: str, depth: int) -> None:
    """Tag and SimpleTag elements; simple tags may hold further ones."""
    if depth > 6:
        raise FactsError("the tags are nested too deeply")
    name, value = "", ""
    for child in elements(window, part.body, part.end, found, count):
        if child.ident == 0x45A3:
            name = _text(window, child)
        elif child.ident == 0x4487:
            value = _text(window, child)
        elif child.ident in (0x7373, 0x67C8):
            _tags(window, found, child, count, where, depth + 1)
    if name:
        found.say(where, name, value)
