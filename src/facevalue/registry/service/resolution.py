"""The C2PA Soft Binding Resolution API 1.1 (C2PA Technical Specification 2.x): paths, parameters and answers as there.

Revoked and private claims are not in these answers, which have no place to say so; /entries shows revoked ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facevalue.registry.errors import RefusedError
from facevalue.registry.jumbf import active_only
from facevalue.registry.registry import Registry
from facevalue.registry.store.bands import BITS
from facevalue.registry.words import Binding, Claim, Kind, decode_value

# Computes the soft bindings of a file: (bytes, media type) -> bindings. It is handed hostile bytes.
Fingerprinter = Callable[[bytes, str], Iterable[Binding]]

MAX_RESULTS = 1000
MATCHED_BY = "X-Facevalue-Matched-By"
BY_HASH_ALONE = "content-sha256; this service has no fingerprinter"
_FAMILIES = {"image", "audio", "video", "application", "model", "text"}

MaxResults = Annotated[int, Query(alias="maxResults", ge=1, le=MAX_RESULTS)]
Alg = Annotated[str, Query(max_length=200)]


class SoftBindingQuery(BaseModel):
    """c2pa.softBindingQuery."""

    model_config = ConfigDict(title="c2pa.softBindingQuery")
    alg: str = Field(max_length=200)
    value: str


class SoftBindingMatch(BaseModel):
    """One match; similarityScore: 0..100, given for fingerprints."""

    manifestId: str  # noqa: N815 - C2PA's name
    endpoint: str | None = None
    similarityScore: int | None = Field(None, ge=0, le=100)  # noqa: N815 - C2PA's name


class SoftBindingQueryResult(BaseModel):
    """c2pa.softBindingQueryResult."""

    model_config = ConfigDict(title="c2pa.softBindingQueryResult")
    matches: list[SoftBindingMatch]


class AlgorithmName(BaseModel):
    """The name of a soft binding algorithm."""

    alg: str


class SoftBindingAlgList(BaseModel):
    """c2pa.softBindingAlgList."""

    model_config = ConfigDict(title="c2pa.softBindingAlgList")
    watermarks: list[AlgorithmName]
    fingerprints: list[AlgorithmName]


def make_router(registry: Registry, fingerprinter: Fingerprinter | None) -> APIRouter:
    """The five paths of the interface. Without a fingerprinter, byContent compares content hashes and says so."""
    router = APIRouter()
    finder = _Finder(registry, fingerprinter)

    @router.get("/matches/byBinding", response_model_exclude_none=True, operation_id="queryByBinding")
    def query_by_binding(
        value: Annotated[str, Query()], alg: Alg, max_results: MaxResults = 10
    ) -> SoftBindingQueryResult:
        """C2PA Manifest identifiers corresponding to a soft binding, nearest first, then earliest first."""
        # A plus that was not escaped arrives as a space.
        return finder.by_bindings([Binding(alg, decode_value(value.replace(" ", "+")))], max_results)

    @router.post("/matches/byBinding", response_model_exclude_none=True, operation_id="queryByLargeBinding")
    def query_by_large_binding(query: SoftBindingQuery, max_results: MaxResults = 10) -> SoftBindingQueryResult:
        """C2PA Manifest identifiers corresponding to a large soft binding value."""
        return finder.by_bindings([Binding(query.alg, decode_value(query.value))], max_results)

    @router.post("/matches/byContent", response_model_exclude_none=True, operation_id="uploadFile")
    async def upload_file(
        request: Request,
        response: Response,
        alg: Annotated[str | None, Query(max_length=200)] = None,
        max_results: MaxResults = 10,
        hint_alg: Annotated[str | None, Query(alias="hintAlg", max_length=200)] = None,
        hint_value: Annotated[str | None, Query(alias="hintValue")] = None,
    ) -> SoftBindingQueryResult:
        """C2PA Manifest identifiers for an uploaded asset; the header X-Facevalue-Matched-By says by what."""
        media_type = _media_type(request.headers.get("content-type", ""))
        hints = [Binding(hint_alg, decode_value(hint_value))] if hint_alg and hint_value else []
        data = await request.body()
        found, how = await run_in_threadpool(finder.by_content, data, media_type, alg, hints, max_results)
        response.headers[MATCHED_BY] = how
        return found

    @router.get("/manifests/{manifest_id}", operation_id="getManifestById", response_class=Response)
    def get_manifest_by_id(
        manifest_id: str, active: Annotated[bool, Query(alias="returnActiveManifest")] = False
    ) -> Response:
        """The manifest store with that active manifest, or the active manifest alone, as application/c2pa."""
        data = finder.manifest(manifest_id)
        return Response(active_only(data) if active else data, media_type="application/c2pa")

    @router.get("/services/supportedAlgorithms", operation_id="getSupportedBindings")
    def get_supported_bindings() -> SoftBindingAlgList:
        """The soft binding algorithms that are supported here."""
        known = registry.algorithms()
        names = {kind: [AlgorithmName(alg=a.name) for a in known if a.kind is kind] for kind in Kind}
        return SoftBindingAlgList(watermarks=names[Kind.WATERMARK], fingerprints=names[Kind.FINGERPRINT])

    @router.post("/matches/byReference", operation_id="queryByReference", response_class=JSONResponse)
    def query_by_reference() -> JSONResponse:
        """Optional in C2PA, and refused here: this service fetches nothing from addresses that strangers name."""
        raise RefusedError("not_implemented", "this service fetches no references: send the asset itself", 501)

    return router


class _Finder:
    def __init__(self, registry: Registry, fingerprinter: Fingerprinter | None) -> None:
        self.registry = registry
        self.fingerprinter = fingerprinter

    def by_bindings(self, bindings: Sequence[Binding], limit: int) -> SoftBindingQueryResult:
        claims = [claim for binding in bindings for claim in self.registry.find_binding(binding)]
        return _result(sorted(claims, key=lambda c: (c.distance or 0, c.leaf)), limit)

    def by_content(
        self, data: bytes, media_type: str, alg: str | None, hints: Sequence[Binding], limit: int
    ) -> tuple[SoftBindingQueryResult, str]:
        if not data:
            raise RefusedError("bad_request", "there is no asset in the body")
        computed, how = self._fingerprint(data, media_type, alg)
        same = self.registry.find_content(hashlib.sha256(data).digest())
        near = [claim for b in (*computed, *hints) for claim in self.registry.find_binding(b)]
        return _result([*same, *sorted(near, key=lambda c: (c.distance or 0, c.leaf))], limit), how

    def manifest(self, manifest_id: str) -> bytes:
        for claim in self.registry.find_manifest(manifest_id):
            digest = claim.entry.manifest
            data = self.registry.manifest(digest) if digest and not claim.revoked else None
            if data is not None:
                return data
        raise RefusedError("not_found", "no such manifest is kept here", 404)

    def _fingerprint(self, data: bytes, media_type: str, alg: str | None) -> tuple[list[Binding], str]:
        if self.fingerprinter is None:
            if alg is not None:
                raise RefusedError("unknown_algorithm", "this service cannot compute soft bindings itself")
            return [], BY_HASH_ALONE
        known = {a.name for a in self.registry.algorithms()}
        try:
            found = [b for b in self.fingerprinter(data, media_type) if b.alg in known and alg in (None, b.alg)]
        except Exception:
            # Hostile bytes may break whatever looks at them; the content's hash can be compared all the same.
            return [], "content-sha256; the asset could not be fingerprinted"
        return found, ", ".join(["content-sha256", *dict.fromkeys(b.alg for b in found)])


def _result(claims: Iterable[Claim], limit: int) -> SoftBindingQueryResult:
    """Each manifest once, by its best match."""
    found: dict[str, SoftBindingMatch] = {}
    for claim in claims:
        if claim.entry.manifest_id is None or claim.revoked:
            continue
        score = None if claim.distance is None else round(100 * (1 - claim.distance / BITS))
        found.setdefault(
            claim.entry.manifest_id, SoftBindingMatch(manifestId=claim.entry.manifest_id, similarityScore=score)
        )
    return SoftBindingQueryResult(matches=list(found.values())[:limit])


def _media_type(header: str) -> str:
    media_type = header.partition(";")[0].strip().lower()
    if media_type.partition("/")[0] not in _FAMILIES or "/" not in media_type:
        raise RefusedError(
            "bad_type", "the asset's Content-Type must be image, audio, video, application, model, text", 415
        )
    return media_type
