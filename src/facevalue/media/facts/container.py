"""Facts of a container of moving pictures or sound: who wrote it, in which order, with which codecs, when.

One public function, `read_container_facts`. Everything is read through a Window with a budget, so that a 5 GB file
costs as much as a small one, and everything that leaves is cleaned and bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from facevalue.media.facts.blocks import guard
from facevalue.media.facts.container_bmff import read_bmff
from facevalue.media.facts.container_ebml import read_ebml
from facevalue.media.facts.container_marks import find_marks
from facevalue.media.facts.container_reader import FactsError, Found, Window
from facevalue.media.facts.container_riff import read_riff
from facevalue.media.facts.container_sound import read_adts, read_amr, read_flac, read_mp3, read_ogg
from facevalue.media.facts.container_stream import read_asf, read_flv, read_ts
from facevalue.media.facts.container_writers import name_writers
from facevalue.media.facts.text import bounded
from facevalue.media.facts.xmp import read_xmp

SCAN_BYTES = 192 << 10
MAX_SCANS = 6
_BMFF = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"sidx"}
_READERS: dict[str, Callable[[Window, Found], None]] = {
    "iso_bmff": read_bmff, "matroska": read_ebml, "avi": read_riff, "wav": read_riff, "aiff": read_riff,
    "ogg": read_ogg, "flac": read_flac, "mp3": read_mp3, "adts": read_adts, "amr": read_amr,
    "mpeg_ts": read_ts, "flv": read_flv, "asf": read_asf,
}  # fmt: skip


def read_container_facts(stream: BinaryIO, media_type: str) -> dict[str, Any]:
    """Everything a container states about itself, JSON-ready and of bounded size (about 200 kB at most). Never raises.

    stream: seekable; its position is not kept. media_type: as sniffed; the parser is chosen by the first bytes, the
    media type decides where they do not (MP3 and AAC have no magic number). At most about 6 MB are read, from any size.

    Keys: "format" ("iso_bmff", "matroska", "avi", "wav", "aiff", "ogg", "flac", "mp3", "adts", "amr", "mpeg_ts", "flv",
    "asf", "unknown"), "size" (bytes), "order" (of the outermost parts), "tracks" (a record each), "strings" ({"where",
    "key", "value"} of every text field), "marks" (of encoders, inside coded data), "writers" (see container_writers),
    "location" (whether a place is recorded; the place is not kept), "xmp_packets" (how many), "oddities" (what does
    not fit in the structure, a sentence each), and by format "brands", "boxes", "moov_first", "movie", "fragments",
    "c2pa", "date", "bext", "xing". "error": one sentence, when reading stopped early; what was read until then is kept.
    """
    found = Found()
    out: dict[str, Any] = {"format": "unknown"}
    try:
        window = Window(stream)
        out["size"] = window.size
        out["format"] = _format(window.read(0, 1024), media_type)
        _run(window, found, out)
    except FactsError as error:
        out["error"] = str(error)
    except Exception as error:  # the bytes are hostile; nothing they cause may leave
        out["error"] = f"the container could not be read ({type(error).__name__})"
    result: dict[str, Any] = bounded(out)
    return result


def _run(window: Window, found: Found, out: dict[str, Any]) -> None:
    reader = _READERS.get(out["format"])
    errors: list[str] = []
    try:
        if reader is not None:
            reader(window, found)
    except FactsError as error:
        out["error"] = str(error)
    except Exception as error:  # as above: what was found before stays
        out["error"] = f"the container's structure could not be followed ({type(error).__name__})"
    marks = guard(errors, "marks", list[dict[str, Any]](), lambda: _marks(window, found))
    guard(errors, "xmp", None, lambda: _programs(found, errors))
    # Short and decisive first: the total is bounded in this order.
    out.update(
        location=found.location,
        oddities=found.oddities,
        marks=marks,
        strings=found.strings,
        writers=guard(
            errors,
            "writers",
            list[dict[str, Any]](),
            lambda: name_writers(out["format"], found.facts, found.strings, marks),
        ),
        **found.facts,
        xmp_packets=len(found.xmp),
        bytes_read=window.spent,
    )


def _programs(found: Found, errors: list[str]) -> None:
    """The programs that XMP packets name; the packets themselves are read where pictures' are."""
    xmp = read_xmp([(f"XMP {i}", packet) for i, packet in enumerate(found.xmp)], errors)
    creator = (xmp.get("properties") or {}).get("xmp:CreatorTool")
    if creator:
        found.say("XMP", "xmp:CreatorTool", creator)
    for event in (xmp.get("history") or [])[:20]:
        if event.get("softwareAgent"):
            found.say("XMP", "xmp history", str(event["softwareAgent"]))


def _format(head: bytes, media_type: str) -> str:
    if head[4:8] in _BMFF:
        return "iso_bmff"
    if head[:4] in (b"RIFF", b"RF64"):
        return {b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12], "unknown")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    for magic, name in ((b"\x1aE\xdf\xa3", "matroska"), (b"OggS", "ogg"), (b"fLaC", "flac"), (b"#!AMR", "amr"),
                        (b"FLV", "flv"), (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"), (b"ID3", "mp3")):  # fmt: skip
        if head.startswith(magic):
            return name
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return "mpeg_ts"
    return _headerless(head, media_type)


def _headerless(head: bytes, media_type: str) -> str:
    """MP3 and ADTS begin with a frame: 11 bits of sync, then a layer that only ADTS leaves at 0."""
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "adts" if head[1] & 0xF6 == 0xF0 else "mp3"
    return {"audio/mpeg": "mp3", "audio/aac": "adts"}.get(media_type, "unknown")


def _marks(window: Window, found: Found) -> list[dict[str, Any]]:
    """Encoders' marks in the descriptions of tracks and at the beginning of the coded data."""
    marks: list[dict[str, Any]] = []
    for raw, where in found.extras[:16]:
        marks += find_marks(raw, where)
    for position, count, where in found.samples[:MAX_SCANS]:
        marks += find_marks(window.read(position, min(count, SCAN_BYTES)), f"{where} at the start")
    unique = {(m["encoder"], m["version"]): m for m in reversed(marks)}
    return list(unique.values())[::-1][:12]


__all__ = ["read_container_facts"]
