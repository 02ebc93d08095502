"""A registry, a signed picture, and what makes both importable: `import make_credentials`, `import make_registry`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "registry"))
sys.path.insert(0, str(Path(__file__).parent.parent / "provenance"))
import make_credentials as kit
from make_registry import Party


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A FACEVALUE_HOME of its own for every test: the keys of logs are remembered there."""
    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The anchor of the test chain as a PEM file."""
    return kit.anchors(tmp_path_factory.mktemp("trust"), kit.root())


@pytest.fixture(scope="session")
def signed() -> bytes:
    """A signed picture (JPEG)."""
    return kit.sign(kit.picture())


@pytest.fixture
def party(tmp_path: Path) -> Iterator[Party]:
    """A new registry in SQLite."""
    party = Party(tmp_path / "registry")
    yield party
    party.registry.close()
