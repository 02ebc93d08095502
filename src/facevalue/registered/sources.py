"""Asking a registry, in a folder or over the network, and having each of its claims proven by its log.

What is asked is believed as far as it is proven: a claim counts when its proof verifies under the log's key and says
word for word what the registry said. A database that was changed behind the log's back is found out by that.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from facevalue.registered.known_logs import KeyCheck, check_key, remember
from facevalue.registry.errors import ProofError, RegistryError
from facevalue.registry.folder import POSTGRESQL, RegistryFolder
from facevalue.registry.log.note import ED25519, VerifierKey, b64, parse_vkey
from facevalue.registry.proof import Proven, verify_proof
from facevalue.registry.submission import Action
from facevalue.registry.words import Binding, Claim, Entry, check_text, decode_value

if TYPE_CHECKING:
    from facevalue.registry import Registry

DATABASE_VARIABLE = "FACEVALUE_REGISTRY_DB"
# Claims that are shown and proven, earliest first; how many there are in all is always said.
MAX_CLAIMS = 100
MAX_REVOCATIONS = 20
_MANIFEST_ID = re.compile(r"[!-~]{1,256}")


class Source(Protocol):
    """What a registry answers, as RemoteRegistry does."""

    def facts(self) -> Mapping[str, Any]:
        """The registry's name ("origin"), its log's key ("log_key") and size ("size")."""

    def find(self, **question: str) -> Mapping[str, Any]:
        """Public claims ("entries" and "total") by sha256, asset_hash, manifest_id, or alg and value (base64)."""

    def proof(self, leaf: int) -> Mapping[str, Any]:
        """The proof of one leaf."""


class Opened:
    """A source within a `with` block; closes what was opened for it."""

    def __init__(self, source: Source, closing: Registry | None = None) -> None:
        self.source, self.closing = source, closing

    @classmethod
    def of(cls, registry: Registry, *, close: bool = False, private: bool = False) -> Opened:
        """A registry in this process. private: its private claims are answered too."""
        return cls(_Local(registry, private), registry if close else None)

    def __enter__(self) -> Source:
        return self.source

    def __exit__(self, *_: object) -> None:
        if self.closing is not None:
            self.closing.close()


@dataclass(frozen=True, slots=True)
class _Local:
    registry: Registry
    private: bool = False

    def facts(self) -> Mapping[str, Any]:
        return self.registry.facts()

    def find(self, **question: str) -> Mapping[str, Any]:
        claims = self._claims(question)
        return {"entries": [claim.to_dict() for claim in claims[:MAX_CLAIMS]], "total": len(claims)}

    def _claims(self, question: Mapping[str, str]) -> list[Claim]:
        if "sha256" in question:
            return self.registry.find_content(bytes.fromhex(question["sha256"]), private=self.private)
        if "asset_hash" in question:
            return self.registry.find_asset_hash(bytes.fromhex(question["asset_hash"]), private=self.private)
        if "alg" in question:
            binding = Binding(question["alg"], decode_value(question["value"]))
            return self.registry.find_binding(binding, private=self.private)
        return self.registry.find_manifest(question["manifest_id"], private=self.private)

    def proof(self, leaf: int) -> Mapping[str, Any]:
        return self.registry.proof(leaf, private=self.private)


def is_address(where: str) -> bool:
    """Whether it is an http(s) address rather than a path."""
    return where.lower().startswith(("http://", "https://"))


def open_source(path: Path, *, private: bool = False) -> Opened:
    """The registry in a folder; one that keeps its data in PostgreSQL is reached by FACEVALUE_REGISTRY_DB.

    Raises UsageError when there is none, RegistryError when it is damaged, MissingExtraError.
    """
    folder = RegistryFolder.read(path)
    from facevalue.registry import Registry

    url = os.environ.get(DATABASE_VARIABLE) if folder.database == POSTGRESQL else None
    return Opened.of(Registry.open(path, url=url), close=True, private=private)


# -- what it told --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That a claim was withdrawn: by whom, when (RFC 3339, UTC), why, and which leaf of the log says so."""

    leaf: int
    by: str
    reason: str
    time: str


@dataclass(frozen=True, slots=True)
class Told:
    """One claim as a registry tells it. key: the publisher's public key, base64; time: RFC 3339, UTC.

    broken: why the log does not bear it out; None when its proof, and those of its revocations, verified.
    """

    leaf: int
    entry: Entry
    publisher: str
    key: str
    time: str
    revocations: tuple[Withdrawal, ...] = ()
    broken: str | None = None

    @property
    def revoked(self) -> bool:
        """Whether it was withdrawn."""
        return bool(self.revocations)

    @property
    def counts(self) -> bool:
        """Whether something may rest on it: proven, and not withdrawn."""
        return self.broken is None and not self.revoked

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "leaf": self.leaf,
            "time": self.time,
            "publisher": self.publisher,
            "key": self.key,
            "entry": self.entry.to_dict(),
            "revocations": [{"leaf": r.leaf, "by": r.by, "reason": r.reason, "time": r.time} for r in self.revocations],
            "proven": self.broken is None,
        }


@dataclass(frozen=True, slots=True)
class Known:
    """All that a registry told. content: claims on these very bytes; manifest: on the manifest that the file carries.

    similar: on what the ladder found that the file is like. Each earliest first, at most MAX_CLAIMS; total: how many
    different ones there are at least. log: how its key stands.
    """

    origin: str
    log_key: str
    size: int
    content: tuple[Told, ...] = ()
    manifest: tuple[Told, ...] = ()
    similar: tuple[Told, ...] = ()
    total: int = 0
    log: KeyCheck | None = None

    @property
    def all(self) -> tuple[Told, ...]:
        """Every claim once, earliest first."""
        claims = (*self.content, *self.manifest, *self.similar)
        return tuple(told for _, told in sorted({told.leaf: told for told in claims}.items()))


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """Which key the log must have. given: by the user; where: the registry's address, None for a folder."""

    given: VerifierKey | None = None
    where: str | None = None


def told_by(source: Source, sha256: str, manifest_id: str | None, keys: KeyPolicy | None = None) -> Known:
    """Ask for the content and, if there is one, for the manifest. Raises RegistryError.

    keys: what the log's key is measured by; a key under which every claim was proven is remembered then.
    """
    facts = source.facts()
    try:
        key = parse_vkey(str(facts["log_key"]), (ED25519,))
        origin, size = check_text(facts["origin"], "the registry's name"), int(facts["size"])
    except (KeyError, TypeError, ValueError):
        raise RegistryError("the registry does not say whose log it keeps") from None
    content, total = _find(source, key, "sha256", sha256)
    manifest: list[Told] = []
    more = 0
    if manifest_id is not None and _MANIFEST_ID.fullmatch(manifest_id):
        manifest, more = _find(source, key, "manifest_id", manifest_id)
    both = len({told.leaf for told in content} & {told.leaf for told in manifest})
    known = Known(origin, str(key), size, tuple(content), tuple(manifest), total=total + more - both)
    if keys is None:
        return known
    check = check_key(key, keys.where, keys.given)
    if known.all and all(told.broken is None for told in known.all):
        with contextlib.suppress(OSError):  # a home that cannot be written to remembers nothing
            remember(check, keys.where)
    return replace(known, log=check)


def told_of(source: Source, proven: dict[int, Told], **question: str) -> list[Told]:
    """The claims that answer a question, at most MAX_CLAIMS, each proven by the registry's log or saying why not.

    proven: those that were proven before, by leaf; the new ones are added. Raises RegistryError.
    """
    try:
        key = parse_vkey(str(source.facts()["log_key"]), (ED25519,))
    except (KeyError, TypeError, ValueError):
        raise RegistryError("the registry does not say whose log it keeps") from None
    rows = source.find(**question).get("entries")
    if not isinstance(rows, Sequence):
        raise RegistryError("the registry's answer holds no list of entries")
    claims = [_claim(row) for row in rows[:MAX_CLAIMS]]
    for told in claims:
        if told.leaf not in proven:
            proven[told.leaf] = _proven(source, key, told)
    return [proven[told.leaf] for told in claims]


def _find(source: Source, key: VerifierKey, name: str, value: str) -> tuple[list[Told], int]:
    found = source.find(**{name: value})
    rows = found.get("entries")
    if not isinstance(rows, Sequence):
        raise RegistryError("the registry's answer holds no list of entries")
    claims = sorted((_claim(row) for row in rows[:MAX_CLAIMS]), key=lambda told: told.leaf)
    for told in claims:
        if value != (told.entry.content.hex() if name == "sha256" else told.entry.manifest_id):
            raise RegistryError("the registry answers another question than the one it was asked")
    total = found.get("total")
    return [_proven(source, key, told) for told in claims], max(len(rows), total if type(total) is int else 0)


def _claim(row: Any) -> Told:
    """As strict with a registry as a registry is with strangers."""
    try:
        withdrawn = tuple(_withdrawal(r) for r in list(row["revocations"])[:MAX_REVOCATIONS])
        publisher, key, time = (check_text(row[name], name) for name in ("publisher", "key", "time"))
        return Told(_place(row["leaf"]), Entry.from_dict(row["entry"]), publisher, key, time, withdrawn)
    except (KeyError, TypeError, ValueError):
        raise RegistryError("the registry's answer holds an entry that is none") from None


def _withdrawal(row: Any) -> Withdrawal:
    by, reason, time = (check_text(row[name], name) for name in ("by", "reason", "time"))
    return Withdrawal(_place(row["leaf"]), by, reason, time)


def _place(leaf: Any) -> int:
    if type(leaf) is not int or leaf < 0:
        raise ValueError("a leaf is a whole number")
    return leaf


# -- what its log bears out ----------------------------------------------------------------------------------------


def _proven(source: Source, key: VerifierKey, told: Told) -> Told:
    try:
        proven = verify_proof(source.proof(told.leaf), log=key, content=told.entry.content)
        said = (told.leaf, told.entry, told.publisher, told.key, told.time)
        if said != (proven.leaf, proven.submission.entry, proven.publisher, b64(proven.submission.public), proven.time):
            raise ProofError("the log says something else than the registry's database")
        for withdrawal in told.revocations:
            _check_withdrawal(told, withdrawal, verify_proof(source.proof(withdrawal.leaf), log=key))
    except RegistryError as error:
        return replace(told, broken=str(error))
    return told


def _check_withdrawal(told: Told, withdrawal: Withdrawal, proven: Proven) -> None:
    submission = proven.submission
    same = (withdrawal.leaf, withdrawal.by, withdrawal.reason, withdrawal.time, told.leaf, Action.REVOKE) == (
        proven.leaf,
        proven.publisher,
        submission.reason,
        proven.time,
        submission.leaf,
        submission.action,
    )
    if not same:
        raise ProofError("the log says something else of its revocation than the registry's database")
