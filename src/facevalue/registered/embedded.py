"""What a file's own credential names, for the claim that is registered on it: read in provenance's limited process."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevalue.exhibit import Exhibit
from facevalue.provenance import content
from facevalue.provenance.record import AxisStatus
from facevalue.provenance.sandbox import read_credential
from facevalue.provenance.settings import EngineSettings

# Digests of SHA-256, SHA-384 and SHA-512, in bytes: those that C2PA allows and a registry takes.
_DIGESTS = (32, 48, 64)


@dataclass(frozen=True, slots=True)
class Embedded:
    """What can be registered. manifest_id: of the active manifest. asset_hash: of its hard binding; None where that is
    no single hash (boxes and fragments have many). trouble: why nothing is taken from a credential that is there.
    """

    manifest_id: str | None = None
    asset_hash: bytes | None = None
    trouble: str | None = None


def embedded(exhibit: Exhibit, sidecar: bytes | None = None) -> Embedded:
    """The identifiers in the credential of an exhibit, or in a manifest store kept beside it. Never raises for a file.

    Nothing is taken from a credential that does not fit the file: to register both would join what never was one.
    Who signed it is not asked: a publisher answers for their own claims.
    """
    reading = read_credential(exhibit, EngineSettings(), sidecar=sidecar)
    status = reading.get("status")
    if status == "failed":
        return Embedded(trouble=f"its credential could not be read: {reading.get('why')}")
    if status != "read":
        return Embedded()
    if content.binding(reading, None).status is AxisStatus.FAILED:
        return Embedded(trouble="its content is not what its credential was made for")
    if content.claim_signature(reading).status is AxisStatus.FAILED:
        return Embedded(trouble="its credential is damaged or breaks rules of the standard")
    return Embedded(str(reading.get("active") or "") or None, asset_hash_of(reading))


def asset_hash_of(reading: Mapping[str, Any]) -> bytes | None:
    """The one hash of the active manifest's hard binding; None where it has none, or many (boxes, fragments)."""
    manifest = (reading.get("manifests") or {}).get(reading.get("active")) or {}
    found: Sequence[Mapping[str, Any]] = manifest.get("bindings") or []
    for binding in found:
        try:
            digest = base64.b64decode(str(binding.get("hash") or ""), validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(digest) in _DIGESTS:
            return digest
    return None


__all__ = ["Embedded", "asset_hash_of", "embedded"]
