"""Twenty-four drawn pictures, networks of a few thousand weights, and a run that takes a second."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra lab")
sys.path.insert(0, str(Path(__file__).parent))

from small_run import CADENCE, RECIPE, draw_folder, waves  # noqa: E402

from facevalue.lab.gan.ranks import Ranks  # noqa: E402
from facevalue.lab.gan.run import train  # noqa: E402


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("gan") / "pictures")


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """uint8 (24, 16, 16, 3)."""
    return np.stack([waves(number, 16, 16) for number in range(24)])


@pytest.fixture
def alone() -> Ranks:
    return Ranks(0, 1, torch.device("cpu"))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """A finished run with every checkpoint kept."""
    out = tmp_path_factory.mktemp("gan") / "run"
    train(folder, out, RECIPE, lambda _: CADENCE)
    return out


@pytest.fixture
def longer(folder: Path) -> Callable[..., Path]:
    """Train into a folder with some numbers changed: longer(out, images=64, ...)."""

    def go(out: Path, **changes: Any) -> Path:
        options = {name: changes.pop(name) for name in ("resume", "start", "report") if name in changes}
        return train(changes.pop("data", folder), out, replace(RECIPE, **changes), lambda _: CADENCE, **options)

    return go
