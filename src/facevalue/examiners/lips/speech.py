"""What of speech a mouth shows: levels in a few bands and the chance of speech, every 20 ms.

Open vowels are loud between 300 and 1000 Hz (first formant), bilabial closures are dips in all bands, fricatives are
loud above 3 kHz with a nearly closed mouth.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.sound.levels import RATE_HZ, to_float
from facevalue.sound.spectra import N_FFT, log_power, power_spectrogram
from facevalue.sound.vad import FRAME_S

Floats = npt.NDArray[np.float32]
Pcm = npt.NDArray[np.int16] | Floats

STEP_S = 0.02
HOP = round(STEP_S * RATE_HZ)
# Edges of the bands in Hz; the last feature of the sound is the level over all of them.
EDGES_HZ = (90, 300, 600, 1000, 1700, 3000, 5000, 7800)
# Levels this far below the loudest twentieth are silence.
RANGE_DB = 40.0
# A band this far below all of them holds nothing (the upper bands of a phone line).
WEAKEST_DB = 55.0
BLOCK_S = 60.0


@dataclass(frozen=True, slots=True)
class Speech:
    """Speech on a grid of STEP_S. time_s: float64 (n,). levels: float32 (n, bands + 1), 0..1. probability: (n,)."""

    time_s: npt.NDArray[np.float64]
    levels: Floats
    probability: Floats


def speech_of(samples: Pcm, start_s: float, probability: Floats) -> Speech:
    """Band levels of 16 kHz mono; start_s: time of the first sample; probability: of sound.vad, every 32 ms.

    Sound too short for one window gives n = 0.
    """
    levels = [band_levels(part) for part in _blocks(samples)]
    power = np.concatenate(levels) if levels else np.zeros((0, len(EDGES_HZ)), np.float32)
    middle = (np.arange(len(power)) * HOP + N_FFT / 2) / RATE_HZ
    frames = (np.arange(len(probability)) + 0.5) * FRAME_S
    spoken = np.interp(middle, frames, probability) if len(probability) else np.zeros(len(middle))
    return Speech(middle + start_s, scaled(power), spoken.astype(np.float32))


def _blocks(samples: Pcm) -> list[Pcm]:
    """Pieces of a minute that overlap so that no frame is lost or doubled."""
    step = round(BLOCK_S * RATE_HZ) // HOP * HOP
    last = len(samples) - N_FFT
    return [samples[i : i + step + N_FFT - HOP] for i in range(0, last + 1, step)] if last >= 0 else []


def band_levels(samples: Pcm) -> Floats:
    """dB in each band and in all, float32 (frames, len(EDGES_HZ))."""
    power = power_spectrogram(to_float(samples), N_FFT, HOP)
    hertz = np.linspace(0, RATE_HZ / 2, power.shape[1])
    masks = [(hertz >= low) & (hertz < high) for low, high in itertools.pairwise(EDGES_HZ)]
    masks.append((hertz >= EDGES_HZ[0]) & (hertz < EDGES_HZ[-1]))
    return log_power(np.stack([power[:, mask].sum(axis=1) for mask in masks], axis=1))


def scaled(levels_db: Floats) -> Floats:
    """Each band from RANGE_DB below its loudest twentieth (0) to that (1), clipped at 0 and 1.25."""
    if not len(levels_db):
        return levels_db
    top = np.percentile(levels_db, 95, axis=0)
    top = np.maximum(top, top[-1] - WEAKEST_DB)
    return np.asarray(np.clip(1 + (levels_db - top) / RANGE_DB, 0.0, 1.25), np.float32)


__all__ = ["STEP_S", "Speech", "band_levels", "scaled", "speech_of"]
