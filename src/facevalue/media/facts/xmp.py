"""XMP packets (ISO 16684-1), parsed without entities and flattened to "prefix:name" -> value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import ElementTree

MAX_PACKET = 2 << 20
MAX_PROPERTIES = 400
MAX_VALUE = 1 << 16
MAX_DEPTH = 12
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/bj/": "xmpBJ",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/creations/": "GCreations",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.apple.com/pixeldatainfo/1.0/": "apdi",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://purl.org/dc/terms/": "dcterms",
    "http://www.tc260.org.cn/ns/AIGC/1.0/": "TC260",
    "http://ns.attribution.com/ads/1.0/": "Attrib",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    RDF: "rdf",
}
# Properties that statements and histories live in; they are kept first, whatever a file stuffs in before them.
_FIRST = (
    "Iptc4xmpExt:",
    "TC260:",
    "photoshop:",
    "xmp:",
    "dc:",
    "xmpMM:",
    "exif:UserComment",
    "dcterms:",
    "GCamera:",
    "Attrib:",
)
_SIMPLE = re.compile(r"""\b(\w{2,20}:\w{2,40})\s?=\s?["']([^"'<>]{1,2000})["']|<(\w{2,20}:\w{2,40})>([^<]{1,2000})</""")
_EVENT = re.compile(r"^xmpMM:History\[(\d{1,3})\]/stEvt:(\w{1,20})$")


def read_xmp(packets: Sequence[tuple[str, bytes]], errors: list[str]) -> dict[str, Any]:
    """ "packets" (where and size), "properties" (flattened, first packet wins) and "history" (xmpMM:History events)."""
    properties: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    for where, raw in packets:
        found.append({"where": where, "bytes": len(raw)})
        try:
            _flatten_packet(raw, properties)
        except Exception as error:  # expat, defusedxml and encodings each raise their own
            errors.append(f"xmp in {where}: {type(error).__name__}: {str(error)[:120]}")
            _salvage(raw, properties)
    kept = dict(sorted(properties.items(), key=lambda item: not item[0].startswith(_FIRST)))
    return {"packets": found, "properties": kept, "history": _history(properties)} if found else {}


def _flatten_packet(raw: bytes, properties: dict[str, str]) -> None:
    if len(raw) > MAX_PACKET:
        raise ValueError("the packet is too large to parse")
    start, stop = raw.find(b"<x:xmpmeta"), raw.rfind(b"</x:xmpmeta>")
    body = raw[start : stop + 12] if 0 <= start < stop else raw.strip(b"\0 \r\n\t")
    root = ElementTree.fromstring(body, forbid_dtd=True)
    for description in root.iter(f"{{{RDF}}}Description"):
        if "_seen" in description.attrib:
            continue
        _properties(description, "", 0, properties)


def _salvage(raw: bytes, properties: dict[str, str]) -> None:
    """Simple properties of a packet that does not parse (cut off, ill-formed), by their usual prefixes."""
    text = raw[:MAX_PACKET].decode("utf-8", "replace")
    known = set(PREFIXES.values()) - {"rdf"}
    for match in _SIMPLE.finditer(text):
        name, value = match.group(1) or match.group(3), match.group(2) or match.group(4) or ""
        if name.partition(":")[0] in known and "&" not in value:
            _put(properties, name, value)


def _name(tag: str) -> str:
    if not tag.startswith("{"):
        return tag
    uri, _, local = tag[1:].partition("}")
    if uri in PREFIXES:
        return f"{PREFIXES[uri]}:{local}"
    parts = [p for p in re.split(r"[/#:]", uri) if p and not re.fullmatch(r"[\d.]+", p)]
    return f"{parts[-1][:30] if parts else 'ns'}:{local}"


def _properties(node: Element, path: str, depth: int, out: dict[str, str]) -> None:
    """Attributes and children of a Description or a struct. Nested Descriptions are marked, to be read only once."""
    for tag, value in node.attrib.items():
        name = _name(tag)
        if not name.startswith(("rdf:", "xml:", "{", "namespace:")):
            _put(out, path + name, value)
    if depth < MAX_DEPTH:
        for child in node:
            _property(child, path + _name(child.tag), depth + 1, out)
    node.set("_seen", "1")


def _property(node: Element, path: str, depth: int, out: dict[str, str]) -> None:
    if depth >= MAX_DEPTH or len(out) >= 2 * MAX_PROPERTIES:
        return
    children = list(node)
    resource = node.get(f"{{{RDF}}}resource")
    if resource is not None:
        _put(out, path, resource)
    elif not children and len(node.attrib) and not (node.text or "").strip():
        _properties(node, path + "/", depth, out)
    elif not children:
        _put(out, path, node.text or "")
    elif children[0].tag in (f"{{{RDF}}}Seq", f"{{{RDF}}}Bag", f"{{{RDF}}}Alt"):
        for index, item in enumerate(list(children[0])[:MAX_PROPERTIES], 1):
            _item(item, path, index, depth + 1, out)
    elif children[0].tag == f"{{{RDF}}}Description":
        _properties(children[0], path + "/", depth, out)
    else:
        _properties(node, path + "/", depth, out)


def _item(item: Element, path: str, index: int, depth: int, out: dict[str, str]) -> None:
    simple = not len(item) and (item.text or "").strip()
    if simple or item.get(f"{{{RDF}}}resource") is not None:
        text = item.get(f"{{{RDF}}}resource") or item.text or ""
        out_path = path if path not in out else f"{path}[{index}]"
        _put(out, out_path, text)
    else:
        _property(item, f"{path}[{index}]", depth, out)


def _put(out: dict[str, str], path: str, value: str) -> None:
    room = 2 * MAX_PROPERTIES if path.startswith(_FIRST) or path.endswith(":AIGC") else MAX_PROPERTIES
    if len(out) < room and path not in out and value.strip():
        out[path[:200]] = value.strip()[:MAX_VALUE]


def _history(properties: dict[str, str]) -> list[dict[str, str]]:
    events: dict[int, dict[str, str]] = {}
    for path, value in properties.items():
        match = _EVENT.match(path)
        if match:
            events.setdefault(int(match.group(1)), {})[match.group(2)] = value
    return [events[number] for number in sorted(events)][:60]
