"""A proof in one file: that a claim stands in a log, for anyone to check offline, without a server and a database.

It holds the record (who claimed what, with the claimant's own signature), the salt that the log's commitment was made
with, the path from that commitment to the root, and the log's signed checkpoint.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevalue.registry.canonical import canonical, parse
from facevalue.registry.errors import ProofError, RegistryError
from facevalue.registry.log.checkpoint import Checkpoint, cosigned_at, open_checkpoint
from facevalue.registry.log.merkle import HASH_BYTES, MAX_PROOF, Proof, leaf_hash, verify_inclusion
from facevalue.registry.log.note import ED25519, VerifierKey, b64, parse_vkey, unb64
from facevalue.registry.submission import Submission, open_submission

SCHEMA = "facevalue.registry.proof/1"
RECORD_SCHEMA = "facevalue.registry.record/1"
SALT_BYTES = 32
MAX_PROOF_BYTES = 4 << 20
_FIELDS = {"schema", "log", "leaf", "salt", "record", "inclusion", "checkpoint"}
_RECORD_FIELDS = {"schema", "time", "publisher", "role", "submission"}


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof proves, once it verified.

    submission: what was claimed, its signature verified. publisher, role, time: as the registry wrote them down.
    log_known: whether the checkpoint verified under a key that the caller gave, not only under the proof's own.
    witnesses: who cosigned the checkpoint, and when (POSIX seconds).
    """

    leaf: int
    checkpoint: Checkpoint
    submission: Submission
    publisher: str
    role: str
    time: str
    log_key: VerifierKey
    log_known: bool
    witnesses: tuple[tuple[str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "log": self.checkpoint.origin,
            "log_key": str(self.log_key),
            "log_key_known": self.log_known,
            "leaf": self.leaf,
            "size": self.checkpoint.size,
            "publisher": self.publisher,
            "role": self.role,
            "key": b64(self.submission.public),
            "time": self.time,
            "payload": dict(self.submission.envelope["payload"]),
            "witnesses": [{"name": name, "time": time} for name, time in self.witnesses],
        }


def make_record(submission: Submission, publisher: str, role: str, time: str) -> bytes:
    """The canonical JSON of what the log commits to."""
    return canonical(
        {
            "schema": RECORD_SCHEMA,
            "time": time,
            "publisher": publisher,
            "role": role,
            "submission": submission.envelope,
        }
    )


def commit(salt: bytes, record: bytes) -> bytes:
    """The leaf's entry: SHA-256(salt || record), 32 bytes; without the 32 bytes of salt, nobody can try out records."""
    return hashlib.sha256(salt + record).digest()


def make_proof(
    leaf: int, salt: bytes, record: Mapping[str, Any], inclusion: Proof, checkpoint: str, log: VerifierKey
) -> dict[str, Any]:
    """The proof file's content, JSON-ready."""
    return {
        "schema": SCHEMA,
        "log": str(log),
        "leaf": leaf,
        "salt": b64(salt),
        "record": record,
        "inclusion": [b64(h) for h in inclusion],
        "checkpoint": checkpoint,
    }


def read_proof(data: bytes | str) -> dict[str, Any]:
    """The JSON of a proof file. Raises ProofError when it is not one."""
    if len(data) > MAX_PROOF_BYTES:
        raise ProofError(f"a proof is at most {MAX_PROOF_BYTES} bytes")
    try:
        proof = parse(data)
    except ValueError as error:
        raise ProofError(f"the proof is not JSON: {error}") from None
    if not isinstance(proof, dict):
        raise ProofError("the proof is not a JSON object")
    return proof


def verify_proof(
    proof: Mapping[str, Any],
    *,
    log: VerifierKey | None = None,
    witnesses: Sequence[VerifierKey] = (),
    content: bytes | None = None,
) -> Proven:
    """Check everything that a proof says; offline.

    log: the key that the log is known by; without it, the key in the proof is used, which proves consistency, not
    whose log it is. witnesses: their cosignatures are looked for, and each must verify. content: the sha256 that the
    claim must be on. Raises ProofError for whatever does not hold.
    """
    _check_form(proof)
    try:
        own = parse_vkey(str(proof["log"]), (ED25519,))
        checkpoint, note = open_checkpoint(str(proof["checkpoint"]), log or own)
        record = canonical(proof["record"])
        submission = open_submission(proof["record"]["submission"])
        cosigned = tuple((w.name, at) for w in witnesses if (at := cosigned_at(note, w)) is not None)
    except (RegistryError, ValueError) as error:
        raise ProofError(f"the proof does not hold: {error}") from None
    _check_inclusion(proof, record, checkpoint)
    if submission.registry != checkpoint.origin:
        raise ProofError("the claim was made to another registry than the one whose log this is")
    if content is not None and (submission.entry is None or not hmac.compare_digest(submission.entry.content, content)):
        raise ProofError("the proof is about another content")
    own_words = {name: str(proof["record"][name]) for name in ("publisher", "role", "time")}
    return Proven(
        proof["leaf"],
        checkpoint,
        submission,
        log_key=log or own,
        log_known=log is not None,
        witnesses=cosigned,
        **own_words,
    )


def _check_form(proof: Mapping[str, Any]) -> None:
    if set(proof) != _FIELDS or proof["schema"] != SCHEMA:
        raise ProofError(f"this is not a proof of the form {SCHEMA}")
    record, inclusion = proof["record"], proof["inclusion"]
    if not isinstance(record, Mapping) or set(record) != _RECORD_FIELDS or record["schema"] != RECORD_SCHEMA:
        raise ProofError(f"the record in the proof is not of the form {RECORD_SCHEMA}")
    if type(proof["leaf"]) is not int or not isinstance(inclusion, list) or len(inclusion) > MAX_PROOF:
        raise ProofError("the leaf or the path in the proof is malformed")


def _check_inclusion(proof: Mapping[str, Any], record: bytes, checkpoint: Checkpoint) -> None:
    salt = unb64(str(proof["salt"]))
    path = [unb64(str(h)) for h in proof["inclusion"]]
    if len(salt) != SALT_BYTES or any(len(h) != HASH_BYTES for h in path):
        raise ProofError("the salt or the path in the proof is malformed")
    leaf = leaf_hash(commit(salt, record))
    verify_inclusion(leaf, proof["leaf"], checkpoint.size, path, checkpoint.root)
