"""Identities in FACEVALUE_HOME/identities/NAME: made all at once or not at all, and never overwritten.

chain.pem      the signer's certificate and the one above it
trust.pem      the root: hand it to `facevalue verify --trust`
key.pem        the signer's key, PKCS#8, for its owner's eyes alone
publisher.pem  the Ed25519 key that signs for a registry, likewise
identity.json  what it is
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from facevalue.errors import UsageError
from facevalue.home import home
from facevalue.provenance.chain import EKU_NAMES, extended_key_usages, fingerprint, subject_of
from facevalue.signing.identity import Identity, pem_of, read_chain_file
from facevalue.signing.issue import issue_chain
from facevalue.signing.keys import algorithm_of, is_encrypted, read_key_file, readable_by_others

SCHEMA = "facevalue.identity/1"
CHAIN, TRUST, KEY, PUBLISHER, FACTS = "chain.pem", "trust.pem", "key.pem", "publisher.pem", "identity.json"
MAX_DAYS = 3650
NOBODY_TRUSTS = (
    "This is a test identity: nobody else trusts it. Whoever verifies needs its trust.pem, and must have a reason "
    "to believe that it is yours."
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def identities_dir() -> Path:
    """FACEVALUE_HOME/identities."""
    return home() / "identities"


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """A folder that holds an identity: chain.pem and key.pem, and, where `init` made it, the rest."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def chain_file(self) -> Path:
        """The chain, leaf first."""
        return self.folder / CHAIN

    @property
    def key_file(self) -> Path:
        """The key, PKCS#8."""
        return self.folder / KEY

    @property
    def trust_file(self) -> Path | None:
        """The anchor to hand to `verify --trust`; None where there is none."""
        path = self.folder / TRUST
        return path if path.is_file() else None

    @property
    def needs_passphrase(self) -> bool:
        """Whether a key in it is encrypted. Raises UsageError when it cannot be read."""
        publisher = self.folder / PUBLISHER
        return is_encrypted(read_key_file(self.key_file)) or (
            publisher.is_file() and is_encrypted(read_key_file(publisher))
        )

    def open(self, passphrase: str | None = None) -> Identity:
        """Ready to sign. Raises UsageError: no such files, a wrong passphrase, a key of another certificate."""
        anchors = read_chain_file(self.trust_file) if self.trust_file else ()
        test = bool(self._facts().get("test"))
        who = Identity.from_files(
            self.chain_file, self.key_file, passphrase=passphrase, name=self.name, anchors=anchors, test=test
        )
        publisher = self.folder / PUBLISHER
        return replace(who, publisher=_publisher(publisher, passphrase)) if publisher.is_file() else who

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in schema facevalue.identity/1; no private key is opened for it. Raises UsageError."""
        chain = read_chain_file(self.chain_file)
        facts, trust = self._facts(), self.trust_file
        return {
            "schema": SCHEMA,
            "name": self.name,
            "folder": str(self.folder),
            "test": bool(facts.get("test")),
            "made": facts.get("made") if isinstance(facts.get("made"), str) else None,
            "algorithm": algorithm_of(_key_of(chain[0])),
            "certificates": [_certificate(c) for c in chain],
            "trust": str(trust) if trust else None,
            "publisher_key": facts.get("publisher_key") if isinstance(facts.get("publisher_key"), str) else None,
            "key": {
                "file": str(self.key_file),
                "encrypted": is_encrypted(read_key_file(self.key_file)),
                "readable_by_others": readable_by_others(self.key_file),
            },
        }

    def _facts(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # a folder of one's own has none
            return {}
        return found if isinstance(found, dict) else {}


def init_identity(
    name: str, *, organisation: str = "", days: int = 365, passphrase: str | None = None, folder: Path | None = None
) -> StoredIdentity:
    """Make a test identity. folder: where identities lie; passphrase encrypts its two keys.

    Raises UsageError for a name that cannot be one or is taken, or days outside 1..3650.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("an identity's name has letters, digits, '.', '_' and '-', and begins with a letter or digit")
    if not 1 <= days <= MAX_DAYS:
        raise UsageError(f"an identity is valid for 1 to {MAX_DAYS} days")
    if organisation and not organisation.isprintable():
        raise UsageError("an organisation's name must be printable")
    root = folder or identities_dir()
    final = root / name
    if final.exists():
        raise UsageError(f"the identity {name} exists already: an identity is never overwritten")
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}."))  # mode 0700
    try:
        _fill(scratch, name, organisation or "facevalue test identity", days, passphrase)
        os.rename(scratch, final)  # noqa: PTH104 - fails when somebody else was faster
    except OSError as error:
        raise UsageError(f"the identity {name} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return StoredIdentity(final)


def find_identity(name: str | Path) -> StoredIdentity:
    """By its name, or by the folder that holds a chain.pem and a key.pem. Raises UsageError."""
    text = str(name)
    if _NAME.fullmatch(text) and (identities_dir() / text).is_dir():
        return StoredIdentity(identities_dir() / text)
    with contextlib.suppress(OSError, ValueError):
        path = Path(name)
        if path.is_dir():
            for needed in (CHAIN, KEY):
                if not (path / needed).is_file():
                    raise UsageError(f"{path} is no identity: it holds no {needed}")
            return StoredIdentity(path.resolve())
    known = ", ".join(stored.name for stored in all_identities()) or "none yet: run facevalue identity init NAME"
    raise UsageError(f"there is no identity {text[:80]!r}; known here: {known}")


def all_identities() -> list[StoredIdentity]:
    """Every identity under FACEVALUE_HOME, by name."""
    try:
        folders = sorted(identities_dir().iterdir())
    except OSError:
        return []
    return [StoredIdentity(f) for f in folders if _NAME.fullmatch(f.name) and (f / CHAIN).is_file()]


# -- files ---------------------------------------------------------------------------------------------------------


def _fill(folder: Path, name: str, organisation: str, days: int, passphrase: str | None) -> None:
    made = issue_chain(name, organisation, days)
    publisher = ed25519.Ed25519PrivateKey.generate()
    public = _base64(publisher.public_key().public_bytes_raw())
    facts = {
        "schema": SCHEMA,
        "name": name,
        "test": True,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "publisher_key": public,
    }
    _write(folder / CHAIN, (pem_of(made.leaf) + pem_of(made.intermediate)).encode(), 0o644)
    _write(folder / TRUST, pem_of(made.root).encode(), 0o644)
    _write(folder / KEY, private_pem(made.key, passphrase), 0o600)
    _write(folder / PUBLISHER, private_pem(publisher, passphrase), 0o600)
    _write(folder / FACTS, json.dumps(facts, indent=2).encode() + b"\n", 0o644)


def private_pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, passphrase: str | None
) -> bytes:
    """PKCS#8 in PEM, encrypted when there is a passphrase."""
    hidden: KeySerializationEncryption = NoEncryption()
    if passphrase:
        hidden = BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)


def _write(path: Path, data: bytes, mode: int) -> None:
    """A new file with these permissions from its first moment on, flushed to the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _publisher(path: Path, passphrase: str | None) -> ed25519.Ed25519PrivateKey:
    data = read_key_file(path)
    given = passphrase.encode() if passphrase and is_encrypted(data) else None
    try:
        key = load_pem_private_key(data, given)
    except (ValueError, TypeError):
        why = "its passphrase is wrong, or it is damaged" if given else "it is damaged, or needs its passphrase"
        raise UsageError(f"the key {path.name} cannot be opened: {why}") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageError(f"the key in {path.name} is not an Ed25519 key, as registries want it")
    return key


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode("ascii")


def _key_of(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except Exception:  # a kind that the library does not know
        return None


def _certificate(certificate: x509.Certificate) -> dict[str, Any]:
    try:
        ekus = [EKU_NAMES.get(oid, oid) for oid in extended_key_usages(certificate)]
    except Exception:  # a malformed extension; `lint` says so
        ekus = []
    return {
        "subject": subject_of(certificate),
        "sha256": fingerprint(certificate),
        "valid_from": certificate.not_valid_before_utc.isoformat(),
        "valid_until": certificate.not_valid_after_utc.isoformat(),
        "extended_key_usages": ekus,
    }
