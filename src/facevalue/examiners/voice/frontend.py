"""Band spectra of a segment and the quality they show: one front end for training and examination.

Log power in 128 linear bands of 62.5 Hz, every 10 ms, relative to the active level. Linear bands keep the high
frequencies apart, where vocoders differ from speech (Sahidullah, Kinnunen and Hanilci 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.sound.levels import RATE_HZ, Samples
from facevalue.sound.spectra import HOP, N_FFT, power_spectrogram

BANDS = 128
WINDOW_S = 4.0
HOP_S = 2.0
MIN_WINDOW_S = 1.0
# Short segments, with which a stretch that stands out is looked at again.
CLOSE_S = 2.0
CLOSE_HOP_S = 1.0
FRAME_S = HOP / RATE_HZ
LOW_DB, HIGH_DB = -90.0, 10.0
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


CLOSE_NAMES = ("logit", "logit above the recording's median")


def close_features(logit: float, median: float) -> tuple[float, ...]:
    """A short segment's logit, and how far it stands above the median of the recording's segments: a spliced sentence
    differs from its surroundings, a microphone or a line does not."""
    return (logit, logit - median)
