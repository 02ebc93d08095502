"""Lets the tests of this folder use a stand-in in place of the learned machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def standing_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """standing_in(bias=0.0, gain=0.0): put a stand-in in place of machines and calibration."""
    pytest.importorskip("onnx", reason="needs onnx, to build the stand-in")
    from facevalue.examiners.voice import examiner
    from facevalue.examiners.voice.tests import stand_in

    def install(bias: float = 0.0, gain: float = 0.0) -> Path:
        folder = stand_in.install(tmp_path / f"weights{bias}{gain}", bias, gain)
        monkeypatch.setattr(examiner, "FOLDER", folder)
        examiner.calibration.cache_clear()
        return folder

    yield install
    examiner.calibration.cache_clear()
