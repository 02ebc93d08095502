"""Provenance as the plain words that a template or a terminal prints: from its JSON-ready body, judging nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevalue.reports import words
from facevalue.reports.words import plain

MAX_CHARS = 600
MAX_EVIDENCE = 12
MAX_HISTORY = 60
MAX_RANGES = 20

Row = Mapping[str, Any]

# State: label, what it does not prove, tone (0 calm .. 3 alarming).
STATES: dict[str, tuple[str, str, int]] = {
    "verified": (
        "verified",
        "A credential says who signed and what was done since, not that the scene in front of the camera was real.",
        0,
    ),
    "verified_with_warnings": (
        "verified with warnings",
        "The last signer vouches for the file as it is; read what is said of the steps before.",
        2,
    ),
    "untrusted_signer": (
        "untrusted signer",
        "Anybody can sign with a certificate of their own making; this speaks neither for the content nor against it.",
        1,
    ),
    "altered": (
        "altered",
        "It does not say who changed it, nor why: saving a picture anew breaks a credential too.",
        3,
    ),
    "recovered_match": ("recovered match", "A match in a registry is never an intact credential of the file.", 1),
    "no_credentials": ("no credentials", words.NO_CREDENTIALS, 1),
    "error": ("error", "This speaks neither for the content nor against it.", 1),
}
AXES: dict[str, str] = {
    "binding": "Content binding",
    "claim_signature": "Claim signature",
    "signer_trust": "Trust in the signer",
    "time": "Time of signing",
    "revocation": "Revocation",
    "history": "History",
    "declared_origin": "Declared origin",
    "second_opinion": "Second opinion",
    "recovered": "Recovered manifest",
    "registry": "Registry",
    "log": "Log",
}
STATUSES: dict[str, tuple[str, str]] = {
    "passed": ("holds", "clear"),
    "warning": ("warning", "contradiction"),
    "failed": ("fails", "found"),
    "stated": ("stated", "other"),
    "absent": ("nothing there", "other"),
    "unknown": ("not judged", "inapplicable"),
    "not_asked": ("not asked", "inapplicable"),
    "not_available": ("not available", "inapplicable"),
}


@dataclass(frozen=True, slots=True)
class AxisView:
    """One row of the table of axes."""

    name: str
    title: str
    status: str
    tag: str
    summary: str
    evidence: tuple[str, ...]
    does_not_prove: str


@dataclass(frozen=True, slots=True)
class HistoryView:
    """One step of the history; indent: how far back it lies, in steps."""

    indent: int
    title: str
    status: str
    tag: str
    facts: str
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CredentialsView:
    """Everything that is shown of a provenance."""

    state: str
    label: str
    tone: int
    summary: str
    caution: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    axes: tuple[AxisView, ...]
    history: tuple[HistoryView, ...]
    coverage: str
    ranges: tuple[tuple[str, str], ...]
    lists: tuple[tuple[str, str], ...]


def short(value: object) -> str:
    """Text safe to print, at most MAX_CHARS of it."""
    text = plain(value)
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}… ({len(text):,} characters)"


def credentials_view(body: Row | None) -> CredentialsView | None:
    """The words of a provenance's body (Provenance.body()); None without one."""
    if not body:
        return None
    state = str(body.get("state"))
    label, caution, tone = STATES.get(state, (state.replace("_", " "), "", 1))
    axes = body.get("axes") or {}
    return CredentialsView(
        state=state,
        label=plain(label),
        tone=tone,
        summary=short(body.get("summary") or ""),
        caution=caution,
        warnings=tuple(map(short, body.get("warnings") or ())),
        notes=tuple(map(short, body.get("notes") or ())),
        axes=tuple(_axis(name, axes[name]) for name in axes),
        history=tuple(map(_step, (body.get("history") or ())[:MAX_HISTORY])),
        coverage=coverage(body.get("uncovered")),
        ranges=_ranges(body.get("uncovered")),
        lists=_lists(body),
    )


def _axis(name: str, axis: Row) -> AxisView:
    status, tag = STATUSES.get(str(axis.get("status")), (str(axis.get("status")), "other"))
    evidence = tuple(map(short, (axis.get("evidence") or ())[:MAX_EVIDENCE]))
    left = len(axis.get("evidence") or ()) - len(evidence)
    evidence += (f"{words.count(left, 'further line')} in the JSON report",) if left > 0 else ()
    title = AXES.get(name, plain(name).replace("_", " "))
    return AxisView(name, title, status, tag, short(axis.get("summary")), evidence, short(axis.get("does_not_prove")))


def _step(entry: Row) -> HistoryView:
    depth = int(entry.get("depth") or 0)
    status, tag = STATUSES.get(str(entry.get("status")), ("", "other"))
    title = short(entry.get("title") or entry.get("manifest") or "without a title")
    return HistoryView(min(depth, 12), title, status, tag, _facts(entry), tuple(_results(entry)))


def _facts(entry: Row) -> str:
    parts = [
        "this file" if entry.get("depth") == 0 else short(entry.get("relationship") or "ingredient"),
        "" if entry.get("manifest") else "without credentials",
        f"signed by {short(entry['signer'])}" if entry.get("signer") else "",
        f"time stamp {short(entry['signed_at'])}" if entry.get("signed_at") else "",
        f"made with {short(entry['generator'])}" if entry.get("generator") else "",
        _actions(entry.get("actions") or ()),
        "" if entry.get("reachable", True) else "nothing refers to it",
    ]
    return "; ".join(part for part in parts if part)


def _actions(actions: Sequence[Row]) -> str:
    names = [short(a.get("action")) + _source(a.get("digitalSourceType")) for a in actions[:12]]
    return f"actions {', '.join(names)}{' …' if len(actions) > 12 else ''}" if names else ""


def _source(value: object) -> str:
    return f" ({short(str(value).strip().rstrip('/').rpartition('/')[2])})" if value else ""


def _results(entry: Row) -> list[str]:
    out = []
    for result in (entry.get("results") or ())[:MAX_EVIDENCE]:
        if result.get("kind") == "failure":
            when = "recorded" if result.get("recorded") else "found now"
            out.append(short(f"{result.get('code')} ({when}): {result.get('explanation') or 'no explanation'}"))
    return out


def coverage(uncovered: Row | None) -> str:
    """How much of the file the hash leaves out, as a sentence; empty when that is not known."""
    if not uncovered:
        return ""
    total, own, places = uncovered.get("total_bytes"), uncovered.get("credential_bytes"), uncovered.get("count")
    size = "an unknown number of" if total is None else f"{total:,}"
    part = "" if own is None else f", of which {own:,} are the credential itself"
    return f"{size} bytes in {words.count(int(places or 0), 'place')}{part}"


def _ranges(uncovered: Row | None) -> tuple[tuple[str, str], ...]:
    rows = (uncovered or {}).get("ranges") or ()
    out = [(_place(r), short(r.get("what"))) for r in rows[:MAX_RANGES]]
    left = int((uncovered or {}).get("count") or 0) - len(out)
    return (*out, *([("…", f"{words.count(left, 'further place')} in the JSON report")] if left > 0 else []))


def _place(row: Row) -> str:
    if row.get("start") is None or row.get("length") is None:
        return "by name only"
    return f"{row['start']:,} to {row['start'] + row['length'] - 1:,}"


def _lists(body: Row) -> tuple[tuple[str, str], ...]:
    found = [(short(row.get("name")), _list(row)) for row in body.get("trust_lists") or ()]
    missing = [(short(name), "not on this machine: facevalue trust pull") for name in body.get("missing_lists") or ()]
    return (*found, *missing)


def _list(row: Row) -> str:
    count, purpose = int(row.get("anchors") or 0), "claims" if row.get("kind") == "claim" else "time stamps"
    dated = f"as of {short(row['dated'])}" if row.get("dated") else "undated"
    source, digest = short(row.get("source")), short(row.get("sha256"))
    return f"{words.count(count, 'anchor')} for {purpose}, {dated}, {source}, sha256 {digest}"
