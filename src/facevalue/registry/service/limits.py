"""What a client may ask for how often, and how much it may send. Pure ASGI, in front of everything else."""

from __future__ import annotations

import ipaddress
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MAX_QUERY_BYTES = 8 << 10
_WRITES = {"/entries", "/revocations", "/records"}
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Requests a second that a client may sustain, how many it may save up, and the largest bodies in bytes.

    clients: how many are remembered; the one unheard of for longest is forgotten first.
    """

    reads_per_s: float = 50.0
    read_burst: int = 200
    writes_per_s: float = 20.0
    write_burst: int = 100
    max_content: int = 64 << 20
    max_json: int = 24 << 20
    clients: int = 10_000


class Buckets:
    """Token buckets, one per client. Safe to use from many threads. clock: seconds, monotonic."""

    def __init__(self, per_s: float, burst: int, clients: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_s = per_s
        self.burst = float(burst)
        self.clients = clients
        self.clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, client: str) -> float:
        """Take one token: 0.0 when there was one, else the seconds until there is."""
        with self._lock:
            now = self.clock()
            level, then = self._levels.pop(client, (self.burst, now))
            level = min(self.burst, level + (now - then) * self.per_s)
            wait = 0.0 if level >= 1 else (1 - level) / self.per_s
            self._levels[client] = (level - 1 if level >= 1 else level, now)
            if len(self._levels) > self.clients:
                self._levels.popitem(last=False)
            return wait


def client_of(scope: MutableMapping[str, Any]) -> str:
    """Who is asking: the address; an IPv6 client has its /64, since it may choose the rest of its address."""
    host = (scope.get("client") or ("unknown",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Limiter:
    """ASGI middleware: 429 for too many requests, 413 for too large a body, 414 for too long a query."""

    def __init__(self, app: App, limits: ServiceLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self.limits = limits
        self.reads = Buckets(limits.reads_per_s, limits.read_burst, limits.clients, clock)
        self.writes = Buckets(limits.writes_per_s, limits.write_burst, limits.clients, clock)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        bucket = self.writes if scope["path"] in _WRITES and scope["method"] == "POST" else self.reads
        if wait := bucket.take(client_of(scope)):
            message = "too many requests: wait a moment"
            await _refuse(send, 429, "too_many", message, [(b"retry-after", str(int(wait) + 1).encode())])
            return
        if len(scope.get("query_string", b"")) > MAX_QUERY_BYTES:
            await _refuse(send, 414, "too_long", "the query is too long: use POST instead")
            return
        limit = self.limits.max_content if scope["path"] == "/matches/byContent" else self.limits.max_json
        await _Bounded(self.app, limit)(scope, receive, _hardened(send))


class _Bounded:
    """One request whose body may have so many bytes, whatever its headers promise."""

    def __init__(self, app: App, limit: int) -> None:
        self.app = app
        self.limit = limit
        self.seen = 0
        self.refused = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if _promised(scope) > self.limit:
            await self._refuse(send)
            return

        async def counted() -> Message:
            part = await receive()
            self.seen += len(part.get("body", b""))
            # The application sees its client leave; what it then answers is replaced below.
            return {"type": "http.disconnect"} if self.seen > self.limit else part

        async def replaced(part: Message) -> None:
            if self.seen > self.limit:
                await self._refuse(send)
            else:
                await send(part)

        await self.app(scope, counted, replaced)

    async def _refuse(self, send: Send) -> None:
        if not self.refused:
            self.refused = True
            await _refuse(send, 413, "too_large", f"the body is larger than {self.limit} bytes")


def _hardened(send: Send) -> Send:
    async def with_headers(part: Message) -> None:
        if part["type"] == "http.response.start":
            part = {**part, "headers": [*part.get("headers", []), *_HEADERS]}
        await send(part)

    return with_headers


def _promised(scope: MutableMapping[str, Any]) -> int:
    for name, value in scope.get("headers", []):
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 19 else 0
    return 0


async def _refuse(
    send: Send, status: int, code: str, message: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    common = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": common + (headers or [])})
    await send({"type": "http.response.body", "body": body})
