"""Test chains and signed files, shared by the tests of this folder: `import make_credentials`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import make_credentials as kit


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The anchor of the test chain as a PEM file."""
    return kit.anchors(tmp_path_factory.mktemp("trust"), kit.root())


@pytest.fixture(scope="session")
def signed() -> bytes:
    """A signed picture (JPEG)."""
    return kit.sign(kit.picture())
