"""What C2PA's interface leaves open: registering, revoking, finding with everything shown, and proofs."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict

from facevalue.registry import admission
from facevalue.registry.errors import RefusedError
from facevalue.registry.registry import Registry
from facevalue.registry.service.committer import Committer
from facevalue.registry.submission import Action
from facevalue.registry.words import Binding, Claim, decode_hash, decode_value

MAX_FOUND = 1000

Place = Annotated[int, Path(ge=0, lt=1 << 53)]


class SignedSubmission(BaseModel):
    """A signed submission (see facevalue.registry.submission), and the manifest store that it names, in base64."""

    model_config = ConfigDict(extra="forbid")
    submission: dict[str, Any]
    manifest: str | None = None


def make_router(registry: Registry, committer: Committer) -> APIRouter:
    """The paths /registry, /entries, /revocations, /records."""
    router = APIRouter()

    @router.get("/registry")
    def facts() -> dict[str, Any]:
        """The registry's name, the key of its log, its head, and how much it holds."""
        return registry.facts()

    @router.post("/entries", status_code=201)
    def register(body: SignedSubmission) -> dict[str, Any]:
        """Register a content. The answer comes when the entry is durable and in the log, and holds its proof."""
        return _commit(registry, committer, body, Action.REGISTER)

    @router.post("/revocations", status_code=201)
    def revoke(body: SignedSubmission) -> dict[str, Any]:
        """Withdraw a claim. It stays to be seen, as revoked."""
        return _commit(registry, committer, body, Action.REVOKE)

    @router.post("/records")
    def read_record(body: SignedSubmission) -> dict[str, Any]:
        """The proof of a leaf, private ones included, for a key that may read it."""
        return registry.read_for(_request(body))

    @router.get("/entries")
    def find(
        sha256: Annotated[str | None, Query()] = None,
        asset_hash: Annotated[str | None, Query()] = None,
        manifest_id: Annotated[str | None, Query(max_length=256)] = None,
        alg: Annotated[str | None, Query(max_length=200)] = None,
        value: Annotated[str | None, Query()] = None,
        distance: Annotated[int, Query(ge=0, le=31)] = 31,
    ) -> dict[str, Any]:
        """All claims, earliest first, conflicting and revoked ones included; asked by one of the first four."""
        asked = [sha256, asset_hash, manifest_id, alg]
        if sum(question is not None for question in asked) != 1 or (alg is None) != (value is None):
            raise RefusedError("bad_request", "ask by one of: sha256, asset_hash, manifest_id, alg and value")
        if sha256 is not None:
            return answer(registry.find_content(decode_hash(sha256, "sha256")))
        if asset_hash is not None:
            return answer(registry.find_asset_hash(decode_hash(asset_hash, "asset_hash", (32, 48, 64))))
        if manifest_id is not None:
            return answer(registry.find_manifest(manifest_id))
        return answer(registry.find_binding(Binding(str(alg), decode_value(value)), distance=distance))

    @router.get("/entries/{leaf}")
    def entry(leaf: Place) -> dict[str, Any]:
        """One claim."""
        return registry.claim(leaf).to_dict()

    @router.get("/entries/{leaf}/proof")
    def proof(leaf: Place, witnessed: bool = False) -> dict[str, Any]:
        """The self-contained proof that a leaf, of a claim or a revocation, stands in the log."""
        return registry.proof(leaf, witnessed=witnessed)

    return router


def answer(claims: list[Claim]) -> dict[str, Any]:
    """Claims as an answer; conflict: whether several keys claim the same, total: how many there are in all."""
    return {
        "entries": [claim.to_dict() for claim in claims[:MAX_FOUND]],
        "total": len(claims),
        "conflict": len({claim.key for claim in claims}) > 1,
    }


def _commit(registry: Registry, committer: Committer, body: SignedSubmission, action: Action) -> dict[str, Any]:
    payload = body.submission.get("payload")
    if not isinstance(payload, dict) or payload.get("action") != action:
        raise RefusedError("bad_request", f"only a submission to {action} is taken here")
    receipt = committer.submit(_request(body))
    return {**receipt.to_dict(), "proof": registry.proof(receipt.leaf, private=True)}


def _request(body: SignedSubmission) -> admission.Request:
    try:
        manifest = None if body.manifest is None else base64.b64decode(body.manifest, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("bad_request", "the manifest is not base64") from None
    return admission.Request(body.submission, manifest)
