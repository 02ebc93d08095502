"""Made sound with known truth: a buzz with formants in a background that is noise of a given colour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE = 16_000
Samples = npt.NDArray[np.int16]


def noise(seconds: float, seed: int = 0, tilt_db: float = -20.0, level: float = 60.0) -> npt.NDArray[np.float64]:
    """Noise whose level falls by tilt_db from 0 to 8 kHz; standard deviation `level` steps."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    wave = np.fft.irfft(spectrum * 10 ** (np.linspace(0, tilt_db, len(spectrum)) / 20), n)
    return wave / wave.std() * level


def talk(seconds: float, seed: int = 0) -> npt.NDArray[np.float64]:
    """Bursts of a buzz with moving formants, a syllable about every third of a second, pauses between them."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 20 * np.sin(2 * np.pi * rng.uniform(0.2, 0.4) * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first = 600 + 250 * np.sin(rng.uniform(5, 9) * t + rng.uniform(0, 6))
    second = 1700 + 500 * np.sin(rng.uniform(4, 7) * t + rng.uniform(0, 6))
    voice = np.zeros_like(t)
    for k in range(1, 45):
        f = k * pitch
        gain = np.exp(-(((f - first) / 200) ** 2)) + 0.5 * np.exp(-(((f - second) / 300) ** 2)) + 0.003
        voice += gain * np.sin(k * phase + k * k * 0.4)
    knots = rng.uniform(0, 1, int(seconds * 6) + 2)
    syllables = np.clip(np.interp(t, np.linspace(0, seconds, len(knots)), knots) * 2.2 - 0.9, 0, 1) ** 2
    return voice * syllables * 2500


def to_int16(wave: npt.NDArray[np.float64]) -> Samples:
    return np.clip(np.round(wave), -32768, 32767).astype(np.int16)


def recording(seconds: float, seed: int = 0, tilt_db: float = -20.0, level: float = 60.0) -> Samples:
    """Talk in a background that runs on throughout."""
    return to_int16(talk(seconds, seed) + noise(seconds, seed + 1000, tilt_db, level))
