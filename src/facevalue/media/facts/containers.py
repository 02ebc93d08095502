"""Metadata blocks of WebP (RIFF), GIF, and of AVIF and HEIC (ISO base media file format with an item directory)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from facevalue.media.facts.blocks import MAX_BLOCK, Blocks
from facevalue.media.facts.text import decode

MAX_CHUNKS = 2_000
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def read_webp(data: bytes, blocks: Blocks) -> dict[str, Any]:
    """Facts: chunk order, whether lossless. Blocks: EXIF, XMP, ICC and C2PA chunks."""
    order: list[str] = []
    position = 12
    while position + 8 <= len(data) and len(order) < MAX_CHUNKS:
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + min(size, MAX_BLOCK)]
        order.append(kind.decode("latin-1"))
        if kind == b"EXIF":
            blocks.add_exif("WebP EXIF", body)
        elif kind == b"XMP ":
            blocks.add_xmp("WebP XMP", body)
        elif kind == b"ICCP":
            blocks.icc = body
        elif kind == b"C2PA":
            blocks.c2pa = "WebP C2PA"
        position += 8 + size + (size & 1)
    declared = int.from_bytes(data[4:8], "little") + 8
    return {"order": order[:80], "lossless": "VP8L" in order, "trailing_bytes": max(len(data) - declared, 0)}


def read_gif(data: bytes, blocks: Blocks) -> dict[str, Any]:
    """Facts: the version. Blocks: comments, the XMP application extension and a C2PA one."""
    position = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    comments = 0
    for _ in range(MAX_CHUNKS):
        if data[position : position + 1] != b"\x21":
            break
        label = data[position + 1]
        start = position + 2
        if label == 0xFF and data[start + 1 : start + 12] == b"XMP DataXMP":
            # The packet is stored bare and closed by a 258-byte magic tail that readers of sub-blocks can skip.
            stop = data.find(b"<?xpacket end", start)
            blocks.add_xmp("GIF XMP", data[start + 12 : stop + 19 if stop > 0 else start + 12 + MAX_BLOCK])
        if label == 0xFF and data[start + 1 : start + 12].startswith(b"C2PA_GIF"):
            blocks.c2pa = "GIF extension"
        body, position = _sub_blocks(data, start)
        if label == 0xFE:
            comments += 1
            blocks.add_text("GIF comment", "Comment", decode(body))
    return {"version": data[3:6].decode("latin-1"), "comments": comments}


def _sub_blocks(data: bytes, position: int) -> tuple[bytes, int]:
    parts, total = [], 0
    while position < len(data) and data[position]:
        size = data[position]
        if total < 1 << 18:
            parts.append(data[position + 1 : position + 1 + size])
            total += size
        position += 1 + size
    return b"".join(parts), position + 1


def boxes(data: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, body start, body end) of the boxes in a range; stops at the first that does not fit."""
    for _ in range(MAX_CHUNKS):
        if start + 8 > stop:
            return
        size, kind, body = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], start + 8
        if size == 1:
            size, body = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        end = stop if size == 0 else start + size
        if end < body or end > stop:
            return
        yield kind, body, end
        start = end


def read_bmff(data: bytes, blocks: Blocks) -> dict[str, Any]:
    """Facts: top-level boxes and brands. Blocks: EXIF and XMP items, XMP and C2PA uuid boxes, the ICC profile."""
    order: list[str] = []
    facts: dict[str, Any] = {}
    for kind, start, stop in boxes(data, 0, len(data)):
        order.append(kind.decode("latin-1"))
        if kind == b"ftyp":
            brands = [data[start : start + 4], *(data[i : i + 4] for i in range(start + 8, min(stop, start + 80), 4))]
            facts["brands"] = [b.decode("latin-1") for b in brands]
        elif kind == b"meta":
            _read_meta(data, start + 4, stop, blocks)
        elif kind == b"uuid":
            if data[start : start + 16] == C2PA_UUID:
                blocks.c2pa = "uuid box"
            elif data[start : start + 16] == XMP_UUID:
                blocks.add_xmp("uuid box", data[start + 16 : min(stop, start + 16 + MAX_BLOCK)])
    return {"order": order[:80], **facts}


def _read_meta(data: bytes, start: int, stop: int, blocks: Blocks) -> None:
    found = {kind: (a, b) for kind, a, b in boxes(data, start, stop)}
    if b"iprp" in found:
        _read_colour(data, *found[b"iprp"], blocks)
    if b"iinf" not in found or b"iloc" not in found:
        return
    places = _locations(data[slice(*found[b"iloc"])], found.get(b"idat", (0, 0))[0])
    for item, kind, mime in _items(data, *found[b"iinf"]):
        if item not in places or not (kind == b"Exif" or mime == b"application/rdf+xml"):
            continue
        raw = b"".join(data[a : a + min(n, MAX_BLOCK)] for a, n in places[item][:16])[:MAX_BLOCK]
        if kind == b"Exif":
            skip = int.from_bytes(raw[:4], "big")
            blocks.add_exif("HEIF Exif item", raw[4 + skip :])
        else:
            blocks.add_xmp("HEIF XMP item", raw)


def _read_colour(data: bytes, start: int, stop: int, blocks: Blocks) -> None:
    for kind, a, b in boxes(data, start, stop):
        if kind == b"ipco":
            for inner, c, d in boxes(data, a, b):
                if inner == b"colr" and data[c : c + 4] in (b"prof", b"rICC") and blocks.icc is None:
                    blocks.icc = data[c + 4 : min(d, c + 4 + MAX_BLOCK)]


def _items(data: bytes, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
    """(item id, item type, MIME type) of every item information entry of version 2 or 3."""
    wide = data[start] > 0
    for kind, a, b in boxes(data, start + (8 if wide else 6), stop):
        if kind != b"infe" or data[a] < 2:
            continue
        size = 2 if data[a] == 2 else 4
        item = int.from_bytes(data[a + 4 : a + 4 + size], "big")
        after = a + 4 + size + 2
        names = data[after + 4 : min(b, after + 300)].split(b"\0")
        yield item, data[after : after + 4], names[1] if len(names) > 1 else b""


def _locations(iloc: bytes, idat: int) -> dict[int, list[tuple[int, int]]]:
    """Item id -> (offset, length) extents. Items built from other items are left out."""
    version, sizes = iloc[0], struct.unpack(">H", iloc[4:6])[0]
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    at = 6

    def take(count: int) -> int:
        nonlocal at
        at += count
        if at > len(iloc):
            raise ValueError("the item location box is cut off")
        return int.from_bytes(iloc[at - count : at], "big")

    places: dict[int, list[tuple[int, int]]] = {}
    for _ in range(min(take(wide), MAX_CHUNKS)):
        item = take(wide)
        method = take(2) & 15 if version in (1, 2) else 0
        take(2)
        base = take(base_size) + (idat if method == 1 else 0)
        extents = []
        for _ in range(min(take(2), 64)):
            take(index_size)
            extents.append((base + take(offset_size), take(length_size)))
        if method < 2:
            places[item] = extents
    return places
