"""The demonstration runs from beginning to end and leaves a report; it is what a newcomer sees first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_demo_leaves_a_report_and_labelled_forgeries(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    pytest.importorskip("sklearn")
    facevalue = Path(sys.executable).with_name("facevalue")
    if not facevalue.exists():
        pytest.skip("the facevalue command is not installed beside this Python")
    out, home = tmp_path / "demo", tmp_path / "home"
    done = subprocess.run(
        [sys.executable, ROOT / "demo" / "run.py", out],
        cwd=tmp_path,
        env=os.environ | {"FACEVALUE_OFFLINE": "1", "FACEVALUE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((out / "report").glob("*.html"))
    assert "in a browser" in done.stdout
    forged = (out / "forged" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert forged
    for row in map(json.loads, forged):
        picture = out / "forged" / row["file"]
        check = [facevalue, "check", picture, "--json"]
        exam = json.loads(subprocess.run(check, capture_output=True, text=True, timeout=300, check=True).stdout)
        assert exam["opinion"]["verdict"] == "declared_synthetic"
