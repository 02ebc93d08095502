"""The service over http: C2PA's Soft Binding Resolution API, writing, the log's files, limits, and hostile requests."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'registry'")
pytest.importorskip("httpx", reason="needs httpx")

from fastapi.testclient import TestClient
from make_registry import MARK, ORIGIN, PDQ, Party, entry, error_of, manifest_store, pdq, sha

from facevalue.errors import OfflineError
from facevalue.registry import (
    Action,
    Binding,
    RefusedError,
    RegistryError,
    RemoteRegistry,
    Role,
    create_app,
    sign,
    verify_proof,
)
from facevalue.registry.words import ALGORITHMS

STORE = manifest_store("urn:c2pa:one")
PRINT = bytes(range(32))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def client(local: Party) -> Iterator[TestClient]:
    with TestClient(create_app(local.registry)) as client:
        yield client


@pytest.fixture
def registered(local: Party) -> int:
    digest = hashlib.sha256(STORE).digest()
    claim = entry(manifest_id="urn:c2pa:one", manifest=digest, bindings=(pdq(PRINT), Binding(MARK, b"payload!")))
    return local.add(claim, manifest=STORE)


def test_by_binding(client: TestClient, registered: int) -> None:
    mark = {"alg": MARK, "value": b64(b"payload!")}
    assert client.get("/matches/byBinding", params=mark).json() == {"matches": [{"manifestId": "urn:c2pa:one"}]}
    near = {"alg": PDQ, "value": b64(b"\xff\xff" + PRINT[2:])}
    wanted = {"matches": [{"manifestId": "urn:c2pa:one", "similarityScore": 94}]}
    assert client.get("/matches/byBinding", params=near).json() == wanted
    assert client.post("/matches/byBinding", json=near).json() == wanted
    far = {"alg": PDQ, "value": b64(bytes(32))}
    assert client.post("/matches/byBinding", json=far, params={"maxResults": 3}).json() == {"matches": []}


def test_a_plus_in_a_query_is_understood(client: TestClient, local: Party) -> None:
    value = b"\xfb\xef\xbe"  # base64: ++++
    local.add(entry("plus", manifest_id="urn:c2pa:plus", bindings=(Binding(MARK, value),)))
    assert "+" in b64(value)
    answer = client.get(f"/matches/byBinding?alg={MARK}&value={b64(value)}").json()
    assert answer == {"matches": [{"manifestId": "urn:c2pa:plus"}]}


def test_results_are_limited_and_each_manifest_is_named_once(client: TestClient, local: Party) -> None:
    for number in range(14):
        local.add(entry(str(number), manifest_id=f"urn:c2pa:{number // 2}", bindings=(Binding(MARK, b"same"),)))
    gone = local.add(entry("x", manifest_id="urn:c2pa:gone", bindings=(Binding(MARK, b"same"),)))
    local.add(entry("y", bindings=(Binding(MARK, b"same"),)))  # a claim without a manifest has no place here
    local.revoke(gone)
    asked = {"alg": MARK, "value": b64(b"same")}
    found = [m["manifestId"] for m in client.get("/matches/byBinding", params=asked).json()["matches"]]
    assert found == [f"urn:c2pa:{n}" for n in range(7)]
    few = client.get("/matches/byBinding", params={**asked, "maxResults": 2}).json()["matches"]
    assert [m["manifestId"] for m in few] == found[:2]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"alg": MARK},
        {"value": "AAAA"},
        {"alg": MARK, "value": ""},
        {"alg": MARK, "value": "%%%"},
        {"alg": "com.unknown.1", "value": "AAAA"},
        {"alg": PDQ, "value": "AAAA"},
        {"alg": "x" * 300, "value": "AAAA"},
        {"alg": MARK, "value": "AAAA", "maxResults": 0},
        {"alg": MARK, "value": "AAAA", "maxResults": "many"},
        {"alg": MARK, "value": "AAAA", "maxResults": 10**9},
        {"alg": "<script>", "value": "AAAA"},
        {"alg": "' OR 1=1; DROP TABLE entries; --", "value": "AAAA"},
    ],
)
def test_bad_queries_are_400(client: TestClient, params: dict[str, Any]) -> None:
    assert client.get("/matches/byBinding", params=params).status_code == 400
    assert error_of(client.get("/matches/byBinding", params=params))[0] == 400


def test_bodies_that_are_not_queries_are_400(client: TestClient) -> None:
    for body in (b"", b"{", b"[]", b'{"alg": 1}', b"\xff\xfe", b'{"alg":"a","value":["b"]}', b"[" * 50_000):
        answer = client.post("/matches/byBinding", content=body, headers={"Content-Type": "application/json"})
        assert error_of(answer) == (400, "bad_request")


def test_by_content_compares_hashes_and_says_so(client: TestClient, local: Party) -> None:
    local.add(entry("file", manifest_id="urn:c2pa:file"))
    answer = client.post("/matches/byContent", content=b"file", headers={"Content-Type": "image/jpeg"})
    assert answer.json() == {"matches": [{"manifestId": "urn:c2pa:file"}]}
    assert answer.headers["x-facevalue-matched-by"] == "content-sha256; this service has no fingerprinter"
    other = client.post("/matches/byContent", content=b"else", headers={"Content-Type": "video/mp4; x=y"})
    assert other.json() == {"matches": []}


def test_by_content_with_hints(client: TestClient, registered: int) -> None:
    hint = {"hintAlg": MARK, "hintValue": b64(b"payload!")}
    answer = client.post("/matches/byContent", params=hint, content=b"z", headers={"Content-Type": "image/png"})
    assert answer.json() == {"matches": [{"manifestId": "urn:c2pa:one"}]}


def test_by_content_refuses_what_it_cannot_take(client: TestClient) -> None:
    for kind in ("", "chemical/x-pdb", "image", "nonsense"):
        answer = client.post("/matches/byContent", content=b"x", headers={"Content-Type": kind})
        assert error_of(answer) == (415, "bad_type")
    image = {"Content-Type": "image/png"}
    assert error_of(client.post("/matches/byContent", content=b"", headers=image))[0] == 400
    answer = client.post("/matches/byContent", params={"alg": PDQ}, content=b"x", headers=image)
    assert error_of(answer) == (400, "unknown_algorithm")


def test_by_content_with_a_fingerprinter(local: Party, registered: int) -> None:
    def fingerprints(data: bytes, media_type: str) -> list[Binding]:
        if data == b"crash":
            raise ZeroDivisionError
        assert media_type == "image/png"
        return [pdq(b"\1" + PRINT[1:]), Binding("com.unknown.1", b"x")]

    with TestClient(create_app(local.registry, fingerprinter=fingerprints)) as client:
        image = {"Content-Type": "image/png"}
        answer = client.post("/matches/byContent", content=b"x", headers=image)
        assert answer.json()["matches"] == [{"manifestId": "urn:c2pa:one", "similarityScore": 100}]
        assert answer.headers["x-facevalue-matched-by"] == f"content-sha256, {PDQ}"
        named = client.post("/matches/byContent", params={"alg": MARK}, content=b"x", headers=image)
        assert named.json() == {"matches": []}
        broken = client.post("/matches/byContent", content=b"crash", headers=image)
        assert broken.status_code == 200
        assert "could not be fingerprinted" in broken.headers["x-facevalue-matched-by"]


def test_manifests(client: TestClient, local: Party, registered: int) -> None:
    answer = client.get("/manifests/urn:c2pa:one")
    assert (answer.content, answer.headers["content-type"]) == (STORE, "application/c2pa")
    two = manifest_store("urn:c2pa:parent", "urn:c2pa:child")
    claim = entry("two", manifest_id="urn:c2pa:child", manifest=hashlib.sha256(two).digest())
    leaf = local.add(claim, manifest=two)
    alone = client.get("/manifests/urn:c2pa:child", params={"returnActiveManifest": "true"})
    assert alone.content == manifest_store("urn:c2pa:child")
    local.revoke(leaf)
    for name in ("urn:c2pa:child", "urn:c2pa:none", "..%2f..%2flog.pem", "x" * 3000):
        assert error_of(client.get(f"/manifests/{name}"))[0] == 404
    assert error_of(client.get("/manifests/urn:c2pa:one", params={"returnActiveManifest": "maybe"}))[0] == 400


def test_supported_algorithms(client: TestClient) -> None:
    answer = client.get("/services/supportedAlgorithms").json()
    marks, prints = ([item["alg"] for item in answer[kind]] for kind in ("watermarks", "fingerprints"))
    assert MARK in marks
    assert {PDQ, "io.iscc.v0"} <= set(prints)
    assert sorted(marks + prints) == sorted(algorithm.name for algorithm in ALGORITHMS)
    assert error_of(client.post("/matches/byReference", json={"referenceUrl": "https://x"}))[0] == 501


def test_the_openapi_document_has_c2pas_paths_and_parameters(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    names = {p["name"]: p for p in paths["/matches/byBinding"]["get"]["parameters"]}
    assert set(names) == {"value", "alg", "maxResults"}
    assert names["value"]["required"]
    assert (names["maxResults"]["schema"]["minimum"], names["maxResults"]["schema"]["default"]) == (1, 10)
    operations = {paths[p][m]["operationId"] for p, m in OPERATIONS}
    assert operations == {
        "queryByBinding",
        "queryByLargeBinding",
        "uploadFile",
        "getManifestById",
        "getSupportedBindings",
    }
    content = {p["name"] for p in paths["/matches/byContent"]["post"]["parameters"]}
    assert content == {"alg", "maxResults", "hintAlg", "hintValue"}


OPERATIONS = [
    ("/matches/byBinding", "get"),
    ("/matches/byBinding", "post"),
    ("/matches/byContent", "post"),
    ("/manifests/{manifest_id}", "get"),
    ("/services/supportedAlgorithms", "get"),
]


def body(local: Party, action: Action, key: Any = None, **own: Any) -> dict[str, Any]:
    return {"submission": sign(key or local.owner, ORIGIN, action, **own)}


def test_register_and_revoke_over_http(client: TestClient, local: Party) -> None:
    key = local.key()
    claim = entry("x", manifest_id="urn:c2pa:one", manifest=hashlib.sha256(STORE).digest())
    asked = body(local, Action.REGISTER, key, entry=claim) | {"manifest": b64(STORE)}
    answer = client.post("/entries", json=asked)
    assert answer.status_code == 201
    proven = verify_proof(answer.json()["proof"], log=local.registry.log.verifier, content=sha("x"))
    assert (proven.leaf, proven.publisher) == (0, "news.example.org")
    assert error_of(client.post("/entries", json=asked)) == (409, "replayed")
    revoked = client.post("/revocations", json=body(local, Action.REVOKE, key, leaf=0, reason="no"))
    assert revoked.status_code == 201
    found = client.get("/entries", params={"sha256": sha("x").hex()}).json()
    assert (found["total"], found["conflict"], len(found["entries"][0]["revocations"])) == (1, False, 1)
    assert client.get("/entries/0").json()["publisher"] == "news.example.org"
    assert verify_proof(client.get("/entries/1/proof").json()).submission.action is Action.REVOKE
    assert client.get("/registry").json()["size"] == 2


def test_writes_that_are_refused(client: TestClient, local: Party) -> None:
    auditor = local.key(Role.AUDITOR)
    good = body(local, Action.REGISTER, entry=entry())
    cases = [
        (good | {"manifest": "%"}, 400),
        (good | {"manifest": b64(STORE)}, 400),
        (good | {"more": 1}, 400),
        ({"submission": []}, 400),
        ({"submission": {}}, 400),
        ({"submission": {**good["submission"], "signature": b64(bytes(64))}}, 401),
        (body(local, Action.REGISTER, auditor, entry=entry()), 403),
        (body(local, Action.REVOKE, leaf=0, reason=""), 400),
        ({"submission": sign(local.owner, "other.example", Action.REGISTER, entry=entry())}, 401),
        ({"submission": sign(local.owner, ORIGIN, Action.REGISTER, entry=entry(), now=1.0)}, 401),
    ]
    for case, status in cases:
        assert error_of(client.post("/entries", json=case))[0] == status, case
    assert error_of(client.post("/entries", content=b"NaN", headers={"Content-Type": "application/json"}))[0] == 400
    assert client.get("/registry").json()["size"] == 0


def test_finding_by_everything(client: TestClient, local: Party, registered: int) -> None:
    local.add(entry("a", asset_hash=bytes(32)), local.key(name="two.example"))
    local.add(entry("hidden", private=True))
    asked = {
        "sha256": (sha("a").hex(), 2),
        "asset_hash": (bytes(32).hex(), 1),
        "manifest_id": ("urn:c2pa:one", 1),
    }
    for name, (value, count) in asked.items():
        assert client.get("/entries", params={name: value}).json()["total"] == count
    by_mark = client.get("/entries", params={"alg": MARK, "value": b64(b"payload!")}).json()
    assert [e["leaf"] for e in by_mark["entries"]] == [registered]
    assert client.get("/entries", params={"sha256": sha("a").hex()}).json()["conflict"] is True
    assert client.get("/entries", params={"sha256": sha("hidden").hex()}).json()["total"] == 0
    for bad in ({}, {"alg": MARK}, {"value": "AA=="}, {"sha256": "x"}, {"sha256": "0" * 64, "manifest_id": "y"}):
        assert error_of(client.get("/entries", params=bad))[0] == 400
    for path in ("/entries/2", "/entries/2/proof", "/entries/99", "/entries/99/proof"):
        assert error_of(client.get(path)) == (404, "not_found")
    for path in ("/entries/-1", "/entries/x", f"/entries/{10**30}", f"/entries/{10**30}/proof"):
        assert error_of(client.get(path)) == (400, "bad_request")


def test_records_are_read_by_signature(client: TestClient, local: Party) -> None:
    leaf = local.add(entry(private=True))
    auditor, stranger = local.key(Role.AUDITOR), local.key()
    proof = client.post("/records", json=body(local, Action.READ, auditor, leaf=leaf)).json()
    assert verify_proof(proof, content=sha("a")).leaf == leaf
    assert error_of(client.post("/records", json=body(local, Action.READ, stranger, leaf=leaf)))[0] == 404


def test_the_logs_files(client: TestClient, local: Party, registered: int) -> None:
    checkpoint = client.get("/log/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.content == local.registry.log.reader.checkpoint()
    tile = client.get("/log/tile/0/000.p/1")
    assert len(tile.content) == 32
    assert "immutable" in tile.headers["cache-control"]
    assert client.get("/log/tile/entries/000.p/1").content[:2] == b"\0\x20"
    for path in (
        "cosigned",
        "tile/0/000",
        "tile/0/001",
        ".lock",
        "..%2flog.pem",
        "%2e%2e/owner.pem",
        "tile/0/../0/000",
    ):
        assert error_of(client.get(f"/log/{path}"))[0] == 404
    assert error_of(client.get("/nothing")) == (404, "not_found")
    assert error_of(client.delete("/entries")) == (405, "not_allowed")


def test_answers_are_hardened(client: TestClient) -> None:
    for path in ("/registry", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")


def test_many_at_once_are_all_answered(client: TestClient, local: Party) -> None:
    bodies = [body(local, Action.REGISTER, entry=entry(str(n))) for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda b: client.post("/entries", json=b), bodies))
    assert {a.status_code for a in answers} == {201}
    assert sorted(a.json()["leaf"] for a in answers) == list(range(24))


def test_a_full_disk_is_507_and_a_defect_is_500_without_details(
    client: TestClient, local: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Any) -> None:
        raise RegistryError("no space is left to write checkpoint")

    monkeypatch.setattr(local.registry, "submit", full)
    assert error_of(client.post("/entries", json=body(local, Action.REGISTER, entry=entry()))) == (507, "full")

    def broken(_: Any) -> None:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(local.registry, "submit", broken)
    answer = client.post("/entries", json=body(local, Action.REGISTER, entry=entry()))
    assert error_of(answer) == (500, "failed")
    assert "secret" not in answer.text


@pytest.fixture
def served(local: Party, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The service behind a real socket."""
    import uvicorn

    monkeypatch.setenv("FACEVALUE_OFFLINE", "0")
    server = uvicorn.Server(uvicorn.Config(create_app(local.registry), port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_a_remote_registry(local: Party, served: str, tmp_path: Path) -> None:
    from facevalue.registry.log.monitor import Monitor
    from facevalue.registry.log.source import open_source

    remote = RemoteRegistry(served + "/")
    assert remote.facts()["origin"] == ORIGIN
    answer = remote.register(sign(local.owner, ORIGIN, Action.REGISTER, entry=entry()))
    assert verify_proof(answer["proof"], content=sha("a")).leaf == 0
    assert remote.find(sha256=sha("a").hex())["total"] == 1
    assert verify_proof(remote.proof(0)).leaf == 0
    remote.revoke(sign(local.owner, ORIGIN, Action.REVOKE, leaf=0, reason="x"))
    with pytest.raises(RefusedError, match="revoked before") as refused:
        remote.revoke(sign(local.owner, ORIGIN, Action.REVOKE, leaf=0, reason="x"))
    assert refused.value.code == "already_revoked"
    monitor = Monitor(tmp_path / "seen", local.registry.log.verifier)
    assert monitor.visit(open_source(f"{served}/log")).now.size == 2
    with pytest.raises(RefusedError):
        RemoteRegistry(f"{served}/elsewhere").facts()


def test_an_unreachable_registry_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVALUE_OFFLINE", "0")
    with pytest.raises(RegistryError, match="cannot be asked"):
        RemoteRegistry("http://127.0.0.1:9").facts()
    monkeypatch.setenv("FACEVALUE_OFFLINE", "1")
    with pytest.raises(OfflineError):
        RemoteRegistry("https://registry.example.org")


def test_everything_answered_is_json(client: TestClient, registered: int) -> None:
    assert json.loads(client.get("/registry").text)["entries"] == 1
