"""What follows the end of a picture's own data: a second picture, a phone maker's records, or something appended."""

from __future__ import annotations

import re
import struct
from typing import Any

from facevalue.media.facts.text import decode

MAX_PICTURES = 8
_EOI = b"\xff\xd9"


def describe_trailer(data: bytes, end: int | None, multi_picture: bool) -> dict[str, Any]:
    """ "eoi" (end markers of chained pictures) and, when bytes follow the end, "trailer" with their size and kind."""
    if end is None:
        return {"eoi": 0, "trailing_bytes": 0}
    size = len(data) - end
    facts: dict[str, Any] = {"eoi": 1 + _chained(data, end), "trailing_bytes": size}
    if size:
        facts["trailer"] = {"bytes": size, "kind": trailer_kind(data, end, multi_picture)}
        samsung = read_samsung(data)
        if samsung:
            facts["samsung"] = samsung
    return facts


def trailer_kind(data: bytes, end: int, multi_picture: bool) -> str:
    """A name for the bytes from `end` on, by their first and last bytes."""
    head, size = data[end : end + 4096], len(data) - end
    if data[-4:] == b"SEFT":
        return "samsung_records"
    if multi_picture and b"\xff\xd8\xff" in head:
        return "further_picture"
    if not head.strip(b"\0\xff\r\n ") and (size <= 4096 or not data[end:].strip(b"\0\xff\r\n ")):
        return "padding"
    if head[:2] == _EOI:
        return "repeated_end_marker"
    if head[:3] == b"\xff\xd8\xff":
        return "appended_jpeg"
    if head[4:8] == b"ftyp":
        return "motion_video"
    for magic, name in (
        (b"PK\x03\x04", "archive"),
        (b"\x89PNG", "appended_png"),
        (b"Rar!", "archive"),
        (b"7z\xbc", "archive"),
        (b"%PDF", "appended_pdf"),
        (b"<?xpacket", "appended_xmp"),
    ):
        if head.startswith(magic):
            return name
    return "unknown"


def _chained(data: bytes, end: int) -> int:
    count, position = 0, end
    while count < MAX_PICTURES:
        start = data.find(b"\xff\xd8\xff", position)
        if start < 0:
            break
        position = data.find(_EOI, start)
        if position < 0:
            break
        position += 2
        count += 1
    return count


def read_samsung(data: bytes) -> dict[str, Any]:
    """Names of the records in a Samsung trailer, and its editor's generative-AI flag when it is set.

    The trailer ends in a directory: "SEFH", version, count, then per record a type, the distance back from the
    directory and a size; then the directory's own size and "SEFT" (as documented by ExifTool's Samsung module).
    """
    if data[-4:] != b"SEFT" or len(data) < 32:
        return {}
    size = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - size
    if start < 0 or data[start : start + 4] != b"SEFH":
        return {}
    count = min(int.from_bytes(data[start + 8 : start + 12], "little"), 64)
    names: list[str] = []
    flag: str | None = None
    for index in range(count):
        entry = data[start + 12 + 12 * index : start + 24 + 12 * index]
        if len(entry) < 12:
            break
        _, back, length = struct.unpack("<III", entry)
        record = data[max(start - back, 0) : max(start - back, 0) + min(length, 1 << 18)]
        name_size = int.from_bytes(record[4:8], "little")
        names.append(decode(record[8 : 8 + min(name_size, 64)]))
        match = re.search(rb'"genAIType"\s*:\s*"?(-?\d{1,6})', record)
        if match and int(match.group(1)) > 0:
            flag = decode(match.group(1))
    return {"records": names, "generative_ai_type": flag}
