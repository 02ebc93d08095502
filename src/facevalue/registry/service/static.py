"""The log's files, as C2SP tlog-tiles has them, below /log. Any web server could serve the folder just as well."""

from __future__ import annotations

from fastapi import APIRouter, Response

from facevalue.registry.errors import RefusedError
from facevalue.registry.log.paths import CHECKPOINT, COSIGNED, parse_path
from facevalue.registry.log.source import Folder
from facevalue.registry.registry import Registry

_NOTE_HEADERS = {"Cache-Control": "no-cache"}
_TILE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


def make_router(registry: Registry) -> APIRouter:
    """The checkpoint, tiles and bundles of entries."""
    router = APIRouter(prefix="/log")
    source = Folder(registry.folder.log)

    @router.get("/{path:path}", response_class=Response)
    def log_file(path: str) -> Response:
        """One of the log's files: checkpoint, cosigned, tile/L/N or tile/entries/N."""
        note = path in (CHECKPOINT, COSIGNED)
        tile = None if note else parse_path(path)
        data = source.read(path) if note or tile else None
        if data is None:
            raise RefusedError("not_found", "the log has no such file", 404)
        if note:
            return Response(data, media_type="text/plain; charset=utf-8", headers=_NOTE_HEADERS)
        return Response(data, media_type="application/octet-stream", headers=_TILE_HEADERS)

    return router
