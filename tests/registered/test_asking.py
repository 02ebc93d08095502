"""`facevalue.verify(registry=...)`: what a registry adds to a file's provenance, and what it cannot."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make_credentials as kit
import pytest
from make_registry import Party, manifest_store
from typer.testing import CliRunner

import facevalue as fv
from facevalue.cli import app
from facevalue.registry import Entry, RemoteRegistry
from facevalue.registry.folder import RegistryFolder
from facevalue.reports.json import load_schema
from facevalue.reports.provenance import render_provenance

ATTACK = "<script>alert(1)</script>'; DROP TABLE entries; --\u202e"


def claim(data: bytes, **fields: Any) -> Entry:
    return Entry(hashlib.sha256(data).digest(), "image/jpeg", **fields)


def ask(data: bytes, party: Party, **more: Any) -> fv.Provenance:
    """Ask the registry's folder; the answer meets the schema, whatever it is."""
    found = fv.verify(data, registry=party.registry.folder.root, second_opinion=False, **more)
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(load_schema("provenance-1")).validate(json.loads(found.to_json()))
    return found


def statuses(found: fv.Provenance) -> tuple[str, ...]:
    return tuple(str(found.axes[name].status) for name in ("recovered", "registry", "log"))


def manifest_of(data: bytes) -> str:
    return str(fv.verify(data, second_opinion=False).history[0].manifest)


class TestContent:
    def test_nothing_is_known(self, party: Party) -> None:
        found = ask(kit.picture(), party)
        assert found.state is fv.State.NO_CREDENTIALS
        assert statuses(found) == ("absent", "absent", "absent")
        assert "says nothing about the file" in found.axes["registry"].summary

    def test_exactly_this_content_is_registered(self, party: Party, signed: bytes, trust: Path) -> None:
        party.add(claim(signed, title="A bridge"))
        found = ask(signed, party, trust=trust)
        assert (found.state, found.content_differs) == (fv.State.VERIFIED, False)
        assert statuses(found) == ("not_asked", "passed", "passed")
        assert "A bridge" in found.axes["registry"].evidence[0]
        assert found.axes["log"].details["size"] == 1
        assert "leaf 0: included" in found.axes["log"].evidence

    def test_registered_without_a_manifest_is_not_a_match(self, party: Party) -> None:
        party.add(claim(kit.picture()))
        found = ask(kit.picture(), party)
        assert (found.state, statuses(found)) == (fv.State.NO_CREDENTIALS, ("absent", "passed", "passed"))

    def test_a_manifest_known_for_this_content_is_a_match_and_never_valid(self, party: Party, trust: Path) -> None:
        store = manifest_store("urn:c2pa:known")
        digest = hashlib.sha256(store).digest()
        party.add(claim(kit.picture(), manifest_id="urn:c2pa:known", manifest=digest), manifest=store)
        found = ask(kit.picture(), party, trust=trust)
        assert found.state is fv.State.RECOVERED_MATCH
        assert found.summary.startswith("Matched by content hash: registry.example.org/log registered the manifest")
        assert statuses(found) == ("stated", "passed", "passed")
        assert not found.trusted
        assert "valid " not in found.summary
        assert "not validated here" in found.axes["recovered"].evidence[1]

    def test_claims_that_conflict_are_all_shown_earliest_first(self, party: Party) -> None:
        for name in ("first.example.org", "second.example.org"):
            party.add(claim(kit.picture()), party.key(name=name))
        axis = ask(kit.picture(), party).axes["registry"]
        assert (axis.status, axis.details["conflict"], axis.details["total"]) == (fv.AxisStatus.WARNING, True, 2)
        assert ["first" in axis.evidence[0], "second" in axis.evidence[1]] == [True, True]
        assert "registered by first.example.org" in axis.summary
        assert "2 keys claim it" in axis.summary

    def test_a_revoked_claim_is_shown_as_revoked_and_carries_nothing(
        self, party: Party, signed: bytes, trust: Path
    ) -> None:
        party.revoke(party.add(claim(signed)), reason="staged")
        party.revoke(party.add(claim(kit.picture(), manifest_id="urn:c2pa:known")))
        found = ask(signed, party, trust=trust)
        assert statuses(found) == ("not_asked", "failed", "passed")
        assert "revoked by" in found.axes["registry"].summary
        assert "staged" in found.axes["registry"].summary
        assert found.state is fv.State.VERIFIED_WITH_WARNINGS
        assert {"leaf 0: included", "leaf 1: included"} <= set(found.axes["log"].evidence)
        assert ask(kit.picture(), party).state is fv.State.NO_CREDENTIALS

    def test_private_claims_are_not_told(self, party: Party) -> None:
        party.add(claim(kit.picture(), private=True))
        assert statuses(ask(kit.picture(), party)) == ("absent", "absent", "absent")

    def test_hostile_titles_are_inert(self, party: Party) -> None:
        party.add(claim(kit.picture(), title=ATTACK))
        page = render_provenance(ask(kit.picture(), party))
        assert "<script>alert" not in page
        assert "\u202e" not in page


class TestManifest:
    def test_content_differs_after_a_comparison(self, party: Party, signed: bytes, trust: Path) -> None:
        party.add(claim(signed, manifest_id=manifest_of(signed)))
        found = ask(kit.flipped(signed, -20), party, trust=trust)
        assert (found.state, found.content_differs) == (fv.State.ALTERED, True)
        assert str(found.axes["registry"].status) == "failed"
        assert "original with other bytes" in found.axes["registry"].summary

    def test_nobody_vouches_but_the_registered_original_contradicts(self, party: Party, signed: bytes) -> None:
        changed = kit.flipped(signed, -20)
        assert not fv.verify(changed).content_differs
        party.add(claim(signed, manifest_id=manifest_of(signed)))
        party.add(claim(changed, manifest_id=manifest_of(signed)), party.key())  # registering it does not mend it
        found = ask(changed, party)
        assert found.content_differs
        assert len(found.axes["registry"].evidence) == 2

    def test_an_intact_binding_is_no_contradiction(self, party: Party, signed: bytes, trust: Path) -> None:
        party.add(claim(b"another file", manifest_id=manifest_of(signed)))
        found = ask(signed, party, trust=trust)
        assert (found.state, found.content_differs) == (fv.State.VERIFIED, False)
        assert str(found.axes["registry"].status) == "stated"

    def test_a_revoked_original_contradicts_nothing(self, party: Party, signed: bytes) -> None:
        party.revoke(party.add(claim(signed, manifest_id=manifest_of(signed))))
        found = ask(kit.flipped(signed, -20), party)
        assert not found.content_differs
        assert str(found.axes["registry"].status) == "warning"


def change_database(root: Path) -> None:
    with sqlite3.connect(root / "registry.sqlite") as connection:
        connection.execute("UPDATE entries SET title = 'not what was signed'")


def cut_checkpoint(root: Path) -> None:
    (root / "log" / "checkpoint").write_text("nonsense\n")


def change_tile(root: Path) -> None:
    for path in (root / "log" / "tile").rglob("*"):
        if path.is_file():
            path.write_bytes(kit.flipped(path.read_bytes(), -1))


def lose_folder_facts(root: Path) -> None:
    (root / "registry.json").write_text("{")


def break_database(root: Path) -> None:
    for path in root.glob("registry.sqlite*"):
        path.unlink()
    (root / "registry.sqlite").write_bytes(b"nonsense" * 1000)


def lose_log_key(root: Path) -> None:
    (root / "log.pem").unlink()


def lose_log(root: Path) -> None:
    (root / "log" / "checkpoint").unlink()


class TestWhatIsBroken:
    @pytest.mark.parametrize(
        ("damage", "registry", "log", "sentence"),
        [
            (change_database, "unknown", "failed", "leaf 0: the log says something else"),
            (cut_checkpoint, "unknown", "failed", "log does not hold"),
            (change_tile, "unknown", "failed", "leaf 0:"),
            (lose_folder_facts, "not_available", "not_available", "could not be asked"),
            (break_database, "not_available", "not_available", "could not be asked"),
            (lose_log_key, "not_available", "not_available", "could not be asked"),
            (lose_log, "unknown", "failed", "log does not hold"),
        ],
    )
    def test_it_is_said_in_a_sentence_and_nothing_rests_on_it(
        self, party: Party, damage: Callable[[Path], None], registry: str, log: str, sentence: str
    ) -> None:
        for number in range(2):
            party.add(claim(kit.picture(), manifest_id=f"urn:c2pa:{number}", title="A bridge"))
        party.registry.close()
        damage(party.registry.folder.root)
        found = ask(kit.picture(), party)
        assert statuses(found)[1:] == (registry, log)
        assert found.state is fv.State.NO_CREDENTIALS
        axis = found.axes["log"]
        assert any(sentence in text for text in (axis.summary, *axis.evidence)), axis

    @pytest.mark.parametrize("where", ["gone", "nul\0", "file"])
    def test_a_registry_that_is_not_there(self, tmp_path: Path, where: str) -> None:
        (tmp_path / "file").write_text("x")
        found = fv.verify(kit.picture(), registry=tmp_path / where)
        assert statuses(found) == ("not_available",) * 3

    def test_the_missing_extra_is_named(self, party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
        import facevalue.registry as package

        monkeypatch.delitem(vars(package), "Registry", raising=False)
        monkeypatch.delitem(sys.modules, "facevalue.registry.registry", raising=False)
        monkeypatch.setitem(sys.modules, "sqlalchemy", None)
        found = ask(kit.picture(), party)
        assert "pip install 'facevalue[registry]'" in found.axes["registry"].summary

    def test_a_registry_in_postgresql_without_its_address(self, party: Party) -> None:
        folder = party.registry.folder
        RegistryFolder(folder.root, folder.origin, "postgresql").write()
        assert "postgresql" in ask(kit.picture(), party).axes["registry"].summary


class Fake(RemoteRegistry):
    """A registry over the network that answers what it is told to, without a network."""

    def __init__(self, party: Party, **lies: Any) -> None:
        self.party, self.lies = party, lies
        self.url = "https://fake.example"

    def facts(self) -> dict[str, Any]:
        return self.lies.get("facts", self.party.registry.facts())

    def find(self, **question: str) -> dict[str, Any]:
        claims = self.party.registry.find_content(bytes.fromhex(question["sha256"]))
        rows = [c.to_dict() | self.lies.get("row", {}) for c in claims]
        return {"entries": rows, "total": len(rows)} | self.lies.get("answer", {})

    def proof(self, leaf: int) -> dict[str, Any]:
        return self.party.registry.proof(leaf) | self.lies.get("proof", {})


class TestOverTheNetwork:
    def test_an_address_is_refused_offline(self) -> None:
        with pytest.raises(fv.OfflineError, match="asking a registry needs the network"):
            fv.verify(kit.picture(), registry="https://registry.example.org")

    def test_it_is_believed_as_far_as_it_proves(self, party: Party) -> None:
        party.add(claim(kit.picture(), manifest_id="urn:c2pa:known"))
        assert fv.verify(kit.picture(), registry=Fake(party)).state is fv.State.RECOVERED_MATCH
        assert fv.verify(kit.picture(), registry=party.registry).state is fv.State.RECOVERED_MATCH

    @pytest.mark.parametrize(
        "lies",
        [
            {"facts": {}},
            {"facts": {"origin": "x", "log_key": "nonsense", "size": 1}},
            {"row": {"publisher": "somebody.else"}},
            {"row": {"time": "1970-01-01T00:00:00.000000Z"}},
            {"row": {"leaf": "0"}},
            {"row": {"leaf": True}},
            {"row": {"entry": {"content_sha256": "00" * 32}}},
            {"row": {"revocations": [{"leaf": 0, "by": "x", "reason": "y", "time": "z"}]}},
            {"row": {"revocations": 7}},
            {"answer": {"entries": 5}},
            {"answer": {"entries": [None]}},
            {"proof": {"leaf": 1}},
            {"proof": {"salt": ""}},
            {"proof": {"checkpoint": "x" * 10_000}},
            {"proof": {"record": None}},
        ],
    )
    def test_nothing_rests_on_a_lie(self, party: Party, lies: dict[str, Any]) -> None:
        party.add(claim(kit.picture(), manifest_id="urn:c2pa:known"))
        found = fv.verify(kit.picture(), registry=Fake(party, **lies))
        assert found.state is fv.State.NO_CREDENTIALS
        assert "passed" not in statuses(found)


def test_something_else_is_no_registry() -> None:
    with pytest.raises(fv.UsageError, match="not int"):
        fv.verify(kit.picture(), registry=7)  # type: ignore[arg-type]


class TestCommand:
    def test_the_axes_are_printed_and_the_status_is_that_of_the_contract(self, party: Party, tmp_path: Path) -> None:
        party.add(claim(kit.picture(), manifest_id="urn:c2pa:known"))
        file = tmp_path / "a.jpg"
        file.write_bytes(kit.picture())
        told = CliRunner().invoke(app, ["verify", str(file), "--registry", str(party.registry.folder.root)])
        assert told.exit_code == 0
        assert "Matched by content hash" in told.stdout
        missing = CliRunner().invoke(app, ["verify", str(file), "--json", "--registry", str(tmp_path / "gone")])
        assert missing.exit_code == 0
        assert "could not be asked" in json.loads(missing.stdout)["axes"]["registry"]["summary"]
        offline = CliRunner().invoke(app, ["verify", str(file), "--registry", "https://registry.example.org"])
        assert offline.exit_code == 2
        assert "Traceback" not in told.output + missing.output + offline.output
