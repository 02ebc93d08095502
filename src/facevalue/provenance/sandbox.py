"""Reading credentials in a limited process: what it says is taken as data, what kills it is a reason, never a crash."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import Any

from facevalue.errors import UnreadableError
from facevalue.exhibit import Exhibit
from facevalue.provenance.second import quiet_environment
from facevalue.provenance.settings import EngineSettings
from facevalue.sandbox.frames import EXIT_NO_MEMORY
from facevalue.sandbox.pool import Worker, WorkerGone, WorkerLate, WorkerNotStarted, WorkerPool, describe_exit

_MODULE = "facevalue.provenance.worker"
# One arena: each further one reserves 64 MiB of address space, which the memory limit counts.
_ENV = {"MALLOC_ARENA_MAX": "1", **quiet_environment()}
# Larger files travel as a descriptor to a process of their own instead of through the pipe.
MAX_PIPED_BYTES = 64 << 20
BYTES_PER_SECOND = 20 << 20


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """seconds: beside what hashing the whole file takes. memory_bytes: of address space, beside the file's own."""

    seconds: float = 30.0
    memory_bytes: int = 2 << 30


_DEFAULT_LIMITS = ReadLimits()


class _Pool(WorkerPool):
    """Idle readers of credentials, apart from the decoders."""

    def start(self) -> Worker:
        """A new reader. Raises WorkerNotStarted."""
        return Worker(_MODULE, env=_ENV)


_pool = _Pool()


def read_credential(
    exhibit: Exhibit,
    settings: EngineSettings,
    *,
    sidecar: bytes | None = None,
    second: bool = False,
    limits: ReadLimits = _DEFAULT_LIMITS,
) -> dict[str, Any]:
    """What the engine, our own reader and, if asked for, the second verifier say; see engine.read for the keys.

    Never raises for a bad file: "status" is then "failed", with the reason in "why".
    """
    try:
        if exhibit.size <= MAX_PIPED_BYTES:
            return _piped(exhibit, settings, sidecar, second, limits)
        return _by_descriptor(exhibit, settings, sidecar, second, limits)
    except UnreadableError as error:  # a path that has gone since it was hashed
        return _failed(str(error))
    except WorkerNotStarted as error:
        return _failed(f"the process that reads credentials could not be started: {error}")
    except WorkerLate:
        return _failed("reading the credential took too long and was stopped")
    except WorkerGone as gone:
        return _failed(_death(gone.returncode))


def _piped(
    exhibit: Exhibit, settings: EngineSettings, sidecar: bytes | None, second: bool, limits: ReadLimits
) -> dict[str, Any]:
    data = exhibit.data if exhibit.stored is None else exhibit.head(exhibit.size)
    request = _request(exhibit, settings, sidecar, second, limits)
    payload = (sidecar or b"") + data if sidecar else data
    served = 0
    try:
        with _pool.borrow() as worker:
            served = worker.served
            return _ask(worker, request, payload)
    except WorkerGone:
        if not served:
            raise
    with _pool.borrow(fresh=True) as worker:  # no file pays for what an earlier one left behind
        return _ask(worker, request, payload)


def _by_descriptor(
    exhibit: Exhibit, settings: EngineSettings, sidecar: bytes | None, second: bool, limits: ReadLimits
) -> dict[str, Any]:
    with exhibit.open_binary() as stream:
        fd = stream.fileno()
        worker = Worker(_MODULE, (fd,), _ENV)
        try:
            request = {**_request(exhibit, settings, sidecar, second, limits), "fd": fd}
            return _ask(worker, request, sidecar or b"")
        finally:
            worker.kill()


def _request(
    exhibit: Exhibit, settings: EngineSettings, sidecar: bytes | None, second: bool, limits: ReadLimits
) -> dict[str, Any]:
    return {
        "media_type": exhibit.media_type,
        "settings": settings.to_engine(),
        "sidecar_bytes": len(sidecar or b""),
        "second": second,
        "memory_bytes": limits.memory_bytes + 2 * min(exhibit.size, MAX_PIPED_BYTES),
        "seconds": limits.seconds + exhibit.size / BYTES_PER_SECOND,
    }


def _ask(worker: Worker, request: dict[str, Any], payload: bytes) -> dict[str, Any]:
    deadline = time.monotonic() + float(request["seconds"])
    worker.send(request, payload, deadline)
    answer, _ = worker.read_header(deadline)
    worker.note_state(answer)
    answer.pop("rss", None)
    if answer.get("status") not in ("read", "none", "failed", "unsupported"):
        raise WorkerGone(worker.kill())
    return answer


def _failed(why: str) -> dict[str, Any]:
    return {"status": "failed", "why": why}


def _death(returncode: int) -> str:
    if returncode == EXIT_NO_MEMORY:
        return "reading the credential needs more memory than its limit"
    if returncode == -getattr(signal, "SIGXCPU", 0):
        return "reading the credential took more processor time than its limit and was stopped"
    return f"the reader of credentials crashed on this file ({describe_exit(returncode)})"
