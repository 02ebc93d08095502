"""A walker over TIFF image file directories, as used by TIFF files and EXIF blocks (TIFF 6.0, CIPA DC-008)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Literal

from facevalue.media.facts.blocks import MAX_BLOCK, Blocks

Order = Literal["<", ">"]
# Type code -> (bytes per value, struct letter); letters that are empty are handled by name.
_TYPES: dict[int, tuple[int, str]] = {
    1: (1, "B"),
    2: (1, ""),
    3: (2, "H"),
    4: (4, "I"),
    5: (8, "II"),
    6: (1, "b"),
    7: (1, ""),
    8: (2, "h"),
    9: (4, "i"),
    10: (8, "ii"),
    11: (4, "f"),
    12: (8, "d"),
    13: (4, "I"),
    129: (1, ""),
}
MAX_ENTRIES = 300
MAX_VALUES = 64
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
XMP_TAG, IPTC_TAG, ICC_TAG, IRB_TAG, C2PA_TAG = 700, 33723, 34675, 34377, 0xCD41


@dataclass(slots=True)
class Ifd:
    """One directory: tag -> value (int, float, bytes, or a list), and where its bytes lie."""

    name: str
    tags: dict[int, Any] = field(default_factory=dict)
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Tiff:
    """The directories of a TIFF structure, with its byte order and the complaints met on the way."""

    data: bytes
    order: Order
    ifds: list[Ifd] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ifd(self, name: str) -> Ifd:
        """The directory of that name, empty when there is none."""
        return next((i for i in self.ifds if i.name == name), Ifd(name))

    def raw(self, ifd: Ifd, tag: int) -> bytes:
        """The bytes of a tag's value, empty when it is absent or lies outside the data."""
        start, size = ifd.spans.get(tag, (0, 0))
        return self.data[start : start + min(size, MAX_BLOCK)]


def walk(data: bytes) -> Tiff:
    """Every directory reachable from the header. Raises ValueError when there is no TIFF header."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("no TIFF header")
    tiff = Tiff(data, "<" if data[:2] == b"II" else ">")
    queue: list[tuple[str, int]] = [("0th", _u32(tiff, 4))]
    seen: set[int] = set()
    while queue and len(tiff.ifds) < 12:
        name, offset = queue.pop(0)
        if offset in seen or not 8 <= offset <= len(data) - 2:
            if offset:
                tiff.complaints.append(f"the {name} directory points outside the block or back on itself")
            continue
        seen.add(offset)
        ifd, following = _read_ifd(tiff, name, offset)
        tiff.ifds.append(ifd)
        queue.extend(_children(ifd, following, len(tiff.ifds)))
    return tiff


def _children(ifd: Ifd, following: int, index: int) -> list[tuple[str, int]]:
    named = {EXIF_IFD: "Exif", GPS_IFD: "GPS", INTEROP_IFD: "Interop"}
    found = [(name, ifd.tags[tag]) for tag, name in named.items() if isinstance(ifd.tags.get(tag), int)]
    if ifd.name == "0th" and following:
        found.append(("1st", following))
    elif ifd.name.endswith(("st", "th")) and following:
        found.append((f"{index}th", following))
    return found


def _read_ifd(tiff: Tiff, name: str, offset: int) -> tuple[Ifd, int]:
    count = struct.unpack_from(tiff.order + "H", tiff.data, offset)[0]
    ifd = Ifd(name)
    for index in range(min(count, MAX_ENTRIES)):
        entry = offset + 2 + 12 * index
        if entry + 12 > len(tiff.data):
            tiff.complaints.append(f"the {name} directory is cut off")
            return ifd, 0
        _read_entry(tiff, ifd, entry)
    end = offset + 2 + 12 * count
    return ifd, _u32(tiff, end) if end + 4 <= len(tiff.data) and count <= MAX_ENTRIES else 0


def _read_entry(tiff: Tiff, ifd: Ifd, entry: int) -> None:
    tag, kind, count = struct.unpack_from(tiff.order + "HHI", tiff.data, entry)
    if kind not in _TYPES or tag in ifd.tags:
        return
    size = _TYPES[kind][0] * count
    start = entry + 8 if size <= 4 else _u32(tiff, entry + 8)
    if start + size > len(tiff.data):
        tiff.complaints.append(f"tag {tag} of the {ifd.name} directory lies outside the block")
        return
    ifd.spans[tag] = (start, size)
    ifd.tags[tag] = _value(tiff, kind, count, start, size)


def _value(tiff: Tiff, kind: int, count: int, start: int, size: int) -> Any:
    # Long runs of BYTE are text in the Windows fields, and some writers store UserComment so.
    if kind in (2, 7, 129) or (kind == 1 and count > 4):
        return tiff.data[start : start + min(size, 1 << 18)]
    letters = _TYPES[kind][1]
    numbers = struct.unpack_from(tiff.order + letters * min(count, MAX_VALUES), tiff.data, start)
    if len(letters) == 2:
        values: list[Any] = [n / d if d else 0.0 for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
    else:
        values = list(numbers)
    return values[0] if len(values) == 1 else values


def _u32(tiff: Tiff, offset: int) -> int:
    return int(struct.unpack_from(tiff.order + "I", tiff.data, offset)[0]) if offset + 4 <= len(tiff.data) else 0


def tiff_blocks(data: bytes, blocks: Blocks) -> None:
    """The metadata blocks of a TIFF file. BigTIFF goes to the errors: its directories are laid out otherwise."""
    if data[2:3] == b"+" or data[3:4] == b"+":
        blocks.errors.append("tiff: BigTIFF directories are not read")
        return
    tiff = walk(data)
    first = tiff.ifd("0th")
    blocks.add_exif("TIFF", data)
    blocks.add_xmp("TIFF tag 700", tiff.raw(first, XMP_TAG))
    blocks.iim = tiff.raw(first, IPTC_TAG) or None
    blocks.irb = tiff.raw(first, IRB_TAG) or None
    blocks.icc = tiff.raw(first, ICC_TAG) or None
    if C2PA_TAG in first.spans:
        blocks.c2pa = "TIFF tag 52545"
