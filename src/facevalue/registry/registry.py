"""The registry: it takes signed submissions into the database and the log, and finds claims again.

The database is written first and is what the log is made from: the transaction that assigns a claim its place is the
moment it exists, and the log is brought up to it before anything is acknowledged. Whatever happens in between, the
next writer finishes. Readers see only what the published log holds, so nothing is ever half there.
"""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from facevalue.errors import UsageError
from facevalue.registry.admission import Request, admit, authorise, owns
from facevalue.registry.errors import LogError, RefusedError
from facevalue.registry.files import locked
from facevalue.registry.folder import POSTGRESQL, SQLITE, RegistryFolder
from facevalue.registry.intake import Intake, holder_of, nonce_row, refuse_replay
from facevalue.registry.keys import load_key, make_key
from facevalue.registry.log.checkpoint import Checkpoint, open_checkpoint
from facevalue.registry.log.note import check_name
from facevalue.registry.log.paths import CHECKPOINT, COSIGNED
from facevalue.registry.log.reader import LogReader
from facevalue.registry.log.source import Folder
from facevalue.registry.log.writer import LogWriter
from facevalue.registry.proof import make_proof
from facevalue.registry.store import read, search, write
from facevalue.registry.store.bands import MAX_DISTANCE
from facevalue.registry.store.database import open_engine, reading, writing
from facevalue.registry.store.features import FeatureIndex
from facevalue.registry.store.fingerprints import Fingerprints
from facevalue.registry.store.migrate import migrate, newest, revision
from facevalue.registry.store.write import Leaf
from facevalue.registry.submission import Action, Submission
from facevalue.registry.words import ALGORITHMS, Algorithm, Binding, Claim, Key, Match, Role, time_text

# Leaves that a crash left out of the log are appended in pieces of this size.
_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Receipt:
    """The acknowledgement of a submission that is durable: its leaf, its time, and the checkpoint that covers it."""

    leaf: int
    time: int
    checkpoint: Checkpoint

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"leaf": self.leaf, "time": time_text(self.time), "size": self.checkpoint.size}


Outcome = Receipt | RefusedError


class Registry:
    """One registry. Safe to use from many threads, and from many processes at once.

    Open an existing one with Registry.open, make one with Registry.create. now: POSIX seconds.
    """

    def __init__(self, folder: RegistryFolder, engine: Engine, now: Callable[[], float] = clock.time) -> None:
        self.folder = folder
        self.engine = engine
        self.now = now
        self.log = LogWriter(folder.log, folder.origin, load_key(folder.log_key))
        self.fingerprints = Fingerprints(folder.root)
        self.features = FeatureIndex(folder.root)
        self._algorithms: dict[str, tuple[int, Algorithm]] = {}
        self._published: tuple[object, int] = (None, 0)

    @classmethod
    def create(
        cls, root: Path, origin: str, *, url: str | None = None, algorithms: Iterable[Algorithm] = ()
    ) -> Registry:
        """Set up a registry, or bring an existing one to this version's tables; made keys and data are kept.

        origin: the log's name, such as example.org/registry; it can never change. url: postgresql://..., else SQLite.
        algorithms: soft bindings to know beside those that every registry knows.
        Raises UsageError when the folder holds a registry of another name or database.
        """
        engine = open_engine(root, url)
        folder = RegistryFolder(root, check_name(origin), POSTGRESQL if url else SQLITE)
        if RegistryFolder.exists(root) and RegistryFolder.read(root) != folder:
            raise UsageError(f"{root} holds the registry {RegistryFolder.read(root).origin} already")
        with locked(root / ".writer"):
            if not folder.log_key.exists():
                make_key(folder.log_key)
            if not folder.owner_key.exists():
                make_key(folder.owner_key)
            with writing(engine) as connection:
                migrate(connection)
                write.put_algorithms(connection, [*ALGORITHMS, *algorithms])
                _put_owner(connection, folder)
            LogWriter(folder.log, origin, load_key(folder.log_key)).create()
            folder.write()
        engine.dispose()
        return cls.open(root, url=url)

    @classmethod
    def open(cls, root: Path, *, url: str | None = None, now: Callable[[], float] = clock.time) -> Registry:
        """An existing registry. Raises UsageError when there is none, or its tables are not those of this version."""
        folder = RegistryFolder.read(root)
        if (folder.database == POSTGRESQL) != (url is not None):
            raise UsageError(f"this registry keeps its data in {folder.database}: {_DB_HINTS[folder.database]}")
        engine = open_engine(root, url)
        with reading(engine) as connection:
            has = revision(connection)
        if has != newest():
            raise UsageError("the registry's tables are of another version: run facevalue registry init")
        registry = cls(folder, engine, now)
        if registry.pending():
            registry.submit([])
        return registry

    @property
    def origin(self) -> str:
        """The registry's name, which is its log's."""
        return self.folder.origin

    def close(self) -> None:
        """Let go of the database, once the index of fingerprints that is being written is."""
        self.fingerprints.close()
        self.features.close()
        self.engine.dispose()

    # -- writing

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Take submissions to register or revoke; one outcome each, in order. What gets a Receipt is durable.

        Many at once cost hardly more than one. Raises RegistryError when nothing could be acknowledged (a full disk).
        """
        with reading(self.engine) as connection:
            algorithms = read.algorithms(connection)
        admitted = [self._admit(request, algorithms) for request in requests]
        with locked(self.folder.lock):
            self._catch_up()
            with writing(self.engine) as connection:
                intake = Intake(connection, algorithms, self._micros(), self.folder.keeps)
                outcomes = intake.take(admitted)
            checkpoint = self._catch_up()
        return [
            Receipt(outcome.leaf, outcome.time, checkpoint) if isinstance(outcome, Leaf) else outcome
            for outcome in outcomes
        ]

    def submit_one(self, request: Request) -> Receipt:
        """Take one submission. Raises RefusedError, or RegistryError as submit."""
        (outcome,) = self.submit([request])
        if isinstance(outcome, RefusedError):
            raise outcome
        return outcome

    def put_key(self, key: Key) -> Key:
        """Add a key or change its name, role or end. Raises RegistryError."""
        entered = Key(key.public, check_name(key.name), key.role, key.added or self._micros(), key.disabled)
        with locked(self.folder.lock), writing(self.engine) as connection:
            write.put_key(connection, entered)
        return entered

    def disable_key(self, public: bytes) -> Key:
        """A key that may do nothing from now on; what it claimed stays. Raises RefusedError for an unknown key."""
        with reading(self.engine) as connection:
            key = read.key_of(connection, public)
        if key is None:
            raise RefusedError("unknown_key", "no such key is known here", 404)
        return self.put_key(Key(key.public, key.name, key.role, key.added, self._micros()))

    def pending(self) -> int:
        """How many leaves the log still lacks: more than 0 only after a crash or a full disk."""
        with reading(self.engine) as connection:
            return write.next_leaf(connection) - self.log.head().size

    # -- reading

    def size(self) -> int:
        """How many leaves the published log has."""
        state = (self.folder.log / CHECKPOINT).stat()
        mark = (state.st_ino, state.st_mtime_ns, state.st_size)
        if self._published[0] != mark:
            self._published = (mark, self.log.head().size)
        return self._published[1]

    def find_content(self, sha256: bytes, *, private: bool = False) -> list[Claim]:
        """All claims on a content (sha256, 32 bytes), earliest first. private: the private ones too."""
        with reading(self.engine) as connection:
            return _shown(search.by_content(connection, sha256, self.size()), private)

    def find_asset_hash(self, asset_hash: bytes, *, private: bool = False) -> list[Claim]:
        """All claims with that C2PA hard binding, earliest first."""
        with reading(self.engine) as connection:
            return _shown(search.by_asset_hash(connection, asset_hash, self.size()), private)

    def find_manifest(self, manifest_id: str, *, private: bool = False) -> list[Claim]:
        """All claims that name a C2PA manifest, earliest first."""
        with reading(self.engine) as connection:
            return _shown(search.by_manifest_id(connection, manifest_id, self.size()), private)

    def find_binding(self, binding: Binding, *, distance: int = MAX_DISTANCE, private: bool = False) -> list[Claim]:
        """All claims with a soft binding, nearest (of features: most agreeing) first, then earliest first.

        distance: for fingerprints of 256 bits, 0..31; within it, none is missed. Raises RefusedError for an algorithm
        that is not known here or a value that it cannot have.
        """
        with reading(self.engine) as connection:
            known = self._algorithm(connection, binding.alg)
            if known is None:
                raise RefusedError("unknown_algorithm", f"this registry knows no soft binding called {binding.alg:.60}")
            if known[1].match is Match.FEATURES:
                return _shown(self.features.claims(connection, binding, known, self.size()), private)
            found = search.by_binding(connection, binding, known, self.size(), self.fingerprints, distance)
            return _shown(found, private)

    def claim(self, leaf: int, *, private: bool = False) -> Claim:
        """The claim in that place of the log. Raises RefusedError when there is none to be seen."""
        with reading(self.engine) as connection:
            found = search.by_leaf(connection, leaf, self.size())
        if found is None or (found.entry.private and not private):
            raise RefusedError("not_found", f"no claim {leaf} is to be seen here", 404)
        return found

    def manifest(self, digest: bytes) -> bytes | None:
        """The bytes of the manifest store with that sha256, if they are kept here."""
        return self.folder.manifest(digest)

    def proof(self, leaf: int, *, private: bool = False, witnessed: bool = False) -> dict[str, Any]:
        """The self-contained proof (see proof.py) that a leaf stands in the log. private: of a private claim as well.

        witnessed: under the last checkpoint that witnesses cosigned. Raises RefusedError when there is no such leaf to
        be seen, or it is not covered by a cosigned checkpoint yet.
        """
        with reading(self.engine) as connection:
            found = read.leaf_at(connection, leaf)
            if found is None or leaf >= self.size() or not (private or self._is_public(connection, found)):
                raise RefusedError("not_found", f"no leaf {leaf} is to be seen here", 404)
        checkpoint, text = self._checkpoint(witnessed)
        if leaf >= checkpoint.size:
            raise RefusedError("not_witnessed", f"no cosigned checkpoint covers leaf {leaf} yet", 404)
        path = LogReader(Folder(self.folder.log)).inclusion(leaf, checkpoint.size)
        return make_proof(leaf, found.salt, json.loads(found.record), path, text, self.log.verifier)

    def read_for(self, request: Request) -> dict[str, Any]:
        """The proof of any leaf, for who may read it, asked for by a signed submission. Raises RefusedError."""
        submission = admit(request, self.origin, self.now(), {})
        if submission.action is not Action.READ:
            raise RefusedError("bad_request", "only a submission to read is answered here")
        with locked(self.folder.lock), writing(self.engine) as connection:
            key = authorise(submission, read.key_of(connection, submission.public))
            refuse_replay(read.used_nonces(connection, [(submission.public, submission.nonce)]), submission)
            write.add_nonces(connection, [nonce_row(submission, None)])
            found = read.leaf_at(connection, submission.leaf)
            if found is None or not owns(key, Action.READ, holder_of(found)):
                raise RefusedError("not_found", f"no leaf {submission.leaf} is to be seen with this key", 404)
        return self.proof(submission.leaf, private=True)

    def all_keys(self) -> list[Key]:
        """All keys that were ever added."""
        with reading(self.engine) as connection:
            return read.keys(connection)

    def algorithms(self) -> list[Algorithm]:
        """The soft bindings that are known here."""
        with reading(self.engine) as connection:
            return [algorithm for _, algorithm in read.algorithms(connection).values()]

    def facts(self) -> dict[str, Any]:
        """The registry's name, its log's key and head, and how much it holds; JSON-ready."""
        with reading(self.engine) as connection:
            counts = read.counts(connection)
        head = self.log.head()
        return {
            "origin": self.origin,
            "log_key": str(self.log.verifier),
            "size": head.size,
            "root": head.root.hex(),
        } | counts

    # -- within

    def _admit(self, request: Request, algorithms: Mapping[str, tuple[int, Algorithm]]) -> Submission | RefusedError:
        try:
            submission = admit(request, self.origin, self.now(), algorithms)
            if request.manifest is not None:
                self._refuse_stranger(submission)
                self.folder.keep_manifest(request.manifest)
            return submission
        except RefusedError as refusal:
            return refusal

    def _algorithm(self, connection: Connection, name: str) -> tuple[int, Algorithm] | None:
        """The algorithm and its number. Algorithms are only ever added, so that what is known needs no question."""
        if name not in self._algorithms:
            self._algorithms = read.algorithms(connection)
        return self._algorithms.get(name)

    def _refuse_stranger(self, submission: Submission) -> None:
        """Nobody without a key fills the disk with manifests."""
        with reading(self.engine) as connection:
            authorise(submission, read.key_of(connection, submission.public))

    def _catch_up(self) -> Checkpoint:
        """Append to the log what the database has beyond it; the writer's lock is held."""
        head = self.log.head()
        while True:
            with reading(self.engine) as connection:
                rest = read.leaves_from(connection, head.size, _PIECE)
                if not rest and write.next_leaf(connection) < head.size:
                    raise LogError(
                        f"the log has {head.size} leaves, more than the database: an old copy of the database? "
                        "Nothing is written, because the log must never be rewritten."
                    )
            if not rest:
                return head
            head = self.log.append([leaf.commitment for leaf in rest], at=head.size)

    def _checkpoint(self, witnessed: bool) -> tuple[Checkpoint, str]:
        data = Folder(self.folder.log).read(COSIGNED if witnessed else CHECKPOINT)
        if data is None:
            raise RefusedError("not_witnessed", "no witness has cosigned this log yet", 404)
        return open_checkpoint(data, self.log.verifier)[0], data.decode()

    def _is_public(self, connection: Connection, leaf: Leaf) -> bool:
        payload = json.loads(leaf.record)["submission"]["payload"]
        subject = leaf.leaf if leaf.kind == Action.REGISTER else int(payload["leaf"])
        claim = search.by_leaf(connection, subject, self.size())
        return claim is not None and not claim.entry.private

    def _micros(self) -> int:
        return round(self.now() * 1e6)


_DB_HINTS = {POSTGRESQL: "give its URL with --db", SQLITE: "leave --db out"}


def _shown(claims: list[Claim], private: bool) -> list[Claim]:
    return claims if private else [claim for claim in claims if not claim.entry.private]


def _put_owner(connection: Connection, folder: RegistryFolder) -> None:
    public = load_key(folder.owner_key).public_key().public_bytes_raw()
    if read.key_of(connection, public) is None:
        write.put_key(connection, Key(public, folder.origin, Role.CURATOR, round(clock.time() * 1e6)))
