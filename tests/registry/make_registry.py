"""What the registry's tests share: keys, registries, submissions, and manifest stores made by hand."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra 'registry'")

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.registry import Action, Binding, Entry, Key, Registry, Request, Role, sign
from facevalue.registry.keys import load_key

ORIGIN = "registry.example.org/log"
PDQ = "org.facevalue.pdq.1"
MARK = "org.facevalue.watermark.1"


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def entry(text: str = "a", **fields: Any) -> Entry:
    return Entry(sha(text), "image/jpeg", **fields)


def pdq(value: bytes) -> Binding:
    return Binding(PDQ, value)


class Party:
    """A registry, and the keys that speak to it."""

    def __init__(self, root: Path, url: str | None = None) -> None:
        self.registry = Registry.create(root, ORIGIN, url=url)
        self.url = url
        self.owner = load_key(self.registry.folder.owner_key)

    def key(self, role: Role = Role.PUBLISHER, name: str = "news.example.org") -> Ed25519PrivateKey:
        key = Ed25519PrivateKey.generate()
        self.registry.put_key(Key(key.public_key().public_bytes_raw(), name, role))
        return key

    def ask(self, action: Action, key: Ed25519PrivateKey | None = None, **own: Any) -> Request:
        return Request(sign(key or self.owner, ORIGIN, action, **own))

    def add(self, claim: Entry, key: Ed25519PrivateKey | None = None, manifest: bytes | None = None) -> int:
        request = Request(sign(key or self.owner, ORIGIN, Action.REGISTER, entry=claim), manifest)
        return self.registry.submit_one(request).leaf

    def revoke(self, leaf: int, key: Ed25519PrivateKey | None = None, reason: str = "mistake") -> int:
        return self.registry.submit_one(self.ask(Action.REVOKE, key, leaf=leaf, reason=reason)).leaf


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def superbox(label: str, *content: bytes) -> bytes:
    return box(b"jumb", box(b"jumd", bytes(16) + b"\x03" + label.encode() + b"\0") + b"".join(content))


def manifest_store(*labels: str) -> bytes:
    """A store in JUMBF that holds manifests with these labels, the last one active."""
    return superbox("c2pa", *(superbox(label, box(b"cbor", b"\xa0")) for label in labels))


def error_of(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    return answer.status_code, answer.json()["error"]["code"]
