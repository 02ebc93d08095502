"""Reading from the tables: leaves, keys, algorithms, what was submitted before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from facevalue.registry.store import tables as t
from facevalue.registry.store.write import Leaf
from facevalue.registry.words import Algorithm, Key, Kind, Match, Role


def leaves_from(connection: Connection, start: int, limit: int) -> list[Leaf]:
    """At most `limit` leaves from that place on, in order."""
    wanted = select(t.leaves).where(t.leaves.c.leaf >= start).order_by(t.leaves.c.leaf).limit(limit)
    return [Leaf(*row) for row in connection.execute(wanted)]


def leaf_at(connection: Connection, leaf: int) -> Leaf | None:
    """The leaf in that place, or None."""
    row = connection.execute(select(t.leaves).where(t.leaves.c.leaf == leaf)).first()
    return Leaf(*row) if row else None


def keys(connection: Connection) -> list[Key]:
    """All keys, in the order in which they were added."""
    return [_key(row) for row in connection.execute(select(t.keys).order_by(t.keys.c.added, t.keys.c.name))]


def key_of(connection: Connection, public: bytes) -> Key | None:
    """The key with that public half, or None."""
    row = connection.execute(select(t.keys).where(t.keys.c.public == public)).first()
    return _key(row) if row else None


def algorithms(connection: Connection) -> dict[str, tuple[int, Algorithm]]:
    """The algorithms by name, each with its number."""
    rows = connection.execute(select(t.algorithms).order_by(t.algorithms.c.id))
    return {row.name: (row.id, Algorithm(row.name, Kind(row.kind), Match(row.match))) for row in rows}


def used_nonces(connection: Connection, pairs: Sequence[tuple[bytes, str]]) -> dict[tuple[bytes, str], int | None]:
    """Which of these (public key, nonce) were used before, and the leaf that each became."""
    nonces = {nonce for _, nonce in pairs}
    wanted = select(t.nonces.c.public, t.nonces.c.nonce, t.nonces.c.leaf).where(t.nonces.c.nonce.in_(nonces))
    found = {(bytes(public), nonce): leaf for public, nonce, leaf in connection.execute(wanted)}
    return {pair: found[pair] for pair in pairs if pair in found}


def counts(connection: Connection) -> dict[str, int]:
    """How many claims, revocations, bindings and keys there are."""
    named = {"entries": t.entries, "revocations": t.revocations, "bindings": t.bindings, "keys": t.keys}
    return {name: int(connection.scalar(select(func.count()).select_from(table)) or 0) for name, table in named.items()}


def _key(row: Any) -> Key:
    return Key(bytes(row.public), row.name, Role(row.role), int(row.added), row.disabled)
