"""`facevalue compare`: outputs, reports and the exit status of the contract."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent.parent / "fingerprint"))
from scenes import jpeg, png, scene

from facevalue.cli import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An original, a copy, a forgery, a stranger, and what is no picture."""
    rgb = scene(80)
    forged = rgb.copy()
    forged[100:180, 120:220] = scene(81)[100:180, 120:220]
    files = {"o.png": png(rgb), "copy.jpg": jpeg(rgb, 50), "forged.jpg": jpeg(forged, 60), "other.png": png(scene(82))}
    for name, data in {**files, "text.jpg": b"hello\n"}.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def run(*words: object, stdin: bytes | None = None) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["compare", *map(str, words)], input=stdin)
    return found.exit_code, found.output


def test_a_forgery_a_copy_and_a_stranger(folder: Path) -> None:
    status, shown = run(folder / "o.png", folder / "forged.jpg")
    assert status == 0
    assert "CHANGED" in shown
    assert "replaced" in shown
    assert "NOTHING CHANGED" in run(folder / "o.png", folder / "copy.jpg", "--quiet")[1]
    status, shown = run(folder / "o.png", folder / "other.png")
    assert status == 0
    assert "No common content was found" in shown


def test_json_and_reports(folder: Path) -> None:
    status, shown = run(folder / "o.png", folder / "forged.jpg", "--json", "--report", folder / "new" / "r.html")
    assert status == 0
    assert json.loads(shown)["schema"] == "facevalue.comparison/1"
    assert (folder / "new" / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    run(folder / "o.png", folder / "forged.jpg", "--report", folder / "r.json")
    assert json.loads((folder / "r.json").read_text(encoding="utf-8"))["changes"]


def test_stdin(folder: Path) -> None:
    assert "NOTHING CHANGED" in run(folder / "o.png", "-", stdin=(folder / "copy.jpg").read_bytes())[1]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("o.png", "text.jpg"), 3),
        (("text.jpg", "o.png"), 3),
        (("o.png", "missing.jpg"), 3),
        (("o.png", "copy.jpg", "--report", "r.gif"), 2),
        (("-", "-"), 2),
    ],
)
def test_exit_status(folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int) -> None:
    monkeypatch.chdir(folder)
    found, shown = run(*words)
    assert found == status
    assert "Traceback" not in shown


def test_a_picture_of_one_pixel_is_no_traceback(folder: Path) -> None:
    (folder / "dot.png").write_bytes(png(np.zeros((1, 1, 3), np.uint8)))
    assert run(folder / "o.png", folder / "dot.png")[0] == 0
    assert run(folder / "dot.png", folder / "o.png")[0] == 0
