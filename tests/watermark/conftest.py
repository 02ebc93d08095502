"""Hosts for marks; see make_host."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_host import Pixels, scene, voice

from facevalue.watermark import Payload


@pytest.fixture(scope="session")
def photo() -> Pixels:
    return scene()


@pytest.fixture(scope="session")
def speech_sound() -> npt.NDArray[np.float32]:
    return voice()


@pytest.fixture
def payload() -> Payload:
    return Payload.random(seed=11)
