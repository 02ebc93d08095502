"""Sound files: Ogg, MP3 (ID3, Xing/LAME), ADTS, FLAC, AMR: vendors, texts, and encoders' tags.

Sources: RFC 3533 (Ogg), RFC 7845 (Opus), Vorbis I (comments), id3.org 2.2-2.4, the LAME tag's revision 1, RFC 9639
(FLAC), RFC 4867 (AMR).
"""

from __future__ import annotations

import re
from typing import Any

from facevalue.media.facts.container_reader import Found, Window
from facevalue.media.facts.text import decode

MAX_PAGES = 48
MAX_COMMENTS = 80
MAX_TEXT = 4_096
MAX_ID3 = 1 << 20
_ID3_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_ID3_SKIPPED = {"APIC", "PIC", "GEOB", "MCDI"}


def read_ogg(window: Window, found: Found) -> None:
    """Vendor and comments of every stream in the first pages."""
    streams: dict[int, str] = {}
    at = 0
    for _ in range(MAX_PAGES):
        head = window.read(at, 27)
        if len(head) < 27 or head[:4] != b"OggS":
            break
        serial, segments = int.from_bytes(head[14:18], "little"), head[26]
        body = sum(window.read(at + 27, segments))
        start = at + 27 + segments
        raw = window.read(start, min(body, 1 << 16))
        if head[5] & 2:
            streams[serial] = _ogg_codec(raw)
        for magic, name in ((b"OpusTags", "Opus"), (b"\x03vorbis", "Vorbis"), (b"\x81theora", "Theora")):
            if raw.startswith(magic):
                vorbis_comment(found, raw[len(magic) :], f"{name} comment")
        at = start + body
    found.samples.append((0, 1 << 18, "data"))
    found.facts["tracks"] = [{"kind": "audio", "codecs": [codec]} for codec in list(streams.values())[:16]]
    found.facts["streams"] = len(streams)


def _ogg_codec(raw: bytes) -> str:
    marks = ((b"OpusHead", "opus"), (b"\x01vorbis", "vorbis"), (b"\x80theora", "theora"), (b"\x7fFLAC", "flac"),
             (b"Speex", "speex"))  # fmt: skip
    return next((name for mark, name in marks if raw.startswith(mark)), "unknown")


def vorbis_comment(found: Found, raw: bytes, where: str) -> None:
    """A Vorbis comment block: vendor string and "name=value" comments."""
    size = int.from_bytes(raw[:4], "little")
    found.say(where, "vendor", raw[4 : 4 + min(size, MAX_TEXT)])
    at = 4 + size
    count = int.from_bytes(raw[at : at + 4], "little")
    at += 4
    for _ in range(min(count, MAX_COMMENTS)):
        if at + 4 > len(raw):
            return
        size = int.from_bytes(raw[at : at + 4], "little")
        key, _, value = decode(raw[at + 4 : at + 4 + min(size, MAX_TEXT)]).partition("=")
        if key.upper() != "METADATA_BLOCK_PICTURE":
            found.say(where, key, value)
        at += 4 + size


def read_mp3(window: Window, found: Found) -> None:
    """ID3v2 and ID3v1, the first frame, and the Xing, Info, LAME or VBRI tag in it."""
    start = _id3v2(window, found)
    head = window.read(start, 1 << 12)
    sync = re.search(rb"\xff[\xe2-\xff]", head)
    found.samples.append((start, 1 << 17, "data"))
    found.facts["tracks"] = [{"kind": "audio", "codecs": ["mp3"]}]
    if sync:
        _xing(found, head[sync.start() :])
    tail = window.read(max(window.size - 128, 0), 128)
    if tail[:3] == b"TAG":
        found.facts["id3v1"] = True
        for key, part in (("title", tail[3:33]), ("artist", tail[33:63]), ("comment", tail[97:125])):
            found.say("ID3v1", key, part.rstrip(b" \0"))


def _xing(found: Found, frame: bytes) -> None:
    for name in (b"Xing", b"Info", b"VBRI"):
        at = frame.find(name, 0, 200)
        if at < 0:
            continue
        tag: dict[str, Any] = {"kind": name.decode()}
        if name != b"VBRI":
            flags = int.from_bytes(frame[at + 4 : at + 8], "big")
            encoder = at + 8 + 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4) + 4 * bool(flags & 8)
            text = frame[encoder : encoder + 9]
            if text[:4].isalpha():
                tag["encoder"] = decode(text).strip()
                found.say("Xing tag", "encoder", text)
            if len(frame) > encoder + 24 and text[:4] in (b"LAME", b"Lavf", b"Lavc"):
                delay = int.from_bytes(frame[encoder + 21 : encoder + 24], "big")
                tag.update(vbr_method=frame[encoder + 9] & 15, lowpass_hz=100 * frame[encoder + 10])
                tag.update(delay=delay >> 12, padding=delay & 0xFFF)
        found.facts["xing"] = tag
        return


def _id3v2(window: Window, found: Found) -> int:
    """Read the texts of an ID3v2 tag; returns where the sound begins."""
    head = window.read(0, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    version, size = head[3], _synchsafe(head[6:10])
    found.facts["id3v2"] = f"2.{version}"
    raw = window.read(10, min(size, MAX_ID3))
    wide = version >= 3
    at = 0
    for _ in range(MAX_COMMENTS):
        name = raw[at : at + (4 if wide else 3)].decode("latin-1")
        if not re.fullmatch(r"[A-Z0-9]{3,4}", name):
            break
        length = raw[at + len(name) : at + (8 if wide else 6)]
        count = _synchsafe(length) if version >= 4 else int.from_bytes(length, "big")
        at += 10 if wide else 6
        if name not in _ID3_SKIPPED:
            _id3_frame(found, name, raw[at : at + min(count, MAX_TEXT)])
        at += count
    return 10 + size


def _id3_frame(found: Found, name: str, raw: bytes) -> None:
    if name == "PRIV":
        found.say("ID3v2", "PRIV", raw.split(b"\0", 1)[0])
        return
    encoding = _ID3_ENCODINGS[raw[0]] if raw and raw[0] < 4 else "latin-1"
    body = raw[4:] if name in ("COMM", "USLT", "COM") else raw[1:]
    if name.startswith(("T", "COM", "USLT", "WXX")):
        parts = [p.strip("\ufeff") for p in body.decode(encoding, "replace").split("\0") if p.strip("\ufeff")]
        key = f"{name}:{parts[0]}" if name in ("TXXX", "TXX") and len(parts) > 1 else name
        found.say("ID3v2", key, " ".join(parts[1:] if key != name else parts))


def _synchsafe(raw: bytes) -> int:
    value = 0
    for byte in raw:
        value = value << 7 | byte & 127
    return value


def read_flac(window: Window, found: Found) -> None:
    """Metadata blocks: their order, vendor and comments."""
    at = 4
    order: list[str] = []
    names = {0: "STREAMINFO", 1: "PADDING", 2: "APPLICATION", 3: "SEEKTABLE", 4: "VORBIS_COMMENT", 5: "CUESHEET",
             6: "PICTURE"}  # fmt: skip
    for _ in range(128):
        head = window.read(at, 4)
        if len(head) < 4:
            break
        kind, size = head[0] & 127, int.from_bytes(head[1:4], "big")
        order.append(names.get(kind, str(kind)))
        if kind == 4:
            vorbis_comment(found, window.read(at + 4, min(size, 1 << 16)), "FLAC comment")
        at += 4 + size
        if head[0] & 128:
            break
    found.facts["order"] = order[:60]
    found.facts["tracks"] = [{"kind": "audio", "codecs": ["flac"]}]


def read_adts(window: Window, found: Found) -> None:
    """The first header of an AAC stream; the encoder's mark is looked for in the data."""
    head = window.read(0, 8)
    rates = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
    number = head[2] >> 2 & 15 if len(head) > 3 else 15
    track = {"kind": "audio", "codecs": ["aac"], "sample_rate": rates[number] if number < len(rates) else None}
    found.facts["tracks"] = [track]
    found.samples.append((0, 1 << 16, "data"))


def read_amr(window: Window, found: Found) -> None:
    """Narrow or wide band; AMR files hold nothing else than frames."""
    wide = window.read(0, 9) == b"#!AMR-WB\n"
    found.facts["tracks"] = [{"kind": "audio", "codecs": ["amr_wb" if wide else "amr_nb"]}]
