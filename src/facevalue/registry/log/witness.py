"""A witness: it cosigns a log's checkpoints, each only if it extends everything that the witness cosigned before.

The request is that of C2SP tlog-witness (add-checkpoint): `old SIZE`, the consistency proof a hash a line, a blank
line, the checkpoint. The state is durable before the cosignature leaves, so that a crash can never make it sign a fork.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.registry.errors import ForkError, LogError
from facevalue.registry.files import locked, write_durably
from facevalue.registry.log.checkpoint import Checkpoint, cosign, open_checkpoint
from facevalue.registry.log.merkle import EMPTY_ROOT, MAX_PROOF, Proof, verify_consistency
from facevalue.registry.log.note import COSIGNATURE, Signature, VerifierKey, b64, check_name, unb64

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class Witness:
    """One witness: its name, its key, the keys of the logs that it watches, and the folder where it remembers them.

    clock: POSIX seconds.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        key: Ed25519PrivateKey,
        logs: Sequence[VerifierKey],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.name = check_name(name)
        self.key = key
        self.logs = {log.name: log for log in logs}
        self.clock = clock

    @property
    def verifier(self) -> VerifierKey:
        """The public key that its cosignatures verify under."""
        return VerifierKey(self.name, self.key.public_key().public_bytes_raw(), COSIGNATURE)

    def seen(self, log: VerifierKey) -> Checkpoint:
        """The last checkpoint that it cosigned; the empty tree when there is none. Raises LogError."""
        path = self._path(log)
        if not path.exists():
            return Checkpoint(log.name, 0, EMPTY_ROOT)
        return open_checkpoint(path.read_bytes(), log)[0]

    def add_checkpoint(self, request: str) -> Signature:
        """Check a request and cosign its checkpoint.

        Raises ForkError when the checkpoint contradicts what it saw, LogError when the request is malformed, of an
        unknown log, or starts from another size than the one last seen.
        """
        old, proof, text = parse_request(request)
        log = self.logs.get(text.partition("\n")[0])
        if log is None:
            raise LogError("this witness does not watch that log")
        checkpoint, note = open_checkpoint(text, log)
        with locked(self.folder / ".lock"):
            seen = self.seen(log)
            if old != seen.size:
                raise LogError(f"this witness last saw {seen.size} entries, not {old}")
            check_extends(seen, checkpoint, proof)
            signature = cosign(note, self.name, self.key, int(self.clock()))
            write_durably(self._path(log), str(note).encode())
        return signature

    def _path(self, log: VerifierKey) -> Path:
        return self.folder / (hashlib.sha256(str(log).encode()).hexdigest() + ".note")


def check_extends(seen: Checkpoint, new: Checkpoint, proof: Proof) -> None:
    """Raise ForkError unless `new` is the tree that was seen, or the proof shows that it extends it."""
    try:
        verify_consistency(seen.size, new.size, seen.root, new.root, proof)
    except LogError as error:
        raise ForkError(
            f"the log {new.origin} was rewritten: its {new.size} entries do not extend the {seen.size} seen before "
            f"({error})"
        ) from None


def make_request(old: int, proof: Proof, checkpoint: str) -> str:
    """The body of an add-checkpoint request."""
    return "".join([f"old {old}\n", *(f"{b64(h)}\n" for h in proof), "\n", checkpoint])


def parse_request(request: str) -> tuple[int, Proof, str]:
    """The old size, the proof and the text of the checkpoint. Raises LogError."""
    head, blank, checkpoint = request.partition("\n\n")
    first, *rest = head.split("\n")
    found = _OLD.fullmatch(first)
    proof = tuple(unb64(line) for line in rest)
    if not blank or found is None or len(proof) > MAX_PROOF or not all(proof):
        raise LogError("this is not an add-checkpoint request")
    return int(found[1]), proof, checkpoint
