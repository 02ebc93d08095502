"""Short-time spectra, mel bands and resampling, in numpy: what the vocoders stand on."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]


@functools.cache
def hann(n: int) -> Floats:
    """The periodic Hann window, float64 (n,)."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n), np.float64)


def stft(wave: npt.NDArray[np.floating], n_fft: int, hop: int) -> Complexes:
    """Hann-windowed spectra, complex128 (1 + n // hop, n_fft // 2 + 1); frame t is centred on sample t * hop.

    The ends are mirrored (repeatedly, where the wave is shorter than half a window).
    """
    padded = np.pad(np.asarray(wave, np.float64), n_fft // 2, mode="reflect" if len(wave) > 1 else "edge")
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    return np.asarray(np.fft.rfft(frames * hann(n_fft), axis=1), np.complex128)


def istft(spectra: Complexes, n_fft: int, hop: int, length: int) -> Floats:
    """The wave, float64 (length,), whose stft is nearest in least squares (Griffin and Lim 1984)."""
    frames = np.fft.irfft(spectra, n_fft, axis=1) * hann(n_fft)
    total = overlapped(frames, hop)
    weight = overlapped(np.broadcast_to(hann(n_fft) ** 2, frames.shape), hop)
    wave = (total / np.maximum(weight, 1e-8))[n_fft // 2 :]
    return np.asarray(np.pad(wave, (0, max(0, length - len(wave))))[:length], np.float64)


def overlapped(frames: npt.NDArray[np.floating], hop: int) -> Floats:
    """Frames (t, n) laid `hop` apart and added: float64 ((t - 1) * hop + n,)."""
    count, n = frames.shape
    parts = -(-n // hop)
    padded = np.zeros((count, parts * hop))
    padded[:, :n] = frames
    out = np.zeros((count + parts, hop))
    # Column of blocks p of every frame lands p blocks later.
    for part in range(parts):
        out[part : part + count] += padded[:, part * hop : (part + 1) * hop]
    return np.asarray(out.ravel()[: (count - 1) * hop + n], np.float64)


@functools.cache
def mel_bands(n_fft: int, bands: int, rate: int) -> Floats:
    """Triangular filters on the mel scale from 0 to rate / 2 (O'Shaughnessy 1987), each of weight 1, float64
    (n_fft // 2 + 1, bands). Triangles are never narrower than the spacing of the bins."""
    hertz = np.fft.rfftfreq(n_fft, 1 / rate)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), bands + 2) / 2595) - 1)
    spacing = rate / n_fft
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    low, high = np.minimum(low, middle - spacing), np.maximum(high, middle + spacing)
    up, down = (hertz[:, None] - low) / (middle - low), (high - hertz[:, None]) / (high - middle)
    weight = np.maximum(0.0, np.minimum(up, down))
    return np.asarray(weight / weight.sum(axis=0), np.float64)


@functools.cache
def mel_spread(n_fft: int, bands: int, rate: int) -> Floats:
    """Linear interpolation of values of mel bands at the bins between their middles, float64 (bands, n_fft//2+1)."""
    hertz = np.fft.rfftfreq(n_fft, 1 / rate)
    middles = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), bands + 2)[1:-1] / 2595) - 1)
    return np.stack([np.interp(hertz, middles, row) for row in np.eye(bands)])


def log_mel(wave: npt.NDArray[np.floating], n_fft: int, hop: int, bands: int, rate: int) -> Floats:
    """Natural logarithm of mean power in mel bands, float64 (1 + n // hop, bands); the floor is -100 dB."""
    power = np.abs(stft(wave, n_fft, hop)) ** 2 / (hann(n_fft) ** 2).sum()
    return np.asarray(np.log(power @ mel_bands(n_fft, bands, rate) + 1e-10), np.float64)


def resampled(wave: npt.NDArray[np.floating], rate: int, new_rate: int) -> Wave:
    """The wave at another rate, float32 (round(n * new_rate / rate),): band-limited, by its spectrum."""
    if rate == new_rate or not len(wave):
        return np.asarray(wave, np.float32)
    length = round(len(wave) * new_rate / rate)
    # A whole number of ticks in both rates, with quiet after the end, keeps the ends from meeting.
    unit = rate // int(np.gcd(rate, new_rate))
    size = (len(wave) + rate // 20) // unit * unit + unit
    spectrum = np.fft.rfft(np.asarray(wave, np.float64), size)
    new_size = size * new_rate // rate
    out = np.fft.irfft(spectrum[: new_size // 2 + 1], new_size) * (new_size / size)
    return np.asarray(out[:length], np.float32)
