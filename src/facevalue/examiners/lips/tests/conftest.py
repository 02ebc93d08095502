"""Lets the tests of this folder use stand-ins in place of what was learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def standing_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """standing_in(still=0.02): put stand-ins in place of the network and the calibration."""
    pytest.importorskip("onnx", reason="needs onnx, to build the stand-in")
    from facevalue.examiners.lips import examiner, judge
    from facevalue.examiners.lips.tests import stand_in

    def install(still: float = 0.02) -> Path:
        folder = stand_in.install(tmp_path / f"weights{still}", still)
        monkeypatch.setattr(examiner, "FOLDER", folder)
        monkeypatch.setattr(judge, "FOLDER", folder)
        judge.judge.cache_clear()
        return folder

    yield install
    judge.judge.cache_clear()
