"""The manifest's definition: what is stated of a file before the engine binds and signs it (C2PA 2.2, section 18).

Nothing is stated that nobody said: without a source type, a file that carries no credential was "opened", not
"created". Titles are kept as they are given; whoever shows them must escape them, and does here.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevalue._version import __version__
from facevalue.errors import UsageError
from facevalue.provenance.content import SOURCE_TYPES

MAX_TITLE = 1000
# Larger soft bindings (features, fingerprints of a clip) are for registries alone: they would swell every copy.
MAX_BINDING_BYTES = 64
GENERATOR = "facevalue"
# Prefix of the IPTC terms (NewsCodes "Digital Source Type"), and of the terms that C2PA adds.
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
C2PA = "http://c2pa.org/digitalsourcetype/"
_OF_C2PA = {"empty", "trainedAlgorithmicData"}
# Terms that say that a model made the content, or a part of it.
SYNTHETIC = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "compositeSynthetic",
        "algorithmicMedia",
        "trainedAlgorithmicData",
    }
)
_BY_FOLDED = {term.lower(): term for term in SOURCE_TYPES}


@dataclass(frozen=True, slots=True)
class SoftBinding:
    """One soft binding as the manifest names it. kind: "watermark" or "fingerprint"."""

    algorithm: str
    value: bytes
    kind: str


@dataclass(frozen=True, slots=True)
class Source:
    """An ingredient. label: how actions refer to it. relationship: parentOf or componentOf."""

    label: str
    title: str
    relationship: str


def source_term(value: str) -> str:
    """The term of a digitalSourceType, from the term itself or its address. Raises UsageError for an unknown one."""
    text = value.strip().removeprefix(IPTC).removeprefix(IPTC.replace("http:", "https:")).removeprefix(C2PA)
    found = _BY_FOLDED.get(text.lower())
    if found is None:
        raise UsageError(f"unknown digitalSourceType {value[:80]!r}; known: {', '.join(sorted(SOURCE_TYPES))}")
    return found


def source_uri(term: str) -> str:
    """The address of a term."""
    return (C2PA if term in _OF_C2PA else IPTC) + term


def checked_title(title: str) -> str:
    """The title itself. Raises UsageError when it is longer than MAX_TITLE, or holds control characters."""
    if len(title) > MAX_TITLE:
        raise UsageError(f"a title has at most {MAX_TITLE} characters, not {len(title):,}")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in title):
        raise UsageError("a title must not hold control characters or broken Unicode")
    return title


def shown_name(name: str) -> str:
    """A file's own name as a title: whatever a title must not hold is left out."""
    kept = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cs"})
    return kept[:MAX_TITLE]


def definition(
    title: str,
    *,
    media_type: str,
    source_type: str | None,
    sources: Sequence[Source],
    bindings: Sequence[SoftBinding],
    whole_sha256: bytes | None,
    edited: bool,
    marked: bool = False,
) -> dict[str, Any]:
    """The manifest's definition, JSON-ready, as the engine's builder takes it.

    source_type: a term, or None. sources: the ingredients, the parent first. whole_sha256: bind the whole file by this
    hash, for a manifest kept apart from it; None lets the engine bind what it writes. edited: the content is not the
    parent's own. marked: a watermark was put into it now.
    """
    actions = _actions(source_type, sources, edited)
    if marked:
        actions += _marked(bindings)
    assertions = [_assertion("c2pa.actions.v2", {"actions": actions})]
    small = [b for b in bindings if len(b.value) <= MAX_BINDING_BYTES]
    assertions += [_assertion("c2pa.soft-binding", _soft_binding(b)) for b in small]
    if whole_sha256 is not None:
        assertions.append(_assertion("c2pa.hash.data", _whole(whole_sha256)))
    return {
        "title": title,
        "format": media_type,
        "claim_generator_info": [{"name": GENERATOR, "version": __version__}],
        "assertions": assertions,
    }


def _assertion(label: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """One of which the signer says: this is my own statement, not something gathered (C2PA 2.2, section 10.3)."""
    return {"label": label, "data": dict(data), "created": True}


def _agent() -> dict[str, Any]:
    return {"softwareAgent": {"name": GENERATOR, "version": __version__}}


def _actions(source_type: str | None, sources: Sequence[Source], edited: bool) -> list[dict[str, Any]]:
    agent = _agent()
    stated = {"digitalSourceType": source_uri(source_type)} if source_type else {}
    parent = next((s for s in sources if s.relationship == "parentOf"), None)
    out: list[dict[str, Any]] = []
    if parent is None:
        out.append({"action": "c2pa.created", **stated, **agent})
    else:
        out.append({"action": "c2pa.opened", "parameters": {"ingredientIds": [parent.label]}, **agent})
        if edited or stated:
            out.append({"action": "c2pa.edited", **stated, **agent})
    out += [
        {"action": "c2pa.placed", "parameters": {"ingredientIds": [s.label]}, **agent}
        for s in sources
        if s.relationship == "componentOf"
    ]
    return out


def _marked(bindings: Sequence[SoftBinding]) -> list[dict[str, Any]]:
    return [
        {"action": "c2pa.watermarked", "description": f"soft binding {b.algorithm}", **_agent()}
        for b in bindings
        if b.kind == "watermark"
    ]


def _soft_binding(binding: SoftBinding) -> dict[str, Any]:
    """C2PA 2.2, section 18.10: the value as the algorithm has it, here base64 as in the resolution API."""
    value = base64.b64encode(binding.value).decode("ascii")
    return {"alg": binding.algorithm, "blocks": [{"scope": {}, "value": value}]}


def _whole(sha256: bytes) -> dict[str, Any]:
    """C2PA 2.2, section 18.5, without exclusions. The engine takes bytes as lists of numbers."""
    return {"exclusions": [], "name": "whole file", "alg": "sha256", "hash": list(sha256), "pad": []}
