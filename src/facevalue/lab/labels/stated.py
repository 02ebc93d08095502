"""What metadata state: IPTC digitalSourceType as XMP, in the place that each container has for it."""

from __future__ import annotations

import html
import struct
from collections.abc import Mapping
from typing import Any

from facevalue.examiners.metadata.declarations import declarations
from facevalue.examiners.metadata.source_types import declares_synthetic
from facevalue.lab.labels.made import TRAINED_TYPE, Made

# XMP Specification Part 3, sections on ISO base media files and on WAV.
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_XMP_CHUNK = b"_PMX"


def xmp_label(digital_source_type: str, tool: str) -> bytes:
    """An XMP packet that declares the digital source type (IPTC Photo Metadata Standard 2023.1)."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{html.escape(digital_source_type)}" xmp:CreatorTool="{html.escape(tool)}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def xmp_box(digital_source_type: str, tool: str) -> bytes:
    """The same packet as a box of an ISO base media file (MP4, MOV, M4A), to stand behind its last one."""
    body = _XMP_UUID + xmp_label(digital_source_type, tool)
    return struct.pack(">I4s", 8 + len(body), b"uuid") + body


def with_xmp_chunk(wave: bytes, digital_source_type: str, tool: str) -> bytes:
    """A WAV file with the same packet in a chunk behind its last one, and its stated size to match."""
    packet = xmp_label(digital_source_type, tool)
    chunk = struct.pack("<4sI", _XMP_CHUNK, len(packet)) + packet + b"\0" * (len(packet) & 1)
    body = wave[8:] + b"\0" * (len(wave) & 1) + chunk
    return wave[:4] + struct.pack("<I", len(body)) + body


def tags(made: Made, kind: str) -> dict[str, str]:
    """Text fields for containers: a comment that says it in words, and the term. kind: "video" or "audio"."""
    return {"comment": f"AI-generated {kind}", "DIGITALSOURCETYPE": made.uri}


def declared_type(facts: Mapping[str, Any]) -> str | None:
    """The digital source type that a copy of this file must go on declaring; None when it declares nothing.

    A statement of another kind (generation parameters, a credential) becomes "trained algorithmic media".
    """
    stated = [r for r in declarations(facts) if r.details.get("strength") == "statement"]
    types = [r.value for r in stated if r.value and declares_synthetic(r.value)]
    return (types or [TRAINED_TYPE])[0] if stated else None
