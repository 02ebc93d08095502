"""Writing to the tables, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from facevalue.registry.store import tables as t
from facevalue.registry.words import Algorithm, Binding, Entry, Key


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row of `leaves`: place in the log, kind, time (microseconds), record (canonical JSON), salt, commitment."""

    leaf: int
    kind: str
    time: int
    record: str
    salt: bytes
    commitment: bytes


def next_leaf(connection: Connection) -> int:
    """The place that the next leaf gets."""
    highest = connection.scalar(select(func.max(t.leaves.c.leaf)))
    return 0 if highest is None else int(highest) + 1


def add_leaves(connection: Connection, leaves: Sequence[Leaf]) -> None:
    """Insert leaves."""
    if leaves:
        connection.execute(insert(t.leaves), [{name: getattr(x, name) for name in Leaf.__slots__} for x in leaves])


def add_entries(
    connection: Connection,
    entries: Sequence[tuple[Leaf, Entry, Key]],
    algorithms: Mapping[str, tuple[int, Algorithm]],
) -> None:
    """Insert claims with their bindings. Every binding's algorithm must be in `algorithms`."""
    if not entries:
        return
    connection.execute(insert(t.entries), [_entry_row(*item) for item in entries])
    pairs = [(leaf.leaf, binding) for leaf, entry, _ in entries for binding in entry.bindings]
    add_bindings(connection, pairs, algorithms)


def add_bindings(
    connection: Connection, pairs: Sequence[tuple[int, Binding]], algorithms: Mapping[str, tuple[int, Algorithm]]
) -> None:
    """Insert bindings of entries. Every binding's algorithm must be in `algorithms`."""
    if pairs:
        rows = [{"entry": e, "algorithm": algorithms[b.alg][0], "value": b.value} for e, b in pairs]
        connection.execute(insert(t.bindings), rows)


def add_revocations(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert revocations: leaf, entry, by, reason, time."""
    if rows:
        connection.execute(insert(t.revocations), list(rows))


def add_nonces(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember submissions: public, nonce, time, leaf."""
    if rows:
        connection.execute(insert(t.nonces), list(rows))


def put_key(connection: Connection, key: Key) -> None:
    """Add a key, or give a known one a new name, role or end."""
    values = {"name": key.name, "role": str(key.role), "disabled": key.disabled}
    changed = connection.execute(update(t.keys).where(t.keys.c.public == key.public).values(values))
    if not changed.rowcount:
        connection.execute(insert(t.keys).values(public=key.public, added=key.added, **values))


def put_algorithms(connection: Connection, wanted: Iterable[Algorithm]) -> None:
    """Add the algorithms that are not there yet; what is there stays as it is, since values were stored under it."""
    known = set(connection.scalars(select(t.algorithms.c.name)))
    new = {a.name: a for a in wanted if a.name not in known}.values()
    if new:
        rows = [{"name": a.name, "kind": str(a.kind), "match": str(a.match)} for a in new]
        connection.execute(insert(t.algorithms), rows)


def _entry_row(leaf: Leaf, entry: Entry, key: Key) -> dict[str, Any]:
    return {
        "leaf": leaf.leaf,
        "content": entry.content,
        "media_type": entry.media_type,
        "title": entry.title,
        "asset_hash": entry.asset_hash,
        "manifest_id": entry.manifest_id,
        "manifest": entry.manifest,
        "publisher": key.name,
        "key": key.public,
        "private": entry.private,
        "time": leaf.time,
    }
