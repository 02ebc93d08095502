"""EXIF (CIPA DC-008): every directory by name, and the few values that everyone asks for."""

from __future__ import annotations

from typing import Any

from PIL import ExifTags

from facevalue.media.facts.text import decode
from facevalue.media.facts.tiff import Ifd, Tiff, walk

MAX_TAGS = 80
# Blocks that are reported elsewhere or are not for reading.
_SKIPPED = {0x927C, 0x9286, 700, 33723, 34675, 34377, 0xCD41, 0xEA1C, 0x8769, 0x8825, 0xA005, 273, 279, 324, 325}
_WINDOWS_TAGS = {0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9D: "XPAuthor", 0x9C9E: "XPKeywords", 0x9C9F: "XPSubject"}
_TEXT_TAGS = (
    "ImageDescription",
    "Make",
    "Model",
    "Software",
    "Artist",
    "Copyright",
    "HostComputer",
    "ProcessingSoftware",
)
_DATES = {"DateTimeOriginal": 0x9003, "DateTimeDigitized": 0x9004}
_OFFSETS = {"OffsetTime": 0x9010, "OffsetTimeOriginal": 0x9011, "OffsetTimeDigitized": 0x9012}
_MAKERS = (
    (b"Apple iOS\0", "Apple"),
    (b"Nikon\0", "Nikon"),
    (b"OLYMP", "Olympus"),
    (b"OM SYSTEM", "OM System"),
    (b"Panasonic\0", "Panasonic"),
    (b"FUJIFILM", "Fujifilm"),
    (b"SONY", "Sony"),
    (b"PENTAX", "Pentax"),
    (b"AOC\0", "Pentax"),
    (b"LEICA", "Leica"),
    (b"SIGMA", "Sigma"),
    (b"HUAWEI", "Huawei"),
    (b"HDRP", "Google"),
)


def read_exif(raw: bytes, where: str) -> dict[str, Any]:
    """Facts of an EXIF block. "texts" holds the fields that generators write into, at full length.

    Raises ValueError when the block has no TIFF header.
    """
    tiff = walk(raw)
    first, exif, gps = tiff.ifd("0th"), tiff.ifd("Exif"), tiff.ifd("GPS")
    texts = _texts(first, exif)
    facts: dict[str, Any] = {
        "where": where,
        "byte_order": "little" if tiff.order == "<" else "big",
        "directories": [i.name for i in tiff.ifds],
        "fields": {i.name: _named(i) for i in tiff.ifds},
        "make": texts.get("Make"),
        "model": texts.get("Model"),
        "software": texts.get("Software"),
        "lens": _as_text(exif.tags.get(0xA434)),
        "dates": _dates(first, exif),
        "orientation": _int(first.tags.get(0x0112)),
        "dimensions": _pair(exif, 0xA002, 0xA003),
        "stored_dimensions": _pair(first, 0x0100, 0x0101),
        "gps": _gps(gps) if gps.tags else None,
        "maker_note": _maker_note(tiff, exif),
        "serial": _as_text(exif.tags.get(0xA431)),
        "texts": texts,
    }
    if tiff.complaints:
        facts["complaints"] = tiff.complaints[:10]
    return {key: value for key, value in facts.items() if value not in (None, {}, [], "")}


def thumbnail_bytes(raw: bytes) -> bytes:
    """The JPEG in the second directory, empty when there is none that lies inside the block."""
    tiff = walk(raw)
    ifd = tiff.ifd("1st")
    start, size = _int(ifd.tags.get(0x0201)), _int(ifd.tags.get(0x0202))
    if not start or not size or start + size > len(raw):
        return b""
    return raw[start : start + size] if size <= 1 << 20 else b""


def user_comment(value: bytes, order: str) -> str:
    """The text of a UserComment: an 8-byte character code, then ASCII, UTF-16 of either order, or JIS."""
    code, body = value[:8], value[8:]
    if code.startswith(b"UNICODE"):
        return _utf16(body, order)
    if code.startswith(b"JIS"):
        return body.decode("iso2022_jp", "replace")
    if code.startswith(b"ASCII") or code == b"\0" * 8:
        return decode(body)
    return decode(value)


def _utf16(body: bytes, order: str) -> str:
    # Writers disagree on the byte order, whatever the block's own: the side on which Latin text has its zeros decides.
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body[: len(body) & ~1].decode("utf-16", "replace")
    sample = body[:400]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    little = odd > even if even != odd else order == "<"
    return body[: len(body) & ~1].decode("utf-16-le" if little else "utf-16-be", "replace").rstrip("\0")


def _texts(first: Ifd, exif: Ifd) -> dict[str, str]:
    names = {code: name for code, name in ExifTags.TAGS.items() if name in _TEXT_TAGS}
    out = {name: _as_text(first.tags[code]) for code, name in names.items() if code in first.tags}
    for code, name in _WINDOWS_TAGS.items():
        value = first.tags.get(code)
        if value is not None:
            raw = value if isinstance(value, bytes) else b""
            out[name] = raw[: len(raw) & ~1].decode("utf-16-le", "replace").rstrip("\0")
    comment = exif.tags.get(0x9286, first.tags.get(0x9286))
    if isinstance(comment, bytes):
        out["UserComment"] = user_comment(comment, "<")
    note = exif.tags.get(0x927C)
    # Fooocus writes its own name where cameras write their private records.
    if isinstance(note, bytes) and len(note) < 64 and decode(note).isprintable():
        out["MakerNote"] = decode(note)
    return {name: text.strip() for name, text in out.items() if text and text.strip()}


def _named(ifd: Ifd) -> dict[str, Any]:
    names = ExifTags.GPSTAGS if ifd.name == "GPS" else ExifTags.TAGS
    out: dict[str, Any] = {}
    for tag, value in list(ifd.tags.items())[:MAX_TAGS]:
        if tag in _SKIPPED or tag in _WINDOWS_TAGS:
            continue
        if ifd.name == "GPS" and tag in (2, 4):
            value = "present"  # where a person was is not needed to judge a picture
        out[names.get(tag, f"0x{tag:04x}")] = _as_value(value)
    return out


def _as_value(value: Any) -> Any:
    if isinstance(value, bytes):
        text = decode(value)
        return text if text.isprintable() and len(text) <= 300 else f"{len(value)} bytes"
    return value[:16] if isinstance(value, list) else value


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return decode(value).strip()
    return "" if value is None else str(value)


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _pair(ifd: Ifd, first: int, second: int) -> list[int] | None:
    width, height = _int(ifd.tags.get(first)), _int(ifd.tags.get(second))
    return [width, height] if width and height else None


def _dates(first: Ifd, exif: Ifd) -> dict[str, str]:
    out = {"ModifyDate": _as_text(first.tags.get(0x0132))}
    for name, code in (*_DATES.items(), *_OFFSETS.items()):
        out[name] = _as_text(exif.tags.get(code))
    return {name: text for name, text in out.items() if text.strip(" :0\0")}


def _gps(gps: Ifd) -> dict[str, Any]:
    out: dict[str, Any] = {"position": 2 in gps.tags and 4 in gps.tags}
    date, time = _as_text(gps.tags.get(0x1D)), gps.tags.get(7)
    if date:
        out["date"] = date
    if isinstance(time, list) and len(time) == 3:
        out["time"] = ":".join(f"{int(part):02d}" for part in time)
    return out


def _maker_note(tiff: Tiff, exif: Ifd) -> dict[str, Any] | None:
    if 0x927C not in exif.spans:
        return None
    head = tiff.raw(exif, 0x927C)[:16]
    maker = next((name for prefix, name in _MAKERS if head.startswith(prefix)), None)
    return {"bytes": exif.spans[0x927C][1], "maker": maker}
