"""Signed JSON: read strictly, spelled canonically (RFC 8785), signed with Ed25519 (RFC 8032)."""

from __future__ import annotations

import base64
import binascii
import datetime
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from facevalue.consent.errors import ConsentError
from facevalue.registry.canonical import canonical, parse

MAX_TEXT = 200
KEY_BYTES, SIGNATURE_BYTES = 32, 64


def read_json(path: Path, limit: int, what: str) -> Any:
    """The JSON in a file. Raises ConsentError: unreadable, larger than limit bytes, or no JSON."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise ConsentError(f"{what} {path.name} cannot be read: {reason}") from None
    return parse_json(data, limit, what)


def parse_json(data: bytes, limit: int, what: str) -> Any:
    """The JSON in some bytes. Raises ConsentError as read_json does."""
    if len(data) > limit:
        raise ConsentError(f"{what} is larger than {limit:,} bytes")
    try:
        return parse(data)
    except (ValueError, RecursionError) as error:
        raise ConsentError(f"{what} is not JSON that can be read: {str(error)[:120]}") from None


def exactly(value: Any, names: set[str], what: str) -> dict[str, Any]:
    """A JSON object with these names and no others: a field that is not known might limit what is allowed."""
    if not isinstance(value, dict):
        raise ConsentError(f"{what} is not a JSON object")
    for name in sorted(names - value.keys()):
        raise ConsentError(f"{what} lacks the field '{name}'")
    for name in sorted(value.keys() - names):
        raise ConsentError(f"{what} has a field that this version does not know: '{name[:40]}'")
    return value


def text(value: Any, what: str) -> str:
    """A printable text of 1 to MAX_TEXT characters. Raises ConsentError."""
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise ConsentError(f"{what} must be a text of 1 to {MAX_TEXT} characters")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in value):
        raise ConsentError(f"{what} must not hold control characters or broken Unicode")
    return value


def moment(value: Any, what: str) -> datetime.datetime:
    """An ISO 8601 time with its offset. Raises ConsentError."""
    try:
        found = datetime.datetime.fromisoformat(value)
        if found.tzinfo is None:
            raise ConsentError(f"{what} must state its offset from UTC, such as 2026-01-31T00:00:00+00:00")
        return found.astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        raise ConsentError(f"{what} must be a time such as 2026-01-31T00:00:00+00:00") from None


def from_base64(value: Any, size: int, what: str) -> bytes:
    """So many bytes from base64. Raises ConsentError."""
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (ValueError, binascii.Error):
        data = b""
    if len(data) != size:
        raise ConsentError(f"{what} must be {size} bytes in base64")
    return data


def to_base64(data: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(data).decode("ascii")


def sign(fields: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The signature of some fields: over their schema, a line break, and their canonical JSON."""
    return key.sign(_message(fields))


def verify(fields: Mapping[str, Any], public_key: bytes, signature: bytes, what: str) -> None:
    """Raises ConsentError when the signature is not that of the fields by the key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _message(fields))
    except (InvalidSignature, ValueError):
        raise ConsentError(
            f"the signature of {what} does not hold: it was changed after it was signed, or signed with another key"
        ) from None


def _message(fields: Mapping[str, Any]) -> bytes:
    return str(fields["schema"]).encode() + b"\n" + canonical(fields)
