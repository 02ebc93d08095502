"""China's implicit label for generated content (GB 45438-2025, annex E): a JSON object named AIGC.

Label "1" states that the content is generated, "2" that it may be, "3" that it is suspected to be. It is met as an XMP
property (namespace of TC260), and inside EXIF UserComment, PNG texts, IPTC fields and comments.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from facevalue.media.facts.generator import Field

KEYS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
MEANINGS = {"1": "is generated", "2": "may be generated", "3": "is suspected to be generated"}
_NAMED = re.compile(r"""["']?AIGC["']?\s*[:=]\s*["']?(\{[^{}]{2,4000}\})""")
_PAIR = re.compile(r"""["'](\w{3,20})["']\s*:\s*["']([^"']{0,500})["']""")


def find_aigc(fields: Sequence[Field], properties: Mapping[str, str]) -> dict[str, Any] | None:
    """The label's fields with "field" (where it was) and "meaning", or None."""
    for name, value in properties.items():
        if name.rpartition(":")[2] == "AIGC":
            label = _parse(value)
            if label:
                return _found(f"XMP {name}", label)
    nested = {n.rpartition(":")[2]: v for n, v in properties.items() if "AIGC/" in n or n.startswith("TC260:")}
    if _is_label(nested):
        return _found("XMP TC260:AIGC", nested)
    for where, keyword, text in fields:
        label = _parse(text) if keyword.upper() == "AIGC" else _parse_within(text)
        if label:
            return _found(f"{where} {keyword}".strip(), label)
    return None


def _found(field: str, label: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: str(label[key]) for key in KEYS if key in label}
    return {"field": field, **kept, "meaning": MEANINGS.get(kept.get("Label", ""), "carries a label of unknown value")}


def _is_label(tree: Any) -> bool:
    return isinstance(tree, Mapping) and "Label" in tree and any(key in tree for key in KEYS[1:])


def _parse_within(text: str) -> Mapping[str, Any] | None:
    if "AIGC" not in text[: 1 << 18]:
        return None
    match = _NAMED.search(html.unescape(text[: 1 << 18]).replace('\\"', '"'))
    return _parse(match.group(1)) if match else None


def _parse(text: str) -> Mapping[str, Any] | None:
    text = html.unescape(text[: 1 << 16]).strip()
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        # Single quotes, a trailing comma: met in the wild, and still plainly the label.
        tree = dict(_PAIR.findall(text)) if text.startswith("{") else None
    if isinstance(tree, Mapping) and isinstance(tree.get("AIGC"), Mapping | str):
        inner = tree["AIGC"]
        tree = inner if isinstance(inner, Mapping) else _parse(inner)
    if isinstance(tree, Mapping) and _is_label(tree):
        return tree
    return None
