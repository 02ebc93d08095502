"""Files inside installed packages are found, and the packages are never imported."""

import sys
from pathlib import Path

import pytest

from facevalue.installed import package_file, package_folders


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "carries_weights"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "models" / "one.onnx").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_a_file_is_found_without_an_import(package: Path) -> None:
    assert package_file("carries_weights", "models", "one.onnx") == package / "models" / "one.onnx"
    assert package_folders("carries_weights") == (package,)
    assert "carries_weights" not in sys.modules


def test_what_is_not_there_is_none(package: Path) -> None:
    assert package_file("carries_weights", "models", "two.onnx") is None
    assert package_file("carries_weights", "models") is None
    assert package_file("no_such_package_anywhere", "x") is None
    assert package_folders("no_such_package_anywhere") == ()
