"""Butt splices: two stretches laid end to end leave one place that neither predicts.

A linear predictor fitted to what came just before whitens the sound up to a joint, one fitted to what comes just
after whitens it from the joint on; a joint stands out of both residuals as one pulse that is larger than every pulse
on its own side. Glottal pulses have neighbours of their size, a plosive's burst goes on for milliseconds and is no
larger than what follows. What this says is part of what the fast network of seams is given.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.spectra import Floats, Samples

ORDER = 32
HOP = 256
FRAME = 512
STEP = 8  # half a millisecond
NEAR = 4  # steps next to the pulse that count for neither side
FAR = 50
CHUNK = 2048 * HOP
LEAST_DB = -99.0
# Variance of rounding to int16: below it nothing means anything.
ROUNDING = 1 / 12


def predictor(frames: Floats, order: int = ORDER) -> Floats:
    """Prediction error filters, float32 (frames, order + 1) with a leading 1, of rows of samples (Levinson-Durbin)."""
    window = np.hanning(frames.shape[1] + 2)[1:-1].astype(np.float32)
    # Padded just enough that no lag in use wraps around.
    spectrum = np.fft.rfft(frames * window, frames.shape[1] + 64, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    r = np.fft.irfft(power, frames.shape[1] + 64, axis=1)[:, : order + 1].astype(np.float64)
    r[:, 0] = r[:, 0] * (1 + 1e-6) + ROUNDING * frames.shape[1]
    filters = np.zeros((len(frames), order + 1))
    filters[:, 0] = 1
    error = r[:, 0].copy()
    for m in range(1, order + 1):
        reflection = -np.einsum("ij,ij->i", filters[:, :m], r[:, m:0:-1]) / error
        filters[:, 1 : m + 1] += reflection[:, None] * filters[:, m - 1 :: -1][:, :m]
        error = np.maximum(error * (1 - reflection**2), ROUNDING)
    return filters.astype(np.float32)


def pulses(samples: Samples) -> tuple[Floats, Floats]:
    """Residual energy, float32 (steps,), of every millisecond that starts at a step of 8 of int16 (n,) samples.

    The first under the predictor of the past, the second under that of the future; read in chunks of half a minute.
    """
    usable = len(samples) // HOP * HOP
    parts = [_chunk_pulses(samples[:usable], start) for start in range(0, usable, CHUNK)]
    past, future = (np.concatenate([p[i] for p in parts]) if parts else np.zeros(0, np.float32) for i in (0, 1))
    return tuple(e[:-1] + e[1:] + np.float32(2 * STEP * ROUNDING) for e in (past, future))  # type: ignore[return-value]


def _chunk_pulses(samples: Samples, start: int) -> tuple[Floats, Floats]:
    stop = min(start + CHUNK, len(samples))
    first, last = max(0, start - FRAME), min(len(samples), stop + FRAME)
    piece = np.asarray(samples[first:last], np.float32)
    piece = np.pad(piece, (FRAME - (start - first), FRAME - (last - stop)))
    count = (stop - start) // HOP
    # Row r ends where block r - ... starts: blocks use the row that ends at their start and the one from their end on.
    filters = predictor(np.lib.stride_tricks.sliding_window_view(piece, FRAME)[::HOP])
    blocks = np.lib.stride_tricks.sliding_window_view(piece[FRAME - ORDER :], HOP + ORDER)[::HOP][:count]
    spectrum = np.fft.rfft(blocks, axis=1)
    return tuple(_energy(spectrum, filters[row : row + count]) for row in (0, FRAME // HOP + 1))  # type: ignore[return-value]


def _energy(blocks: npt.NDArray[np.complexfloating], filters: Floats) -> Floats:
    # The circular convolution is wrong in its first ORDER samples only, and those are left out.
    residual = np.fft.irfft(blocks * np.fft.rfft(filters, HOP + ORDER, axis=1), axis=1)[:, ORDER:]
    energy: Floats = (residual.astype(np.float32) ** 2).reshape(-1, STEP).sum(axis=1)
    return energy


def _running_max(values: Floats, length: int) -> Floats:
    """Maximum of values[i : i + length], float32 (n - length + 1,), by doubling."""
    out, have = values, 1
    while have < length:
        step = min(have, length - have)
        out = np.maximum(out[:-step], out[step:])
        have += step
    return out


def lone_db(past: Floats, future: Floats) -> Floats:
    """How far a pulse stands above the largest of its side within 25 ms, the lesser of both sides, dB, float32 (n,)."""
    n = len(past)
    left = _running_max(np.pad(past, (FAR, 0), mode="edge"), FAR - NEAR + 1)[:n]
    right = _running_max(np.pad(future, (0, FAR), mode="edge"), FAR - NEAR + 1)[NEAR : NEAR + n]
    return np.asarray(10 * np.log10(np.minimum(past / left, future / right)), np.float32)
