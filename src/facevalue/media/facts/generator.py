"""What image generators write into their files: prompts, settings and node graphs, each recognised by its form.

A form is only recognised by its structure (several settings together, or a graph of the expected shape), never by a
name that occurs in prose: a caption that mentions a generator is not a generator's record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from facevalue.media.facts.generator_json import read_json

# (where, keyword, text): where is a container's place, such as "PNG tEXt" or "EXIF".
Field = tuple[str, str, str]
MAX_FIELD = 1 << 20
MAX_FOUND = 12

_SETTING = re.compile(r"(?:^|[\n,;])\s*([A-Z][A-Za-z ]{2,30}):\s*([^,\n]{1,200})")
_A1111 = {"Steps", "Sampler", "CFG scale", "Seed", "Size", "Model hash", "Model", "Denoising strength", "Clip skip"}
_JOB_ID = re.compile(r"\bJob ID:\s*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_DREAM = re.compile(r'^\s*"?.{1,4000}"?\s+(?:-[sSCWHA]\s?[\w.]+\s*){3,}', re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_XAI = re.compile(r"Signature:\s*[A-Za-z0-9+/=]{40,}\s*")


def find_generators(fields: Sequence[Field]) -> dict[str, Any] | None:
    """Records of generators among the fields, or None. The first one gives "kind" and "tool"; all are in "found"."""
    found: list[dict[str, Any]] = []
    for where, keyword, text in fields:
        if text.strip() and len(text) <= MAX_FIELD:
            found.extend(_read_field(where, keyword, text))
    found.extend(_across(fields))
    unique = list({(f["kind"], f["field"]): f for f in reversed(found)}.values())[::-1][:MAX_FOUND]
    return {"kind": unique[0]["kind"], "tool": unique[0]["tool"], "found": unique} if unique else None


def _read_field(where: str, keyword: str, text: str) -> Iterator[dict[str, Any]]:
    field = f"{where} {keyword}".strip()
    text = re.sub(r"^(?:workflow|prompt|parameters|Workflow|Prompt):(?=\s*\{)", "", text.strip())
    record = read_json(keyword, text)
    if record:
        yield {"field": field, "text": text[:2000], **record}
        return
    for text_reader in _TEXT_READERS:
        record = text_reader(keyword, text)
        if record:
            yield {"field": field, "text": text[:2000], **record}
            return


def _a1111(keyword: str, text: str) -> dict[str, Any] | None:
    settings = dict(_SETTING.findall(text[-20_000:]))
    settings = {key.strip(): value.strip() for key, value in settings.items()}
    known = settings.keys() & _A1111
    if "Steps" not in known or len(known) < 3 or not re.fullmatch(r"\d{1,5}", settings["Steps"]):
        return None
    version = settings.get("Version", "")
    fooocus = version.startswith("Fooocus")
    prompt = re.split(r"\n?Negative prompt:|\nSteps:", text, maxsplit=1)[0]
    return {
        "kind": "fooocus" if fooocus else "stable_diffusion",
        "tool": version if fooocus else f"Stable Diffusion WebUI {version}".strip(),
        "model": settings.get("Model"),
        "prompt": prompt.strip()[:2000],
        "settings": {k: settings[k] for k in sorted(known)},
    }


def _dream(keyword: str, text: str) -> dict[str, Any] | None:
    if keyword == "Dream" and _DREAM.match(text[:6000]):
        return {"kind": "invokeai", "tool": "InvokeAI", "model": None, "prompt": text.split('" ')[0].strip('"')[:2000]}
    return None


def _midjourney(keyword: str, text: str) -> dict[str, Any] | None:
    if _JOB_ID.search(text[-2000:]):
        return {"kind": "midjourney", "tool": "Midjourney", "model": None, "prompt": text.split(" --")[0][:2000]}
    return None


def _drawthings_text(keyword: str, text: str) -> dict[str, Any] | None:
    # Draw Things writes its settings as text too: "...Steps: 20, Sampler: ..., Guidance Scale: 7.5, Seed: 1, ..."
    settings = {key.strip() for key, _ in _SETTING.findall(text[-4000:])}
    if {"Steps", "Sampler", "Guidance Scale"} <= settings:
        return {"kind": "draw_things", "tool": "Draw Things", "model": None, "prompt": text.split("\n")[0][:2000]}
    return None


_TEXT_READERS: tuple[Callable[[str, str], dict[str, Any] | None], ...] = (_a1111, _drawthings_text, _dream, _midjourney)


def _across(fields: Sequence[Field]) -> Iterator[dict[str, Any]]:
    """Records that only several fields together make."""
    values: dict[str, tuple[str, str]] = {}
    for where, keyword, text in fields:
        values.setdefault(keyword, (f"{where} {keyword}".strip(), text.strip()))

    def text_of(keyword: str) -> str:
        return values.get(keyword, ("", ""))[1]

    if text_of("Software") == "NovelAI" or text_of("Title") in ("NovelAI generated image", "AI generated image"):
        keyword = "Software" if text_of("Software") == "NovelAI" else "Title"
        yield {
            "kind": "novelai",
            "tool": "NovelAI",
            "field": values[keyword][0],
            "text": text_of(keyword),
            "model": text_of("Source") or None,
            "prompt": text_of("Description")[:2000] or None,
        }
    if "use_stable_diffusion_model" in values or "Stable Diffusion model" in values:
        key = "use_stable_diffusion_model" if "use_stable_diffusion_model" in values else "Stable Diffusion model"
        yield {
            "kind": "easy_diffusion",
            "tool": "Easy Diffusion",
            "field": values[key][0],
            "text": text_of(key),
            "model": text_of(key),
            "prompt": (text_of("prompt") or text_of("Prompt"))[:2000] or None,
        }
    if text_of("fooocus_scheme") or text_of("MakerNote") in ("fooocus", "a1111"):
        key = "fooocus_scheme" if text_of("fooocus_scheme") else "MakerNote"
        yield {
            "kind": "fooocus",
            "tool": text_of("Software") or "Fooocus",
            "field": values[key][0],
            "text": text_of(key),
            "model": None,
            "prompt": None,
        }
    if _XAI.fullmatch(text_of("ImageDescription")) and _UUID.fullmatch(text_of("Artist")):
        yield {
            "kind": "xai_grok",
            "tool": "Grok (xAI)",
            "field": values["ImageDescription"][0],
            "text": text_of("ImageDescription")[:300],
            "model": None,
            "prompt": None,
        }
    if text_of("Software").startswith("AI generated;"):
        yield {
            "kind": "flux",
            "tool": text_of("Make") or "Black Forest Labs",
            "field": values["Software"][0],
            "text": text_of("Software"),
            "model": text_of("Model") or None,
            "prompt": text_of("ImageDescription")[:2000] or None,
        }
