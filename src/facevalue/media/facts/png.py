"""A walker over PNG chunks (ISO/IEC 15948): order, checksums, texts and the metadata blocks they carry."""

from __future__ import annotations

import binascii
import re
import zlib
from functools import partial
from typing import Any

from facevalue.media.facts.blocks import Blocks, guard
from facevalue.media.facts.text import MAX_INFLATED, inflate
from facevalue.media.facts.trailer import trailer_kind

MAX_CHUNKS = 20_000
MAX_ORDER = 80
# All texts of one file together, inflated.
MAX_TEXT_TOTAL = 8 << 20
_COLOUR = {0: "grayscale", 2: "truecolour", 3: "palette", 4: "grayscale and alpha", 6: "truecolour and alpha"}


def read_png(data: bytes, blocks: Blocks) -> dict[str, Any]:
    """Facts about the chunks; texts and blocks go into `blocks`."""
    facts: dict[str, Any] = {"order": [], "bad_checksums": [], "texts": []}
    order: list[list[Any]] = []
    budget = [MAX_TEXT_TOTAL]
    position, ended = 8, False
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            break
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        body_end = position + 8 + length
        if not kind.isalpha() or body_end + 4 > len(data):
            facts["broken_at"] = position
            break
        name = kind.decode("ascii")
        _count(order, name)
        stored = int.from_bytes(data[body_end : body_end + 4], "big")
        if zlib.crc32(memoryview(data)[position + 4 : body_end]) != stored and len(facts["bad_checksums"]) < 20:
            facts["bad_checksums"].append(name)
        if name != "IDAT":
            body = data[position + 8 : body_end]
            guard(blocks.errors, f"png {name}", None, partial(_take, name, body, facts, blocks, budget))
        position = body_end + 4
        if name == "IEND":
            ended = True
            break
    facts["order"] = [name if count == 1 else f"{name} x{count}" for name, count in order[:MAX_ORDER]]
    facts["ended"] = ended
    facts["trailing_bytes"] = len(data) - position if ended else 0
    if facts["trailing_bytes"]:
        facts["trailer"] = {"bytes": facts["trailing_bytes"], "kind": trailer_kind(data, position, False)}
    return facts


def _count(order: list[list[Any]], name: str) -> None:
    if order and order[-1][0] == name:
        order[-1][1] += 1
    elif len(order) <= MAX_ORDER:
        order.append([name, 1])


def _take(name: str, body: bytes, facts: dict[str, Any], blocks: Blocks, budget: list[int]) -> None:
    if name in ("tEXt", "zTXt", "iTXt"):
        if budget[0] > 0:
            keyword, text = _text(name, body, min(budget[0], MAX_INFLATED))
            budget[0] -= len(text)
            _take_text(f"PNG {name}", keyword, text, facts, blocks)
    elif name == "IHDR":
        facts.update(
            width=int.from_bytes(body[:4], "big"),
            height=int.from_bytes(body[4:8], "big"),
            bit_depth=body[8],
            colour=_COLOUR.get(body[9], str(body[9])),
            interlaced=bool(body[12]),
        )
    elif name == "pHYs":
        facts["pixels_per_unit"] = [int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")]
        facts["unit"] = "metre" if body[8] else "unknown"
    elif name == "tIME":
        facts["time"] = "{:04d}-{:02d}-{:02d} {:02d}:{:02d}:{:02d}".format(int.from_bytes(body[:2], "big"), *body[2:7])
    elif name == "eXIf":
        blocks.add_exif("PNG eXIf", body)
    elif name == "iCCP":
        profile_name, _, packed = body.partition(b"\0")
        facts["profile_name"] = profile_name.decode("latin-1")
        blocks.icc = inflate(packed[1:])
    elif name == "caBX":
        blocks.c2pa = "PNG caBX"


def _text(name: str, body: bytes, limit: int) -> tuple[str, str]:
    keyword, _, rest = body.partition(b"\0")
    if name == "tEXt":
        return keyword.decode("latin-1"), _latin_or_utf8(rest[:limit])
    if name == "zTXt":
        return keyword.decode("latin-1"), _latin_or_utf8(inflate(rest[1:], limit))
    packed, rest = rest[:1] == b"\1", rest[2:]
    _, _, rest = rest.partition(b"\0")  # language
    _, _, rest = rest.partition(b"\0")  # translated keyword
    raw = inflate(rest, limit) if packed else rest[:limit]
    return keyword.decode("latin-1"), raw.decode("utf-8", "replace")


def _latin_or_utf8(raw: bytes) -> str:
    # The standard says Latin-1, yet most writers of prompts put UTF-8 there.
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _take_text(where: str, keyword: str, text: str, facts: dict[str, Any], blocks: Blocks) -> None:
    if keyword == "XML:com.adobe.xmp":
        blocks.add_xmp("PNG iTXt", text.encode("utf-8", "replace"))
        return
    profile = re.fullmatch(r"Raw profile type (\w{1,12})", keyword)
    if profile:
        _take_raw_profile(profile.group(1), text, blocks)
        return
    blocks.add_text(where, keyword, text)
    if len(facts["texts"]) < 60:
        facts["texts"].append({"chunk": where[4:], "keyword": keyword, "text": text})


def _take_raw_profile(kind: str, text: str, blocks: Blocks) -> None:
    """ImageMagick's form: a name, a length, then the block in hexadecimal."""
    raw = binascii.unhexlify("".join(text.split()[2:]))
    if kind in ("exif", "APP1"):
        if raw.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            blocks.add_xmp("PNG raw profile", raw[29:])
        else:
            blocks.add_exif("PNG raw profile", raw)
    elif kind == "xmp":
        blocks.add_xmp("PNG raw profile", raw)
    elif kind == "iptc" or kind == "8bim":
        blocks.irb = raw
    elif kind in ("icc", "icm"):
        blocks.icc = raw
