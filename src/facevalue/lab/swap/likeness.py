"""The source: a face whose use is allowed. A Likeness exists only when the consent, or a licence, was checked."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.consent import ConsentError, Licence, Record, read_revocations
from facevalue.consent import form as consent_form
from facevalue.consent.licence import MAX_BYTES, licence_of
from facevalue.consent.licence import SCHEMA as LICENCE
from facevalue.consent.record import record_of
from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.faces import Face
from facevalue.faces.embed import embed_face
from facevalue.lab.swap.points import SMALLEST_FACE_PX, FacePoints, faces_by_size, points_of
from facevalue.media import decode

Pixels = npt.NDArray[np.uint8]
Consent = Path | Record | Licence
PURPOSE = "swap"


@dataclass(frozen=True)
class Likeness:
    """A face that may be superimposed. Made by `admitted` alone.

    pixels: uint8 RGB (H, W, 3) of the source picture. basis: JSON-ready, what allows it.
    """

    path: Path
    sha256: str
    pixels: Pixels = field(repr=False)
    points: FacePoints = field(repr=False)
    basis: dict[str, Any]


def admitted(
    source: Path,
    consent: Consent,
    *,
    face: int | None = None,
    revocations: Path | None = None,
    key: bytes | None = None,
    now: datetime.datetime | None = None,
) -> Likeness:
    """Read the source picture and check that its face may be used for a swap.

    consent: a consent record or a licence manifest, or the file of either. face: which face of the source, counted from
    the left from 1; by default the largest. revocations: a list signed with the record's key. key: the Ed25519 public
    key that the person is known to have, 32 bytes. now: by default this moment. Raises ConsentError with the reason,
    UsageError where the source shows no face, DecodeError and UnreadableError.
    """
    allowed = _read(consent)
    exhibit = Exhibit.open(source)
    if isinstance(allowed, Licence):
        allowed.admit(PURPOSE, exhibit.sha256)
    else:  # before anything is decoded: the signature, the time and the purpose
        revoked = read_revocations(revocations, allowed) if revocations is not None else frozenset[str]()
        allowed.admit(PURPOSE, now=now, key=key, revoked=revoked)
    pixels = decode(exhibit).picture.pixels
    found = chosen(faces_by_size(pixels), face, source.name)
    basis = _basis(allowed)
    if isinstance(allowed, Record):
        cosine = allowed.admit(PURPOSE, embed_face(pixels, found.landmarks), now=now, key=key, revoked=revoked)
        basis["similarity"] = round(float(cosine or 0.0), 4)
    return Likeness(source, exhibit.sha256, pixels, points_of(pixels, found), basis)


def chosen(faces: list[Face], number: int | None, name: str) -> Face:
    """The largest face, or the one of that number from the left. Raises UsageError when there is none."""
    if not faces:
        raise UsageError(f"{name} shows no face of at least {SMALLEST_FACE_PX} px")
    if number is None:
        return faces[0]
    if not 1 <= number <= len(faces):
        raise UsageError(f"{name} shows {len(faces)} face(s); there is no number {number}")
    return sorted(faces, key=lambda face: face.box[0])[number - 1]


def _read(consent: object) -> Record | Licence:
    if isinstance(consent, Record | Licence):
        return consent
    if not isinstance(consent, Path):
        raise ConsentError("a swap needs a consent record of the person whose face it is, or a data set's licence")
    value = consent_form.read_json(consent, MAX_BYTES, "the consent")
    if isinstance(value, dict) and value.get("schema") == LICENCE:
        return licence_of(value)
    return record_of(value)


def _basis(allowed: Record | Licence) -> dict[str, Any]:
    if isinstance(allowed, Licence):
        return {"kind": "licence", "data_set": allowed.data_set, "licence": allowed.licence}
    return {
        "kind": "consent",
        "id": allowed.id,
        "subject": allowed.subject,
        "grantee": allowed.grantee,
        "purposes": list(allowed.purposes),
        "valid_until": allowed.valid_until.isoformat(timespec="seconds"),
        "key_sha256": allowed.key_sha256,
    }
