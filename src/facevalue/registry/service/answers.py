"""Errors as JSON: {"error": {"code", "message"}} with the HTTP status that says the same."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from facevalue.registry.errors import RefusedError, RegistryError, is_full

_log = logging.getLogger(__name__)
_WORDS = {400: "bad_request", 404: "not_found", 405: "not_allowed"}


def error_answer(code: str, message: str, status: int) -> JSONResponse:
    """One error."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def install(app: FastAPI) -> None:
    """Let every error of the application end as JSON, and none as a traceback."""
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RegistryError, _failed)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(_: Request, error: Any) -> JSONResponse:
    return error_answer(error.code, str(error), error.status)


async def _failed(_: Request, error: Any) -> JSONResponse:
    _log.error("the registry failed: %s", error)
    if is_full(error.__cause__ or error) or "no space is left" in str(error):
        return error_answer("full", "the registry has no space left: nothing was acknowledged", 507)
    return error_answer("failed", "the registry failed; its log says why", 500)


async def _malformed(_: Request, error: Any) -> JSONResponse:
    # C2PA's interface answers 400 where FastAPI would answer 422.
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return error_answer("bad_request", f"{where:.80}: {first['msg']:.200}", 400)


async def _left(_: Request, __: Any) -> JSONResponse:
    # Nobody reads this, unless the client was cut off for sending too much: then limits.py answers in its place.
    return error_answer("cut_off", "the request ended early", 400)


async def _plain(_: Request, error: Any) -> JSONResponse:
    return error_answer(_WORDS.get(error.status_code, "refused"), str(error.detail), error.status_code)


async def _unexpected(_: Request, error: Any) -> JSONResponse:
    _log.error("unexpected", exc_info=error)
    return error_answer("failed", "the registry failed; its log says why", 500)
