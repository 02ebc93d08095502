"""A C2PA manifest store: whether there is one, and, when c2pa-python is installed, what it says.

The engine is used with every network access off and without trust anchors: here it only reads what is claimed and
whether the content still matches; who may be trusted is a question for the provenance examination.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False},
    "core": {"allowed_network_hosts": []},
}
MAX_ITEMS = 40
MAX_DEPTH = 6
# Larger files are described without the engine, which keeps several copies of what it hashes.
MAX_BYTES = 256 << 20
_SOURCE_TYPE = re.compile(rb"digitalsourcetype/([A-Za-z]{3,60})")
# Results with this ending speak of trust, not of content: without anchors nothing is trusted.
_TRUST_CODE = ".untrusted"
_MANIFEST_CODES = ("claimSignature.mismatch", "hashedURI.mismatch", "claimSignature.missing", "claim.missing")


def read_c2pa(data: bytes, media_type: str, where: str) -> dict[str, Any]:
    """Facts about the manifest store at `where`.

    "read" tells whether the engine read it; if not, "why", and "source_types" holds the digitalSourceType terms that
    occur in the raw bytes. If so: "validation_state", "active", "manifests", "failures".
    """
    facts: dict[str, Any] = {"present": True, "where": where, "read": False}
    try:
        tree = _engine(data, media_type)
    except ImportError:
        facts["why"] = "c2pa-python is not installed"
    except Exception as error:  # the engine raises its own family; a broken manifest is a fact, not a failure
        facts["why"] = f"{type(error).__name__}: {str(error)[:200]}"
    else:
        if tree is None:
            facts["why"] = "the engine found no manifest in it"
        else:
            return {**facts, "read": True, **describe(tree)}
    facts["source_types"] = sorted({m.decode("ascii") for m in _SOURCE_TYPE.findall(data[: 64 << 20])})[:20]
    return facts


def _engine(data: bytes, media_type: str) -> Mapping[str, Any] | None:
    if len(data) > MAX_BYTES:
        raise ValueError("the file is too large to validate here")
    from c2pa import Context, Reader

    context = Context.from_dict(SETTINGS)
    try:
        reader = Reader.try_create(media_type, io.BytesIO(data), None, context)
        if reader is None:
            return None
        with reader:
            tree: Mapping[str, Any] = json.loads(reader.json())
            return {**tree, "validation_state": reader.get_validation_state()}
    finally:
        context.close()


def describe(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's report, reduced. Ingredients of the active manifest are followed into their own manifests."""
    manifests = tree.get("manifests") or {}
    label = tree.get("active_manifest")
    active = manifests.get(label) or {}
    failures = sorted(set(_failures(tree.get("validation_results"))))[:MAX_ITEMS]
    ingredients = list(_ingredients(active, manifests, 0, set()))[:MAX_ITEMS]
    return {
        "validation_state": str(tree.get("validation_state")),
        "active": _manifest(active),
        "failures": failures,
        "content_changed": any(code.endswith("Hash.mismatch") for code in failures),
        # The signature or an assertion no longer fits: the manifest itself was tampered with or damaged.
        "manifest_changed": any(code.endswith(_MANIFEST_CODES) for code in failures),
        "ingredients": ingredients,
        "inherited_failures": sorted({f for i in ingredients for f in i.get("failures", [])})[:MAX_ITEMS],
        "manifests": len(manifests),
    }


def _manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    info = manifest.get("claim_generator_info") or []
    names = [" ".join(str(i.get(k)) for k in ("name", "version") if i.get(k)) for i in info if isinstance(i, Mapping)]
    signature = manifest.get("signature_info") or {}
    return {
        "title": manifest.get("title"),
        "format": manifest.get("format"),
        "claim_generator": " / ".join(names) or manifest.get("claim_generator"),
        "signer": signature.get("issuer"),
        "signer_name": signature.get("common_name"),
        "signed_at": signature.get("time"),
        "actions": list(_actions(manifest))[:MAX_ITEMS],
    }


def _actions(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in manifest.get("assertions") or []:
        if not isinstance(assertion, Mapping) or not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        data = assertion.get("data")
        for action in (data.get("actions") or [])[:MAX_ITEMS] if isinstance(data, Mapping) else []:
            if isinstance(action, Mapping):
                yield _action(action)


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    agent = action.get("softwareAgent")
    if isinstance(agent, Mapping):
        agent = " ".join(str(agent.get(k)) for k in ("name", "version") if agent.get(k))
    facts = {
        "action": action.get("action"),
        "digitalSourceType": action.get("digitalSourceType"),
        "softwareAgent": agent,
        "when": action.get("when"),
        "description": action.get("description"),
    }
    return {key: value for key, value in facts.items() if value}


def _ingredients(
    manifest: Mapping[str, Any], manifests: Mapping[str, Any], depth: int, seen: set[str]
) -> Iterator[dict[str, Any]]:
    for ingredient in (manifest.get("ingredients") or [])[:MAX_ITEMS]:
        if not isinstance(ingredient, Mapping):
            continue
        label = str(ingredient.get("active_manifest") or "")
        own = manifests.get(label) or {}
        results = ingredient.get("validation_results") or ingredient.get("validation_status")
        facts = {
            "title": ingredient.get("title"),
            "relationship": ingredient.get("relationship"),
            "depth": depth,
            "failures": sorted(set(_failures(results)))[:MAX_ITEMS],
            "claim_generator": _manifest(own)["claim_generator"] if own else None,
            "actions": list(_actions(own))[:MAX_ITEMS],
            "digitalSourceType": ingredient.get("digitalSourceType"),
        }
        yield {key: value for key, value in facts.items() if value not in (None, [], "")}
        if own and label not in seen and depth < MAX_DEPTH:
            seen.add(label)
            yield from _ingredients(own, manifests, depth + 1, seen)


def _failures(results: Any) -> Iterator[str]:
    """Failure codes anywhere in a report of results, but for those that only say that nobody was trusted."""
    if isinstance(results, list):
        for item in results:
            if isinstance(item, Mapping) and "code" in item and item.get("success") is not True:
                if not str(item["code"]).endswith(_TRUST_CODE):
                    yield str(item["code"])
            else:
                yield from _failures(item)
    elif isinstance(results, Mapping):
        for key, value in results.items():
            if key not in ("success", "informational"):
                yield from _failures(value)
