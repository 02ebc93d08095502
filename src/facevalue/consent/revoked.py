"""Revocation: ids of records, signed with the key that signed them. Schema facevalue.consent-revocations/1."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.consent import form
from facevalue.consent.errors import ConsentError
from facevalue.consent.record import Record

SCHEMA = "facevalue.consent-revocations/1"
MAX_BYTES = 1 << 20
_FIELDS = {"schema", "issued", "revoked", "public_key"}
_WHAT = "the revocation list"


def revoke(ids: Sequence[str], issued: datetime.datetime, key: Ed25519PrivateKey) -> str:
    """The JSON text of a list that revokes records, signed with the person's key."""
    fields = {
        "schema": SCHEMA,
        "issued": form.moment(issued.isoformat(timespec="seconds"), "issued").isoformat(timespec="seconds"),
        "revoked": sorted(set(ids)),
        "public_key": form.to_base64(key.public_key().public_bytes_raw()),
    }
    return json.dumps({**fields, "signature": form.to_base64(form.sign(fields, key))}, indent=2) + "\n"


def read_revocations(path: Path, record: Record) -> frozenset[str]:
    """The ids that a list revokes. Raises ConsentError when it is damaged, or not by the record's own key."""
    value = form.read_json(path, MAX_BYTES, _WHAT)
    if isinstance(value, dict) and value.get("schema") != SCHEMA:
        raise ConsentError(f"this is no revocation list: its schema is not {SCHEMA}")
    found = form.exactly(value, {*_FIELDS, "signature"}, _WHAT)
    form.moment(found["issued"], "issued")
    if not isinstance(found["revoked"], list) or not all(isinstance(i, str) for i in found["revoked"]):
        raise ConsentError("a revocation list names records by their ids")
    key = form.from_base64(found["public_key"], form.KEY_BYTES, "the public key")
    if key != record.public_key:
        raise ConsentError(f"the revocation list is not signed with the key of {record.subject}")
    signature = form.from_base64(found["signature"], form.SIGNATURE_BYTES, "the signature")
    form.verify({name: found[name] for name in _FIELDS}, key, signature, _WHAT)
    return frozenset(found["revoked"])
