"""Statistics of time: modulation spectra of bands and envelopes, and what lies in the pauses."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import FRAME_S
from facevalue.examiners.voice.spectral import cosines
from facevalue.examiners.voice.voicing import Frames
from facevalue.sound.levels import RATE_HZ
from facevalue.sound.spectra import hann

MODULATION_HZ = (0.5, 2.0, 4.0, 8.0, 16.0, 32.0, 50.0)
GROUPS = 16
# Envelopes: 4 ms windows every 2 ms, so that the frame rates of codecs and vocoders (50-100 Hz) show.
SHORT, SHORT_HOP = 64, 32
ENVELOPE_HZ = ((500, 2000), (2000, 4000), (4000, 6000), (6000, 7800))
STEP_HZ, LOW_HZ, STEPS = 10.0, 5.0, 24
SMOOTH_BINS = 8
LOG_BANDS, LOG_CEPSTRA = 40, 20
LEVELS = (5, 10, 20, 30, 50, 70)

Floats = npt.NDArray[np.float32]


def modulation(bands: Floats) -> Floats:
    """Log power of six modulation bands (0.5-50 Hz) in 16 groups of bands, float32 (96,), relative to their mean.

    Modulation spectra of speech: Atlas and Shamma (2003); of synthetic speech: Wu et al. (2013).
    """
    grouped = bands.reshape(len(bands), GROUPS, -1).mean(axis=2)
    grouped = (grouped - grouped.mean(axis=0)) * np.hanning(len(grouped))[:, None]
    power = np.abs(np.fft.rfft(grouped, axis=0)) ** 2 / max(1, len(grouped))
    frequency = np.fft.rfftfreq(len(grouped), FRAME_S)
    rows = [_mean_of(power[(frequency >= a) & (frequency < b)]) for a, b in itertools.pairwise(MODULATION_HZ)]
    out = np.log(np.stack(rows) + 1e-2)
    return np.asarray(out - out.mean(axis=0), np.float32).T.ravel()


def _mean_of(power: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.asarray(power.mean(axis=0)) if len(power) else np.zeros(power.shape[1])


def envelopes(wave: Floats) -> Floats:
    """The envelope's spectrum from 5 to 245 Hz in steps of 10 Hz, in four bands of frequency: mean log power relative
    to the band's own, and by how much the strongest line stands above it; float32 (192,)."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, SHORT)[::SHORT_HOP]
    spectrum = np.fft.rfft(frames * hann(SHORT), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    hz = RATE_HZ / SHORT
    out = []
    for low, high in ENVELOPE_HZ:
        envelope = np.log(power[:, int(low / hz) : int(high / hz)].sum(axis=1) + 1e-7)
        envelope = (envelope - envelope.mean()) * np.hanning(len(envelope))
        lines = np.log(np.abs(np.fft.rfft(envelope)) ** 2 + 1e-6)
        edges = np.round((LOW_HZ + STEP_HZ * np.arange(STEPS + 1)) * len(envelope) * SHORT_HOP / RATE_HZ).astype(int)
        means = np.array([lines[a : max(b, a + 1)].mean() for a, b in itertools.pairwise(edges)])
        tops = np.array([lines[a : max(b, a + 1)].max() for a, b in itertools.pairwise(edges)])
        out += [means - means.mean(), tops - means]
    return np.concatenate(out).astype(np.float32)


def pauses(frames: Frames) -> Floats:
    """Of loud and quiet frames, float32 (86,): how rough the long-term spectrum of each is along frequency (lines and
    ripples that a smooth filter does not make), how far quiet frames lie below loud ones by frequency, how the level
    is spread, and how 20 log-frequency cepstra and their differences spread (as in CQCC: Todisco et al. 2017)."""
    log = np.log(frames.power[:, 1:] + 1e-7)
    level = 10 * np.log10(frames.energy + 1e-9)
    quiet = level <= np.percentile(level, 25)
    loud, still = log[frames.loud].mean(axis=0), log[quiet].mean(axis=0)
    rough, calm = _detrended(loud).reshape(GROUPS, -1), _detrended(still).reshape(GROUPS, -1)
    below = np.percentile(level, LEVELS) - np.percentile(level, 95)
    cepstra = log @ log_filters()
    cepstra = (cepstra - cepstra.mean(axis=0)) @ cosines(LOG_BANDS)[:, :LOG_CEPSTRA]
    step = np.diff(cepstra[frames.loud], axis=0)
    spread = np.log(cepstra[frames.loud].std(axis=0) + 1e-2)
    parts = [
        np.log(rough.std(axis=1) + 1e-2),
        calm.std(axis=1),
        (loud - still).reshape(8, -1).mean(axis=1) / 3,
        below / 20,
        spread,
        np.log(step.std(axis=0) + 1e-2) - spread if len(step) else np.zeros(LOG_CEPSTRA),
    ]
    return np.concatenate(parts).astype(np.float32)


def _detrended(log: Floats) -> Floats:
    width = 2 * SMOOTH_BINS + 1
    smooth = np.convolve(np.pad(log, SMOOTH_BINS, mode="edge"), np.ones(width) / width, mode="valid")
    return np.asarray(log - smooth, np.float32)


def log_filters() -> Floats:
    """Means over 40 log-spaced bands from 100 to 7600 Hz of 512 bins, float32 (512, 40)."""
    hz = (np.arange(512) + 1) * RATE_HZ / 1024
    centres = np.geomspace(100, 7600, LOG_BANDS + 2)
    rise = (hz[:, None] - centres[:-2]) / (centres[1:-1] - centres[:-2])
    fall = (centres[2:] - hz[:, None]) / (centres[2:] - centres[1:-1])
    filters = np.maximum(0.0, np.minimum(rise, fall)) + 1e-6
    return np.asarray(filters / filters.sum(axis=0), np.float32)
