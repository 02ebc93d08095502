"""Lets the tests of this folder import the stand-ins beside them, and use them in place of the learned models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """A real photograph with one large face, uint8 RGB (512, 512, 3)."""
    return pytest.importorskip("skimage.data", reason="needs scikit-image, which ships the photograph").astronaut()


@pytest.fixture
def standing_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """standing_in(bias=0.0): put stand-ins in place of heads, residual network, calibration and CLIP."""
    pytest.importorskip("onnx", reason="needs onnx, to build stand-in models")
    from facevalue.examiners.generated import examiner
    from facevalue.examiners.generated.tests import stand_in

    def install(bias: float = 0.0) -> Path:
        folder = stand_in.install(tmp_path / f"weights{bias}", bias)
        clip = stand_in.clip(tmp_path / "clip.onnx")
        monkeypatch.setattr(examiner, "FOLDER", folder)
        monkeypatch.setattr(examiner, "model_path", lambda name: clip)
        examiner.combiner.cache_clear()
        return folder

    yield install
    examiner.combiner.cache_clear()
