"""Finding claims: by content, credential, watermark or fingerprint; all of them, earliest first, none hidden.

`size` is the size of the published log: a claim that is not in it yet does not exist for a reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from facevalue.registry.store import tables as t
from facevalue.registry.store.bands import MAX_DISTANCE
from facevalue.registry.store.fingerprints import Fingerprints
from facevalue.registry.words import Algorithm, Binding, Claim, Entry, Match, Revocation

# SQLite takes only so many parameters; claims are fetched in pieces of this size.
_PIECE = 500

# Made once: to put such a statement together costs more than to run it.
_LEAVES: BindParameter[Any] = bindparam("leaves", expanding=True)
_ENTRIES = select(t.entries).where(t.entries.c.leaf.in_(_LEAVES)).order_by(t.entries.c.leaf)
_REVOCATIONS = select(t.revocations).where(t.revocations.c.entry.in_(_LEAVES)).order_by(t.revocations.c.leaf)
_BINDINGS = (
    select(t.bindings.c.entry, t.algorithms.c.name, t.bindings.c.value)
    .join(t.algorithms, t.algorithms.c.id == t.bindings.c.algorithm)
    .where(t.bindings.c.entry.in_(_LEAVES))
    .order_by(t.bindings.c.id)
)


def by_content(connection: Connection, sha256: bytes, size: int) -> list[Claim]:
    """The claims on the content with that sha256."""
    return _where(connection, t.entries.c.content == sha256, size, "content")


def by_asset_hash(connection: Connection, asset_hash: bytes, size: int) -> list[Claim]:
    """The claims with that C2PA hard binding."""
    return _where(connection, t.entries.c.asset_hash == asset_hash, size, "asset_hash")


def by_manifest_id(connection: Connection, manifest_id: str, size: int) -> list[Claim]:
    """The claims that name that C2PA manifest."""
    return _where(connection, t.entries.c.manifest_id == manifest_id, size, "manifest_id")


def by_leaf(connection: Connection, leaf: int, size: int) -> Claim | None:
    """The claim in that place of the log, or None."""
    found = _where(connection, t.entries.c.leaf == leaf, size, "leaf")
    return found[0] if found else None


def by_binding(
    connection: Connection,
    binding: Binding,
    known: tuple[int, Algorithm],
    size: int,
    fingerprints: Fingerprints,
    distance: int = MAX_DISTANCE,
) -> list[Claim]:
    """The claims with that soft binding: nearest first, then earliest first.

    known: the binding's algorithm and its number. distance: bits, at most MAX_DISTANCE, for fingerprints, which are
    looked up in that index.
    """
    number, algorithm = known
    if algorithm.match is Match.HAMMING256:
        near = fingerprints.of(number).near(connection, algorithm.check(binding.value), distance)
    else:
        wanted = select(t.bindings.c.entry).where(t.bindings.c.algorithm == number, t.bindings.c.value == binding.value)
        near = dict.fromkeys(int(entry) for entry in connection.scalars(wanted))
    claims = _claims(connection, [leaf for leaf in near if leaf < size], binding.alg, near)
    return sorted(claims, key=lambda claim: (claim.distance or 0, claim.leaf))


def _where(connection: Connection, condition: Any, size: int, how: str) -> list[Claim]:
    wanted = select(t.entries.c.leaf).where(condition, t.entries.c.leaf < size).order_by(t.entries.c.leaf)
    return _claims(connection, [int(leaf) for leaf in connection.scalars(wanted)], how, {})


def _claims(connection: Connection, leaves: Sequence[int], how: str, near: Mapping[int, int | None]) -> list[Claim]:
    return [
        claim
        for start in range(0, len(leaves), _PIECE)
        for claim in _piece(connection, leaves[start : start + _PIECE], how, near)
    ]


def _piece(connection: Connection, leaves: Sequence[int], how: str, near: Mapping[int, int | None]) -> list[Claim]:
    entries = connection.execute(_ENTRIES, {"leaves": leaves}).all()
    bindings = _bindings(connection, leaves)
    revocations = _revocations(connection, leaves)
    return [
        Claim(
            leaf=int(row.leaf),
            entry=_entry(row, bindings.get(row.leaf, [])),
            publisher=row.publisher,
            key=bytes(row.key),
            time=int(row.time),
            revocations=tuple(revocations.get(row.leaf, ())),
            how=how,
            distance=near.get(int(row.leaf)),
        )
        for row in entries
    ]


def _entry(row: Any, bindings: Iterable[Binding]) -> Entry:
    return Entry(
        content=bytes(row.content),
        media_type=row.media_type,
        title=row.title,
        asset_hash=_bytes(row.asset_hash),
        manifest_id=row.manifest_id,
        manifest=_bytes(row.manifest),
        bindings=tuple(bindings),
        private=bool(row.private),
    )


def _bindings(connection: Connection, leaves: Sequence[int]) -> dict[int, list[Binding]]:
    found: dict[int, list[Binding]] = {}
    for entry, name, value in connection.execute(_BINDINGS, {"leaves": leaves}):
        found.setdefault(entry, []).append(Binding(name, bytes(value)))
    return found


def _revocations(connection: Connection, leaves: Sequence[int]) -> dict[int, list[Revocation]]:
    found: dict[int, list[Revocation]] = {}
    for row in connection.execute(_REVOCATIONS, {"leaves": leaves}):
        found.setdefault(row.entry, []).append(Revocation(int(row.leaf), row.by, row.reason, int(row.time)))
    return found


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
