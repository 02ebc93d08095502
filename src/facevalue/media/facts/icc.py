"""The header and naming tags of an ICC profile (ISO 15076-1). The profile is not applied here, only described."""

from __future__ import annotations

from typing import Any

from facevalue.media.facts.text import decode

_CLASSES = {
    b"scnr": "input",
    b"mntr": "display",
    b"prtr": "output",
    b"link": "link",
    b"spac": "space",
    b"abst": "abstract",
}


def read_icc(raw: bytes) -> dict[str, Any]:
    """Description, class, colour space, creator, dates and size. Raises ValueError when the signature is missing."""
    if raw[36:40] != b"acsp":
        raise ValueError("no ICC signature")
    tags = _tags(raw)
    year, month, day = (int.from_bytes(raw[i : i + 2], "big") for i in (24, 26, 28))
    facts = {
        "bytes": len(raw),
        "declared_bytes": int.from_bytes(raw[:4], "big"),
        "version": f"{raw[8]}.{raw[9] >> 4}",
        "class": _CLASSES.get(raw[12:16], decode(raw[12:16])),
        "space": decode(raw[16:20]).strip(),
        "platform": decode(raw[40:44]).strip(),
        "manufacturer": decode(raw[48:52]).strip(),
        "creator": decode(raw[80:84]).strip(),
        "date": f"{year:04d}-{month:02d}-{day:02d}" if 1 <= month <= 12 else None,
        "description": _text(tags.get(b"desc", b"")),
        "copyright": _text(tags.get(b"cprt", b"")),
    }
    return {key: value for key, value in facts.items() if value not in (None, "")}


def _tags(raw: bytes) -> dict[bytes, bytes]:
    out: dict[bytes, bytes] = {}
    for index in range(min(int.from_bytes(raw[128:132], "big"), 64)):
        at = 132 + 12 * index
        start, size = int.from_bytes(raw[at + 4 : at + 8], "big"), int.from_bytes(raw[at + 8 : at + 12], "big")
        out[raw[at : at + 4]] = raw[start : start + min(size, 4096)]
    return out


def _text(tag: bytes) -> str:
    if tag[:4] == b"desc":
        return decode(tag[12 : 12 + int.from_bytes(tag[8:12], "big")])
    if tag[:4] == b"text":
        return decode(tag[8:])
    if tag[:4] == b"mluc" and len(tag) >= 28:
        size, start = int.from_bytes(tag[20:24], "big"), int.from_bytes(tag[24:28], "big")
        return tag[start : start + (size & ~1)].decode("utf-16-be", "replace").rstrip("\0")
    return ""
