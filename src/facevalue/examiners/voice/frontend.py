"""What the voice network sees: one front end for training and examination.

Log power in 128 linear bands of 62.5 Hz, every 10 ms, relative to the active level. Linear bands keep the high
frequencies apart, where vocoders differ from speech (Sahidullah, Kinnunen and Hanilci 2015); the mean of every band
over time is taken out, and with it what a microphone or line does to the spectrum (Atal 1974).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.sound.levels import RATE_HZ, Samples
from facevalue.sound.spectra import HOP, N_FFT, power_spectrogram

BANDS = 128
CEPSTRA, GROUPS = 40, 16
STATISTICS = 4 * CEPSTRA + 3 * GROUPS
WINDOW_S = 4.0
HOP_S = 2.0
MIN_WINDOW_S = 1.0
FRAME_S = HOP / RATE_HZ
WINDOW_FRAMES = 400
LOW_DB, HIGH_DB = -90.0, 10.0
# dB that one unit of the network's input stands for.
UNIT_DB = 16.0
# Frames this far below the loud ones do not count into the active level.
ACTIVE_MARGIN_DB = 16.0
NARROW_FROM_HZ, NARROW_TO_HZ = 4300.0, 7500.0

Floats = npt.NDArray[np.float32]


def bands_db(samples: Samples) -> Floats:
    """Log band powers in dB re the active level, float32 (frames, 128), LOW_DB..HIGH_DB; frames of 10 ms.

    Frame t covers samples 160 t .. 160 t + 512. Silence is LOW_DB throughout.
    """
    power = power_spectrogram(samples)[:, 1:].reshape(-1, BANDS, N_FFT // 2 // BANDS).sum(axis=2)
    total = power.sum(axis=1, dtype=np.float64)
    level = float(total.mean()) if len(total) else 0.0
    for _ in range(3):
        loud = total[total >= level * 10.0 ** (-ACTIVE_MARGIN_DB / 10)]
        level = float(loud.mean()) if len(loud) else level
    if level <= 1e-9:
        return np.full(power.shape, LOW_DB, np.float32)
    relative = 10.0 * np.log10(np.maximum(power / np.float32(level), np.float32(1e-9)))
    return np.asarray(np.clip(relative, LOW_DB, HIGH_DB), np.float32)


def to_network(bands: Floats) -> Floats:
    """Band powers (N, frames, 128) in dB -> float32 (N, 1, 128, frames), each band's mean over time taken out."""
    centred = (bands - bands.mean(axis=1, keepdims=True)) / np.float32(UNIT_DB)
    return np.ascontiguousarray(centred.transpose(0, 2, 1)[:, None], dtype=np.float32)


def network_inputs(bands: Floats) -> dict[str, Floats]:
    """What the shipped network is fed for segments (n, frames, 128) of one length: "bands" and "statistics"."""
    return {"bands": to_network(bands), "statistics": np.stack([statistics(one) for one in bands])}


def statistics(bands: Floats) -> Floats:
    """How one segment's spectra vary, float32 (208,), from its band powers (frames, 128): what a support vector
    machine judges. Logarithms of the spread of 40 linear-frequency cepstra and of their first and second differences,
    the skewness of the cepstra, and the roughness of the louder frames along frequency and of all frames along time,
    in 16 groups of bands. Nothing in it depends on a constant filter (band means are taken out or differenced).
    """
    if len(bands) < 6:
        return np.zeros(STATISTICS, np.float32)
    cepstra = (bands - bands.mean(axis=0)) @ _cosines()
    first = cepstra[2:] - cepstra[:-2]
    second = first[2:] - first[:-2]
    spread = cepstra.std(axis=0) + 1e-2
    energy = bands.mean(axis=1)
    loud = bands[energy > np.percentile(energy, 40)]
    loud = loud if len(loud) else bands
    parts = [
        np.log(spread),
        np.log(first.std(axis=0) + 1e-2),
        np.log(second.std(axis=0) + 1e-2),
        ((cepstra / spread) ** 3).mean(axis=0),
        np.log(_grouped(np.abs(np.diff(loud, axis=1, append=loud[:, -1:]))) + 0.1),
        np.log(_grouped(np.abs(np.diff(bands, axis=0))) + 0.1),
        np.log(_grouped(np.abs(np.diff(loud, 2, axis=1, append=loud[:, -2:]))) + 0.1),
    ]
    return np.concatenate(parts).astype(np.float32)


def _grouped(values: Floats) -> Floats:
    return np.asarray(values.reshape(len(values), GROUPS, BANDS // GROUPS).mean(axis=(0, 2)), np.float32)


@functools.cache
def _cosines() -> Floats:
    """The first CEPSTRA columns of the orthonormal DCT-II, float32 (128, CEPSTRA), read-only."""
    k, n = np.arange(CEPSTRA), np.arange(BANDS)[:, None]
    out = np.cos(np.pi * k * (2 * n + 1) / (2 * BANDS)) * np.where(k == 0, np.sqrt(1 / BANDS), np.sqrt(2 / BANDS))
    out = out.astype(np.float32)
    out.setflags(write=False)
    return np.asarray(out, np.float32)


@dataclass(frozen=True, slots=True)
class SpeechQuality:
    """What conditions the calibration, each 0 (good) .. 1. narrow: nothing above a phone line's band. noisy: the
    quiet frames lie less than 10 dB (1) .. 40 dB (0) below the loud ones. short: one second (1) .. four (0)."""

    narrow: float
    noisy: float
    short: float

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return {"narrow": round(self.narrow, 3), "noisy": round(self.noisy, 3), "short": round(self.short, 3)}


def quality(bands: Floats) -> SpeechQuality:
    """The quality of one segment from its band powers, float32 (frames, 128)."""
    if not len(bands):
        return SpeechQuality(1.0, 1.0, 1.0)
    hz = RATE_HZ / 2 / BANDS
    high = bands[:, int(NARROW_FROM_HZ / hz) : int(NARROW_TO_HZ / hz)]
    high_db = float(np.percentile(high.mean(axis=1), 95))
    frame_db = 10.0 * np.log10((10.0 ** (bands / 10.0)).sum(axis=1))
    depth = float(np.percentile(frame_db, 95) - np.percentile(frame_db, 10))
    return SpeechQuality(
        narrow=float(np.clip((-50.0 - high_db) / 15.0, 0.0, 1.0)),
        noisy=float(np.clip((40.0 - depth) / 30.0, 0.0, 1.0)),
        short=float(np.clip((WINDOW_S - len(bands) * FRAME_S) / (WINDOW_S - MIN_WINDOW_S), 0.0, 1.0)),
    )


QUALITY_NAMES = ("logit", "logit x narrow", "logit x noisy", "logit x short")


def quality_features(logit: float, seen: SpeechQuality) -> tuple[float, ...]:
    """The calibration's features. Quality may only change how much a logit weighs, never speak for itself."""
    return (logit, logit * seen.narrow, logit * seen.noisy, logit * seen.short)
