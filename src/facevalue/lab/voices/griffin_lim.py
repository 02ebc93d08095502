"""Griffin-Lim: a wave whose spectra have given magnitudes, found by going back and forth.

Griffin and Lim (1984), with the momentum of Perraudin, Balazs and Sondergaard (2013). The magnitudes are first reduced
to 80 mel bands and spread out again: what a text-to-speech system of that generation would have had.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.lab.voices.spectra import Floats, istft, log_mel, mel_bands, mel_spread, stft

BANDS = 80
ROUNDS = 32
MOMENTUM = 0.99
CORRECTIONS = 3


def copy(wave: npt.NDArray[np.floating], rate: int, rng: np.random.Generator) -> Floats:
    """The wave from its mel bands alone, float64 (n,)."""
    n_fft = 1 << round(np.log2(rate * 0.064))
    mel = log_mel(wave, n_fft, n_fft // 4, BANDS, rate)
    return phases_found(_magnitudes(mel, n_fft, rate), n_fft, n_fft // 4, len(wave), rng)


def _magnitudes(mel: Floats, n_fft: int, rate: int) -> Floats:
    """Magnitudes (t, bins) whose mel bands are those: interpolated, then corrected a few times."""
    bands, spread = mel_bands(n_fft, BANDS, rate), mel_spread(n_fft, BANDS, rate)
    log = mel @ spread
    for _ in range(CORRECTIONS):
        log = log + (mel - np.log(np.exp(log) @ bands + 1e-10)) @ spread
    return np.asarray(np.sqrt(np.exp(log) * 0.375 * n_fft), np.float64)


def phases_found(magnitudes: Floats, n_fft: int, hop: int, length: int, rng: np.random.Generator) -> Floats:
    """A wave float64 (length,) whose stft has nearly those magnitudes (t, bins); phases start at random."""
    guess = magnitudes * np.exp(2j * np.pi * rng.random(magnitudes.shape))
    before = np.zeros_like(guess)
    for _ in range(ROUNDS):
        again = stft(istft(guess, n_fft, hop, length), n_fft, hop)
        ahead = again + MOMENTUM * (again - before)
        guess, before = magnitudes * ahead / np.maximum(np.abs(ahead), 1e-12), again
    return istft(guess, n_fft, hop, length)
