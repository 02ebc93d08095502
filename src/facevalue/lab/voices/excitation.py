"""What excites a source-filter voice: band-limited pulses at the pitch, and noise."""

from __future__ import annotations

import functools

import numpy as np

from facevalue.lab.voices.spectra import Floats

TAPS, STEPS = 16, 64


def pulses(hertz: Floats, hop: int, length: int, rate: int, phase: float = 0.0) -> Floats:
    """One pulse a period, of the period's energy, so that its spectrum is flat at 1: float64 (length,).

    hertz: (t,), 0 where unvoiced, frame t at sample t * hop. phase: of the first period, 0..1.
    """
    at = np.arange(length) / hop
    frame = np.minimum(at.astype(np.int64), len(hertz) - 1)
    voiced = hertz[np.minimum(np.round(at).astype(np.int64), len(hertz) - 1)] > 0
    later = np.minimum(frame + 1, len(hertz) - 1)
    here, there = hertz[frame], hertz[later]
    here, there = np.where(here > 0, here, there), np.where(there > 0, there, here)
    step = np.where(voiced, here + (there - here) * (at - frame), 0.0) / rate
    turns = phase + np.cumsum(step)
    fires = np.flatnonzero(np.diff(np.floor(turns), prepend=np.floor(phase)) > 0)
    if not len(fires):
        return np.zeros(length)
    late = (turns[fires] - np.floor(turns[fires])) / np.maximum(step[fires], 1e-9)
    return _placed(
        np.asarray(fires - np.clip(late, 0, 1), np.float64), 1 / np.sqrt(np.maximum(step[fires], 1e-9)), length
    )


def _placed(at: Floats, height: Floats, length: int) -> Floats:
    """Pulses at fractional samples `at`, each a windowed sinc."""
    whole = np.floor(at).astype(np.int64)
    kernel = _kernels()[np.round((at - whole) * STEPS).astype(np.int64)] * height[:, None]
    out = np.zeros(length + 2 * TAPS)
    np.add.at(out, whole[:, None] + np.arange(TAPS)[None] + TAPS - TAPS // 2 + 1, kernel)
    return out[TAPS : TAPS + length]


@functools.cache
def _kernels() -> Floats:
    """(STEPS + 1, TAPS): unit pulses delayed by 0, 1 / STEPS ... 1 sample."""
    x = np.arange(TAPS)[None] - (TAPS // 2 - 1) - np.linspace(0, 1, STEPS + 1)[:, None]
    return np.asarray(np.sinc(x) * np.cos(np.pi * x / (TAPS + 2)) ** 2, np.float64)
