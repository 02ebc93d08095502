"""Stand-in weights for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """A real photograph with one face of 89 px, uint8 RGB (512, 512, 3)."""
    return pytest.importorskip("skimage.data", reason="needs scikit-image, which ships the photograph").astronaut()


@pytest.fixture
def standing_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """standing_in(bias=0.0, slope=0.0): a stand-in whose log10 LR is slope x mean of the crop (-1..1) + bias."""
    pytest.importorskip("onnx", reason="needs onnx, to build stand-in models")
    from facevalue.examiners.face_blend import examiner
    from facevalue.examiners.face_blend.tests import stand_in

    def install(bias: float = 0.0, slope: float = 0.0) -> Path:
        folder = stand_in.install(tmp_path / f"weights{bias},{slope}", bias, slope)
        monkeypatch.setattr(examiner, "FOLDER", folder)
        examiner.calibration.cache_clear()
        return folder

    yield install
    examiner.calibration.cache_clear()
