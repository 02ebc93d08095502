"""The command as a process of its own: start-up, pipes, signals, rooms that are mounted late."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facevalue._version import __version__
from facevalue.cli import app

MAIN = "from facevalue.cli import main; main()"


def process(*arguments: str, code: str = MAIN, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_version_and_help() -> None:
    assert process("--version").stdout == f"facevalue {__version__}\n"
    shown = process("--help").stdout
    assert "Usage: facevalue" in shown
    assert all(word in shown for word in ("check", "models", "lab", "bench"))


def test_help_loads_nothing_heavy() -> None:
    code = f"import sys\ntry:\n    {MAIN}\nfinally:\n    print(sorted(sys.modules))"
    loaded = process("check", "--help", code=code).stdout.splitlines()[-1]
    for heavy in ("numpy", "cv2", "onnxruntime", "jinja2", "rich", "PIL", "torch", "facevalue.lab", "facevalue.bench"):
        assert f"'{heavy}'" not in loaded


def test_a_closed_pipe_is_no_traceback() -> None:
    code = (
        "import facevalue.cli.check as c, sys\n"
        "from facevalue.cli.run import guarded\n"
        "from facevalue.cli import app, main\n"
        "@app.command('flood')\n"
        "@guarded\n"
        "def flood() -> None:\n"
        "    while True:\n"
        "        sys.stdout.write('x' * 65536)\n"
        "main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "flood"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.wait(timeout=60) == 141
        assert child.stderr.read() == ""


def test_a_stdout_without_unicode_gets_escapes(tmp_path: Path) -> None:
    done = process("check", str(tmp_path / "写真.jpg"), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def mounted(tmp_path: Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "room.py").write_text(source, encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import room; sys.modules['facevalue.lab.cli'] = room; "
    return process("lab", *arguments, code=code + MAIN)


ROOM = """
import typer
app = typer.Typer(rich_markup_mode=None)
@app.command()
def forge(seed: int, note: str = "") -> None:
    print("forged", seed, note)
@app.command()
def fail() -> None:
    raise typer.Exit(5)
@app.command()
def torch() -> None:
    import a_module_nobody_has
@app.command()
def usage() -> None:
    from facevalue.errors import UsageError
    raise UsageError("no such thing")
"""


def test_a_mounted_room_gets_its_arguments_untouched(tmp_path: Path) -> None:
    assert mounted(tmp_path, ROOM, "forge", "3", "--note", "--", "--").returncode in {0, 2}
    assert mounted(tmp_path, ROOM, "forge", "3", "--note", "x").stdout == "forged 3 x\n"
    assert "Usage: facevalue lab forge" in mounted(tmp_path, ROOM, "forge", "--help").stdout
    assert mounted(tmp_path, ROOM, "fail").returncode == 5
    wrong = mounted(tmp_path, ROOM, "forge", "three")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
    refused = mounted(tmp_path, ROOM, "usage")
    assert (refused.returncode, refused.stderr) == (2, "facevalue: no such thing\n")


def test_a_missing_extra_says_what_to_install(tmp_path: Path) -> None:
    done = mounted(tmp_path, ROOM, "torch")
    assert done.returncode == 2
    assert "pip install 'facevalue[lab]'" in done.stderr


def test_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(app, ["nothing"])
    assert result.exit_code == 2


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_is_one_sentence() -> None:
    code = (
        "import os, signal\n"
        # A shell that starts the tests in its background has them, and so this process, ignore the signal.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from facevalue.cli.run import guarded\n"
        "from facevalue.cli import app, main\n"
        "app.command('wait')(guarded(lambda: os.kill(os.getpid(), signal.SIGINT)))\n"
        "main()\n"
    )
    done = process("wait", code=code)
    assert (done.returncode, done.stderr) == (130, "facevalue: interrupted\n")
