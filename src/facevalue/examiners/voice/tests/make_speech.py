"""Speech-like sound made by code: a pulse train through moving formants, in syllables. Nobody's voice."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

RATE = 16_000
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def speech_like(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """int16 (n,)."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE:
        parts += [_syllable(rng), np.zeros(int(rng.uniform(0.02, 0.09) * RATE))]
    sound = np.concatenate(parts)[: int(seconds * RATE)]
    sound = sound / (np.sqrt(np.mean(sound**2)) + 1e-9) * level + rng.normal(0, 1e-4, len(sound))
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


def _syllable(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.uniform(0.12, 0.28) * RATE)
    pitch = rng.uniform(100, 150) * np.linspace(1.05, 0.92, n) * (1 + 0.01 * rng.normal())
    pulses = (np.diff(np.floor(np.cumsum(pitch / RATE)), prepend=0) > 0).astype(float)
    source = lfilter([1.0], [1.0, -0.95], pulses) + rng.normal(0, 0.02, n)
    out = source
    for formant, width in zip(VOWELS[rng.integers(len(VOWELS))], (80, 100, 140), strict=True):
        r, w = np.exp(-np.pi * width / RATE), 2 * np.pi * formant / RATE
        out = lfilter([1 - r], [1, -2 * r * np.cos(w), r * r], out)
    return out / (np.abs(out).max() + 1e-9) * np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / 400)


def music_like(seconds: float) -> np.ndarray:
    """A slow chord progression of pure tones, int16."""
    t = np.arange(int(seconds * RATE)) / RATE
    roots = np.array([220.0, 174.6, 261.6, 196.0])[(t // 1.0).astype(int) % 4]
    chord = sum(np.sin(2 * np.pi * np.cumsum(roots * k) / RATE) for k in (1.0, 1.25, 1.5, 2.0))
    return (chord * np.exp(-2 * (t % 1.0)) * 4000).astype(np.int16)
