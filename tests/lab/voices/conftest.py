"""Voices for these tests: the package's own formant synthesiser, so that no recording of a person is needed."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from facevalue.lab.voices.klatt import Klatt

RATE = 16_000
TEXT = (
    "Nobody said this, but every word of it is labelled. The machine reads on for a while, until a watermark has room."
)


@pytest.fixture(scope="session")
def low() -> np.ndarray:
    """Speech of a low voice, float32 at 16 kHz; longer than a period of the watermark, 7.7 s."""
    return Klatt().speak(TEXT, "low", 1)[0]


@pytest.fixture(scope="session")
def high() -> np.ndarray:
    """Other words in a high voice."""
    return Klatt().speak("A second speaker has a shorter throat, and reads another sentence here.", "high", 2)[0]


def save(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="session")
def low_file(low: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("low") / "low.wav", low)


@pytest.fixture(scope="session")
def high_file(high: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("high") / "high.wav", high)
