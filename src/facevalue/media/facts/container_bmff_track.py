"""One track of an ISO base media file: headers, edit list, codec, and a summary of its sample tables."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any

import numpy as np

from facevalue.media.facts.container_reader import Found, Window, fourcc, mac_time, mostly_text

MAX_ENTRIES = 65_536
MAX_EDITS = 32
MAX_DELTAS = 8
_HANDLERS = {"vide": "video", "soun": "audio", "text": "text", "sbtl": "text", "tmcd": "timecode", "meta": "metadata"}


def read_track_box(window: Window, found: Found, track: dict[str, Any], kind: bytes, body: int, end: int) -> None:
    """Fill the record of a track from one of its boxes; boxes that nobody asks about are passed over."""
    reader = _READERS.get(kind)
    if reader is not None:
        reader(window, found, track, body, end)


def _head(window: Window, body: int, end: int, most: int = 128) -> bytes:
    return window.read(body, min(end - body, most))


def _u32(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "big")


def _times(raw: bytes) -> tuple[str | None, str | None, int]:
    """Creation, modification, and where the fields after them begin."""
    step = 8 if raw[:1] == b"\1" else 4
    created, modified = (int.from_bytes(raw[4 + i * step : 4 + (i + 1) * step], "big") for i in range(2))
    return mac_time(created), mac_time(modified), 4 + 2 * step


def _tkhd(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
    raw = _head(window, body, end)
    track["created"], track["modified"], at = _times(raw)
    track["number"] = _u32(raw, at)
    track["enabled"] = bool(raw[3:4] and raw[3] & 1)
    matrix = at + (4 + 4 + 8 if raw[:1] == b"\1" else 4 + 4 + 4) + 16
    if len(raw) >= matrix + 20:
        a, b = struct.unpack(">ii", raw[matrix : matrix + 8])
        track["rotation"] = {(0, 65536): 90, (-65536, 0): 180, (0, -65536): 270}.get((a, b), 0)


def _mdhd(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
    raw = _head(window, body, end)
    track["media_created"], track["media_modified"], at = _times(raw)
    scale = _u32(raw, at)
    wide = raw[:1] == b"\1"
    length = int.from_bytes(raw[at + 4 : at + (12 if wide else 8)], "big")
    language = int.from_bytes(raw[at + (12 if wide else 8) : at + (14 if wide else 10)], "big")
    track["timescale"] = scale
    unknown = length in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    track["duration_s"] = round(length / scale, 4) if scale and not unknown else None
    if language >= 0x400:
        track["language"] = "".join(chr(((language >> shift) & 31) + 0x60) for shift in (10, 5, 0))


def _hdlr(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
    raw = _head(window, body, end, 256)
    kind = fourcc(raw[8:12])
    if kind in ("dhlr", "alis", "url "):  # QuickTime's data handler stands beside the media handler
        return
    track["handler"] = kind
    track["kind"] = _HANDLERS.get(kind, "other")
    name = raw[24:]
    if name and name[0] == len(name.rstrip(b"\0")) - 1:  # QuickTime writes a counted string
        name = name[1:]
    if mostly_text(name):
        found.say(f"track {track.get('number', '?')}", "handler", name)
        track["handler_name"] = found.strings[-1]["value"] if found.strings else ""


def _elst(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
    raw = _head(window, body, end, 8 + 20 * MAX_EDITS)
    wide = raw[:1] == b"\1"
    count, step = _u32(raw, 4), 20 if wide else 12
    layout = ">Qq" if wide else ">Ii"
    edits = []
    for i in range(min(count, MAX_EDITS)):
        part = raw[8 + i * step : 8 + i * step + struct.calcsize(layout)]
        if len(part) < struct.calcsize(layout):
            break
        edits.append([int(v) for v in struct.unpack(layout, part)])
    # Durations are in the movie's time scale, media times in the track's; both are kept as they are stored.
    track["edits"], track["edit_count"] = edits, count


def _stsd(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
    raw = _head(window, body, end, 16_384)
    codecs, at = [], 8
    for _ in range(min(_u32(raw, 4), 8)):
        size = _u32(raw, at)
        if size < 16 or at + 8 > len(raw):
            break
        codecs.append(fourcc(raw[at + 4 : at + 8]))
        at += size
    track["codecs"] = codecs
    if len(codecs) > 1:
        track["sample_descriptions"] = _u32(raw, 4)
    entry = raw[16:]
    if track.get("kind") == "video" and len(entry) >= 74:
        track["width"], track["height"] = struct.unpack(">HH", entry[24:28])
        name = entry[43 : 43 + min(entry[42], 31)]
        if mostly_text(name):
            found.say(f"track {track.get('number', '?')}", "compressor", name)
    elif track.get("kind") == "audio" and len(entry) >= 28:
        track["channels"] = int.from_bytes(entry[16:18], "big")
        track["sample_rate"] = _u32(entry, 24) >> 16
    # Parameter sets in avcC and hvcC may carry the encoder's message (ISO/IEC 14496-15, 8.3.3).
    found.extras.append((raw[:16_384], f"{track.get('kind', 'track')} description"))


def _table(window: Window, body: int, end: int, columns: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    count = _u32(window.read(body + 4, 4), 0)
    count = min(count, MAX_ENTRIES, max((end - body - 8) // (4 * columns), 0))
    raw = window.read(body + 8, 4 * columns * count)
    raw = raw[: len(raw) // (4 * columns) * 4 * columns]
    return np.frombuffer(raw, ">u4").astype(np.int64).reshape(-1, columns)


def _stts(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
    """How long samples last: the commonest durations, and whether the rate is constant."""
    table = _table(window, body, end, 2)
    counts: Counter[int] = Counter()
    for number, delta in table.tolist():
        counts[delta] += number
    track["samples"] = int(table[:, 0].sum())
    track["deltas"] = [[delta, number] for delta, number in counts.most_common(MAX_DELTAS)]
    track["distinct_deltas"] = len(counts)


def _stss(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
    """How far key frames lie apart: the commonest distances in samples."""
    table = _table(window, body, end, 1)[:, 0]
    steps = Counter(np.diff(table).tolist())
    track["key_frames"] = len(table)
    track["key_steps"] = [[int(step), number] for step, number in steps.most_common(MAX_DELTAS)]


def _chunks(wide: bool) -> Any:
    def read(window: Window, found: Found, track: dict[str, Any], body: int, end: int) -> None:
        raw = window.read(body + 4, 4 + (8 if wide else 4))
        track["chunks"] = _u32(raw, 0)
        if track["chunks"] and len(raw) >= 8:
            found.samples.append((int.from_bytes(raw[4:], "big"), 1 << 30, track.get("kind", "track")))

    return read


_READERS: dict[bytes, Any] = {
    b"tkhd": _tkhd,
    b"mdhd": _mdhd,
    b"hdlr": _hdlr,
    b"elst": _elst,
    b"stsd": _stsd,
    b"stts": _stts,
    b"stss": _stss,
    b"stco": _chunks(False),
    b"co64": _chunks(True),
}
