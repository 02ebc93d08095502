"""Which key a log has: given, seen before, met for the first time, or changed since, which is a failure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make_credentials as kit
import pytest
from make_registry import ORIGIN, Party
from typer.testing import CliRunner

import facevalue as fv
from facevalue.cli import app
from facevalue.registered import known_logs
from facevalue.registered.known_logs import Standing, check_key, remember
from facevalue.registry import Entry, RemoteRegistry
from facevalue.registry.log.note import VerifierKey

PICTURE = kit.picture()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Party]:
    """Another registry that goes by the same name."""
    party = Party(tmp_path / "other")
    yield party
    party.registry.close()


def add(party: Party) -> None:
    party.add(Entry(hashlib.sha256(PICTURE).digest(), "image/jpeg"))


def ask(party: Party, log_key: str | None = None) -> fv.Provenance:
    return fv.verify(PICTURE, registry=party.registry.folder.root, log_key=log_key, second_opinion=False)


def key_of(party: Party) -> str:
    return str(party.registry.log.verifier)


def told(found: fv.Provenance) -> tuple[str, str, str]:
    """Status of the axis log, how its key stands, and all that is said."""
    axis = found.axes["log"]
    return str(axis.status), str(axis.details.get("key")), " ".join([axis.summary, *axis.evidence])


class TestAsking:
    def test_the_first_use_is_said_and_the_next_one_is_known(self, party: Party) -> None:
        add(party)
        status, standing, text = told(ask(party))
        assert (status, standing) == ("passed", "first")
        assert "First use" in text
        assert "remembered from now on" in text
        status, standing, text = told(ask(party))
        assert (status, standing) == ("passed", "seen")
        assert "Known key" in text
        assert "taken on trust then" in text

    def test_a_key_that_was_given_is_known_from_then_on(self, party: Party, home: Path) -> None:
        add(party)
        assert told(ask(party, key_of(party)))[:2] == ("passed", "given")
        assert told(ask(party))[:2] == ("passed", "given")
        listed = json.loads((home / "known-logs.json").read_text())
        assert [(log["key"], log["given"]) for log in listed["logs"]] == [(key_of(party), True)]

    def test_a_changed_key_is_a_failure_and_nothing_rests_on_it(self, party: Party, other: Party) -> None:
        add(party)
        add(other)
        ask(party)
        for _ in range(2):  # it is not remembered either
            found = ask(other)
            status, standing, text = told(found)
            assert (status, standing) == ("failed", "changed")
            assert "known since" in text
            assert str(found.axes["registry"].status) == "unknown"
            assert not found.content_differs
        assert told(ask(party))[:2] == ("passed", "seen")

    def test_another_key_than_the_given_one_is_a_failure(self, party: Party, other: Party) -> None:
        add(party)
        status, standing, text = told(ask(party, key_of(other)))
        assert (status, standing) == ("failed", "other")
        assert "not the one that was given" in text

    def test_a_given_key_replaces_what_was_taken_on_trust(self, party: Party, other: Party) -> None:
        add(party)
        add(other)
        ask(party)
        assert told(ask(other, key_of(other)))[:2] == ("passed", "given")
        assert told(ask(party))[:2] == ("failed", "changed")

    def test_a_changed_key_fails_even_where_nothing_is_found(self, party: Party, other: Party) -> None:
        add(party)
        ask(party)
        assert told(ask(other))[:2] == ("failed", "changed")

    def test_a_log_that_proved_nothing_is_not_remembered(self, party: Party, home: Path) -> None:
        assert told(ask(party))[:2] == ("absent", "first")
        assert not (home / "known-logs.json").exists()

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "x", "logs": []}', '{"schema": 1}', "\x00"])
    def test_a_damaged_list_is_a_sentence_and_not_overwritten(self, party: Party, home: Path, content: str) -> None:
        add(party)
        home.mkdir()
        (home / "known-logs.json").write_text(content)
        status, _, text = told(ask(party))
        assert status == "not_available"
        assert "list of known log keys" in text
        assert (home / "known-logs.json").read_text() == content

    @pytest.mark.parametrize("wrong", ["", "x", "registry.example.org/log+00000000+AAAA"])
    def test_a_malformed_key_is_refused(self, party: Party, wrong: str) -> None:
        with pytest.raises(fv.UsageError, match="--log-key"):
            ask(party, wrong)

    def test_a_key_without_a_registry_is_refused(self, party: Party) -> None:
        with pytest.raises(fv.UsageError, match="goes with a registry"):
            fv.verify(PICTURE, log_key=key_of(party))


class Elsewhere(RemoteRegistry):
    """A registry at an address, without a network."""

    def __init__(self, party: Party, url: str) -> None:
        self.party, self.url = party, url

    def facts(self) -> dict[str, Any]:
        return self.party.registry.facts()

    def find(self, **question: str) -> dict[str, Any]:
        asked = question.get("sha256")
        claims = self.party.registry.find_content(bytes.fromhex(asked)) if asked else []
        return {"entries": [c.to_dict() for c in claims], "total": len(claims)}

    def proof(self, leaf: int) -> dict[str, Any]:
        return self.party.registry.proof(leaf)


def test_a_registry_that_takes_another_ones_address_under_a_new_name_is_found_out(party: Party, tmp_path: Path) -> None:
    from facevalue.registry import Registry

    add(party)
    here = "https://registry.example.org"
    assert told(fv.verify(PICTURE, registry=Elsewhere(party, here)))[1] == "first"
    renamed = Registry.create(tmp_path / "renamed", "new-name.example.org")
    party.registry.close()
    party.registry = renamed
    assert told(fv.verify(PICTURE, registry=Elsewhere(party, here)))[:2] == ("failed", "changed")
    assert told(fv.verify(PICTURE, registry=Elsewhere(party, "https://other.example.org")))[1] == "first"


def test_the_command_takes_the_key(party: Party, other: Party, tmp_path: Path) -> None:
    add(party)
    (tmp_path / "a.jpg").write_bytes(PICTURE)
    asked = ["verify", str(tmp_path / "a.jpg"), "--registry", str(party.registry.folder.root), "--json"]
    good = CliRunner().invoke(app, [*asked, "--log-key", key_of(party)])
    assert (good.exit_code, json.loads(good.stdout)["axes"]["log"]["status"]) == (0, "passed")
    bad = CliRunner().invoke(app, [*asked, "--log-key", key_of(other)])
    assert (bad.exit_code, json.loads(bad.stdout)["axes"]["log"]["status"]) == (0, "failed")
    assert CliRunner().invoke(app, [*asked, "--log-key", "nonsense"]).exit_code == 2


class TestRemembering:
    def key(self, number: int, name: str = ORIGIN) -> VerifierKey:
        return VerifierKey(name, bytes([number]) * 32)

    def test_a_wrong_key_is_never_remembered(self, home: Path) -> None:
        remember(check_key(self.key(1), None, None), None)
        changed = check_key(self.key(2), None, None)
        assert changed.standing is Standing.CHANGED
        remember(changed, None)
        assert check_key(self.key(1), None, None).standing is Standing.SEEN

    def test_logs_are_kept_apart_by_name(self) -> None:
        for number in range(3):
            remember(check_key(self.key(number, f"log{number}.example"), None, None), None)
        for number in range(3):
            assert check_key(self.key(number, f"log{number}.example"), None, None).standing is Standing.SEEN

    def test_the_list_is_bounded(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        monkeypatch.setattr(known_logs, "MAX_LOGS", 3)
        for number in range(5):
            remember(check_key(self.key(number, f"log{number}.example"), None, None), None)
        assert len(json.loads((home / "known-logs.json").read_text())["logs"]) == 3
