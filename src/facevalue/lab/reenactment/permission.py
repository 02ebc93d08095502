"""Whether a person's likeness may be driven: their signed consent record, or the licence of a data set."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.consent import ConsentError, Licence, Record, read_revocations
from facevalue.consent import form as consent_form
from facevalue.consent.licence import MAX_BYTES, licence_of
from facevalue.consent.licence import SCHEMA as LICENCE
from facevalue.consent.record import record_of

Consent = Path | Record | Licence
Embedding = npt.NDArray[np.float32]
PURPOSE = "reenact"


@dataclass(frozen=True, slots=True)
class Permission:
    """What was shown for a portrait, and how it is judged. Made by `of`; `admit` says yes or raises."""

    allowed: Record | Licence
    key: bytes | None
    revoked: frozenset[str]
    now: datetime.datetime | None

    @classmethod
    def of(
        cls,
        consent: object,
        sha256: str,
        revocations: Path | None = None,
        key: bytes | None = None,
        now: datetime.datetime | None = None,
    ) -> Permission:
        """Read it, and check all that can be checked before the portrait is decoded. Raises ConsentError.

        consent: a record, a licence manifest, or the file of either. sha256: of the portrait's file. revocations: a
        list signed with the record's key. key: the Ed25519 public key that the person is known to have, 32 bytes.
        """
        allowed = _read(consent)
        if isinstance(allowed, Licence):
            allowed.admit(PURPOSE, sha256)
            return cls(allowed, key, frozenset(), now)
        revoked = read_revocations(revocations, allowed) if revocations is not None else frozenset[str]()
        allowed.admit(PURPOSE, now=now, key=key, revoked=revoked)
        return cls(allowed, key, revoked, now)

    def admit(self, faces: Iterable[Embedding]) -> dict[str, Any]:
        """What allows the use of these faces, JSON-ready. faces: of the portrait, each of which must be the person's.

        Raises ConsentError.
        """
        allowed = self.allowed
        if isinstance(allowed, Licence):
            return {"kind": "licence", "data_set": allowed.data_set, "licence": allowed.licence}
        cosines = [
            allowed.admit(PURPOSE, face, now=self.now, key=self.key, revoked=self.revoked) or 0.0 for face in faces
        ]
        if not cosines:
            raise ConsentError("no face of the portrait can be compared with the consent record's")
        return {
            "kind": "consent",
            "id": allowed.id,
            "subject": allowed.subject,
            "grantee": allowed.grantee,
            "valid_until": allowed.valid_until.isoformat(timespec="seconds"),
            "key_sha256": allowed.key_sha256,
            "similarity": round(min(cosines), 4),
        }


def _read(consent: object) -> Record | Licence:
    if isinstance(consent, Record | Licence):
        return consent
    if not isinstance(consent, Path):
        raise ConsentError(
            "a person's likeness is driven only with their signed consent record, or a data set's licence manifest"
        )
    value = consent_form.read_json(consent, MAX_BYTES, "the consent")
    if isinstance(value, dict) and value.get("schema") == LICENCE:
        return licence_of(value)
    return record_of(value)


__all__ = ["PURPOSE", "Consent", "Permission"]
