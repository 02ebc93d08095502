"""Hosts drawn by code: a textured picture, a clip of it, and something like speech."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def scene(height: int = 300, width: int = 400, seed: int = 0) -> Pixels:
    """Texture whose power falls with frequency as in photographs, in three related channels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    falling = 1 / np.maximum(np.hypot(rows, columns), 2 / max(height, width)) ** 1.3
    planes = [np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) * falling).real for _ in range(3)]
    grey = planes[0] / planes[0].std() * 45 + 120
    tinted = [grey + 12 * plane / plane.std() for plane in planes]
    return np.clip(np.stack(tinted, axis=-1), 0, 255).astype(np.uint8)


def voice(seconds: float = 24.0, rate: int = 16_000, seed: int = 0) -> npt.NDArray[np.float32]:
    """Harmonics of a wandering pitch under wandering resonances, in syllables; breath noise between."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    steps = round(seconds * 12) + 2
    at = np.arange(count) / rate * 12

    def course(low: float, high: float) -> npt.NDArray[np.float64]:
        return np.interp(at, np.arange(steps), rng.uniform(low, high, steps))

    phase = 2 * np.pi * np.cumsum(course(100, 180)) / rate
    sound = np.zeros(count)
    for centre in (500, 1400, 2500):
        resonance = course(0.7 * centre, 1.3 * centre)
        for harmonic in range(1, 28):
            distance = (harmonic * 140 - resonance) / 300
            sound += np.exp(-(distance**2)) * np.sin(harmonic * phase)
    sound = sound * course(0.02, 1.0) ** 1.5 + rng.normal(0, 0.02, count)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)
