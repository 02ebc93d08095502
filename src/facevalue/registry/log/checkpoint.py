"""C2SP checkpoints: a log's origin, size and root as a signed note; and the cosignatures of witnesses (v1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.registry.errors import LogError
from facevalue.registry.log.merkle import HASH_BYTES, MAX_SIZE
from facevalue.registry.log.note import (
    COSIGNATURE,
    SIGNATURE_BYTES,
    Note,
    Signature,
    VerifierKey,
    b64,
    check_name,
    parse_note,
    sign_note,
    unb64,
)

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: origin (the log's name), size (entries) and root (32 bytes); extensions: further lines, opaque."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), b64(self.root), *self.extensions))

    @property
    def same_tree(self) -> tuple[str, int, bytes]:
        """What two checkpoints of the same tree have in common."""
        return self.origin, self.size, self.root


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> Note:
    """The checkpoint as a note that the log has signed under its origin as name."""
    return Note(checkpoint.text, (sign_note(checkpoint.text, checkpoint.origin, key),))


def read_checkpoint(note: Note) -> Checkpoint:
    """The checkpoint in a note; says nothing about signatures. Raises LogError when it is malformed."""
    lines = note.text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise LogError("a checkpoint has fewer than three lines, or an empty one")
    root = unb64(lines[2])
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) > MAX_SIZE or len(root) != HASH_BYTES:
        raise LogError("the size or the root of a checkpoint is malformed")
    return Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:]))


def open_checkpoint(data: bytes | str, key: VerifierKey) -> tuple[Checkpoint, Note]:
    """A checkpoint that this log key has signed, and its note. Raises LogError for every other."""
    note = parse_note(data)
    checkpoint = read_checkpoint(note)
    if checkpoint.origin != key.name:
        raise LogError(f"the checkpoint is of the log {checkpoint.origin!r:.200}, not of {key.name}")
    if not note.signed_by(key):
        raise LogError(f"the checkpoint is not signed by the key of {key.name}")
    return checkpoint, note


def cosign(note: Note, name: str, key: Ed25519PrivateKey, time: int) -> Signature:
    """A witness's cosignature/v1 over a checkpoint's text at that POSIX time (seconds).

    Only a witness that has verified consistency with all it saw before may make one: see witness.Witness.
    """
    public = VerifierKey(check_name(name), key.public_key().public_bytes_raw(), COSIGNATURE)
    value = time.to_bytes(_TIME_BYTES, "big") + key.sign(_cosigned(note.text, time))
    return Signature(name, public.key_id, value)


def cosigned_at(note: Note, witness: VerifierKey) -> int | None:
    """When (POSIX seconds) that witness cosigned the note; None when it did not.

    Raises LogError when a signature in its name does not verify.
    """
    times = []
    for signature in (s for s in note.signatures if s.by(witness)):
        time = int.from_bytes(signature.value[:_TIME_BYTES], "big")
        message, value = _cosigned(note.text, time), signature.value[_TIME_BYTES:]
        if len(value) != SIGNATURE_BYTES or time >= 1 << 63 or not witness.check(message, value):
            raise LogError(f"the cosignature of {witness.name} does not verify")
        times.append(time)
    return max(times, default=None)


def with_signatures(note: Note, more: Sequence[Signature]) -> Note:
    """The note with further signatures; a newer one of the same key replaces the older."""
    new = {(s.name, s.key_id) for s in more}
    return Note(note.text, (*(s for s in note.signatures if (s.name, s.key_id) not in new), *more))


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()
