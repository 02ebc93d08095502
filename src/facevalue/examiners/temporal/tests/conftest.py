"""A stand-in calibration for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from facevalue.examiners.temporal import model
from facevalue.examiners.temporal.tests import stand_in


@pytest.fixture
def standing_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """standing_in(trait, intercept): the examiner judges by one trait alone."""

    def install(trait: str = "skin mean tremble", intercept: float = -1.0) -> Path:
        folder = stand_in.install(tmp_path / "weights", stand_in.model(trait, intercept))
        monkeypatch.setattr(model, "FOLDER", folder)
        model.model.cache_clear()
        return folder

    yield install
    model.model.cache_clear()
