"""C2SP signed notes with Ed25519: text, a blank line, and one line per signature. Verifier keys ("vkeys") beside them.

A signature of an unknown key is ignored; one of a known key that does not verify refuses the whole note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from facevalue.registry.errors import LogError

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE_BYTES = 64 << 10
MAX_SIGNATURES = 64
KEY_BYTES = 32
SIGNATURE_BYTES = 64

_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 public key (32 bytes); kind says what it signs: ED25519 notes or COSIGNATURE lines."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """4 bytes: SHA-256(name || 0x0A || kind || public key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    def check(self, message: bytes, signature: bytes) -> bool:
        """Whether the 64-byte signature is this key's over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the signer's name, the 4-byte key id, and what follows it."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, without its newline."""
        return f"— {self.name} {b64(self.key_id + self.value)}"

    def by(self, key: VerifierKey) -> bool:
        """Whether it names that key, verified or not."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class Note:
    """A note: its text, final newline included, and its signatures, not yet verified."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(s.line + "\n" for s in self.signatures)

    def signed_by(self, key: VerifierKey) -> bool:
        """Whether that key signed it. Raises LogError when a signature in the key's name does not verify."""
        mine = [s for s in self.signatures if s.by(key)]
        if not all(key.check(self.text.encode(), s.value) for s in mine):
            raise LogError(f"the signature of {key.name} does not verify")
        return bool(mine)


def parse_note(data: bytes | str) -> Note:
    """Read a note. Raises LogError when it is not exactly what the specification says."""
    if len(data) > MAX_NOTE_BYTES:
        raise LogError(f"a note is larger than {MAX_NOTE_BYTES} bytes")
    try:
        whole = data.decode("utf-8") if isinstance(data, bytes) else data
        whole.encode("utf-8")
    except UnicodeError:
        raise LogError("a note is not valid UTF-8") from None
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or not text or _CONTROL.search(whole):
        raise LogError("this is not a signed note")
    rows = lines[:-1].split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise LogError(f"a note has more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(parse_signature(row) for row in rows))


def parse_signature(line: str) -> Signature:
    """Read one signature line. Raises LogError."""
    found = _LINE.fullmatch(line)
    raw = unb64(found[2]) if found else b""
    if found is None or len(raw) <= 4:
        raise LogError("a signature line of a note is malformed")
    return Signature(found[1], raw[:4], raw[4:])


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> Signature:
    """The signature of a note's text, which ends with a newline."""
    public = VerifierKey(check_name(name), key.public_key().public_bytes_raw())
    return Signature(name, public.key_id, key.sign(text.encode()))


def parse_vkey(text: str, kinds: Collection[int] = (ED25519, COSIGNATURE)) -> VerifierKey:
    """Read name+hexid+base64(kind || public key). Raises LogError, also when the id is not that of the key."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = unb64(encoded)
    if len(raw) != 1 + KEY_BYTES or raw[0] not in kinds:
        raise LogError("this is not a verifier key: name+id+base64 of an Ed25519 key")
    key = VerifierKey(check_name(name), raw[1:], raw[0])
    if key.key_id.hex() != key_id:
        raise LogError("the id of a verifier key is not that of its key")
    return key


def check_name(name: str) -> str:
    """The name itself, if a key may have it: not empty, no spaces, no plus, no control characters. Raises LogError."""
    if not name or len(name) > 200 or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise LogError("a key's name must be 1 to 200 printable characters without spaces and plus")
    return name


def b64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def unb64(text: str) -> bytes:
    """The bytes behind standard base64, or b"" when it is not exactly the one spelling of some bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if b64(data) == text else b""
