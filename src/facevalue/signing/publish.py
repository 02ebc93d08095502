"""The registry's entry for a signed file, and the proof that the log holds it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facevalue.errors import UsageError
from facevalue.registered.known_logs import check_key, parse_log_key, remember
from facevalue.registered.sources import DATABASE_VARIABLE, is_address
from facevalue.registry.client import RemoteRegistry
from facevalue.registry.errors import RefusedError
from facevalue.registry.folder import MAX_MANIFEST_BYTES, POSTGRESQL, RegistryFolder
from facevalue.registry.log.note import ED25519, VerifierKey, b64, parse_vkey
from facevalue.registry.proof import Proven, read_proof, verify_proof
from facevalue.registry.submission import Action
from facevalue.registry.submission import sign as sign_submission
from facevalue.registry.words import Binding, Entry
from facevalue.signing.errors import SigningError
from facevalue.signing.hardbinding import asset_hash
from facevalue.signing.identity import Identity
from facevalue.signing.manifest import SoftBinding

if TYPE_CHECKING:
    from facevalue.registry import Registry

    Where = str | os.PathLike[str] | RemoteRegistry | Registry

_KEY_HINT = "its keeper lets it in: facevalue registry key add {key} --name {name}"


@dataclass(frozen=True, slots=True)
class Published:
    """What became of it. proof: the proof file's content; proven: what it proves, verified."""

    proof: Mapping[str, Any]
    proven: Proven

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "origin": self.proven.checkpoint.origin,
            "leaf": self.proven.leaf,
            "time": self.proven.time,
            "publisher": self.proven.publisher,
            "log_key": str(self.proven.log_key),
        }

    def proof_bytes(self) -> bytes:
        """The proof file."""
        return json.dumps(dict(self.proof), indent=2).encode() + b"\n"


class Desk:
    """A registry that is ready to take an entry; opened before anything is signed, so that nothing fails late.

    log_key: the verifier key that its log must have; without it, the one that it had before (registered.known_logs).
    Raises SigningError when the log has another key; UsageError when there is none, it does not know the
    identity's key, or the identity has none; MissingExtraError, OfflineError, RegistryError.
    """

    def __init__(self, where: Where, identity: Identity, log_key: str | None = None) -> None:
        if identity.publisher is None:
            raise UsageError(
                f"the identity {identity.name} has no key for a registry: facevalue registry key new publisher.pem, "
                "in the identity's folder, makes one"
            )
        self.identity, self.key = identity, identity.publisher
        self.closing: Registry | None = None
        self.remote: RemoteRegistry | None = None
        self.local: Registry | None = None
        self._open(where)
        try:
            self.origin, self.log = self._facts()
            given = parse_log_key(log_key) if log_key is not None else None
            self.known = check_key(self.log, self._address(), given)
            if self.known.wrong:
                raise SigningError(f"nothing was sent to the registry: {self.known.sentence}")
        except BaseException:
            self.close()
            raise

    def _address(self) -> str | None:
        return self.remote.url if self.remote is not None else None

    def _open(self, where: Where) -> None:
        if isinstance(where, str) and is_address(where):
            where = RemoteRegistry(where)
        if isinstance(where, RemoteRegistry):
            self.remote = where
            return
        if isinstance(where, str | os.PathLike):
            folder = RegistryFolder.read(Path(where))
            from facevalue.registry import Registry

            url = os.environ.get(DATABASE_VARIABLE) if folder.database == POSTGRESQL else None
            where = self.closing = Registry.open(folder.root, url=url)
        if not hasattr(where, "submit_one"):
            raise UsageError(f"a registry is a folder, an address or a Registry, not {type(where).__name__}")
        self.local = where
        self._check_key()

    def _check_key(self) -> None:
        assert self.local is not None
        public = self.key.public_key().public_bytes_raw()
        known = next((key for key in self.local.all_keys() if key.public == public), None)
        if known is None or known.disabled is not None:
            self.close()
            why = "does not know the key of" if known is None else "has disabled the key of"
            raise UsageError(f"the registry {why} the identity {self.identity.name}; {self._hint()}")

    def _hint(self) -> str:
        public = b64(self.key.public_key().public_bytes_raw())
        return _KEY_HINT.format(key=public, name="".join(self.identity.name.split()) or "NAME")

    def _facts(self) -> tuple[str, VerifierKey]:
        facts = self.local.facts() if self.local is not None else self._remote().facts()
        try:
            return str(facts["origin"]), parse_vkey(str(facts["log_key"]), (ED25519,))
        except (KeyError, ValueError):
            raise SigningError("the registry does not say whose log it keeps") from None

    def _remote(self) -> RemoteRegistry:
        assert self.remote is not None
        return self.remote

    def close(self) -> None:
        """Let go of what was opened."""
        if self.closing is not None:
            self.closing.close()

    def publish(self, entry: Entry, store: bytes) -> Published:
        """Enter it; durable, and in the log, when this returns. Raises RegistryError, with what to do."""
        submission = sign_submission(self.key, self.origin, Action.REGISTER, entry=entry)
        try:
            proof = self._submit(submission, store)
        except RefusedError as refusal:
            raise self._explained(refusal) from None
        proven = verify_proof(proof, log=self.log, content=entry.content)
        remember(self.known, self._address())
        return Published(proof, proven)

    def _submit(self, submission: Mapping[str, Any], store: bytes) -> dict[str, Any]:
        if self.local is not None:
            from facevalue.registry import Request

            receipt = self.local.submit_one(Request(submission, store))
            return self.local.proof(receipt.leaf, private=True)
        answer = self._remote().register(submission, store)
        return read_proof(json.dumps(answer.get("proof")))

    def _explained(self, refusal: RefusedError) -> RefusedError:
        hints = {
            "unknown_key": self._hint(),
            "unknown_algorithm": "its keeper brings it up to date: facevalue registry init NAME",
        }
        hint = hints.get(refusal.code)
        return RefusedError(refusal.code, f"{refusal}; {hint}", refusal.status) if hint else refusal


def entry_of(
    content: str,
    media_type: str,
    title: str,
    store: bytes,
    manifest_id: str,
    bindings: tuple[SoftBinding, ...],
    private: bool,
) -> Entry:
    """The entry, as strict with its own user as with a stranger. content: sha256, hexadecimal. Raises RefusedError."""
    if len(store) > MAX_MANIFEST_BYTES:
        raise SigningError(f"the manifest is larger than the {MAX_MANIFEST_BYTES >> 20} MiB that a registry keeps")
    hard = asset_hash(store, manifest_id)
    fields: dict[str, Any] = {
        "content_sha256": content,
        "media_type": media_type,
        "title": title,
        "asset_hash": hard.hex() if hard else None,
        "manifest_id": manifest_id,
        "manifest_sha256": hashlib.sha256(store).hexdigest(),
        "bindings": [Binding(b.algorithm, b.value).to_dict() for b in dict.fromkeys(bindings)],
        "private": private,
    }
    return Entry.from_dict(fields)
