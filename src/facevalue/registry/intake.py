"""Taking many submissions in one transaction: each is written in full or refused in full, and refusals are answers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from facevalue.registry.admission import authorise, owns
from facevalue.registry.errors import RefusedError
from facevalue.registry.keys import decode_public
from facevalue.registry.proof import SALT_BYTES, commit, make_record
from facevalue.registry.store import read, search, write
from facevalue.registry.store.write import Leaf
from facevalue.registry.submission import Action, Submission
from facevalue.registry.words import Algorithm, Entry, Key, time_text


class Intake:
    """One transaction's worth of submissions.

    connection: with the transaction, and the writer's lock held. time: microseconds, what all of them are dated with.
    kept: whether the bytes of a manifest store with that sha256 are kept.
    """

    def __init__(
        self,
        connection: Connection,
        algorithms: Mapping[str, tuple[int, Algorithm]],
        time: int,
        kept: Callable[[bytes], bool],
    ) -> None:
        self.connection = connection
        self.algorithms = algorithms
        self.time = time
        self.kept = kept
        self.next = write.next_leaf(connection)
        self._keys: dict[bytes, Key | None] = {}
        self._used: dict[tuple[bytes, str], int | None] = {}
        self._leaves: list[Leaf] = []
        self._entries: list[tuple[Leaf, Entry, Key]] = []
        self._revoked: dict[int, dict[str, Any]] = {}
        self._nonces: list[dict[str, Any]] = []

    def take(self, submissions: Sequence[Submission | RefusedError]) -> list[Leaf | RefusedError]:
        """Write what may be written; a leaf or the refusal for each, in order."""
        good = [s for s in submissions if isinstance(s, Submission)]
        self._used = read.used_nonces(self.connection, [(s.public, s.nonce) for s in good])
        outcomes = [self._try(s) if isinstance(s, Submission) else s for s in submissions]
        write.add_leaves(self.connection, self._leaves)
        write.add_entries(self.connection, self._entries, self.algorithms)
        write.add_revocations(self.connection, list(self._revoked.values()))
        write.add_nonces(self.connection, self._nonces)
        return outcomes

    def _try(self, submission: Submission) -> Leaf | RefusedError:
        try:
            key = authorise(submission, self._key(submission.public))
            refuse_replay(self._used, submission)
            if submission.action is Action.REGISTER:
                return self._register(submission, key)
            return self._revoke(submission, key)
        except RefusedError as refusal:
            return refusal

    def _register(self, submission: Submission, key: Key) -> Leaf:
        entry = submission.entry
        assert entry is not None
        if entry.manifest is not None and not self.kept(entry.manifest):
            raise RefusedError("bad_manifest", "the entry names a manifest's sha256: send the manifest's bytes with it")
        leaf = self._leaf(submission, key)
        self._entries.append((leaf, entry, key))
        return leaf

    def _revoke(self, submission: Submission, key: Key) -> Leaf:
        if submission.action is not Action.REVOKE:
            raise RefusedError("bad_request", f"{submission.action} is not a submission to write")
        claim = search.by_leaf(self.connection, submission.leaf, self.next)
        if claim is None or not owns(key, Action.REVOKE, claim.key):
            # One answer for both: whether a private claim exists is not told to strangers.
            raise RefusedError("not_found", f"no claim {submission.leaf} may be revoked with this key", 404)
        if claim.revoked or submission.leaf in self._revoked:
            raise RefusedError("already_revoked", f"the claim {submission.leaf} was revoked before", 409)
        leaf = self._leaf(submission, key)
        self._revoked[submission.leaf] = {
            "leaf": leaf.leaf,
            "entry": submission.leaf,
            "by": key.name,
            "reason": submission.reason,
            "time": self.time,
        }
        return leaf

    def _leaf(self, submission: Submission, key: Key) -> Leaf:
        salt = secrets.token_bytes(SALT_BYTES)
        record = make_record(submission, key.name, str(key.role), time_text(self.time))
        leaf = Leaf(self.next, str(submission.action), self.time, record.decode(), salt, commit(salt, record))
        self.next += 1
        self._leaves.append(leaf)
        self._nonces.append(nonce_row(submission, leaf.leaf))
        self._used[submission.public, submission.nonce] = leaf.leaf
        return leaf

    def _key(self, public: bytes) -> Key | None:
        if public not in self._keys:
            self._keys[public] = read.key_of(self.connection, public)
        return self._keys[public]


def refuse_replay(used: Mapping[tuple[bytes, str], int | None], submission: Submission) -> None:
    """Raise RefusedError when the submission was taken before; the answer names the leaf that it became."""
    pair = (submission.public, submission.nonce)
    if pair in used:
        leaf = used[pair]
        became = "" if leaf is None else f": it became leaf {leaf}"
        raise RefusedError("replayed", f"this submission was taken before{became}", 409)


def nonce_row(submission: Submission, leaf: int | None) -> dict[str, Any]:
    """What is remembered of a submission."""
    return {"public": submission.public, "nonce": submission.nonce, "time": submission.time, "leaf": leaf}


def holder_of(leaf: Leaf) -> bytes:
    """The public key that the leaf's submission was signed with, 32 bytes."""
    return decode_public(json.loads(leaf.record)["submission"]["public_key"])
