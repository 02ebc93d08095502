"""The engine's detailed report, reduced to what the axes rest on, with every text and list bounded. Pure.

Everything in a report was written by whoever made the file: nothing is taken to have the type it should have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MAX_TEXT = 2_000
MAX_ITEMS = 200
MAX_RESULTS = 2_000
MAX_MANIFESTS = 200
SUCCESS, INFORMATIONAL, FAILURE = "success", "informational", "failure"
KINDS = (SUCCESS, INFORMATIONAL, FAILURE)
_BINDINGS = ("c2pa.hash.data", "c2pa.hash.bmff", "c2pa.hash.boxes", "c2pa.hash.collection", "c2pa.hash.multi-asset")

Tree = Mapping[str, Any]


def reduce_report(report: Tree) -> dict[str, Any]:
    """ "active": label or None; "manifests": by label; "results": of the active one and of its ingredients, now."""
    active = report.get("active_manifest")
    manifests = section(report, "manifests")
    found = section(report, "validation_results")
    return {
        "active": text(active) if active else None,
        "manifests": {text(k): _manifest(section(manifests, k)) for k in list(manifests)[:MAX_MANIFESTS]},
        "results": list(_results(found))[:MAX_RESULTS],
        "manifest_count": len(manifests),
    }


def text(value: object) -> str:
    """A text of at most MAX_TEXT characters; a cut is marked."""
    raw = value if isinstance(value, str) else str(value)
    return raw if len(raw) <= MAX_TEXT else f"{raw[:MAX_TEXT]}… ({len(raw):,} characters)"


def section(tree: Tree, *path: str) -> Tree:
    """The mapping at a path; an empty one where there is none."""
    for key in path:
        inner = tree.get(key)
        if not isinstance(inner, Mapping):
            return {}
        tree = inner
    return tree


def items(tree: Tree, key: str) -> list[Any]:
    """The list at a key, at most MAX_ITEMS of it; empty where there is none."""
    value = tree.get(key)
    return value[:MAX_ITEMS] if isinstance(value, list) else []


def _maybe(value: object) -> str | None:
    return text(value) if isinstance(value, str) and value else None


def _manifest(manifest: Tree) -> dict[str, Any]:
    claim, store, signature = (section(manifest, k) for k in ("claim", "assertion_store", "signature"))
    return {
        "title": _maybe(claim.get("dc:title")),
        "format": _maybe(claim.get("dc:format")),
        "generator": _generator(claim),
        "claim_version": claim.get("claim_version") if isinstance(claim.get("claim_version"), int) else None,
        "signer": _maybe(signature.get("issuer")),
        "signer_name": _maybe(signature.get("common_name")),
        "signed_at": _maybe(signature.get("time")),
        "actions": list(_actions(store))[:MAX_ITEMS],
        "ingredients": list(_ingredients(store))[:MAX_ITEMS],
        "bindings": list(_bindings(store))[:8],
        "soft_bindings": list(_soft_bindings(store))[:16],
        "identities": sum(str(label).startswith("cawg.identity") for label in store),
    }


def _generator(claim: Tree) -> str | None:
    info = claim.get("claim_generator_info")
    entries = info if isinstance(info, list) else [info]
    names = [
        " ".join(str(e[k]) for k in ("name", "version") if isinstance(e.get(k), str | int | float) and e.get(k))
        for e in entries[:16]
        if isinstance(e, Mapping)
    ]
    return _maybe(" / ".join(filter(None, names))) or _maybe(claim.get("claim_generator"))


def _actions(store: Tree) -> Iterator[dict[str, str]]:
    for label in store:
        if not str(label).startswith("c2pa.actions"):
            continue
        for action in items(section(store, label), "actions"):
            if isinstance(action, Mapping):
                yield _action(action)


def _action(action: Tree) -> dict[str, str]:
    agent = action.get("softwareAgent")
    if isinstance(agent, Mapping):
        agent = " ".join(str(agent[k]) for k in ("name", "version") if agent.get(k))
    parameters = section(action, "parameters")
    facts = {
        "action": action.get("action"),
        "digitalSourceType": action.get("digitalSourceType"),
        "softwareAgent": agent,
        "when": action.get("when"),
        "description": action.get("description") or parameters.get("description"),
    }
    return {key: text(value).strip() for key, value in facts.items() if isinstance(value, str) and value}


def _ingredients(store: Tree) -> Iterator[dict[str, Any]]:
    for label in store:
        if not str(label).startswith("c2pa.ingredient"):
            continue
        entry = section(store, label)
        link = section(entry, "activeManifest") or section(entry, "c2pa_manifest")
        yield {
            "label": text(label),
            "title": _maybe(entry.get("dc:title")),
            "format": _maybe(entry.get("dc:format")),
            "relationship": _maybe(entry.get("relationship")),
            "source_type": _maybe(entry.get("digitalSourceType")),
            "manifest": manifest_of(link.get("url")),
            "recorded": [*_statuses(entry), *_results(section(entry, "validationResults"))][:MAX_RESULTS],
        }


def manifest_of(url: object) -> str | None:
    """The manifest's label in a JUMBF URI such as "self#jumbf=/c2pa/LABEL/c2pa.assertions/c2pa.ingredient"."""
    path = str(url).partition("jumbf=/c2pa/")[2] if isinstance(url, str) else ""
    return text(path.partition("/")[0]) or None


def _statuses(ingredient: Tree) -> Iterator[dict[str, str]]:
    """Results as claims of version 1 record them: a flat list, in which a success is rare and names itself."""
    for entry in items(ingredient, "validationStatus"):
        if isinstance(entry, Mapping):
            yield _result(entry, kind_of(str(entry.get("code"))), None)


def kind_of(code: str) -> str:
    """Whether a status code speaks of a success, of something to know, or of a failure (C2PA 2.2, section 15.2)."""
    if code.endswith((".match", ".validated", ".trusted", ".insideValidity", ".notRevoked", ".accessible", "-formed")):
        return SUCCESS
    informational = (".skipped", ".unknownProvenance", ".additionalExclusionsPresent", ".inaccessible", ".redacted")
    return INFORMATIONAL if code.endswith(informational) or code == "algorithm.deprecated" else FAILURE


def _results(found: Tree) -> Iterator[dict[str, str]]:
    """Results as claims of version 2 record them: of the active manifest, and of its ingredients in turn."""
    active = section(found, "activeManifest")
    for kind in KINDS:
        for entry in items(active, kind):
            if isinstance(entry, Mapping):
                yield _result(entry, kind, None)
    for delta in items(found, "ingredientDeltas"):
        if not isinstance(delta, Mapping):
            continue
        for kind in KINDS:
            for entry in items(section(delta, "validationDeltas"), kind):
                if isinstance(entry, Mapping):
                    yield _result(entry, kind, delta.get("ingredientAssertionURI"))


def _result(entry: Tree, kind: str, where: object) -> dict[str, str]:
    out = {"code": text(entry.get("code")), "kind": kind}
    for key, value in (("url", entry.get("url")), ("explanation", entry.get("explanation")), ("ingredient", where)):
        if isinstance(value, str) and value:
            out[key] = text(value)
    return out


def _bindings(store: Tree) -> Iterator[dict[str, Any]]:
    for label in store:
        kind = next((k for k in _BINDINGS if str(label).startswith(k)), None)
        if kind:
            entry = section(store, label)
            yield {
                "label": text(label),
                "kind": kind,
                "alg": _maybe(entry.get("alg")),
                "hash": _maybe(entry.get("hash")),
                "exclusions": [e for e in items(entry, "exclusions") if isinstance(e, Mapping)],
                "boxes": [b for b in items(entry, "boxes") if isinstance(b, Mapping)],
            }


def _soft_bindings(store: Tree) -> Iterator[dict[str, str]]:
    for label in store:
        if str(label).startswith("c2pa.soft-binding"):
            entry = section(store, label)
            values = [b.get("value") for b in items(entry, "blocks") if isinstance(b, Mapping)]
            yield {"alg": text(entry.get("alg")), "values": ", ".join(text(v) for v in values[:4] if v)}
