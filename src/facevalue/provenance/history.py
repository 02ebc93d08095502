"""The walk through a file's past: every manifest and ingredient, every result recorded in it or found now.

The engine calls a file trusted whose ingredient was recorded as tampered with when it was taken over; what was
recorded lies inside the ingredient and nowhere else. So all of them are looked at, and the worst one rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facevalue.provenance import codes
from facevalue.provenance.record import AxisStatus, HistoryEntry, Result
from facevalue.provenance.reduce import FAILURE, SUCCESS, manifest_of

MAX_ENTRIES = 400
MAX_DEPTH = 32

Manifests = Mapping[str, Mapping[str, Any]]
Row = Mapping[str, Any]


def walk(reading: Row) -> tuple[HistoryEntry, ...]:
    """From the active manifest back, then those that nothing refers to; at most MAX_ENTRIES."""
    manifests: Manifests = reading.get("manifests") or {}
    active, found = str(reading.get("active")), list(reading.get("results") or [])
    seen: set[str] = set()
    entries = list(_from(active, manifests, found, 0, None, seen))
    for label in manifests:
        if label not in seen:
            entries += [_orphan(e) for e in _from(label, manifests, found, 1, None, seen)]
    return tuple(entries[:MAX_ENTRIES])


def worst(statuses: Sequence[AxisStatus]) -> AxisStatus:
    """The worst of failed, warning, passed; passed when there is none."""
    order = (AxisStatus.FAILED, AxisStatus.WARNING)
    return next((status for status in order if status in statuses), AxisStatus.PASSED)


def _from(
    label: str, manifests: Manifests, found: Sequence[Row], depth: int, via: Row | None, seen: set[str]
) -> Iterator[HistoryEntry]:
    manifest = manifests.get(label) or {}
    yield _entry(label, manifest, found, depth, via)
    if label in seen or depth >= MAX_DEPTH or len(seen) > MAX_ENTRIES:
        return
    seen.add(label)
    for ingredient in manifest.get("ingredients") or []:
        where = (label, str(ingredient.get("label")))
        inner = ingredient.get("manifest")
        mine = {**ingredient, "now": _now(found, *where)}
        if inner:
            yield from _from(str(inner), manifests, found, depth + 1, mine, seen)
        else:
            yield _bare(mine, depth + 1)


def _now(found: Sequence[Row], manifest: str, ingredient: str) -> list[Row]:
    """What the engine finds now about one ingredient assertion."""
    return [r for r in found if _points(r.get("ingredient"), manifest, ingredient)]


def _points(uri: object, manifest: str, ingredient: str) -> bool:
    return isinstance(uri, str) and manifest_of(uri) == manifest and uri.rpartition("/")[2] == ingredient


def _entry(label: str, manifest: Row, found: Sequence[Row], depth: int, via: Row | None) -> HistoryEntry:
    if via is None:
        rows = [_result(r, False) for r in found if not r.get("ingredient") and depth == 0]
    else:
        rows = _results(via)
    if not manifest:
        rows = [*rows, Result("ingredient.manifest.missing", FAILURE, False, "the manifest it refers to is not there")]
    return HistoryEntry(
        depth=depth,
        status=_status(rows),
        manifest=label,
        title=manifest.get("title") or (via or {}).get("title"),
        format=manifest.get("format") or (via or {}).get("format"),
        relationship=(via or {}).get("relationship"),
        generator=manifest.get("generator"),
        signer=signer_of(manifest),
        signed_at=manifest.get("signed_at"),
        actions=tuple(manifest.get("actions") or ()),
        results=_told(rows),
    )


def _bare(via: Row, depth: int) -> HistoryEntry:
    """An ingredient without credentials of its own: nothing is known of what was done before."""
    rows = _results(via)
    status = _status(rows)
    source = via.get("source_type")
    actions = ({"action": "as stated by its user", "digitalSourceType": str(source)},) if source else ()
    return HistoryEntry(
        depth=depth,
        status=AxisStatus.UNKNOWN if status is AxisStatus.PASSED else status,
        manifest=None,
        title=via.get("title"),
        format=via.get("format"),
        relationship=via.get("relationship"),
        generator=None,
        signer=None,
        signed_at=None,
        actions=actions,
        results=_told(rows),
    )


def _orphan(entry: HistoryEntry) -> HistoryEntry:
    from dataclasses import replace

    return replace(entry, reachable=False)


def signer_of(manifest: Row) -> str | None:
    """ "Common name (Organisation)" as the manifest's certificate has it."""
    name, organisation = manifest.get("signer_name"), manifest.get("signer")
    return f"{name} ({organisation})" if name and organisation and name != organisation else name or organisation


def _results(via: Row) -> list[Result]:
    recorded = [_result(r, True) for r in via.get("recorded") or []]
    return [*recorded, *(_result(r, False) for r in via.get("now") or [])]


def _result(row: Row, recorded: bool) -> Result:
    return Result(str(row.get("code")), str(row.get("kind")), recorded, str(row.get("explanation") or ""))


def _status(rows: Sequence[Result]) -> AxisStatus:
    """Failed when content or manifest were not what was signed, or broke the rules; a warning when only trust lacks."""
    return worst([_weight(r) for r in rows])


def _weight(row: Result) -> AxisStatus:
    if row.kind == FAILURE:
        mild = codes.is_trust(row.code) or codes.is_time(row.code) or codes.is_identity(row.code)
        return AxisStatus.WARNING if mild else AxisStatus.FAILED
    return AxisStatus.WARNING if row.code.endswith(".revoked") else AxisStatus.PASSED


def _told(rows: Sequence[Result]) -> tuple[Result, ...]:
    return tuple(dict.fromkeys(r for r in rows if r.kind != SUCCESS))[:100]
