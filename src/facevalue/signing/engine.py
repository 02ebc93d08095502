"""Having a manifest built, bound and signed by the engine, in a process of its own that asks for each signature."""

from __future__ import annotations

import errno
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facevalue.provenance.settings import CLAIM_EKUS
from facevalue.sandbox.frames import EXIT_NO_MEMORY
from facevalue.sandbox.pool import Worker, WorkerGone, WorkerLate, WorkerNotStarted, WorkerPool, describe_exit
from facevalue.signing.errors import SignerError, SigningError
from facevalue.signing.identity import Identity

_MODULE = "facevalue.signing.worker"
# One arena: each further one reserves 64 MiB of address space, which the memory limit counts.
_ENV = {"MALLOC_ARENA_MAX": "1"}
SECONDS = 60.0
MEMORY_BYTES = 2 << 30
BYTES_PER_SECOND = 20 << 20
MAX_STORE_BYTES = 64 << 20
MAX_ASKED_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Stamp = Callable[[bytes], bytes]


class FullError(SigningError):
    """The storage is full."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file that is taken over. format: the engine's name of its type; entry: title, relationship and label."""

    path: Path
    format: str
    entry: dict[str, str]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built. source: the file as it is to be signed; target: where to write it, None for a manifest that

    is kept apart. format: the engine's name of its type. size: bytes, by which limits grow.
    """

    manifest: dict[str, Any]
    source: Path
    target: Path | None
    format: str
    size: int
    ingredients: tuple[Ingredient, ...] = ()
    settings: dict[str, Any] = field(default_factory=lambda: engine_settings())


@dataclass(slots=True)
class Built:
    """The manifest store, and how long the parts took that were not the engine's (s)."""

    store: bytes
    sign_s: float = 0.0
    stamp_s: float = 0.0


def engine_settings() -> dict[str, Any]:
    """Nothing fetched, no thumbnails, no judging of trust: whether the result holds is for verification to say."""
    return {
        "verify": {
            "verify_after_sign": False,
            "verify_trust": False,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "core": {"allowed_network_hosts": []},
        "builder": {"thumbnail": {"enabled": False}},
        "trust": {"trust_config": "\n".join(CLAIM_EKUS)},
    }


class _Pool(WorkerPool):
    """Idle builders, apart from the decoders and readers."""

    def start(self) -> Worker:
        """A new builder. Raises WorkerNotStarted."""
        return Worker(_MODULE, env=_ENV)


_pool = _Pool()


def build(order: Order, identity: Identity, stamp: Stamp | None = None) -> Built:
    """Carry out an order. stamp: from an RFC 3161 request (DER) to its response (DER).

    Raises SigningError: SignerError when key or authority failed, FullError when the disk is full.
    """
    built = Built(b"")
    keeper = _Keeper(identity, stamp, built)
    try:
        with _pool.borrow() as worker:
            built.store = _converse(worker, order, keeper)
    except WorkerNotStarted as error:
        raise SigningError(f"the process that signs could not be started: {error}") from None
    except WorkerLate:
        raise SigningError("signing took too long and was stopped") from None
    except WorkerGone as gone:
        raise SigningError(_death(gone.returncode)) from None
    return built


@dataclass(slots=True)
class _Keeper:
    """Holds the key and the authority, and answers the worker's questions."""

    identity: Identity
    stamp: Stamp | None
    built: Built
    failure: SignerError | None = None

    def answer(self, kind: str, payload: bytes) -> bytes | None:
        """The answer, or None; `failure` then says why."""
        start = time.perf_counter()
        try:
            if kind == "sign":
                return self.identity.signature(payload)
            assert self.stamp is not None
            return self.stamp(payload)
        except SignerError as error:
            self.failure = self.failure or error
        except Exception as error:  # an authority of the caller's own
            self.failure = self.failure or SignerError(
                f"the time-stamping authority failed: {type(error).__name__}: {str(error)[:200]}"
            )
        finally:
            spent = time.perf_counter() - start
            if kind == "sign":
                self.built.sign_s += spent
            else:
                self.built.stamp_s += spent
        return None


def _converse(worker: Worker, order: Order, keeper: _Keeper) -> bytes:
    limit = SECONDS + order.size / BYTES_PER_SECOND
    worker.send(_request(order, keeper, limit), b"", time.monotonic() + limit)
    while True:
        # Keys and authorities take their own time: the limit is on the engine between two questions.
        header, count = worker.read_header(time.monotonic() + limit)
        kind = header.get("kind")
        if count > (MAX_STORE_BYTES if kind == "done" else MAX_ASKED_BYTES):
            raise WorkerGone(worker.kill())
        payload = bytearray(count)
        worker.read_into(memoryview(payload), time.monotonic() + limit)
        if kind in ("sign", "stamp"):
            answer = keeper.answer(str(kind), bytes(payload))
            worker.send({"ok": answer is not None}, answer or b"", time.monotonic() + limit)
            continue
        worker.note_state(header)
        if kind == "done" and payload:
            return bytes(payload)
        raise keeper.failure or _failed(header)


def _request(order: Order, keeper: _Keeper, limit: float) -> dict[str, Any]:
    return {
        "manifest": order.manifest,
        "source": str(order.source),
        "target": None if order.target is None else str(order.target),
        "format": order.format,
        "aside": order.target is None,
        "alg": keeper.identity.algorithm,
        "chain": keeper.identity.chain_pem(),
        "stamp": keeper.stamp is not None,
        "settings": order.settings,
        "sources": [{"path": str(i.path), "format": i.format, "entry": i.entry} for i in order.ingredients],
        "memory_bytes": MEMORY_BYTES + 4 * order.size,
        "seconds": limit,
    }


def _failed(header: dict[str, Any]) -> SigningError:
    why = str(header.get("why") or "no reason was given")
    number = header.get("errno")
    if number in _FULL or any(word in why for word in ("No space left", "os error 28", "Disk quota", "File too large")):
        return FullError(
            "no space is left for the signed file: nothing was half written; free some space and try again"
        )
    return SigningError(f"the engine could not sign it: {_plain(why)}")


def _plain(why: str) -> str:
    """The engine's message without the names of its families."""
    text = why
    for prefix in ("Other: ", "Signature: ", "Verify: ", "Io: ", "Encoding: ", "Manifest: ", "NotSupported: "):
        text = text.removeprefix(prefix)
    if "certificate" in text:
        text += "; facevalue identity lint says why, rule by rule"
    return text


def _death(returncode: int) -> str:
    if returncode == EXIT_NO_MEMORY:
        return "signing needs more memory than its limit"
    if returncode == -getattr(signal, "SIGXCPU", 0):
        return "signing took more processor time than its limit and was stopped"
    return f"the process that signs crashed on this file ({describe_exit(returncode)})"
