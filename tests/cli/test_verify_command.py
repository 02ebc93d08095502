"""`facevalue verify` and `facevalue trust`: what is printed, written and returned."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parent.parent / "provenance"))
import make_credentials as kit

from facevalue.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    return lambda *args, **more: CliRunner().invoke(app, list(map(str, args)), **more)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    good = kit.sign(kit.picture())
    made = {"good.jpg": good, "bad.jpg": kit.flipped(good, -20), "plain.jpg": kit.picture(), "cut.jpg": good[:900]}
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return {**{name: folder / name for name in made}, "trust": kit.anchors(folder, kit.root())}


def test_one_file_prints_its_state_and_every_axis(run: Run, files: dict[str, Path]) -> None:
    result = run("verify", files["good.jpg"], "--trust", files["trust"])
    assert result.exit_code == 0
    assert result.stdout.startswith("good.jpg: VERIFIED. ")
    for label in ("binding", "signature", "signer", "time", "revocation", "history", "origin", "registry", "log"):
        assert f"\n  {label} " in result.stdout
    assert "outside hash" in result.stdout


@pytest.mark.parametrize(("name", "status"), [("bad.jpg", 0), ("plain.jpg", 0), ("cut.jpg", 3), ("gone.jpg", 3)])
def test_the_exit_status_says_whether_anything_was_verified(
    run: Run, files: dict[str, Path], name: str, status: int
) -> None:
    result = run("verify", files["trust"].parent / name, "--quiet")
    assert (result.exit_code, result.stdout.count("\n")) == (status, 1)
    assert "Traceback" not in result.output


def test_json_forms(run: Run, files: dict[str, Path]) -> None:
    one = json.loads(run("verify", files["good.jpg"], "--trust", files["trust"], "--json").stdout)
    assert (one["schema"], one["state"]) == ("facevalue.provenance/1", "verified")
    both = (files["bad.jpg"], files["plain.jpg"])
    array = json.loads(run("verify", *both, "--json").stdout)
    lines = [json.loads(line) for line in run("verify", *both, "--jsonl").stdout.splitlines()]
    assert [row["state"] for row in array] == [row["state"] for row in lines] == ["altered", "no_credentials"]


def test_stdin(run: Run, files: dict[str, Path]) -> None:
    result = run("verify", "-", "--quiet", input=files["plain.jpg"].read_bytes())
    assert result.stdout.startswith("stdin: NO CREDENTIALS")


def test_reports(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    run("verify", files["good.jpg"], "--report", tmp_path / "a" / "r.html")
    run("verify", files["good.jpg"], "--report", tmp_path / "r.json")
    run("verify", files["good.jpg"], files["bad.jpg"], "--report", tmp_path / "many")
    assert "<h2>Provenance</h2>" in (tmp_path / "a" / "r.html").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["schema"] == "facevalue.provenance/1"
    assert [p.name for p in sorted((tmp_path / "many").iterdir())] == ["0001-good.jpg.html", "0002-bad.jpg.html"]


@pytest.mark.parametrize(
    "options",
    [
        ("--json", "--jsonl"),
        ("--trust", "gone.pem"),
        ("--tsa-trust", "gone.pem"),
        ("--sidecar", "gone.c2pa"),
        ("--report", "r.docx"),
        ("--online",),
        ("plain.jpg", "--sidecar", "a.c2pa"),
        ("plain.jpg", "--report", "r.html"),
        ("--no-such-option",),
    ],
)
def test_wrong_usage_leaves_with_2(run: Run, files: dict[str, Path], options: tuple[str, ...]) -> None:
    result = run("verify", files["good.jpg"], *options)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_check_takes_anchors_too(run: Run, files: dict[str, Path]) -> None:
    result = run("check", files["bad.jpg"], "--question", "provenance", "--trust", files["trust"], "--quiet")
    assert result.stdout.startswith("bad.jpg: ALTERED. ")
    assert run("check", files["bad.jpg"], "--trust", "gone.pem").exit_code == 2


def test_trust_lists_are_shown_and_pulling_needs_the_network(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path))
    shown = run("trust", "list")
    assert (shown.exit_code, "c2pa-trust-list" in shown.stdout) == (0, True)
    rows = json.loads(run("trust", "list", "--json").stdout)
    assert {row["kind"] for row in rows} == {"claim", "tsa"}
    assert run("trust", "pull").exit_code == 2
    assert run("trust", "pull", "--from", tmp_path / "gone").exit_code == 2
