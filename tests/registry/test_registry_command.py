"""`facevalue registry`, as a user runs it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from make_registry import PDQ, manifest_store
from typer.testing import CliRunner, Result

from facevalue.cli import app

sys.path.insert(0, str(Path(__file__).parent.parent / "provenance"))
import make_credentials as kit


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("original")
    (tmp_path / "b.txt").write_text("another")
    return tmp_path


def run(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["registry", *map(str, arguments)])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def sha256(name: str) -> str:
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()


def begin() -> str:
    return json.loads(run("init", "registry.example.org", "--json").stdout)["log_key"]


def test_from_init_to_an_offline_proof(home: Path) -> None:
    vkey = begin()
    public = run("key", "new", "news.pem").stdout.strip()
    assert (home / "news.pem").stat().st_mode & 0o077 == 0
    run("key", "add", public, "--name", "news.example.org")
    fingerprint = f"{PDQ}={'ab' * 32}"
    added = run(
        "add", "a.txt", "--key", "news.pem", "--title", "A bridge", "--binding", fingerprint, "--out", "a.proof"
    )
    assert "leaf 0 of registry.example.org" in added.stdout
    run("add", "a.txt")
    found = run("find", "a.txt").stdout
    assert found.index("news.example.org") < found.index("registry.example.org")
    assert "Several keys claim this" in found
    assert "1 bits apart" in run("find", "--binding", f"{PDQ}=aa{'ab' * 31}").stdout
    assert "nothing found" in run("find", "b.txt").stdout
    run("revoke", 0, "--reason", "wrong\u202efile", "--key", "news.pem", "--out", "gone.proof")
    told = run("find", "a.txt").stdout
    assert "revoked" in told
    assert "\u202e" not in told
    proven = run("log", "verify", "a.proof", "--key", vkey, "--file", "a.txt").stdout
    assert "signed by news.example.org (publisher)" in proven
    assert "another content" in run("log", "verify", "a.proof", "--file", "b.txt", status=3).stderr
    assert "the proof's own" in run("log", "verify", "gone.proof").stdout
    assert json.loads(run("log", "verify", "gone.proof", "--json").stdout)["payload"]["action"] == "revoke"


def test_the_log_is_watched(home: Path) -> None:
    vkey = begin()
    run("add", "a.txt")
    log = home / "home" / "registry" / "log"
    assert "1 entries extend the 0" in run("log", "monitor", log, "--key", vkey).stdout
    assert run("log", "head").stdout.startswith("registry.example.org\n1\n")
    run("key", "new", "witness.pem")
    cosigned = run("log", "cosign", log, "--key", vkey, "--as", "w.example", "--with", "witness.pem")
    witness = cosigned.stderr.strip().removeprefix("witness key: ")
    assert "not_witnessed" not in run("log", "proof", 0, "--witnessed", status=3).stdout
    assert "1 cosignatures" in run("log", "attach", "--witness", witness, "--", cosigned.stdout.strip()).stdout
    run("log", "proof", 0, "--witnessed", "--out", "w.proof")
    assert "cosigned by w.example" in run("log", "verify", "w.proof", "--key", vkey, "--witness", witness).stdout
    seen = json.loads(run("log", "monitor", log, "--key", vkey, "--witness", witness, "--json").stdout)
    assert seen["cosigned"][0]["witness"] == "w.example"
    # The same name and key, but another log: what was seen is not extended.
    import shutil

    forged = home / "forged"
    shutil.copytree(home / "home" / "registry", forged)
    shutil.rmtree(forged / "log")
    (forged / "registry.sqlite").unlink()
    for rest in forged.glob("registry.sqlite-*"):
        rest.unlink()
    (forged / "registry.json").unlink()
    run("init", "registry.example.org", "--folder", forged)
    run("add", "b.txt", "--folder", forged)
    forked = run("log", "monitor", forged / "log", "--key", vkey, status=3)
    assert "rewritten or forked" in forked.stderr
    refused = run(
        "log", "cosign", forged / "log", "--key", vkey, "--as", "w.example", "--with", "witness.pem", status=3
    )
    assert "was rewritten" in refused.stderr


def test_keys_are_listed_and_disabled(home: Path) -> None:
    begin()
    public = run("key", "new", "k.pem").stdout.strip()
    run("key", "add", public, "--name", "audit.example", "--role", "auditor")
    assert [row["role"] for row in json.loads(run("key", "list", "--json").stdout)] == ["curator", "auditor"]
    run("key", "disable", public)
    assert "disabled" in run("key", "list").stdout
    assert "disabled" in run("add", "a.txt", "--key", "k.pem", status=3).stderr
    assert "never overwritten" in run("key", "new", "k.pem", status=2).stderr
    assert "role is one of" in run("key", "add", public, "--name", "x", "--role", "king", status=2).stderr
    run("key", "add", "short", "--name", "x", status=3)
    run("key", "add", public, "--name", "two words", status=3)


def test_the_credential_in_a_file_is_registered_with_it(home: Path) -> None:
    begin()
    data, store = kit.sign_aside(kit.picture())
    (home / "signed.jpg").write_bytes(kit.sign(kit.picture()))
    (home / "altered.jpg").write_bytes(kit.flipped(kit.sign(kit.picture()), -20))
    (home / "aside.jpg").write_bytes(data)
    (home / "aside.c2pa").write_bytes(store)
    assert run("add", "signed.jpg").stderr == ""
    entry = json.loads(run("find", "--sha256", sha256("signed.jpg"), "--json").stdout)["entries"][0]["entry"]
    assert entry["manifest_id"].startswith("urn:c2pa:")
    assert len(bytes.fromhex(entry["asset_hash"])) == 32
    assert json.loads(run("find", "--manifest-id", entry["manifest_id"], "--json").stdout)["total"] == 1
    assert "is not what its credential was made for" in run("add", "altered.jpg").stderr
    bare = json.loads(run("find", "--sha256", sha256("altered.jpg"), "--json").stdout)["entries"][0]["entry"]
    assert "manifest_id" not in bare
    assert "asset_hash" not in bare
    run("add", "aside.jpg", "--manifest", "aside.c2pa")
    kept = json.loads(run("find", "--sha256", sha256("aside.jpg"), "--json").stdout)["entries"][0]["entry"]
    assert kept["manifest_sha256"] == sha256("aside.c2pa")
    assert len(bytes.fromhex(kept["asset_hash"])) == 32


def test_what_is_named_goes_before_what_is_read(home: Path) -> None:
    begin()
    (home / "signed.jpg").write_bytes(kit.sign(kit.picture()))
    run("add", "signed.jpg", "--manifest-id", "urn:c2pa:named", "--asset-hash", "11" * 32)
    entry = json.loads(run("find", "--manifest-id", "urn:c2pa:named", "--json").stdout)["entries"][0]["entry"]
    assert entry["asset_hash"] == "11" * 32


def test_a_manifest_is_kept(home: Path) -> None:
    begin()
    (home / "m.c2pa").write_bytes(manifest_store("urn:c2pa:1"))
    run("add", "a.txt", "--manifest", "m.c2pa", "--asset-hash", "00" * 32)
    answer = json.loads(run("find", "--manifest-id", "urn:c2pa:1", "--json").stdout)
    assert answer["entries"][0]["entry"]["asset_hash"] == "00" * 32
    (home / "bad.c2pa").write_bytes(b"nonsense")
    assert "JUMBF" in run("add", "a.txt", "--manifest", "bad.c2pa", status=3).stderr


def test_more_algorithms(home: Path) -> None:
    run("init", "registry.example.org", "--algorithm", "com.example.1:fingerprint")
    run("add", "a.txt", "--binding", "com.example.1=beef")
    assert "a.txt" not in run("find", "--binding", "com.example.1=beef").stdout
    assert json.loads(run("find", "--binding", "com.example.1=beef", "--json").stdout)["total"] == 1
    run("init", "registry.example.org", "--algorithm", "nonsense", status=3)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["find", "a.txt"], 2, "run facevalue registry init"),
        (["init", "two words"], 3, "without spaces"),
        (["init", "x", "--db", "mysql://x"], 2, "postgresql://"),
        (["serve"], 2, "run facevalue registry init"),
        (["serve", "--host", "0.0.0.0"], 2, "FACEVALUE_OFFLINE"),
        (["log", "verify", "nowhere"], 3, "nowhere"),
        (["log", "verify", "a.txt"], 3, "not JSON"),
        (["log", "monitor", ".", "--key", "x"], 2, "verifier key"),
        (["find"], 2, "ask for one of"),
        (["find", "--sha256", "00", "a.txt"], 2, "ask for one of"),
    ],
)
def test_wrong_usage_is_a_sentence(arguments: list[str], status: int, says: str) -> None:
    assert says in run(*arguments, status=status).stderr


def test_wrong_usage_of_a_registry_is_a_sentence(home: Path) -> None:
    begin()
    assert "hexadecimal" in run("find", "--sha256", "xyz", status=3).stderr
    assert "NAME=HEX" in run("add", "a.txt", "--binding", "x", status=2).stderr
    assert "knows no soft binding" in run("find", "--binding", "x=00", status=3).stderr
    assert "cannot read" in run("add", "nowhere", status=3).stderr
    assert "no claim 7" in run("revoke", 7, "--reason", "x", status=3).stderr
    assert "PEM" in run("add", "a.txt", "--key", "b.txt", status=2).stderr
    assert "already" in run("init", "other.example", status=2).stderr
    assert "FACEVALUE_OFFLINE" in run("find", "a.txt", "--server", "https://x.example", status=2).stderr
    assert "needs the key" in run("add", "a.txt", "--server", "https://x.example", status=2).stderr
