"""The registry's words: what is registered, by whom, in which role, and what a question gets for an answer.

Everything here is an immutable value that checks itself: what a stranger sends becomes one of these or is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from facevalue.registry.errors import RefusedError
from facevalue.registry.log.note import b64, unb64

MAX_TEXT = 1000
MAX_BINDINGS = 64
MAX_VALUE_BYTES = 4096
SHA256_BYTES = 32

_ALGORITHM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_MANIFEST_ID = re.compile(r"[!-~]{1,256}")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,100}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Role(StrEnum):
    """What a key may do."""

    PUBLISHER = "publisher"  # register, revoke and read its own
    CURATOR = "curator"  # register, revoke and read everything
    AUDITOR = "auditor"  # read everything, private claims included


class Kind(StrEnum):
    """What a soft binding is."""

    FINGERPRINT = "fingerprint"
    WATERMARK = "watermark"


class Match(StrEnum):
    """How the values of an algorithm are compared."""

    EXACT = "exact"
    HAMMING256 = "hamming256"  # 256 bits, within 31 of each other
    FEATURES = "features"  # looked up by words that are shared, compared by geometry or in time (fingerprint.schemes)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A soft binding algorithm that a registry knows, by the name that C2PA's soft binding algorithm list gives it."""

    name: str
    kind: Kind
    match: Match = Match.EXACT

    def check(self, value: bytes) -> bytes:
        """The value itself, if the algorithm can have it. Raises RefusedError."""
        if self.match is Match.HAMMING256 and len(value) != 32:
            raise RefusedError("bad_binding", f"a value of {self.name} is 32 bytes, not {len(value)}")
        if not 0 < len(value) <= MAX_VALUE_BYTES:
            raise RefusedError("bad_binding", f"a binding's value has 1 to {MAX_VALUE_BYTES} bytes, not {len(value)}")
        if self.match is Match.FEATURES:
            self._check_features(value)
        return value

    def _check_features(self, value: bytes) -> None:
        from facevalue.fingerprint.schemes import SCHEMES  # late: OpenCV takes its time, and few commands need it

        if self.name not in SCHEMES:
            raise RefusedError("bad_algorithm", f"this version does not know how features of {self.name:.60} compare")
        try:
            SCHEMES[self.name].words(value)
        except ValueError as error:
            raise RefusedError("bad_binding", f"a value of {self.name} is malformed: {error}") from None


# What a new registry knows; `registry init --algorithm` adds more. Names of facevalue's own are reverse domain names.
PDQ = Algorithm("org.facevalue.pdq.1", Kind.FINGERPRINT, Match.HAMMING256)
WATERMARK = Algorithm("org.facevalue.watermark.1", Kind.WATERMARK)
SPEECH_WATERMARK = Algorithm("org.facevalue.watermark.speech.1", Kind.WATERMARK)
ISCC = Algorithm("io.iscc.v0", Kind.FINGERPRINT)
LOCAL = Algorithm("org.facevalue.local.1", Kind.FINGERPRINT, Match.FEATURES)
CLIP = Algorithm("org.facevalue.clip.1", Kind.FINGERPRINT, Match.FEATURES)
SOUND = Algorithm("org.facevalue.sound.1", Kind.FINGERPRINT, Match.FEATURES)
ALGORITHMS = (PDQ, WATERMARK, SPEECH_WATERMARK, ISCC, LOCAL, CLIP, SOUND)


def make_algorithm(text: str) -> Algorithm:
    """From NAME:fingerprint, NAME:watermark or NAME:fingerprint:hamming256. Raises RefusedError."""
    name, _, rest = text.partition(":")
    kind, _, match = rest.partition(":")
    try:
        return Algorithm(_matched(_ALGORITHM, name, "an algorithm's name"), Kind(kind), Match(match or Match.EXACT))
    except ValueError:
        raise RefusedError("bad_algorithm", "an algorithm is NAME:fingerprint|watermark[:exact|hamming256]") from None


@dataclass(frozen=True, slots=True)
class Binding:
    """One soft binding: the algorithm's name, and its value as bytes (a perceptual hash, a watermark's payload)."""

    alg: str
    value: bytes

    def to_dict(self) -> dict[str, str]:
        """JSON-ready; the value as base64."""
        return {"alg": self.alg, "value": b64(self.value)}

    @classmethod
    def from_dict(cls, data: Any) -> Binding:
        """Read what to_dict wrote. Raises RefusedError."""
        fields = _mapping(data, {"alg", "value"}, "a binding")
        alg = _matched(_ALGORITHM, fields.get("alg"), "a binding's alg")
        return cls(alg, decode_value(fields.get("value")))


@dataclass(frozen=True, slots=True)
class Entry:
    """One claim: "I published this content". Its hash, what describes it, and what finds it again.

    content: sha256 of the file's bytes. asset_hash: the hash of the C2PA hard binding. manifest_id: the C2PA manifest's
    identifier; manifest: sha256 of the manifest store's bytes, which are kept beside. private: shown to its publisher,
    to curators and to auditors only; the log commits to it all the same.
    """

    content: bytes
    media_type: str = "application/octet-stream"
    title: str = ""
    asset_hash: bytes | None = None
    manifest_id: str | None = None
    manifest: bytes | None = None
    bindings: tuple[Binding, ...] = ()
    private: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; hashes in hexadecimal. What is absent is left out, so that a claim has one spelling."""
        fields: dict[str, Any] = {
            "content_sha256": self.content.hex(),
            "media_type": self.media_type,
            "title": self.title,
            "asset_hash": self.asset_hash.hex() if self.asset_hash else None,
            "manifest_id": self.manifest_id,
            "manifest_sha256": self.manifest.hex() if self.manifest else None,
            "bindings": [binding.to_dict() for binding in self.bindings],
            "private": self.private,
        }
        return {key: value for key, value in fields.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Any) -> Entry:
        """Read what to_dict wrote, strictly: an unknown field is refused. Raises RefusedError."""
        fields = _mapping(data, _ENTRY_FIELDS, "an entry")
        manifest_id = fields.get("manifest_id")
        return cls(
            content=decode_hash(fields.get("content_sha256"), "content_sha256"),
            media_type=_matched(_MEDIA_TYPE, fields.get("media_type", "application/octet-stream"), "media_type"),
            title=check_text(fields.get("title", ""), "title"),
            asset_hash=_optional_hash(fields, "asset_hash", (32, 48, 64)),
            manifest_id=None if manifest_id is None else _matched(_MANIFEST_ID, manifest_id, "manifest_id"),
            manifest=_optional_hash(fields, "manifest_sha256", (SHA256_BYTES,)),
            bindings=_bindings(fields.get("bindings", [])),
            private=_flag(fields.get("private", False)),
        )


_ENTRY_FIELDS = {
    "asset_hash",
    "bindings",
    "content_sha256",
    "manifest_id",
    "manifest_sha256",
    "media_type",
    "private",
    "title",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may write or read: its public half (32 bytes, Ed25519), its holder's name, and its role."""

    public: bytes
    name: str
    role: Role
    added: int = 0
    disabled: int | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """That a claim was withdrawn: by whom, why, when (microseconds, UTC), and which leaf of the log says so."""

    leaf: int
    by: str
    reason: str
    time: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"leaf": self.leaf, "by": self.by, "reason": self.reason, "time": time_text(self.time)}


@dataclass(frozen=True, slots=True)
class Claim:
    """A registered entry as it is found again: leaf is its place in the log and its name here.

    how: what led to it, such as "content" or an algorithm's name. distance: bits, for a fingerprint; else None.
    score: features that agree, for fingerprints that are compared by those; else None.
    """

    leaf: int
    entry: Entry
    publisher: str
    key: bytes
    time: int
    revocations: tuple[Revocation, ...] = ()
    how: str = ""
    distance: int | None = None
    score: int | None = None

    @property
    def revoked(self) -> bool:
        """Whether it was withdrawn."""
        return bool(self.revocations)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "leaf": self.leaf,
            "time": time_text(self.time),
            "publisher": self.publisher,
            "key": b64(self.key),
            "entry": self.entry.to_dict(),
            "revocations": [revocation.to_dict() for revocation in self.revocations],
            "matched_by": self.how,
            **({} if self.distance is None else {"distance": self.distance}),
            **({} if self.score is None else {"score": self.score}),
        }


def time_text(time: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC, always with six decimals."""
    return (_EPOCH + timedelta(microseconds=time)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def decode_hash(value: Any, name: str, sizes: Sequence[int] = (SHA256_BYTES,)) -> bytes:
    """The bytes behind lower-case hexadecimal of one of the sizes. Raises RefusedError."""
    wanted = " or ".join(str(2 * size) for size in sizes)
    if not isinstance(value, str) or len(value) not in {2 * size for size in sizes}:
        raise RefusedError("bad_request", f"{name} must be {wanted} hexadecimal digits")
    if not re.fullmatch("[0-9a-f]*", value):
        raise RefusedError("bad_request", f"{name} must be {wanted} lower-case hexadecimal digits")
    return bytes.fromhex(value)


def decode_value(value: Any) -> bytes:
    """The bytes of a binding's value, which travels as base64 (C2PA). Raises RefusedError."""
    data = unb64(value) if isinstance(value, str) else b""
    if not data:
        raise RefusedError("bad_binding", "a binding's value must be base64 (RFC 4648, section 4) of at least one byte")
    return data


def check_text(value: Any, name: str, limit: int = MAX_TEXT) -> str:
    """The text itself: at most `limit` characters, no control characters, valid Unicode. Raises RefusedError."""
    if not isinstance(value, str) or len(value) > limit:
        raise RefusedError("bad_request", f"{name} must be text of at most {limit} characters")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in value):
        raise RefusedError("bad_request", f"{name} must not hold control characters or broken Unicode")
    return value


def _bindings(value: Any) -> tuple[Binding, ...]:
    if not isinstance(value, list) or len(value) > MAX_BINDINGS:
        raise RefusedError("bad_request", f"bindings must be a list of at most {MAX_BINDINGS}")
    found = tuple(Binding.from_dict(item) for item in value)
    if len(set(found)) != len(found):
        raise RefusedError("bad_request", "a binding occurs twice")
    return found


def _optional_hash(fields: Mapping[str, Any], name: str, sizes: Sequence[int]) -> bytes | None:
    return None if fields.get(name) is None else decode_hash(fields[name], name, sizes)


def _mapping(data: Any, known: set[str], what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise RefusedError("bad_request", f"{what} must be a JSON object")
    if unknown := sorted(set(map(str, data)) - known):
        raise RefusedError("bad_request", f"{what} has no field {unknown[0]!r:.60}")
    return data


def _matched(pattern: re.Pattern[str], value: Any, name: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RefusedError("bad_request", f"{name} is malformed: {value!r:.60}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise RefusedError("bad_request", "private must be true or false")
    return value
