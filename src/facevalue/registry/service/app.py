"""The application: C2PA's Soft Binding Resolution API, the registry's own paths, and the log's files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from facevalue._version import __version__
from facevalue.registry.registry import Registry
from facevalue.registry.service import answers, resolution, static, writing
from facevalue.registry.service.committer import Committer
from facevalue.registry.service.limits import Limiter, ServiceLimits
from facevalue.registry.service.resolution import Fingerprinter


def create_app(
    registry: Registry, *, fingerprinter: Fingerprinter | None = None, limits: ServiceLimits | None = None
) -> FastAPI:
    """The service over one registry; closing it closes the registry.

    fingerprinter: computes the soft bindings of an uploaded file, for /matches/byContent; it is called in a thread,
    with hostile bytes, and may raise. limits: how much a client may ask for.
    """
    committer = Committer(registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        committer.close()
        registry.close()

    app = FastAPI(
        title="C2PA Soft Binding Resolution API, with a transparency log",
        version=__version__,
        # The interactive pages would fetch scripts from elsewhere; /openapi.json is there.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    answers.install(app)
    app.include_router(resolution.make_router(registry, fingerprinter), tags=["C2PA"])
    app.include_router(writing.make_router(registry, committer), tags=["registry"])
    app.include_router(static.make_router(registry), tags=["log"])

    app.add_middleware(Limiter, limits=limits or ServiceLimits())
    return app
