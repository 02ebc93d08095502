"""The record itself: schema facevalue.consent/1."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.consent import form
from facevalue.consent.errors import ConsentError

SCHEMA = "facevalue.consent/1"
PURPOSES = ("swap", "reenact", "voice", "train")
FACE_MODEL, FACE_WIDTH = "sface-2021dec-int8", 128
# Cosine of two embeddings from which on they are one person's; docs/lab-swap.md has its measured error rates.
SAME_PERSON = 0.45
MAX_BYTES = 64 << 10
MAX_DAYS = 3660
MAX_RECORDINGS = 500
_FIELDS = {"schema", "id", "subject", "face", "purposes", "grantee", "valid_from", "valid_until", "public_key"}
# Only in a record that names recordings of the voice; absent from all others.
_RECORDINGS = "recordings_sha256"
_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHAT = "the consent record"

Embedding = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Record:
    """One person's signed consent. All times are UTC.

    id: 32 hexadecimal digits, by which it is revoked. subject: the person's name as they state it. face: the embedding
    of their face, float32 (128,) of length 1, or None for a record about the voice alone. purposes: of PURPOSES.
    grantee: who may do it. public_key, signature: Ed25519, raw. recordings_sha256: of the recordings of their voice
    that may be used, empty where only the face is; there is no embedding of voices, so these files are what binds.
    """

    id: str
    subject: str
    face: Embedding | None
    purposes: tuple[str, ...]
    grantee: str
    valid_from: datetime.datetime
    valid_until: datetime.datetime
    public_key: bytes
    signature: bytes
    recordings_sha256: tuple[str, ...] = ()

    @property
    def key_sha256(self) -> str:
        """Of the public key: what to compare with the person's own word."""
        return hashlib.sha256(self.public_key).hexdigest()

    def fields(self) -> dict[str, Any]:
        """What is signed, JSON-ready."""
        face = None
        if self.face is not None:
            face = {"model": FACE_MODEL, "embedding": form.to_base64(self.face.astype("<f4").tobytes())}
        fields: dict[str, Any] = {
            "schema": SCHEMA,
            "id": self.id,
            "subject": self.subject,
            "face": face,
            "purposes": list(self.purposes),
            "grantee": self.grantee,
            "valid_from": self.valid_from.isoformat(timespec="seconds"),
            "valid_until": self.valid_until.isoformat(timespec="seconds"),
            "public_key": form.to_base64(self.public_key),
        }
        return fields | ({_RECORDINGS: list(self.recordings_sha256)} if self.recordings_sha256 else {})

    def to_json(self) -> str:
        """The record as a file holds it."""
        signed = {**self.fields(), "signature": form.to_base64(self.signature)}
        return json.dumps(signed, indent=2, ensure_ascii=False) + "\n"

    def admit(
        self,
        purpose: str,
        face: Embedding | None = None,
        *,
        now: datetime.datetime | None = None,
        key: bytes | None = None,
        revoked: Collection[str] = (),
    ) -> float | None:
        """Check that the record allows this: signature, revocation, time, purpose, and person. Raises ConsentError.

        face: the embedding of the face that is to be used, where one is. now: by default this moment. key: the public
        key that the person is known to have. revoked: ids, see read_revocations. Returns the cosine of the two faces.
        """
        form.verify(self.fields(), self.public_key, self.signature, _WHAT)
        if key is not None and key != self.public_key:
            raise ConsentError(f"the consent record of {self.subject} is signed with another key than the one expected")
        if self.id in revoked:
            raise ConsentError(f"the consent of {self.subject} was revoked")
        self._in_time(now or datetime.datetime.now(datetime.UTC))
        if purpose not in self.purposes:
            allowed = ", ".join(self.purposes)
            raise ConsentError(f"the consent of {self.subject} does not cover '{purpose}'; it covers: {allowed}")
        return self._same_person(face) if face is not None else None

    def _in_time(self, now: datetime.datetime) -> None:
        if now < self.valid_from:
            raise ConsentError(f"the consent of {self.subject} is not valid yet: it begins {_day(self.valid_from)}")
        if now >= self.valid_until:
            raise ConsentError(f"the consent of {self.subject} has expired: it ended {_day(self.valid_until)}")

    def _same_person(self, face: Embedding) -> float:
        if self.face is None:
            raise ConsentError(f"the consent of {self.subject} names no face")
        cosine = float(np.dot(self.face, checked_embedding(face)))
        if cosine < SAME_PERSON:
            raise ConsentError(
                f"the face is not that of {self.subject}, whose consent this is "
                f"(similarity {cosine:.2f}, {SAME_PERSON:g} is needed)"
            )
        return cosine


def create_record(
    subject: str,
    face: Embedding | None,
    purposes: Sequence[str],
    grantee: str,
    valid_from: datetime.datetime,
    valid_until: datetime.datetime,
    key: Ed25519PrivateKey,
    recordings_sha256: Sequence[str] = (),
) -> Record:
    """A record, signed with the person's own key. Raises ConsentError for what no record may say (see parse_record)."""
    unsigned = Record(
        secrets.token_hex(16),
        subject,
        None if face is None else checked_embedding(face),
        tuple(purposes),
        grantee,
        form.moment(valid_from.isoformat(timespec="seconds"), "valid_from"),
        form.moment(valid_until.isoformat(timespec="seconds"), "valid_until"),
        key.public_key().public_bytes_raw(),
        b"",
        tuple(recordings_sha256),
    )
    fields = unsigned.fields()
    return record_of({**fields, "signature": form.to_base64(form.sign(fields, key))})


def read_record(path: Path) -> Record:
    """A record from a file, its form and its signature checked. Raises ConsentError, with the reason."""
    return record_of(form.read_json(path, MAX_BYTES, _WHAT))


def parse_record(data: bytes) -> Record:
    """A record from bytes, its form and its signature checked. Raises ConsentError, with the reason."""
    return record_of(form.parse_json(data, MAX_BYTES, _WHAT))


def record_of(value: Any) -> Record:
    """A record from parsed JSON, its form and its signature checked. Raises ConsentError."""
    if isinstance(value, dict) and value.get("schema") != SCHEMA:
        raise ConsentError(f"this is no consent record: its schema is not {SCHEMA}")
    spoken = {_RECORDINGS} if isinstance(value, dict) and _RECORDINGS in value else set()
    found = form.exactly(value, {*_FIELDS, *spoken, "signature"}, _WHAT)
    if not isinstance(found["id"], str) or not _ID.fullmatch(found["id"]):
        raise ConsentError("the consent record's id must be 32 hexadecimal digits")
    record = Record(
        found["id"],
        form.text(found["subject"], "the subject of a consent record"),
        _face(found["face"]),
        _purposes(found["purposes"]),
        form.text(found["grantee"], "the grantee of a consent record"),
        form.moment(found["valid_from"], "valid_from"),
        form.moment(found["valid_until"], "valid_until"),
        form.from_base64(found["public_key"], form.KEY_BYTES, "the public key"),
        form.from_base64(found["signature"], form.SIGNATURE_BYTES, "the signature"),
        _recordings(found[_RECORDINGS]) if spoken else (),
    )
    _possible(record)
    form.verify(record.fields(), record.public_key, record.signature, _WHAT)
    return record


def _possible(record: Record) -> None:
    if not datetime.timedelta(0) < record.valid_until - record.valid_from <= datetime.timedelta(days=MAX_DAYS):
        raise ConsentError(f"a consent record is valid for more than 0 and at most {MAX_DAYS} days")
    if record.face is None and {"swap", "reenact"} & set(record.purposes):
        raise ConsentError("a consent record for a swap or a reenactment needs the embedding of the face")


def _recordings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_RECORDINGS or len(set(map(str, value))) != len(value):
        raise ConsentError(f"the recordings of a consent record are a list of 1 to {MAX_RECORDINGS:,}, none twice")
    if not all(isinstance(digest, str) and _SHA256.fullmatch(digest) for digest in value):
        raise ConsentError("the recordings of a consent record are sha256 digests, 64 hexadecimal digits each")
    return tuple(value)


def _purposes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) != len(value):
        raise ConsentError("the purposes of a consent record are a list of one or more, none twice")
    for purpose in value:
        if purpose not in PURPOSES:
            raise ConsentError(f"unknown purpose '{str(purpose)[:40]}'; known: {', '.join(PURPOSES)}")
    return tuple(value)


def _face(value: Any) -> Embedding | None:
    if value is None:
        return None
    found: Mapping[str, Any] = form.exactly(value, {"model", "embedding"}, "the face of a consent record")
    if found["model"] != FACE_MODEL:
        raise ConsentError(f"the face of a consent record was measured with a model that is not {FACE_MODEL}")
    data = form.from_base64(found["embedding"], 4 * FACE_WIDTH, "the embedding of the face")
    return checked_embedding(np.frombuffer(data, "<f4").astype(np.float32))


def checked_embedding(face: Embedding) -> Embedding:
    """The embedding as it is: float32 (128,) of length 1. Raises ConsentError."""
    if face.shape != (FACE_WIDTH,) or not np.isfinite(face).all() or abs(float(np.linalg.norm(face)) - 1) > 1e-3:
        raise ConsentError(f"an embedding of a face has {FACE_WIDTH} finite numbers and length 1")
    return face.astype(np.float32)


def _day(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
