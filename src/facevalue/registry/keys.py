"""Ed25519 keys in files: PKCS#8 PEM, unencrypted, readable by their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from facevalue.errors import UsageError
from facevalue.registry.errors import RefusedError
from facevalue.registry.files import write_durably
from facevalue.registry.log.note import KEY_BYTES, unb64

MAX_KEY_FILE_BYTES = 64 << 10


def make_key(path: Path) -> Ed25519PrivateKey:
    """A new key, written to a new file with mode 0600. Raises UsageError when the file exists."""
    if path.exists():
        raise UsageError(f"{path} exists already: a key is never overwritten")
    key = Ed25519PrivateKey.generate()
    write_durably(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """The key in a PEM file. Raises UsageError when it cannot be read or holds no Ed25519 key."""
    try:
        with path.open("rb") as stream:
            key = load_pem_private_key(stream.read(MAX_KEY_FILE_BYTES), None)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, TypeError):
        raise UsageError(f"{path} holds no unencrypted private key in PEM (PKCS#8)") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"the key in {path} is not an Ed25519 key")
    return key


def readable_by_others(path: Path) -> bool:
    """Whether the file's permission bits let anybody but its owner read it; never on Windows."""
    return os.name != "nt" and bool(path.stat().st_mode & 0o077)


def decode_public(text: object) -> bytes:
    """The 32 bytes of a public key written as base64. Raises RefusedError."""
    data = unb64(text) if isinstance(text, str) else b""
    if len(data) != KEY_BYTES:
        raise RefusedError("bad_key", "a public key is 32 bytes in base64")
    return data
