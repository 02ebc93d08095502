"""Short-time spectra of 16 kHz mono sound."""

from __future__ import annotations

import functools

import numpy as np

from facevalue.sound.levels import BLOCK_FRAMES, RATE_HZ, Floats, Samples, to_float

N_FFT = 512
HOP = 160
FLOOR = 1e-10


@functools.cache
def hann(n: int) -> Floats:
    """Periodic Hann window, float32 (n,), read-only."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)
    window.setflags(write=False)
    return window


def power_spectrogram(samples: Samples, n_fft: int = N_FFT, hop: int = HOP) -> Floats:
    """|STFT|^2, float32 (frames, n_fft // 2 + 1), Hann window, frames that fit whole into the samples.

    Samples shorter than one window give (0, n_fft // 2 + 1). All frames are in memory: give it minutes, not hours.
    """
    values = to_float(samples)
    if len(values) < n_fft:
        return np.zeros((0, n_fft // 2 + 1), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(values, n_fft)[::hop]
    spectrum = np.fft.rfft(frames * hann(n_fft), axis=1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def log_power(power: Floats) -> Floats:
    """10 log10 of a power spectrogram, float32, floored at -100 dB."""
    return np.asarray(10.0 * np.log10(np.maximum(power, FLOOR)), np.float32)


@functools.cache
def linear_bands(bands: int, n_fft: int = N_FFT, low_hz: float = 0.0, high_hz: float = RATE_HZ / 2) -> Floats:
    """Triangular filters of equal width on a linear frequency axis, float32 (n_fft // 2 + 1, bands), columns sum to 1.

    The filter bank of LFCC (Sahidullah, Kinnunen and Hanilci 2015). Read-only.
    """
    centres = np.linspace(low_hz, high_hz, bands + 2)
    frequency = np.linspace(0, RATE_HZ / 2, n_fft // 2 + 1)[:, None]
    rise = (frequency - centres[:-2]) / (centres[1:-1] - centres[:-2])
    fall = (centres[2:] - frequency) / (centres[2:] - centres[1:-1])
    filters = np.maximum(0.0, np.minimum(rise, fall))
    out: Floats = (filters / np.maximum(filters.sum(axis=0), 1e-9)).astype(np.float32)
    out.setflags(write=False)
    return out


def long_term_spectrum_db(samples: Samples, n_fft: int = N_FFT) -> Floats:
    """Mean power by frequency over the whole recording in dB, float32 (n_fft // 2 + 1,), in blocks: any length."""
    total, frames = np.zeros(n_fft // 2 + 1), 0
    step = BLOCK_FRAMES * HOP
    for start in range(0, len(samples), step):
        power = power_spectrogram(samples[start : start + step], n_fft, n_fft // 2)
        total, frames = total + power.sum(axis=0, dtype=np.float64), frames + len(power)
    mean: Floats = (total / max(1, frames)).astype(np.float32)
    return log_power(mean)
