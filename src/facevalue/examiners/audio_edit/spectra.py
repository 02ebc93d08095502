"""One pass over the sound: band levels per frame, in bounded chunks. What the slower traces stand on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.trace import RATE_HZ

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

# 16 frames make a quarter of a second exactly.
HOP = 250
FRAME = 512
QUARTER = 16 * HOP
QUARTER_S = QUARTER / RATE_HZ
FRAME_S = HOP / RATE_HZ
BANDS = 20
TOP_BINS = 32
CHUNK_QUARTERS = 256
# Quietest frames of a quarter second whose mean is its floor.
FLOOR_FRAMES = 3
# Rounding to int16 adds 1/12 of a step squared: nothing below it means anything.
ROUNDING_DB = float(10 * np.log10(1 / 12))


@dataclass(frozen=True, slots=True)
class Spectra:
    """Levels of one sound of q quarter seconds (what is left at the end is left out), dB relative to one step of int16.

    frames: float16 (16 q, BANDS), level of each mel band in each frame. floor: float32 (q, BANDS), mean of the
    quietest frames of each quarter. peak: float32 (q, TOP_BINS), loudest level of each 250 Hz bin of 0-8 kHz in each
    quarter. dc: float32 (q,), mean sample. top: int32 (q,), largest absolute sample. flat: int32 (q,), samples that
    stand within one step of it in runs of three or more.
    """

    frames: npt.NDArray[np.float16]
    floor: Floats
    peak: Floats
    dc: Floats
    top: npt.NDArray[np.int32]
    flat: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.floor)


def mel_edges() -> npt.NDArray[np.float64]:
    """BANDS + 1 edges in Hz, equally spaced on the mel scale (O'Shaughnessy 1987) from 80 to 7900 Hz."""
    low, high = 2595 * np.log10(1 + np.array([80.0, 7900.0]) / 700)
    return np.asarray(700 * (10 ** (np.linspace(low, high, BANDS + 1) / 2595) - 1), np.float64)


def _pooling() -> tuple[Floats, Floats]:
    """Matrices that average power bins: (257, BANDS) over mel bands, (257, TOP_BINS) over 250 Hz."""
    hertz = np.fft.rfftfreq(FRAME, 1 / RATE_HZ)
    edges = mel_edges()
    bands = np.array([(hertz >= a) & (hertz < b) for a, b in itertools.pairwise(edges)]).T
    bins = (hertz[:, None] // 250) == np.arange(TOP_BINS)[None, :]
    return _means(bands), _means(bins)


def _means(members: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(members / np.maximum(1, members.sum(axis=0)), np.float32)


def chunks(samples: Samples, length: int, margin: int = 0) -> Iterator[tuple[int, Floats]]:
    """(start, float32 samples from start - margin, zeros before the beginning) for starts 0, length, 2 length, ..."""
    for start in range(0, len(samples), length):
        first = max(0, start - margin)
        piece = np.asarray(samples[first : start + length], np.float32)
        yield start, np.pad(piece, (margin - (start - first), 0))


def measure(samples: Samples) -> Spectra:
    """Spectra of int16 (n,) samples at 16 kHz, reading them once in chunks of about a minute."""
    quarters = len(samples) // QUARTER
    out = _empty(quarters)
    pools = _pooling()
    window = np.hanning(FRAME + 2)[1:-1].astype(np.float32)
    window /= np.sqrt((window**2).sum())  # the level of white noise is its variance
    for start, piece in chunks(samples[: quarters * QUARTER], CHUNK_QUARTERS * QUARTER, FRAME - HOP):
        _fill(out, start // QUARTER, piece, window, pools)
    return out


def _empty(quarters: int) -> Spectra:
    return Spectra(
        np.zeros((16 * quarters, BANDS), np.float16),
        np.zeros((quarters, BANDS), np.float32),
        np.zeros((quarters, TOP_BINS), np.float32),
        np.zeros(quarters, np.float32),
        np.zeros(quarters, np.int32),
        np.zeros(quarters, np.int32),
    )


def _fill(out: Spectra, first: int, piece: Floats, window: Floats, pools: tuple[Floats, Floats]) -> None:
    frames = np.lib.stride_tricks.sliding_window_view(piece, FRAME)[::HOP]
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    levels, bins = (10 * np.log10(power @ pool + 1 / 12) for pool in pools)
    count = len(frames) // 16
    here = slice(first, first + count)
    out.frames[16 * first : 16 * (first + count)] = levels
    shaped = levels.reshape(count, 16, BANDS)
    out.floor[here] = np.partition(shaped, FLOOR_FRAMES - 1, axis=1)[:, :FLOOR_FRAMES].mean(axis=1)
    out.peak[here] = bins.reshape(count, 16, TOP_BINS).max(axis=1)
    body = piece[FRAME - HOP :].reshape(count, QUARTER)
    out.dc[here] = body.mean(axis=1)
    size = np.abs(body)
    out.top[here] = size.max(axis=1)
    near = size >= size.max(axis=1, keepdims=True) - 1
    runs = near[:, 2:] & near[:, 1:-1] & near[:, :-2]
    out.flat[here] = runs.sum(axis=1)
