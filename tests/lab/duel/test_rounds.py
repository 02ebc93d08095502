"""A whole duel on a handful of faces: it improves where it can, resumes to the same record, refuses what it must."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra lab")
pytest.importorskip("scipy", reason="needs the extra lab")

from duel_small import SharpnessExaminer, draw_data
from typer.testing import CliRunner

from facevalue.errors import UsageError
from facevalue.lab.duel.cli import app
from facevalue.lab.duel.pools import build as find_pools
from facevalue.lab.duel.pools import identity
from facevalue.lab.duel.rounds import run
from facevalue.lab.duel.settings import Settings
from facevalue.lab.duel.tune import Effort

SETTINGS = Settings(forgers=("redraw",), rounds=1, faces=12, pairs=4, fakes=8, effort=Effort(1, 4, 2))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray) -> Path:
    return draw_data(tmp_path_factory.mktemp("duel") / "data", portrait)


@pytest.fixture(scope="module")
def fought(data: Path) -> Path:
    out = data.parent / "run"
    run(data, out, SETTINGS, SharpnessExaminer())
    return out


def test_no_person_serves_two_sides(data: Path, fought: Path) -> None:
    pools = find_pools(data, fought / "bank.npz", 12, 4)
    sides = [
        {identity(f) for f in (*pools.learn, *(r for r, _ in pools.swaps))},
        {identity(f) for f in pools.guard},
        {identity(f) for f in (*pools.bases, *(r for r, _ in pools.judged))},
        {identity(f) for f in pools.clean},
    ]
    assert all(sides)
    assert len(set.union(*sides)) == sum(map(len, sides))


def test_a_head_that_says_nothing_is_improved_and_its_weights_are_kept(fought: Path) -> None:
    record = json.loads((fought / "duel.json").read_text())
    before, after = record["rounds"]
    assert after["judge"]["all"]["auc"][0] > before["judge"]["all"]["auc"][0]
    assert after["forgers"]["redraw"]["of"] == 8
    assert (record["kept"] == 1) == after["improved"] == (fought / "weights" / "head.npy").is_file()
    assert record["why"]


def test_a_killed_duel_goes_on_to_the_same_record(data: Path, fought: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(fought, tmp_path / "again"))
    for path in (again / "rounds/01/head.npz", again / "rounds/01/made-redraw.npz", again / "cache/clean.npz"):
        path.unlink()
    record = json.loads((again / "duel.json").read_text())
    (again / "duel.json").write_text(json.dumps(record | {"rounds": record["rounds"][:1], "kept": 0}))
    run(data, again, SETTINGS, SharpnessExaminer())
    assert (again / "duel.json").read_text() == (fought / "duel.json").read_text()


def test_a_finished_duel_looks_at_nothing_again(data: Path, fought: Path) -> None:
    examiner = SharpnessExaminer()
    run(data, fought, SETTINGS, examiner)
    assert examiner.looks == 0


def test_a_folder_of_another_duel_is_refused(data: Path, fought: Path) -> None:
    other = Settings(forgers=("redraw",), rounds=1, faces=12, pairs=4, fakes=9, effort=Effort(1, 4, 2))
    with pytest.raises(UsageError, match="another duel"):
        run(data, fought, other, SharpnessExaminer())


def test_a_forger_that_does_not_fight_this_examiner_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not fight"):
        run(data, tmp_path, Settings(forgers=("repaint",)), SharpnessExaminer())


def test_too_few_faces_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data/images").mkdir(parents=True)
    with pytest.raises(UsageError, match="are needed"):
        run(tmp_path / "data", tmp_path / "run", SETTINGS, SharpnessExaminer())


def test_the_commands(fought: Path, tmp_path: Path) -> None:
    cli = CliRunner()
    shown = cli.invoke(app, ["show", str(fought)])
    assert shown.exit_code == 0
    assert "judge AUC" in shown.stdout
    assert (fought / "chart.png").is_file()
    assert "data:image/png" in (fought / "duel.html").read_text()
    asked = ["fight", "--data", str(tmp_path), "--out", str(tmp_path / "o")]
    for wrong in (["--examiner", "x"], ["--rounds", "0"], ["--forger", "x"]):
        assert isinstance(cli.invoke(app, [*asked, *wrong]).exception, UsageError)
    assert isinstance(cli.invoke(app, ["show", str(tmp_path)]).exception, UsageError)
