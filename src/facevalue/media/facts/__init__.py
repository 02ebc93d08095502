"""Facts read from a file's bytes: structure, EXIF, XMP, IPTC, ICC, generator records, labels and C2PA claims.

Everything here reads hostile bytes. It runs inside the limited decoding process; each reader is guarded, so that a
broken block costs only itself and is listed under "errors"; and what leaves is JSON-ready, cleaned and bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facevalue.media.facts.aigc import find_aigc
from facevalue.media.facts.blocks import Blocks, guard
from facevalue.media.facts.c2pa import read_c2pa
from facevalue.media.facts.containers import read_bmff, read_gif, read_webp
from facevalue.media.facts.exif import read_exif, thumbnail_bytes
from facevalue.media.facts.generator import Field, find_generators
from facevalue.media.facts.icc import read_icc
from facevalue.media.facts.iptc import read_iim, read_resources
from facevalue.media.facts.jpeg import read_jpeg
from facevalue.media.facts.png import read_png
from facevalue.media.facts.stealth import read_stealth
from facevalue.media.facts.text import bounded
from facevalue.media.facts.thumbnail import compare_thumbnail
from facevalue.media.facts.tiff import tiff_blocks
from facevalue.media.facts.writer import name_writer
from facevalue.media.facts.xmp import read_xmp

_DECISIVE = ("media_type", "writer", "errors", "aigc", "c2pa", "generator", "jpeg", "iptc", "icc", "exif", "xmp", "png")
LOSSLESS = ("image/png", "image/webp", "image/tiff", "image/bmp", "image/avif")


def read_facts(
    data: bytes,
    media_type: str,
    image: Image.Image | None,
    pixels: npt.NDArray[np.uint8] | None,
) -> dict[str, Any]:
    """Every fact the bytes state, as a JSON-ready dict of bounded size. Never raises.

    image: the picture as opened, in its stored mode (for records hidden in pixels). pixels: the upright picture,
    uint8 (H, W, 3) (for the thumbnail). Either may be None when the picture did not decode.

    Sections that a file cannot have or does not have are empty dicts; "generator", "stealth", "aigc" and "c2pa" are
    then None. facts["jpeg"]["quality"] is 1..100 or None.
    """
    blocks = Blocks()
    errors = blocks.errors
    facts: dict[str, Any] = {"jpeg": {}, "exif": {}, "xmp": {}, "iptc": {}, "icc": {}, "png": {}, "container": {}}
    facts["media_type"] = media_type
    guard(errors, "container", None, lambda: _read_container(data, media_type, blocks, facts))
    _read_blocks(blocks, facts, pixels)
    facts["stealth"] = None
    if image is not None and media_type in LOSSLESS:
        facts["stealth"] = guard(errors, "stealth", None, lambda: read_stealth(image))
    properties = facts["xmp"].get("properties") or {}
    fields = _fields(blocks, facts)
    facts["generator"] = guard(errors, "generator", None, lambda: find_generators(fields))
    facts["aigc"] = guard(errors, "aigc", None, lambda: find_aigc(fields, properties))
    facts["c2pa"] = guard(errors, "c2pa", None, lambda: _credential(data, media_type, blocks, properties))
    facts["writer"] = guard(errors, "writer", _nothing(), lambda: name_writer(facts))
    facts["errors"] = errors
    # The total is bounded in this order: what is short and decisive must not starve behind what is long.
    out: dict[str, Any] = bounded({name: facts[name] for name in sorted(facts, key=_rank)})
    return out


def _nothing() -> dict[str, Any]:
    return {}


def _rank(name: str) -> int:
    return _DECISIVE.index(name) if name in _DECISIVE else len(_DECISIVE)


def _read_container(data: bytes, media_type: str, blocks: Blocks, facts: dict[str, Any]) -> None:
    if media_type == "image/jpeg":
        facts["jpeg"] = {"quality": None}
        facts["jpeg"] = read_jpeg(data, blocks)
    elif media_type == "image/png":
        facts["png"] = read_png(data, blocks)
    elif media_type == "image/webp":
        facts["container"] = read_webp(data, blocks)
    elif media_type == "image/gif":
        facts["container"] = read_gif(data, blocks)
    elif media_type in ("image/avif", "image/heic"):
        facts["container"] = read_bmff(data, blocks)
    elif media_type == "image/tiff":
        tiff_blocks(data, blocks)


def _read_blocks(blocks: Blocks, facts: dict[str, Any], pixels: npt.NDArray[np.uint8] | None) -> None:
    errors = blocks.errors
    if blocks.irb:
        irb = blocks.irb
        facts["resources"] = guard(errors, "photoshop resources", list[int](), lambda: read_resources(irb, blocks))
    if blocks.iim:
        iim = blocks.iim
        facts["iptc"] = guard(errors, "iptc", _nothing(), lambda: read_iim(iim))
    if blocks.icc:
        icc = blocks.icc
        facts["icc"] = guard(errors, "icc", _nothing(), lambda: read_icc(icc))
    if blocks.exif:
        raw = blocks.exif
        facts["exif"] = guard(errors, "exif", _nothing(), lambda: read_exif(raw, blocks.exif_where))
        thumbnail = guard(errors, "exif thumbnail", b"", lambda: thumbnail_bytes(raw))
        if thumbnail:
            facts["exif"]["thumbnail"] = guard(
                errors, "exif thumbnail", {"bytes": len(thumbnail)}, lambda: compare_thumbnail(thumbnail, pixels)
            )
    facts["xmp"] = guard(errors, "xmp", _nothing(), lambda: read_xmp(blocks.xmp, errors))


def _fields(blocks: Blocks, facts: Mapping[str, Any]) -> list[Field]:
    """Every text in which a generator or a label might have left a record, at full length."""
    fields: list[Field] = list(blocks.texts)
    fields += [("EXIF", name, text) for name, text in (facts["exif"].get("texts") or {}).items()]
    fields += [("XMP", name, text) for name, text in (facts["xmp"].get("properties") or {}).items()]
    for name, value in facts["iptc"].items():
        fields += [("IPTC", name, text) for text in (value if isinstance(value, list) else [value])]
    stealth = facts.get("stealth")
    if stealth:
        fields.append((f"stealth {stealth['channel']}", "parameters", stealth["text"]))
    return fields


def _credential(data: bytes, media_type: str, blocks: Blocks, properties: Mapping[str, str]) -> dict[str, Any] | None:
    if blocks.c2pa:
        return read_c2pa(data, media_type, blocks.c2pa)
    remote = properties.get("dcterms:provenance", "")
    if remote.startswith(("http://", "https://")):
        why = "the manifest is kept elsewhere, and nothing is fetched from the network"
        return {"present": False, "read": False, "remote": remote, "why": why}
    return None


__all__ = ["read_facts"]
