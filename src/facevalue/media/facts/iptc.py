"""Photoshop image resources and the IPTC-IIM datasets (IIM 4.2) inside them."""

from __future__ import annotations

from typing import Any

from facevalue.media.facts.blocks import Blocks

MAX_DATASETS = 200
_RECORD_2 = {
    5: "ObjectName",
    25: "Keywords",
    40: "SpecialInstructions",
    55: "DateCreated",
    60: "TimeCreated",
    62: "DigitalCreationDate",
    63: "DigitalCreationTime",
    65: "OriginatingProgram",
    70: "ProgramVersion",
    80: "By-line",
    85: "By-lineTitle",
    90: "City",
    101: "Country",
    103: "TransmissionReference",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "CopyrightNotice",
    118: "Contact",
    120: "Caption",
    122: "Writer",
}
IIM_RESOURCE, XMP_RESOURCE, EXIF_RESOURCE, DIGEST_RESOURCE = 0x0404, 0x0424, 0x0422, 0x0425


def read_resources(irb: bytes, blocks: Blocks) -> list[int]:
    """Ids of the image resources; the IIM stream, and EXIF or XMP kept here, go into `blocks`."""
    ids: list[int] = []
    at = irb.find(b"8BIM")
    while at >= 0 and len(ids) < MAX_DATASETS and irb[at : at + 4] == b"8BIM":
        number = int.from_bytes(irb[at + 4 : at + 6], "big")
        name_size = irb[at + 6] if at + 6 < len(irb) else 0
        start = at + 7 + name_size + (0 if name_size & 1 else 1)
        size = int.from_bytes(irb[start : start + 4], "big")
        body = irb[start + 4 : start + 4 + size]
        ids.append(number)
        if number == IIM_RESOURCE and blocks.iim is None:
            blocks.iim = body
        elif number == XMP_RESOURCE:
            blocks.add_xmp("Photoshop resource", body)
        elif number == EXIF_RESOURCE:
            blocks.add_exif("Photoshop resource", body)
        at = start + 4 + size + (size & 1)
    return ids


def read_iim(iim: bytes) -> dict[str, Any]:
    """Datasets of records 1 and 2 by name; repeated ones (keywords, by-lines) become lists."""
    out: dict[str, Any] = {}
    utf8 = b"\x1c\x01\x5a" in iim and b"\x1b%G" in iim
    at = iim.find(b"\x1c")
    for _ in range(MAX_DATASETS):
        if at < 0 or at + 5 > len(iim) or iim[at] != 0x1C:
            break
        record, dataset, size = iim[at + 1], iim[at + 2], int.from_bytes(iim[at + 3 : at + 5], "big")
        start = at + 5
        if size & 0x8000:  # extended: the low bits count the bytes of the real length
            width = min(size & 0x7FFF, 4)
            size, start = int.from_bytes(iim[start : start + width], "big"), start + width
        if record == 2 and dataset:
            _put(out, _RECORD_2.get(dataset, f"2:{dataset}"), _decode(iim[start : start + size], utf8))
        at = start + size
    return out


def _put(out: dict[str, Any], name: str, text: str) -> None:
    if name not in out:
        out[name] = text
    elif isinstance(out[name], list):
        out[name].append(text)
    else:
        out[name] = [out[name], text]


def _decode(raw: bytes, utf8: bool) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8" if utf8 else "latin-1", "replace")
