"""How much a client may send, and how often it may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'registry'")
pytest.importorskip("httpx", reason="needs httpx")

from fastapi.testclient import TestClient
from make_registry import MARK, Party, error_of

from facevalue.registry import create_app
from facevalue.registry.service.limits import Buckets, Limiter, ServiceLimits, client_of


def test_too_much_is_refused(local: Party) -> None:
    with TestClient(create_app(local.registry, limits=ServiceLimits(max_content=1000, max_json=500))) as client:
        image = {"Content-Type": "image/png"}
        assert client.post("/matches/byContent", content=bytes(1000), headers=image).status_code == 200
        assert error_of(client.post("/matches/byContent", content=bytes(1001), headers=image)) == (413, "too_large")

        def chunks() -> Iterator[bytes]:
            for _ in range(10):
                yield bytes(200)

        # Chunked: no header promises a size.
        assert error_of(client.post("/matches/byContent", content=chunks(), headers=image)) == (413, "too_large")
        assert error_of(client.post("/entries", content=b"x" * 501))[0] == 413
        assert error_of(client.get("/matches/byBinding", params={"alg": MARK, "value": "A" * 9000})) == (
            414,
            "too_long",
        )


def test_rate_limits_per_client(local: Party) -> None:
    limits = ServiceLimits(reads_per_s=1e-6, read_burst=3, writes_per_s=1e-6, write_burst=1)
    with TestClient(create_app(local.registry, limits=limits)) as client:
        assert [client.get("/registry").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert client.post("/entries", json={}).status_code == 400  # writes are counted apart
        refused = client.post("/entries", json={})
        assert error_of(refused) == (429, "too_many")
        assert int(refused.headers["retry-after"]) > 1


def test_token_buckets() -> None:
    now = [0.0]
    buckets = Buckets(2.0, 2, clients=2, clock=lambda: now[0])
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 0.0]
    assert buckets.take("a") == 0.5
    now[0] += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("b") == buckets.take("c") == 0.0
    assert buckets.take("a") == 0.0  # forgotten: two clients are remembered
    assert client_of({"client": ("2001:db8::1", 1)}) == client_of({"client": ("2001:db8::2", 1)})
    assert client_of({"client": ("10.0.0.1", 1)}) != client_of({"client": ("10.0.0.2", 1)})
    assert client_of({"client": None}) == "unknown"


def test_the_limiter_leaves_other_scopes_alone() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(Limiter(app, ServiceLimits())({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
