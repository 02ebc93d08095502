"""A walker over JPEG markers (ISO/IEC 10918-1): structure, tables, and the metadata blocks of the APPn segments."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from facevalue.media.facts.blocks import MAX_BLOCK, Blocks, guard
from facevalue.media.facts.quant import Table, describe, natural
from facevalue.media.facts.text import decode
from facevalue.media.facts.trailer import describe_trailer

MAX_SEGMENTS = 4_000
# The next marker inside entropy-coded data: 0xFF followed by neither a stuffed zero, fill, nor a restart marker.
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOF = {
    0xC0: "baseline",
    0xC1: "extended sequential",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC9: "arithmetic sequential",
    0xCA: "arithmetic progressive",
}
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0xE0, b"JFIF\0", "JFIF"),
    (0xE0, b"JFXX\0", "JFXX"),
    (0xE1, b"Exif\0", "Exif"),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0", "XMP"),
    (0xE1, b"http://ns.adobe.com/xmp/extension/\0", "XMP extension"),
    (0xE2, b"ICC_PROFILE\0", "ICC"),
    (0xE2, b"MPF\0", "MPF"),
    (0xE2, b"urn:iso:std:iso:ts:21496:-1\0", "gain map"),
    (0xEB, b"JP", "JUMBF"),
    (0xEC, b"Ducky", "Ducky"),
    (0xED, b"Photoshop 3.0\0", "Photoshop"),
    (0xEE, b"Adobe", "Adobe"),
)
# sha256, first 16 hex digits, of the counts and symbols of the four Huffman tables of Annex K.3.
_STANDARD_HUFFMAN = {"2f66814c875b5317", "a6283a08f5d97906", "602f734c8c12c1d9", "13f90e3c9dc476c6"}

_ADOBE = {"APP13:Photoshop", "APP12:Ducky"}


@dataclass(slots=True)
class JpegScan:
    """What one walk over the markers found; `end` is the offset after the first EOI, or None when there is none."""

    order: list[str] = field(default_factory=list)
    tables: dict[int, Table] = field(default_factory=dict)
    huffman: set[str] = field(default_factory=set)
    component_tables: list[int] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    icc: dict[int, bytes] = field(default_factory=dict)
    extended: dict[bytes, dict[int, bytes]] = field(default_factory=dict)
    scans: int = 0
    end: int | None = None


def read_jpeg(data: bytes, blocks: Blocks) -> dict[str, Any]:
    """Facts about the structure; metadata blocks go into `blocks`. Reads what a cut-off file still holds."""
    scan = JpegScan()
    for marker, start, stop in _segments(data, scan):
        guard(blocks.errors, f"jpeg marker {marker:02X}", None, partial(_take, marker, data[start:stop], scan, blocks))
    if scan.icc:
        blocks.icc = b"".join(part for _, part in sorted(scan.icc.items()))[:MAX_BLOCK]
    for guid, parts in scan.extended.items():
        blocks.add_xmp(f"JPEG APP1 extension {decode(guid)[:8]}", b"".join(p for _, p in sorted(parts.items())))
    for comment in scan.comments:
        blocks.add_text("JPEG comment", "Comment", comment)
    return _facts(data, scan)


def _segments(data: bytes, scan: JpegScan) -> list[tuple[int, int, int]]:
    """(marker, payload start, payload end) up to the first EOI; entropy-coded data is skipped."""
    found: list[tuple[int, int, int]] = []
    position = 0
    while len(found) < MAX_SEGMENTS:
        match = _NEXT_MARKER.search(data, position)
        if match is None:
            break
        marker, position = data[match.start() + 1], match.end()
        if marker == 0xD9:
            scan.end = position
            break
        if marker in (0xD8, 0x01):
            scan.order.append(_name(marker, b""))
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2:
            continue
        found.append((marker, position + 2, min(position + length, len(data))))
        position += length
    return found


def _name(marker: int, payload: bytes) -> str:
    for code, prefix, label in _SIGNATURES:
        if marker == code and payload.startswith(prefix):
            return f"APP{marker - 0xE0}:{label}"
    fixed = {0xD8: "SOI", 0xDB: "DQT", 0xC4: "DHT", 0xDA: "SOS", 0xDD: "DRI", 0xFE: "COM", 0x01: "TEM", 0xCC: "DAC"}
    if marker in fixed:
        return fixed[marker]
    return (
        f"SOF{marker - 0xC0}"
        if marker in _SOF
        else f"APP{marker - 0xE0}"
        if 0xE0 <= marker <= 0xEF
        else f"{marker:02X}"
    )


def _take(marker: int, payload: bytes, scan: JpegScan, blocks: Blocks) -> None:
    name = _name(marker, payload)
    if not (scan.order and scan.order[-1] == name and name not in ("DQT", "DHT")):
        scan.order.append(name)
    if marker == 0xDB:
        _take_tables(payload, scan)
    elif marker == 0xC4:
        _take_huffman(payload, scan)
    elif marker in _SOF and "frame" not in scan.facts:
        _take_frame(marker, payload, scan)
    elif marker == 0xDD:
        scan.facts["restart_interval"] = int.from_bytes(payload[:2], "big")
    elif marker == 0xFE and len(scan.comments) < 20:
        scan.comments.append(decode(payload))
    elif marker == 0xDA:
        scan.scans += 1
    elif 0xE0 <= marker <= 0xEF:
        _take_app(name, payload, scan, blocks)


def _take_tables(payload: bytes, scan: JpegScan) -> None:
    at = 0
    while at < len(payload):
        wide, number = payload[at] >> 4, payload[at] & 15
        size = 128 if wide else 64
        raw = payload[at + 1 : at + 1 + size]
        if len(raw) < size:
            raise ValueError("a quantisation table is cut off")
        values = [int.from_bytes(raw[i : i + 2], "big") for i in range(0, 128, 2)] if wide else list(raw)
        scan.tables.setdefault(number, natural(values))
        at += 1 + size


def _take_huffman(payload: bytes, scan: JpegScan) -> None:
    at = 0
    while at + 17 <= len(payload):
        count = sum(payload[at + 1 : at + 17])
        scan.huffman.add(hashlib.sha256(payload[at + 1 : at + 17 + count]).hexdigest()[:16])
        at += 17 + count


def _take_frame(marker: int, payload: bytes, scan: JpegScan) -> None:
    height, width, count = int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big"), payload[5]
    parts = [payload[6 + 3 * i : 9 + 3 * i] for i in range(min(count, 4))]
    scan.facts.update(frame=_SOF[marker], precision=payload[0], width=width, height=height, components=count)
    scan.facts["sampling"] = [f"{p[1] >> 4}x{p[1] & 15}" for p in parts]
    scan.facts["subsampling"] = _subsampling(parts)
    scan.component_tables = [p[2] for p in parts]


def _subsampling(parts: list[bytes]) -> str | None:
    if len(parts) != 3:
        return None
    (h, v), (h1, v1) = (parts[0][1] >> 4, parts[0][1] & 15), (parts[1][1] >> 4, parts[1][1] & 15)
    if parts[1][1] != parts[2][1] or not h1 or not v1:
        return "other"
    ratios = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1", (4, 2): "4:1:0"}
    return ratios.get((h // h1, v // v1), "other")


def _take_app(name: str, payload: bytes, scan: JpegScan, blocks: Blocks) -> None:
    if name == "APP0:JFIF":
        scan.facts.setdefault(
            "jfif",
            {
                "version": f"{payload[5]}.{payload[6]:02d}",
                "units": payload[7],
                "density": [int.from_bytes(payload[8:10], "big"), int.from_bytes(payload[10:12], "big")],
            },
        )
    elif name == "APP1:Exif":
        blocks.add_exif("JPEG APP1", payload)
    elif name == "APP1:XMP":
        blocks.add_xmp("JPEG APP1", payload[29:])
    elif name == "APP1" and (b"<?xpacket" in payload[:256] or b"<x:xmpmeta" in payload[:256]):
        blocks.add_xmp("JPEG APP1, unusual header", payload[payload.index(b"<") :])
    elif name == "APP1:XMP extension":
        parts = scan.extended.setdefault(payload[35:67], {})
        if sum(map(len, parts.values())) < MAX_BLOCK and len(scan.extended) < 4:
            parts[int.from_bytes(payload[71:75], "big")] = payload[75:]
    elif name == "APP2:ICC":
        scan.icc[payload[12]] = payload[14:]
    elif name == "APP11:JUMBF" and b"jumb" in payload[:64]:
        blocks.c2pa = "JPEG APP11"
    elif name == "APP13:Photoshop" and len(blocks.irb or b"") < MAX_BLOCK:
        blocks.irb = (blocks.irb or b"") + payload[14:]
    elif name == "APP14:Adobe":
        scan.facts["adobe_transform"] = payload[11]


def _facts(data: bytes, scan: JpegScan) -> dict[str, Any]:
    quantisation = describe(scan.tables, scan.component_tables)
    if quantisation["family"] == "custom" and _ADOBE.intersection(scan.order) and "APP14:Adobe" in scan.order:
        quantisation["family"] = "adobe"  # told by the markers beside the tables, which only Adobe's encoder writes
    known = scan.huffman & _STANDARD_HUFFMAN
    huffman = "none" if not scan.huffman else "standard" if known == scan.huffman else "optimised"
    arithmetic = str(scan.facts.get("frame", "")).startswith("arithmetic")
    return {
        "order": scan.order + (["EOI"] if scan.end else []),
        **scan.facts,
        "quality": quantisation["quality"],
        "quantisation": quantisation,
        "tables": {str(i): t.tolist() for i, t in sorted(scan.tables.items())},
        "huffman": "arithmetic" if arithmetic else huffman,
        "scans": scan.scans,
        "comments": scan.comments,
        "ended": scan.end is not None,
        **describe_trailer(data, scan.end, "APP2:MPF" in scan.order),
    }
