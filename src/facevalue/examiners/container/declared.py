"""Statements in a container's text fields that a service or program generated the clip or the voice.

The same strengths as for pictures: a field that names a program, and names a generator, states; a fixed formula that is
the whole text of any field states; a label that a platform or a creator set is a hint. Names that are also words
(Sora, Veo, Pika, Luma) need their maker or a version. Prose that mentions a name says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_GENERATORS = "|".join(
    (
        r"openai sora|sora (?:2|turbo|[12]\.\d)|google veo|veo[- ]?[23](?:\.\d)?|kling(?: ?ai| \d(?:\.\d)?)",
        r"runway(?:ml)?(?: gen[- ]?\d| ml)?|pika ?labs|pika (?:art|\d(?:\.\d)?)|luma (?:ai|dream machine|ray ?\d)",
        r"hailuo(?: ai)?|minimax (?:video|hailuo)|heygen|synthesia(?:\.io)?|d-id(?: studio)?|hedra(?: ai)?",
        r"hunyuan ?video|cogvideo ?x?|wan ?2\.\d|animatediff|stable video diffusion|mochi[- ]1|ltx[- ]video|seedance",
        r"vidu(?: ai| q?\d)|jimeng(?: ai)?|dreamina|pixverse|haiper(?: ai)?|comfyui|invokeai|deforum",
        r"grok imagine|meta vibes",
        r"elevenlabs|eleven labs|play\.ht|playht|resemble(?:\.| )ai|suno(?: ai)?|udio|murf(?:\.| )ai|descript overdub",
    )
)
_VERSION = r"(?:[ /v-]*\d[\w. -]{0,20})?"
_PROGRAM_FIELD = re.compile(
    r"^(?:encoder|©too|©swr|©enc|software|isft|muxingapp|writingapp|tsse|tenc|creation_?tool|encoded_?by|vendor|"
    r"xmp:creatortool|xmp history|originator|handler|provider|com\.apple\.quicktime\.software|generator|©gen)$",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"^(?:{_GENERATORS})(?![a-z])", re.IGNORECASE)
_FORMULA = re.compile(
    r"^(?:(?:this |the )?(?:video|clip|audio|voice|song|music|content) (?:was |is )?)?(?:fully |partly )?"
    rf"(?:made|generated|created|produced|synthesi[sz]ed) (?:with|by|using) (?:{_GENERATORS}|(?:generative )?ai)"
    rf"{_VERSION}"
    r"(?:; .{0,80})?[.!]?$",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^(?:ai|artificial intelligence)[- ]generated(?: (?:video|clip|audio|voice|content|media))?[.!]?$", re.I
)
# TikTok writes its label into a key of its own: 0 none, 1 set by the creator, 2 set by the platform.
_TIKTOK = {1: "its creator labelled it as AI-generated", 2: "the platform labelled it as AI-generated"}


def declarations(strings: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Records {"field", "value", "strength", "meaning"}, statements first."""
    found = [record for entry in strings if (record := _judge(entry)) is not None]
    unique = {(r["field"], r["value"]): r for r in found}
    return sorted(unique.values(), key=lambda r: r["strength"] != "statement")[:20]


def _judge(entry: Mapping[str, Any]) -> dict[str, str] | None:
    key, value = str(entry.get("key", "")), " ".join(str(entry.get("value", "")).replace("_", " ").split())[:400]
    field = f"{entry.get('where', '')} {key}".strip()
    if key.lower() == "aigc_info":
        return _tiktok(field, str(entry.get("value", "")))
    if _PROGRAM_FIELD.match(key) and _NAMED.match(value):
        return _record(
            field, value, "statement", "the field names the program that made the file, and names a generator"
        )
    if _FORMULA.match(value) or _LABEL.match(value):
        return _record(field, value, "statement", "the text says how the clip was made")
    return None


def _tiktok(field: str, text: str) -> dict[str, str] | None:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    label = tree.get("aigc_label_type") if isinstance(tree, dict) else None
    meaning = _TIKTOK.get(label) if isinstance(label, int) else None
    return _record(field, text, "hint", meaning) if meaning else None


def _record(field: str, value: str, strength: str, meaning: str) -> dict[str, str]:
    return {"field": field, "value": value, "strength": strength, "meaning": meaning}
