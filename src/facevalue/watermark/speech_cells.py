"""Speech in cells: level in decibels by band and by 40 ms, and how to change it. Any rate from 8 kHz up.

Bands lie inside the telephone's (300 - 3400 Hz). Everything is in seconds and hertz, so that another sampling rate
changes nothing. Long recordings are worked on in pieces: memory grows by some 10 kB a second.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FRAME_S, HOP_S = 0.032, 0.008
BANDS, LOW_HZ, BAND_HZ = 24, 350.0, 125.0
# Hops to a slot; a chip is a slot louder and the next one softer, or the reverse.
SLOT = 5
PAIR = 2 * SLOT
_PIECE = 2048
# Levels are not told apart below this share of full scale's power: digital silence.
_FLOOR = 1e-9

Samples = npt.NDArray[np.float32]
Levels = npt.NDArray[np.float32]


def frames_in(samples: int, rate: int) -> int:
    """How many whole frames lie in so many samples."""
    return max(0, int((samples / rate - FRAME_S) / HOP_S + 1e-6) + 1)


def energies(samples: Samples, rate: int) -> Levels:
    """Mean power of every band in every frame: float32 (frames, BANDS)."""
    out = np.zeros((frames_in(len(samples), rate), BANDS), np.float32)
    bins = _band_of_bins(rate)
    for first, spectra, _ in _pieces(samples, rate):
        power = np.abs(spectra) ** 2
        for band in range(BANDS):
            out[first : first + len(power), band] = power[:, bins == band].mean(axis=1)
    return out


def shaped(samples: Samples, rate: int, gains_db: Levels) -> Samples:
    """The sound with each frame's bands made louder by so many decibels: what is not changed stays bit for bit.

    gains_db: (frames, BANDS).
    """
    out = np.array(samples, np.float32)
    bins, window = _band_of_bins(rate), _window(rate)
    overlap = float((window**2).sum()) / (HOP_S * rate)
    factors = np.concatenate([10 ** (gains_db / 20) - 1, np.zeros((len(gains_db), 1))], axis=1).astype(np.float32)
    for first, spectra, starts in _pieces(samples, rate):
        change = np.fft.irfft(spectra * factors[first : first + len(spectra)][:, bins], len(window), axis=1)
        change *= window / overlap
        for start, frame in zip(starts, change, strict=True):
            out[start : start + len(window)] += frame.astype(np.float32)
    return out


def contrasts(energy: Levels) -> Levels:
    """For every frame, how much louder (dB) the slot that starts there is than the slot after it: (frames', BANDS)."""
    total = np.concatenate([np.zeros((1, BANDS)), np.cumsum(energy, axis=0, dtype=np.float64)])
    slots = total[SLOT:] - total[:-SLOT]
    level = 10 * np.log10(np.maximum(slots / SLOT, 0) + _FLOOR)
    return np.asarray(level[:-SLOT] - level[SLOT:], np.float32)


def _pieces(samples: Samples, rate: int) -> Iterator[tuple[int, npt.NDArray[np.complex64], npt.NDArray[np.int64]]]:
    """(number of the first frame, spectra, first samples of the frames), some seconds at a time."""
    window = _window(rate)
    inside = np.arange(len(window))
    for first in range(0, frames_in(len(samples), rate), _PIECE):
        numbers = np.arange(first, min(first + _PIECE, frames_in(len(samples), rate)))
        starts = np.minimum(np.rint(numbers * HOP_S * rate).astype(np.int64), len(samples) - len(window))
        yield first, np.fft.rfft(samples[starts[:, None] + inside] * window, axis=1).astype(np.complex64), starts


def _window(rate: int) -> Samples:
    """A periodic Hann window, scaled so that a full-scale sine has a power of about one in its bin."""
    count = round(FRAME_S * rate)
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(count) / count)).astype(np.float32)


def _band_of_bins(rate: int) -> npt.NDArray[np.int64]:
    """The band of every bin of a spectrum; BANDS for none."""
    count = round(FRAME_S * rate)
    band = np.floor((np.fft.rfftfreq(count, 1 / rate) - LOW_HZ) / BAND_HZ).astype(np.int64)
    return np.where((band >= 0) & (band < BANDS), band, BANDS)
