"""Install the built wheel in a fresh environment, away from the source tree, and use the installed command.

    python .ci/smoke_wheel.py DIST CONSTRAINTS

Run by a Python that has jsonschema, numpy and Pillow; the fresh environment gets the core dependencies only.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import jsonschema
import numpy as np
from PIL import Image

MUST_SHIP = ("py.typed", "schema/examination-1.json", "card.toml", "calibration.json", ".onnx", ".j2")
MUST_NOT_SHIP = ("/tests/", "__pycache__", ".pyc")
MUST_NOT_INSTALL = ("torch", "skimage", "sklearn", "pytest")


def expect(holds: bool, what: str) -> None:
    """Stop with a plain sentence when something does not hold."""
    if not holds:
        sys.exit(f"wheel smoke test: {what}")
    print(f"  ok: {what}")


def contents(wheel: Path) -> dict[str, bytes]:
    """Check what the wheel holds; returns its JSON Schema files by name."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for suffix in MUST_SHIP:
            expect(any(name.endswith(suffix) for name in names), f"the wheel ships *{suffix}")
        strays = [name for name in names if any(part in name for part in MUST_NOT_SHIP)]
        expect(not strays, f"the wheel ships no tests or caches {strays[:3] or ''}")
        return {name: archive.read(name) for name in names if "/schema/" in name}


def picture(path: Path) -> Path:
    """A small photograph-like JPEG: a smooth ramp with seeded noise."""
    rows, columns = np.mgrid[0:360, 0:480]
    ramp = np.stack([rows / 2, columns / 2, (rows + columns) / 4], axis=-1)
    noise = np.random.default_rng(1).normal(0, 6, ramp.shape)
    Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8)).save(path, quality=90)
    return path


def smoke(wheel: Path, constraints: Path, room: Path) -> None:
    """Install the wheel in room and look at what the installed command answers."""
    schemas = contents(wheel)
    venv.create(room / "env", with_pip=True)
    python = room / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", constraints, wheel], check=True)
    home = room / "home"
    home.mkdir()
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"FACEVALUE_HOME": str(home), "FACEVALUE_OFFLINE": "1"}

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=room, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    command = python.with_name("facevalue")
    version = run(command, "--version")
    expect(
        version.returncode == 0 and wheel.name.split("-")[1] in version.stdout, "facevalue --version names the wheel"
    )
    absent = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, sys.argv[1:])))"
    expect(
        run(python, "-c", absent, *MUST_NOT_INSTALL).returncode == 0, "the core installs no torch and no test runner"
    )

    checked = run(command, "check", picture(room / "photo.jpg"), "--json")
    expect(checked.returncode == 0, f"facevalue check exits 0 {checked.stderr[-400:] if checked.returncode else ''}")
    examination = json.loads(checked.stdout)
    for name, text in schemas.items():
        if "examination" in name:
            jsonschema.validate(examination, json.loads(text))
    expect(examination["schema"] == "facevalue.examination/1", "the JSON validates against the shipped schema")
    generated = next((f for f in examination["findings"] if f["examiner"] == "generated"), None)
    expect(generated is not None and generated["status"] == "inapplicable", "without models, generated is inapplicable")
    expect("models pull" in (generated or {}).get("why", ""), "and it says how to get them")

    (room / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    broken = run(command, "check", room / "broken.jpg", "--json")
    expect(broken.returncode == 3 and "Traceback" not in broken.stderr, "a broken file exits 3 without a traceback")


def main() -> None:
    """Smoke-test the one wheel in DIST."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    wheels = sorted(Path(sys.argv[1]).resolve().glob("facevalue-*.whl"))
    expect(len(wheels) == 1, f"one wheel in {sys.argv[1]}")
    with tempfile.TemporaryDirectory(prefix="facevalue-smoke-") as room:
        smoke(wheels[0], Path(sys.argv[2]).resolve(), Path(room))


if __name__ == "__main__":
    main()
