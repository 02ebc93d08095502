"""How near a copy is to its original: figures for the cards of vocoders and conversions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.lab.voices.spectra import Floats, log_mel, resampled, stft

# Taal, Hendriks, Heusdens and Jensen (2011): 10 kHz, 15 third-octave bands from 150 Hz, segments of 384 ms.
_RATE, _N, _HOP, _SPAN, _DYNAMIC_DB, _LEAST_DB = 10_000, 256, 128, 30, 40.0, -15.0


def mel_distance(original: npt.NDArray[np.floating], copy: npt.NDArray[np.floating], rate: int) -> float:
    """Mean absolute difference of 80 log mel bands in dB (windows of 64 ms), of frames within 50 dB of the loudest."""
    n_fft = 1 << round(np.log2(rate * 0.064))
    a, b = (10 / np.log(10) * log_mel(w, n_fft, n_fft // 4, 80, rate) for w in (original, copy))
    a, b = a[: min(len(a), len(b))], b[: min(len(a), len(b))]
    loud = a.max(axis=1) > a.max() - 50
    floor = a.max() - 80
    return float(np.abs(np.maximum(a, floor) - np.maximum(b, floor))[loud].mean())


def stoi(original: npt.NDArray[np.floating], copy: npt.NDArray[np.floating], rate: int) -> float:
    """Short-time objective intelligibility of a copy, about 0..1 (Taal et al. 2011), written anew from the paper.

    Speech that is understood without effort has 0.9 and more; below 0.6 most words are lost. NaN under 0.5 s.
    """
    count = min(len(original), len(copy))
    a, b = (resampled(w[:count], rate, _RATE) for w in (original, copy))
    bands = _thirds()
    one, two = np.abs(stft(a, _N, _HOP)) ** 2, np.abs(stft(b, _N, _HOP)) ** 2
    energy = 10 * np.log10(one.sum(axis=1) + 1e-12)
    heard = energy > energy.max() - _DYNAMIC_DB
    x, y = (np.sqrt(p[heard] @ bands) for p in (one, two))
    if len(x) < _SPAN:
        return float("nan")
    x, y = (np.lib.stride_tricks.sliding_window_view(v, _SPAN, axis=0) for v in (x, y))
    y = y * (np.linalg.norm(x, axis=2) / np.maximum(np.linalg.norm(y, axis=2), 1e-12))[..., None]
    y = np.minimum(y, x * (1 + 10 ** (-_LEAST_DB / 20)))
    x, y = (v - v.mean(axis=2, keepdims=True) for v in (x, y))
    norms = np.linalg.norm(x, axis=2) * np.linalg.norm(y, axis=2)
    return float(((x * y).sum(axis=2) / np.maximum(norms, 1e-12)).mean())


def _thirds() -> Floats:
    """Third-octave bands from 150 Hz on, (bins, 15)."""
    hertz = np.fft.rfftfreq(_N, 1 / _RATE)
    middle = 150 * 2 ** (np.arange(15) / 3)
    return ((hertz[:, None] >= middle * 2 ** (-1 / 6)) & (hertz[:, None] < middle * 2 ** (1 / 6))).astype(np.float64)
