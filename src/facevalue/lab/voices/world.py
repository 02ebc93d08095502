"""WORLD: a voice taken apart into pitch, envelope and aperiodicity, and put together again.

After Morise, Yokomori and Ozawa (2016), "WORLD: a vocoder-based high-quality speech synthesis system for real-time
applications"; an implementation of our own, with the estimators that `pitch` and `envelope` name.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.lab.voices.envelope import Voice, analysed, n_fft_of
from facevalue.lab.voices.pitch import track
from facevalue.lab.voices.spectra import Complexes, Floats, istft, stft

HOP_S = 0.005
BLOCK = 512


def analyse(wave: npt.NDArray[np.floating], rate: int) -> Voice:
    """Pitch, envelope and aperiodicity of a mono wave (n,), -1..1, every 5 ms."""
    return analysed(wave, rate, track(wave, rate, HOP_S))


def synthesise(voice: Voice, rate: int, length: int, rng: np.random.Generator) -> Floats:
    """A wave float64 (length,) of that voice: minimum-phase responses at the pitch, and shaped noise."""
    return _voiced(voice, rate, length) + _noise(voice, rate, length, rng)


def _voiced(voice: Voice, rate: int, length: int) -> Floats:
    at, period = pulse_places(voice.pitch.hertz, voice.pitch.hop_s, rate, length)
    n_fft = n_fft_of(rate)
    out = np.zeros(length + 2 * n_fft)
    for start in range(0, len(at), BLOCK):
        here, height = at[start : start + BLOCK], np.sqrt(period[start : start + BLOCK])
        frame = np.minimum(np.round(here / rate / voice.pitch.hop_s).astype(np.int64), len(voice.envelope) - 1)
        spectrum = minimum_phase(voice.envelope[frame] * (1 - voice.noise[frame]) + 1e-13)
        # A row of pulses has a harmonic at 0 Hz, a voice has none.
        turns = np.fft.rfftfreq(n_fft) * period[start : start + BLOCK, None]
        spectrum = spectrum * np.minimum(1.0, turns / 0.8) ** 2
        whole = np.floor(here).astype(np.int64)
        late = np.exp(-2j * np.pi * np.fft.rfftfreq(n_fft) * (here - whole)[:, None])
        responses = np.fft.irfft(spectrum * late, n_fft, axis=1) * height[:, None]
        # The second half of the circle is what lies before the pulse: none, in minimum phase, but the delay's ripple.
        responses = np.roll(responses, n_fft // 8, axis=1)
        np.add.at(out, whole[:, None] + np.arange(n_fft)[None], responses)
    return out[n_fft // 8 : n_fft // 8 + length]


def pulse_places(hertz: Floats, hop_s: float, rate: int, length: int) -> tuple[Floats, Floats]:
    """Where pulses fall, in samples, and the periods there: float64 (pulses,) each."""
    times = np.arange(length) / rate / hop_s
    nearest = np.minimum(np.round(times).astype(np.int64), len(hertz) - 1)
    filled = np.where(hertz > 0, hertz, np.nan)
    known = np.flatnonzero(hertz > 0)
    if not len(known):
        return np.zeros(0), np.zeros(0)
    filled = np.interp(np.arange(len(hertz)), known, hertz[known])
    step = np.where(hertz[nearest] > 0, np.interp(times, np.arange(len(hertz)), filled), 0.0) / rate
    turns = np.cumsum(step)
    fires = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    late = (turns[fires] - np.floor(turns[fires])) / step[fires]
    return np.maximum(fires - late, 0.0), 1 / step[fires]


def minimum_phase(power: Floats) -> Complexes:
    """Spectra (t, bins) of that power and of minimum phase, by folding the cepstrum (Oppenheim and Schafer)."""
    n_fft = 2 * (power.shape[1] - 1)
    cepstrum = np.fft.irfft(0.5 * np.log(power), n_fft, axis=1)
    cepstrum[:, 1 : n_fft // 2] *= 2
    cepstrum[:, n_fft // 2 + 1 :] = 0
    return np.asarray(np.exp(np.fft.rfft(cepstrum, n_fft, axis=1)), np.complex128)


def _noise(voice: Voice, rate: int, length: int, rng: np.random.Generator) -> Floats:
    n_fft, hop = n_fft_of(rate) // 2, round(voice.pitch.hop_s * rate)
    spectra = stft(rng.standard_normal(length), n_fft, hop)
    gain = np.sqrt(voice.envelope * voice.noise)[: len(spectra), ::2]
    gain = np.pad(gain, ((0, len(spectra) - len(gain)), (0, 0)), mode="edge")
    return istft(spectra * gain, n_fft, hop, length)


def copy(wave: npt.NDArray[np.floating], rate: int, rng: np.random.Generator) -> Floats:
    """The wave after analysis and synthesis, float64 (n,)."""
    return synthesise(analyse(wave, rate), rate, len(wave), rng)
