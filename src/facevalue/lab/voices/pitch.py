"""The pitch of a voice over time: candidates by autocorrelation, the path through them by dynamic programming.

Boersma (1993), "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound": the autocorrelation of the windowed frame over that of the window, a few local maxima with parabolic
interpolation, then Viterbi with costs for octave jumps and for changes between voiced and unvoiced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.lab.voices.spectra import Floats, hann

LOWEST_HZ, HIGHEST_HZ = 65.0, 480.0
WINDOW_S = 3.0 / LOWEST_HZ
CANDIDATES = 6
VOICED_FROM = 0.45
SILENCE = 0.02
OCTAVE_COST = 0.02
JUMP_COST = 0.35
SWITCH_COST = 0.14
# What lies above tells voices apart more than pitches, and has peaks narrower than a lag.
FADE_HZ = 1_200.0
BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Pitch:
    """hertz: float64 (t,), 0 where unvoiced. strength: float64 (t,), 0..1, how periodic. hop_s: seconds a frame."""

    hertz: Floats
    strength: Floats
    hop_s: float

    @property
    def voiced(self) -> npt.NDArray[np.bool_]:
        """bool (t,)."""
        return np.asarray(self.hertz > 0, np.bool_)


def track(wave: npt.NDArray[np.floating], rate: int, hop_s: float = 0.005) -> Pitch:
    """The pitch of a mono wave (n,), -1..1, frames at 0, hop_s, 2 hop_s ... up to its end."""
    mono = np.asarray(wave, np.float64)
    hertz, strength, loud = _candidates(mono, rate, hop_s)
    path = _path(_score(hertz, strength, loud), hertz, hop_s)
    rows = np.arange(len(path))
    return Pitch(hertz[rows, path], np.clip(strength[rows, path] * (path > 0), 0, 1), hop_s)


def continuous(pitch: Pitch, default_hz: float = 120.0) -> Floats:
    """Hertz in every frame: unvoiced stretches bridged in the logarithm, float64 (t,)."""
    if not pitch.voiced.any():
        return np.full(len(pitch.hertz), default_hz)
    at = np.flatnonzero(pitch.voiced)
    return np.asarray(np.exp(np.interp(np.arange(len(pitch.hertz)), at, np.log(pitch.hertz[at]))), np.float64)


def _candidates(wave: Floats, rate: int, hop_s: float) -> tuple[Floats, Floats, Floats]:
    """Hertz and strengths (t, 1 + CANDIDATES), the first column for unvoiced; loudness (t,), 0..1 of the loudest."""
    count = 1 + int(len(wave) / rate / hop_s + 1e-9)
    size = round(WINDOW_S * rate)
    centres = np.round(np.arange(count) * hop_s * rate).astype(np.int64)
    # The window is wider than half the frame's spectrum can tell apart; strong low hum is left as it is.
    padded = np.pad(wave, (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)
    n_fft = 1 << int(np.ceil(np.log2(size + rate / LOWEST_HZ + 2)))
    own = np.fft.irfft(np.abs(np.fft.rfft(hann(size), n_fft)) ** 2)
    parts = [_peaks(frames[centres[i : i + BLOCK]], own / own[0], n_fft, rate) for i in range(0, count, BLOCK)]
    hertz, strength, peak = (np.concatenate([p[k] for p in parts]) for k in range(3))
    top = np.quantile(peak, 0.99) if count else 0.0
    return hertz, strength, np.asarray(peak / max(float(top), 1e-9), np.float64)


def _peaks(frames: Floats, own: Floats, n_fft: int, rate: int) -> tuple[Floats, Floats, Floats]:
    size = frames.shape[1]
    centred = frames - frames.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred * hann(size), n_fft, axis=1)) ** 2
    power = power / (1 + (np.fft.rfftfreq(n_fft, 1 / rate) / FADE_HZ) ** 4)
    first, last = int(rate / HIGHEST_HZ), min(int(rate / LOWEST_HZ), size - 2)
    r = np.fft.irfft(power, axis=1)[:, : last + 2]
    r = r / np.maximum(r[:, :1], 1e-12) / own[: last + 2]
    middle, left, right = r[:, first : last + 1], r[:, first - 1 : last], r[:, first + 1 : last + 2]
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    # The parabola through three lags: the true peak lies between them.
    height = np.where((middle >= left) & (middle > right), middle - 0.25 * (left - right) * shift, -1.0)
    lags = np.arange(first, last + 1)
    # Short lags are preferred by a little per octave, or every multiple of the period would do as well.
    ranked = height - OCTAVE_COST * np.log2(lags * (LOWEST_HZ / rate))
    best = np.argsort(-ranked, axis=1, kind="stable")[:, :CANDIDATES]
    rows = np.arange(len(r))[:, None]
    hertz = rate / (lags[best] + shift[rows, best])
    zero = np.zeros((len(r), 1))
    found = height[rows, best]
    return (
        np.concatenate([zero, hertz], axis=1),
        np.concatenate([zero, found], axis=1),
        np.abs(centred).max(axis=1),
    )


def _score(hertz: Floats, strength: Floats, loud: Floats) -> Floats:
    """What each candidate is worth (t, 1 + CANDIDATES); unvoiced wins where it is quiet or nothing repeats."""
    score = strength - OCTAVE_COST * np.log2(LOWEST_HZ / np.maximum(hertz, LOWEST_HZ))
    score[strength <= 0] = -9.0
    score[:, 0] = VOICED_FROM + np.maximum(0.0, 2 - loud / SILENCE * (1 + VOICED_FROM))
    return score


def _path(score: Floats, hertz: Floats, hop_s: float) -> npt.NDArray[np.int64]:
    """The best candidate of each frame (t,)."""
    scale = 0.01 / hop_s
    log = np.log2(np.maximum(hertz, 1.0))
    voiced = hertz > 0
    total, came = score[0], np.zeros(score.shape, np.int64)
    for t in range(1, len(score)):
        cost = JUMP_COST * scale * np.abs(log[t - 1][:, None] - log[t][None])
        cost = np.where(voiced[t - 1][:, None] & voiced[t][None], cost, 0.0)
        cost += SWITCH_COST * scale * (voiced[t - 1][:, None] != voiced[t][None])
        reach = total[:, None] - cost
        came[t] = reach.argmax(axis=0)
        total = reach.max(axis=0) + score[t]
    path = np.zeros(len(score), np.int64)
    path[-1] = int(total.argmax())
    for t in range(len(score) - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path
