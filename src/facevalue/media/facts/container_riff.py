"""Chunked files: AVI and WAV (RIFF), AIFF (IFF): the order of chunks, texts, broadcast extension, index.

Sources: Microsoft RIFF MCI and AVI documents; EBU Tech 3285 (bext); AIFF 1.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from facevalue.media.facts.container_reader import FactsError, Found, Window, fourcc, mostly_text

MAX_CHUNKS = 2_000
MAX_DEPTH = 6
MAX_TEXT = 4_096
# Recording times and places are texts as well; what is neither header nor media is read when it looks like one.
_TEXTS = {"IDIT", "ISMP", "strn", "NAME", "AUTH", "ANNO", "(c) ", "iXML", "axml", "COMT"}
_Order = Literal["little", "big"]


def chunks(window: Window, start: int, stop: int, order: _Order, found: Found) -> Iterator[tuple[str, int, int]]:
    """(name, body, end) of the chunks in a range."""
    for _ in range(MAX_CHUNKS):
        head = window.read(start, 8)
        if start + 8 > stop or len(head) < 8:
            return
        size = int.from_bytes(head[4:8], order)
        end = start + 8 + size
        if end > stop:
            if size != 0xFFFFFFFF:  # streams that were not closed, and RF64, state this
                found.odd(f"the chunk {fourcc(head[:4])} states a size that reaches past the end of what holds it")
            end = stop
        yield fourcc(head[:4]), start + 8, end
        start = end + (size & 1)


def read_riff(window: Window, found: Found) -> None:
    """Fill `found` from an AVI or WAV file (RIFF, RF64) or an AIFF file (FORM)."""
    order: _Order = "big" if window.read(0, 4) == b"FORM" else "little"
    found.facts["order"] = []
    found.facts["tracks"] = []
    parts = 0
    for _, body, end in chunks(window, 0, window.size, order, found):
        parts += 1
        _inside(window, found, body + 4, end, order, 0)
    found.facts["riff_parts"] = parts


def _inside(window: Window, found: Found, start: int, stop: int, order: _Order, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise FactsError("the chunks are nested too deeply")
    for name, body, end in chunks(window, start, stop, order, found):
        label = name
        if name == "LIST":
            kind = fourcc(window.read(body, 4))
            label = f"LIST {kind}"
            if kind == "movi":
                found.samples.append((body + 4, end - body - 4, "data"))
            elif kind == "INFO":
                _info(window, found, body + 4, end, order)
            else:
                _inside(window, found, body + 4, end, order, depth + 1)
        else:
            _chunk(window, found, name, body, end, order)
        _note(found.facts["order"], label)


def _note(order: list[str], name: str) -> None:
    if len(order) < 60 and (not order or order[-1] != name):
        order.append(name)


def _info(window: Window, found: Found, start: int, stop: int, order: _Order) -> None:
    for name, body, end in chunks(window, start, stop, order, found):
        found.say("LIST INFO", name, window.read(body, min(end - body, MAX_TEXT)))


def _chunk(window: Window, found: Found, name: str, body: int, end: int, order: _Order) -> None:
    facts = found.facts
    if name == "bext":
        facts["bext"] = _bext(window, found, body, end)
    elif name == "fmt ":
        facts["tracks"].append(_wave_format(window.read(body, min(end - body, 40))))
    elif name == "strh":
        raw = window.read(body, 8)
        kind = {"vids": "video", "auds": "audio"}.get(fourcc(raw[:4]), "other")
        facts["tracks"].append({"kind": kind, "codecs": [fourcc(raw[4:8])]})
    elif name == "strf" and facts["tracks"] and facts["tracks"][-1]["kind"] == "audio":
        facts["tracks"][-1] = _wave_format(window.read(body, min(end - body, 40)))
    elif name == "COMM":
        raw = window.read(body, min(end - body, 26))
        kind = fourcc(raw[18:22]) if len(raw) >= 22 else "pcm"
        facts["tracks"].append({"kind": "audio", "codecs": [kind], "channels": int.from_bytes(raw[:2], "big")})
    elif name in ("idx1", "indx"):
        facts["index"] = name
    elif name in ("data", "SSND"):
        found.samples.append((body, end - body, "data"))
        facts["data_bytes"] = end - body
    elif name in ("C2PA", "c2pa"):
        facts["c2pa"] = True
    elif name == "JUNK":
        raw = window.read(body, min(end - body, 256))
        text = raw.split(b"\0", 1)[0]
        if len(text) > 11 and text.isascii() and mostly_text(text):  # VirtualDub signs here
            found.say("chunk JUNK", "text", text)
    elif name in _TEXTS:
        found.say("chunk", name, window.read(body, min(end - body, MAX_TEXT)))


def _wave_format(raw: bytes) -> dict[str, Any]:
    numbers = [int.from_bytes(raw[a:b], "little") for a, b in ((0, 2), (2, 4), (4, 8), (14, 16))]
    code, channels, rate, bits = numbers
    return {"kind": "audio", "codecs": [f"0x{code:04x}"], "channels": channels, "sample_rate": rate, "bits": bits}


def _bext(window: Window, found: Found, body: int, end: int) -> dict[str, Any]:
    """EBU Tech 3285: description 256, originator 32, reference 32, date 10, time 8; coding history from 602 on."""
    raw = window.read(body, min(end - body, 602 + MAX_TEXT))
    fields = {"description": raw[:256], "originator": raw[256:288], "reference": raw[288:320],
              "coding_history": raw[602:]}  # fmt: skip
    for key, value in fields.items():
        found.say("bext", key, value)
    date, time = (raw[a:b].split(b"\0")[0].decode("latin-1") for a, b in ((320, 330), (330, 338)))
    return {"date": f"{date} {time}".strip() or None}
