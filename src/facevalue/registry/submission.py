"""Signed submissions: what a key holder asks of a registry, signed so that nobody else can ask it, and never twice.

The signature (Ed25519) is over a prefix and the canonical JSON of the payload, which names the registry, the time and
a nonce: a submission counts at one registry, within five minutes, once.
"""

from __future__ import annotations

import re
import secrets
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.registry.canonical import canonical
from facevalue.registry.errors import RefusedError
from facevalue.registry.keys import decode_public
from facevalue.registry.log.note import SIGNATURE_BYTES, VerifierKey, b64, unb64
from facevalue.registry.words import Entry, check_text, time_text

SCHEMA = "facevalue.registry.submission/1"
WINDOW_S = 300
_PREFIX = SCHEMA.encode() + b"\n"
_NONCE = re.compile("[0-9a-f]{32}")
_FIELDS = {"schema", "action", "registry", "time", "nonce"}


class Action(StrEnum):
    """What is asked for."""

    REGISTER = "register"
    REVOKE = "revoke"
    READ = "read"


_OWN_FIELDS = {Action.REGISTER: {"entry"}, Action.REVOKE: {"leaf", "reason"}, Action.READ: {"leaf"}}


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission whose signature verified; who the key belongs to is for the registry to know.

    time: microseconds since 1970. entry, leaf and reason: as its action has them. envelope: as it was received.
    """

    action: Action
    registry: str
    time: int
    nonce: str
    public: bytes
    envelope: Mapping[str, Any] = field(repr=False)
    entry: Entry | None = None
    leaf: int = -1
    reason: str = ""


def sign(
    key: Ed25519PrivateKey, registry: str, action: Action, *, now: float | None = None, **own: Any
) -> dict[str, Any]:
    """A signed submission, JSON-ready. own: entry=Entry, or leaf=int and reason=str. now: POSIX seconds."""
    if isinstance(own.get("entry"), Entry):
        own["entry"] = own["entry"].to_dict()
    payload = {
        "schema": SCHEMA,
        "action": str(action),
        "registry": registry,
        "time": time_text(round((clock.time() if now is None else now) * 1e6)),
        "nonce": secrets.token_hex(16),
        **own,
    }
    signature = key.sign(_PREFIX + canonical(payload))
    return {"payload": payload, "public_key": b64(key.public_key().public_bytes_raw()), "signature": b64(signature)}


def open_submission(envelope: Any) -> Submission:
    """Check form and signature. Raises RefusedError, which never says more than the sender already knows."""
    if not isinstance(envelope, Mapping) or set(envelope) != {"payload", "public_key", "signature"}:
        raise RefusedError("bad_request", "a submission is an object of payload, public_key and signature")
    payload, public = envelope["payload"], decode_public(envelope["public_key"])
    signature = unb64(envelope["signature"]) if isinstance(envelope["signature"], str) else b""
    if not isinstance(payload, Mapping) or payload.get("schema") != SCHEMA:
        raise RefusedError("bad_request", f"the payload's schema must be {SCHEMA}")
    try:
        message = _PREFIX + canonical(payload)
    except ValueError as error:
        raise RefusedError("bad_request", f"the payload has no canonical form: {error}") from None
    if len(signature) != SIGNATURE_BYTES or not VerifierKey("", public).check(message, signature):
        raise RefusedError("bad_signature", "the signature does not verify", 401)
    return _read(payload, public, envelope)


def check_fresh(submission: Submission, registry: str, now: float) -> None:
    """Raise RefusedError unless it is meant for this registry and made within WINDOW_S of now (POSIX seconds)."""
    if submission.registry != registry:
        raise RefusedError("wrong_registry", f"the submission is for another registry, not for {registry}", 401)
    if abs(submission.time / 1e6 - now) > WINDOW_S:
        raise RefusedError("stale", f"the submission's time is not within {WINDOW_S} seconds of the clock here", 401)


def _read(payload: Mapping[str, Any], public: bytes, envelope: Mapping[str, Any]) -> Submission:
    try:
        action = Action(str(payload.get("action")))
    except ValueError:
        raise RefusedError("bad_request", f"an action is one of {', '.join(Action)}") from None
    if set(payload) != _FIELDS | _OWN_FIELDS[action]:
        wanted = ", ".join(sorted(_FIELDS | _OWN_FIELDS[action]))
        raise RefusedError("bad_request", f"the payload of {action} has the fields {wanted}")
    nonce, leaf = payload["nonce"], payload.get("leaf", -1)
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise RefusedError("bad_request", "a nonce is 32 hexadecimal digits")
    if type(leaf) is not int or (leaf < 0 and action is not Action.REGISTER):
        raise RefusedError("bad_request", "a leaf is a number, 0 or more")
    return Submission(
        action=action,
        registry=check_text(payload["registry"], "registry"),
        time=read_time(payload["time"]),
        nonce=nonce,
        public=public,
        envelope=envelope,
        entry=Entry.from_dict(payload["entry"]) if action is Action.REGISTER else None,
        leaf=leaf,
        reason=check_text(payload.get("reason", ""), "reason"),
    )


def read_time(text: Any) -> int:
    """Microseconds since 1970 from what time_text writes, in that spelling only. Raises RefusedError."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        time = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    except (TypeError, ValueError):
        time = None
    if time is None or time_text(time) != text:
        raise RefusedError("bad_request", "a time is written as 2026-01-31T12:00:00.000000Z")
    return time
