"""Killed at any step, a signing leaves the complete output or none; several at once do not disturb each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import make_credentials as kit
import pytest

import facevalue as fv
from facevalue.signing.record import STEPS
from facevalue.signing.store import StoredIdentity

SCRIPT = """
import json, os, signal, sys
import facevalue as fv
from facevalue.signing import placing

source, out, identity, registry, step = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if step == "between":  # the proof is in its place, the output is not
    move = placing.Place._move
    placing.Place._move = lambda self, a, b: move(self, a, b) if b == self.proof else die()
fv.sign(source, out, identity, watermark=False, registry=registry, on_step=lambda s: die() if s.name == step else None)
"""


def run(*args: object, home: Path) -> int:
    environment = os.environ | {"FACEVALUE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, *map(str, args)]
    return subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize("step", [*STEPS, "between"])
def test_killed_after_a_step_leaves_no_half_output(
    step: str, original: Path, desk: StoredIdentity, party: object, home: Path, tmp_path: Path
) -> None:
    out, root = tmp_path / "out.jpg", party.registry.folder.root
    assert run(original, out, desk.folder, root, step, home=home) == -signal.SIGKILL
    assert not out.exists()
    seen = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".facevalue-signing-")}
    assert seen - {"out.jpg.proof.json"} == {"photo.jpg", "registry"}
    assert ("out.jpg.proof.json" in seen) == (step == "between")
    assert party.registry.pending() == 0
    # The next signing sweeps what was left, and is complete.
    signed = fv.sign(original, out, desk.folder, watermark=False, registry=root)
    assert str(signed.provenance.state) == "verified"
    assert {p.name for p in tmp_path.iterdir()} == {"photo.jpg", "registry", "out.jpg", "out.jpg.proof.json"}
    assert json.loads(signed.proof.read_text())["leaf"] == signed.registry["leaf"]


def test_a_proof_that_is_not_ours_stays(original: Path, desk: StoredIdentity, party: object, tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    (tmp_path / "out.jpg.proof.json").write_text("precious")
    with pytest.raises(fv.UsageError, match=r"out\.jpg\.proof\.json exists already"):
        fv.sign(original, out, desk.folder, watermark=False, registry=party.registry)
    assert (tmp_path / "out.jpg.proof.json").read_text() == "precious"


def test_several_at_once(who: fv.Identity, party: object, tmp_path: Path) -> None:
    sources = []
    for number in range(4):
        path = tmp_path / f"in{number}.jpg"
        path.write_bytes(kit.picture(seed=number, side=96))
        sources.append(path)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda p: fv.sign(p, None, who, watermark=False, registry=party.registry), sources))
    assert [str(m.provenance.state) for m in made] == ["verified"] * 4
    assert sorted(m.registry["leaf"] for m in made) == [0, 1, 2, 3]


def test_one_output_is_won_once(who: fv.Identity, original: Path, tmp_path: Path) -> None:
    def attempt(_: int) -> str:
        try:
            return str(fv.sign(original, tmp_path / "out.jpg", who, watermark=False).content_sha256)
        except fv.FacevalueError as error:
            return str(error)

    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(attempt, range(3)))
    won = [t for t in told if len(t) == 64]
    assert len(won) == 1
    assert fv.verify(tmp_path / "out.jpg").exhibit.sha256 == won[0]
    assert all("another process" in t or "exists already" in t for t in told if t not in won)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
@pytest.mark.slow
def test_a_disk_that_is_full_gives_a_sentence(desk: StoredIdentity, home: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in.wav", tmp_path / "out.wav"
    with wave.open(str(source), "wb") as stream:
        stream.setparams((1, 2, 8000, 0, "NONE", ""))
        stream.writeframes(bytes(3 << 20))
    code = (
        "import resource, signal, sys; import facevalue as fv\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try: fv.sign(sys.argv[1], sys.argv[2], sys.argv[3], watermark=False)\n"
        "except fv.FacevalueError as error: print(error)\n"
    )
    environment = os.environ | {"FACEVALUE_HOME": str(home)}
    command = [sys.executable, "-c", code, source, out, desk.folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "no space is left" in done.stdout, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]
