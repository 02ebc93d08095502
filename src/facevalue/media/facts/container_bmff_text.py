"""Texts of ISO base media and QuickTime files: user data boxes, iTunes-style lists, and key-value metadata.

Sources: QuickTime File Format Specification (Apple), "User Data Atoms" and "Metadata Atoms"; 3GPP TS 26.244, 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from facevalue.media.facts.container_reader import Found, Window, fourcc, mostly_text

MAX_FIELDS = 300
MAX_VALUE = 4_096
Walker = Callable[[Window, int, int, Found, int], Iterator[Any]]
Span = tuple[int, int]


def read_udta(
    window: Window, found: Found, where: str, start: int, stop: int, walk: Walker, counts: Counter[str]
) -> list[Span]:
    """Texts of a user data box into found.strings; returns the places of XMP packets in it."""
    packets: list[Span] = []
    for box in walk(window, start, stop, found, MAX_FIELDS):
        if _spent(counts):
            break
        name = fourcc(box.kind)
        if box.kind == b"meta":
            read_meta(window, found, f"{where}/meta", box.body, box.end, walk, counts)
        elif box.kind == b"XMP_":
            packets.append((box.body, box.end))
        elif box.kind in (b"loci", b"gps "):
            found.say(where, name, "present")
            found.location = True
        else:
            _user_text(window, found, where, name, box)
    return packets


def _user_text(window: Window, found: Found, where: str, name: str, box: Any) -> None:
    raw = window.read(box.body, min(box.end - box.body, MAX_VALUE))
    kinds = found.facts.setdefault("user_boxes", [])
    if name not in kinds and len(kinds) < 40:
        kinds.append(name)
    if raw[4:8] == b"data":
        found.say(where, name, raw[16:])
    elif name.startswith("©"):
        size = int.from_bytes(raw[:2], "big")
        found.say(where, name, raw[4 : 4 + size])
    elif raw[:1] == b"\0" and mostly_text(raw[6:]):  # 3GPP: version and flags, packed language, text
        found.say(where, name, raw[6:])
    elif mostly_text(raw):
        found.say(where, name, raw)


def read_meta(
    window: Window, found: Found, where: str, start: int, stop: int, walk: Walker, counts: Counter[str]
) -> None:
    """Texts of a meta box: a handler, perhaps a table of keys, and a list of values."""
    # In QuickTime it is a plain box, in ISO files one with a version: the first box in it tells which.
    body = start if window.read(start + 4, 4) in (b"hdlr", b"keys", b"ilst") else start + 4
    keys: list[str] = []
    for box in walk(window, body, stop, found, MAX_FIELDS):
        if _spent(counts):
            break
        if box.kind == b"keys":
            keys = _keys(window.read(box.body, min(box.end - box.body, 1 << 16)))
        elif box.kind == b"ilst":
            for item in walk(window, box.body, box.end, found, MAX_FIELDS):
                if _spent(counts):
                    break
                _list_item(window, found, f"{where}/ilst", item, keys, walk)


def _spent(counts: Counter[str]) -> bool:
    counts["boxes"] += 1
    return counts["boxes"] > MAX_FIELDS


def _keys(raw: bytes) -> list[str]:
    out: list[str] = []
    at = 8
    while at + 8 <= len(raw) and len(out) < MAX_FIELDS:
        size = int.from_bytes(raw[at : at + 4], "big")
        if size < 8:
            break
        out.append(raw[at + 8 : at + size].decode("utf-8", "replace"))
        at += size
    return out


def _list_item(window: Window, found: Found, where: str, item: Any, keys: list[str], walk: Walker) -> None:
    number = int.from_bytes(item.kind, "big")
    name = keys[number - 1] if 0 < number <= len(keys) else fourcc(item.kind)
    for part in walk(window, item.body, item.end, found, 8):
        raw = window.read(part.body, min(part.end - part.body, MAX_VALUE))
        if part.kind == b"name" and item.kind == b"----":
            name = raw[4:].decode("utf-8", "replace")
        elif part.kind == b"data":
            kind = int.from_bytes(raw[:4], "big")
            # 1 UTF-8, 2 UTF-16, 21 and 22 integers, 23 float, 13 and 14 pictures (QuickTime, "Well-known types").
            if kind == 1 or (kind == 0 and mostly_text(raw[8:])):
                found.say(where, name, raw[8:])
            elif kind == 2:
                found.say(where, name, raw[8:].decode("utf-16-be", "replace"))
            elif kind in (21, 22) and 0 < len(raw) - 8 <= 8:
                found.say(where, name, str(int.from_bytes(raw[8:], "big", signed=kind == 21)))
            else:
                found.say(where, name, f"{len(raw) - 8} bytes")
