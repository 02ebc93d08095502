"""Facts from the bytes of a clip or sound: the same sections as for pictures, as far as its container can hold them.

XMP packets, C2PA manifests and labels are looked for where the containers put them: uuid boxes and the user data of
ISO base media, RIFF chunks, ID3 frames, and the tags that the demuxer reads from any of them. Runs in the worker.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from facevalue.media.facts.aigc import find_aigc
from facevalue.media.facts.blocks import MAX_BLOCK, Blocks, guard
from facevalue.media.facts.c2pa import MAX_BYTES, read_c2pa
from facevalue.media.facts.containers import C2PA_UUID, MAX_CHUNKS, XMP_UUID
from facevalue.media.facts.generator import Field, find_generators
from facevalue.media.facts.text import bounded
from facevalue.media.facts.writer import name_writer
from facevalue.media.facts.xmp import read_xmp

MAX_TAG = 1 << 16
_BMFF = ("video/mp4", "video/quicktime", "video/3gpp", "audio/mp4")
_RIFF = ("audio/wav", "video/x-msvideo")
_ID3_BYTES = 16 << 20
_PARENTS = (b"moov", b"udta", b"trak", b"meta")
Tags = Mapping[str, str]


def read_clip_facts(stream: BinaryIO, size: int, media_type: str, tags: Tags) -> dict[str, Any]:
    """Every fact the bytes state, JSON-ready and bounded. Never raises.

    Sections as read_facts() gives for pictures; those that a clip cannot have are empty. "tags": the container's own,
    as the demuxer names them. "container": what facevalue.media.facts.container reads, {} without that module.
    """
    blocks = Blocks()
    errors = blocks.errors
    facts: dict[str, Any] = {name: {} for name in ("jpeg", "exif", "iptc", "icc", "png")}
    facts["media_type"] = media_type
    facts["tags"] = {str(k)[:80]: str(v)[:MAX_TAG] for k, v in list(tags.items())[:100]}
    guard(errors, "blocks", None, lambda: _find_blocks(stream, size, media_type, blocks))
    for name, text in facts["tags"].items():
        blocks.add_text("tag", name, text)
    facts["container"] = guard(errors, "container", dict[str, Any](), lambda: _container(stream, media_type))
    facts["xmp"] = guard(errors, "xmp", dict[str, Any](), lambda: read_xmp(blocks.xmp, errors))
    properties = facts["xmp"].get("properties") or {}
    fields: list[Field] = [*blocks.texts, *(("XMP", name, text) for name, text in properties.items())]
    facts["stealth"] = None
    facts["generator"] = guard(errors, "generator", None, lambda: find_generators(fields))
    facts["aigc"] = guard(errors, "aigc", None, lambda: find_aigc(fields, properties))
    facts["c2pa"] = guard(errors, "c2pa", None, lambda: _credential(stream, size, media_type, blocks, properties))
    facts["writer"] = guard(errors, "writer", dict[str, Any](), lambda: name_writer(facts))
    facts["errors"] = errors
    container = facts.pop("container")  # bounds itself, and may hold more than the bound on pictures' facts allows
    return {**bounded(facts), "container": container}


def _container(stream: BinaryIO, media_type: str) -> dict[str, Any]:
    try:
        module = importlib.import_module("facevalue.media.facts.container")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("facevalue"):
            return {}
        raise
    stream.seek(0)
    read: Callable[[BinaryIO, str], dict[str, Any]] = module.read_container_facts
    return read(stream, media_type)


def _credential(
    stream: BinaryIO, size: int, media_type: str, blocks: Blocks, properties: Mapping[str, str]
) -> dict[str, Any] | None:
    if blocks.c2pa:
        stream.seek(0)
        # Beyond its bound the reader takes no bytes, and says so; the head is enough for what it reads from them then.
        data = stream.read(size) if size <= MAX_BYTES else _Huge(stream.read(1 << 20), size)
        return read_c2pa(data, media_type, blocks.c2pa)
    remote = properties.get("dcterms:provenance", "")
    if remote.startswith(("http://", "https://")):
        why = "the manifest is kept elsewhere, and nothing is fetched from the network"
        return {"present": False, "read": False, "remote": remote, "why": why}
    return None


class _Huge(bytes):
    """The head of a file, which says how long the whole is."""

    size: int

    def __new__(cls, head: bytes, size: int) -> _Huge:
        out = super().__new__(cls, head)
        out.size = size
        return out

    def __len__(self) -> int:
        return self.size


def _find_blocks(stream: BinaryIO, size: int, media_type: str, blocks: Blocks) -> None:
    if media_type in _BMFF:
        _find_in_boxes(stream, 0, size, blocks, 0)
    elif media_type in _RIFF:
        _find_in_riff(stream, size, blocks)
    elif media_type in ("audio/mpeg", "audio/aac", "audio/flac"):
        _find_in_id3(stream, blocks)


def _at(stream: BinaryIO, start: int, count: int) -> bytes:
    stream.seek(start)
    return stream.read(max(count, 0))


def _boxes(stream: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, body start, body end) of the boxes in a range of the file; the last may be cut off."""
    for _ in range(MAX_CHUNKS):
        head = _at(stream, start, 16)
        if start + 8 > stop or len(head) < 8:
            return
        length, body = int.from_bytes(head[:4], "big"), start + 8
        if length == 1:
            length, body = int.from_bytes(head[8:16], "big"), start + 16
        end = stop if length == 0 else start + length
        if end < body:
            return
        yield head[4:8], body, min(end, stop)
        start = end


def _find_in_boxes(stream: BinaryIO, start: int, stop: int, blocks: Blocks, depth: int) -> None:
    for kind, body, end in _boxes(stream, start, stop):
        if kind == b"uuid":
            identity = _at(stream, body, 16)
            if identity == C2PA_UUID:
                blocks.c2pa = "uuid box"
            elif identity == XMP_UUID:
                blocks.add_xmp("uuid box", _at(stream, body + 16, min(end - body - 16, MAX_BLOCK)))
        elif kind == b"XMP_":
            blocks.add_xmp("user data", _at(stream, body, min(end - body, MAX_BLOCK)))
        elif kind in _PARENTS and depth < 4:
            # `meta` is a full box in ISO files, with 4 bytes before its children, and a plain one in QuickTime's.
            full = kind == b"meta" and _at(stream, body, 4) == bytes(4)
            _find_in_boxes(stream, body + (4 if full else 0), end, blocks, depth + 1)


def _find_in_riff(stream: BinaryIO, size: int, blocks: Blocks) -> None:
    start = 12
    for _ in range(MAX_CHUNKS):
        head = _at(stream, start, 8)
        if len(head) < 8 or start >= size:
            return
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"_PMX":
            blocks.add_xmp("RIFF XMP", _at(stream, start + 8, min(length, MAX_BLOCK)))
        elif head[:4] == b"C2PA":
            blocks.c2pa = "RIFF C2PA"
        start += 8 + length + (length & 1)


def _find_in_id3(stream: BinaryIO, blocks: Blocks) -> None:
    """PRIV frames that hold XMP, and GEOB frames that hold a C2PA store (C2PA 2.1, A.3.3), in an ID3v2 tag."""
    head = _at(stream, 0, 10)
    if head[:3] != b"ID3":
        return
    size = sum((b & 0x7F) << shift for b, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    tag, at, wide = _at(stream, 10, min(size, _ID3_BYTES)), 0, head[3] >= 4
    for _ in range(MAX_CHUNKS):
        name, length = tag[at : at + 4], tag[at + 4 : at + 8]
        if len(length) < 4 or not name.strip(b"\0"):
            return
        span = sum(b << s for b, s in zip(length, (21, 14, 7, 0) if wide else (24, 16, 8, 0), strict=True))
        body = tag[at + 10 : at + 10 + span]
        if name == b"PRIV" and body.startswith(b"XMP\0"):
            blocks.add_xmp("ID3 PRIV", body[4 : 4 + MAX_BLOCK])
        elif name == b"GEOB" and b"c2pa" in body[:200]:
            blocks.c2pa = "ID3 GEOB"
        at += 10 + span
