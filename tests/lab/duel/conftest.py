"""Lets the tests of the duel import what they share, and draws shorter bootstraps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def _short_bootstraps() -> None:
    pytest.importorskip("onnx", reason="needs the extra lab")
    from facevalue.lab.duel import judge

    judge.RESAMPLES = 60
