"""Statistics of the source of a voice: pitch and its regularity, harmonics by band, phase, and the residual of linear
prediction."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.sound.levels import RATE_HZ
from facevalue.sound.spectra import hann

N_FFT, HOP = 1024, 320
LAGS = (40, 230)  # 70-400 Hz
HARMONIC_HZ = ((0, 700), (700, 1500), (1500, 2500), (2500, 4000), (4000, 5500), (5500, 7500))
VOICED = 0.5
ACTIVE_MARGIN_DB = 16.0
PHASE_N, PHASE_HOP, PHASE_BANDS = 256, 128, 16
ORDER, LPC_N, LPC_HOP = 16, 512, 512
QUANTILES = (10, 50, 90)

Floats = npt.NDArray[np.float32]
Complexes = npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Frames:
    """A segment in frames of 64 ms every 20 ms. wave: at unit active level. power: (frames, 513). energy: their sum.
    loud: within 16 dB of the active level, some of them always."""

    wave: Floats
    power: Floats
    energy: Floats
    loud: npt.NDArray[np.bool_]


def frames_of(wave: Floats) -> Frames:
    """wave: float32 (n,), n >= 4000."""
    wave = np.asarray(wave - wave.mean(), np.float32)
    spectrum = _stft(wave, N_FFT, HOP)
    power = _power(spectrum)
    loud = _loud(power.sum(axis=1))
    scale = np.float32(1.0 / max(float(power[loud].sum(axis=1).mean()), 1e-12))
    power = power * scale
    return Frames(np.asarray(wave * np.sqrt(scale * N_FFT), np.float32), power, power.sum(axis=1), loud)


def _loud(energy: Floats) -> npt.NDArray[np.bool_]:
    level = float(energy.mean())
    for _ in range(3):
        level = float(energy[energy >= level * 10 ** (-ACTIVE_MARGIN_DB / 10)].mean())
    return np.asarray(energy >= level * 10 ** (-ACTIVE_MARGIN_DB / 10), np.bool_)


def _power(spectrum: npt.NDArray[np.complexfloating]) -> Floats:
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def _stft(wave: Floats, n: int, hop: int) -> Complexes:
    frames = np.lib.stride_tricks.sliding_window_view(wave, n)[::hop]
    return np.asarray(np.fft.rfft(frames * hann(n), axis=1), np.complex64)


def voicing(frames: Frames) -> Floats:
    """Pitch, its regularity (jitter, shimmer), harmonicity in six bands, and the cepstral peak; float32 (45,).

    Pitch by the autocorrelation over that of the window (Boersma 1993); harmonicity of a band is the band's
    autocorrelation at the pitch's lag; cepstral peak prominence: Hillenbrand et al. (1994).
    """
    power, energy = frames.power[frames.loud], frames.energy[frames.loud]
    lag, strength = _pitch(power)
    voiced = strength > VOICED
    pitch = np.log(RATE_HZ / lag)
    follows = voiced[1:] & voiced[:-1] & (np.flatnonzero(frames.loud)[1:] - np.flatnonzero(frames.loud)[:-1] == 1)
    steps, levels = np.abs(np.diff(pitch))[follows], np.abs(np.diff(np.log(energy + 1e-9)))[follows]
    steps, levels = steps[steps < 0.2], levels[steps < 0.2]
    harmonic = _harmonicity(power[voiced], lag[voiced]) if voiced.any() else np.zeros((1, len(HARMONIC_HZ)))
    cepstrum = np.fft.irfft(np.log(power + 1e-7), axis=1)[:, LAGS[0] : LAGS[1]]
    peak = cepstrum.max(axis=1) - cepstrum.mean(axis=1)
    parts = [
        [float(voiced.mean()), float(pitch[voiced].std()) if voiced.any() else 0.0],
        _spread_of(strength),
        _spread_of(np.log(steps + 1e-4)),
        _spread_of(np.log(levels + 1e-3)),
        harmonic.mean(axis=0),
        harmonic.std(axis=0),
        *np.percentile(harmonic, (10, 90), axis=0),
        _spread_of(10 * peak),
        [float(len(steps)) / max(1, len(power)), float((harmonic[:, 3] - harmonic[:, 1]).mean()), float(peak.std())],
    ]
    return np.concatenate([np.asarray(p, np.float32).ravel() for p in parts])


def _spread_of(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Mean and three quantiles; zeros for nothing."""
    if not len(values):
        return np.zeros(1 + len(QUANTILES))
    return np.concatenate([[values.mean()], np.percentile(values, QUANTILES)])


def _pitch(power: Floats) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Lag in samples, with a fraction, and the normalised autocorrelation there, of each frame."""
    correlation = np.fft.irfft(power, axis=1)[:, : LAGS[1] + 2] / _window_correlation()
    correlation = correlation / np.maximum(correlation[:, :1], 1e-12)
    inside = correlation[:, LAGS[0] : LAGS[1]]
    # A small cost of long lags keeps the octave below from winning by a hair.
    best = LAGS[0] + np.argmax(inside - 0.0005 * np.arange(inside.shape[1]), axis=1)
    rows = np.arange(len(best))
    left, middle, right = (correlation[rows, best + d] for d in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(np.abs(bend) > 1e-9, bend, 1.0), 0.0)
    return best + np.clip(shift, -0.5, 0.5), middle


@functools.cache
def _window_correlation() -> Floats:
    # Circular, as that of the frames, which are not zero-padded.
    own = np.fft.irfft(np.abs(np.fft.rfft(hann(N_FFT))) ** 2)[: LAGS[1] + 2]
    return np.asarray(own / own[0], np.float32)


def _harmonicity(power: Floats, lag: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """(frames, 6): the autocorrelation at each frame's lag of what lies in each band, -1..1."""
    wave = np.cos(2 * np.pi * np.arange(power.shape[1])[None] * lag[:, None] / N_FFT)
    hz = RATE_HZ / N_FFT
    out = []
    for low, high in HARMONIC_HZ:
        part = slice(int(low / hz), int(high / hz))
        out.append((power[:, part] * wave[:, part]).sum(axis=1) / (power[:, part].sum(axis=1) + 1e-9))
    return np.stack(out, axis=1)


def phases(frames: Frames) -> Floats:
    """How regular phase is, float32 (64,): in 16 bands of the louder frames, the mean resultant length of the second
    difference of phase along time, along frequency (of group delay: Yegnanarayana and Murthy 1992) and along both,
    and the mean angle of the one along frequency."""
    spectrum = _stft(frames.wave, PHASE_N, PHASE_HOP)[:, :-1]
    power = _power(spectrum)
    loud = _loud(power.sum(axis=1))
    unit = spectrum * (1.0 / np.sqrt(power + np.float32(1e-18)))
    # First differences of phase along time and along frequency, as unit vectors; differences of those in turn.
    later, higher = unit[1:] * np.conj(unit[:-1]), unit[:, 1:] * np.conj(unit[:, :-1])
    time = later[1:] * np.conj(later[:-1])
    along = higher[:, 1:] * np.conj(higher[:, :-1])
    both = higher[1:] * np.conj(higher[:-1])
    parts = [_resultant(z, keep) for z, keep in ((time, loud[1:-1]), (along, loud), (both, loud[1:]))]
    lengths = [np.log(np.abs(part) + 1e-2) for part in parts]
    return np.concatenate([*lengths, np.abs(np.angle(parts[1]))]).astype(np.float32)


def _resultant(z: Complexes, keep: npt.NDArray[np.bool_]) -> Complexes:
    """Means over the kept frames and 16 bands, complex64 (16,)."""
    mean = z[keep].mean(axis=0) if keep.any() else z.mean(axis=0)
    return np.array([part.mean() for part in np.array_split(mean, PHASE_BANDS)], np.complex64)


def residual(frames: Frames) -> Floats:
    """Of the residual of linear prediction (order 16, autocorrelation method, Makhoul 1975), float32 (28,): mean and
    quantiles over the louder frames of kurtosis, skewness, crest and prediction gain, its spectral roughness in eight
    bands, and kurtosis, skewness, differences and zeros of the samples themselves."""
    wave = np.append(frames.wave[:1], frames.wave[1:] - np.float32(0.9) * frames.wave[:-1])
    pieces = np.lib.stride_tricks.sliding_window_view(wave, LPC_N)[::LPC_HOP] * hann(LPC_N)
    pieces = pieces[_loud((pieces**2).sum(axis=1))]
    spectrum = np.fft.rfft(pieces, 2 * LPC_N, axis=1)
    correlation = np.fft.irfft(_power(spectrum), axis=1)[:, : ORDER + 1]
    predictor, error = _levinson(correlation)
    filtered = spectrum * np.fft.rfft(predictor.astype(np.float32), 2 * LPC_N, axis=1)
    left = np.fft.irfft(filtered, axis=1)[:, ORDER:LPC_N]
    left = left / (left.std(axis=1, keepdims=True) + 1e-9)
    square = left * left
    log = 0.5 * np.log(_power(filtered[:, 1:]) + np.float32(1e-10)).reshape(len(filtered), 8, -1)
    parts = [
        _spread_of(np.log((square * square).mean(axis=1) + 1e-3)),
        _spread_of((square * left).mean(axis=1)),
        _spread_of(np.log(np.abs(left).max(axis=1) + 1e-3)),
        _spread_of(np.log(correlation[:, 0] / np.maximum(error, 1e-9))),
        log.std(axis=2).mean(axis=0),
        _samples(frames.wave),
    ]
    return np.concatenate(parts).astype(np.float32)


def _samples(wave: Floats) -> npt.NDArray[np.floating]:
    unit = wave / (wave.std() + 1e-9)
    step = np.diff(unit)
    moments = [(unit**3).mean(), np.log((unit**4).mean()), (step**3).mean() / (step.std() ** 3 + 1e-9)]
    return np.array([*moments, np.log((step**4).mean() / (step.std() ** 4 + 1e-9) + 1e-3)])


def _levinson(
    correlation: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Predictors (frames, ORDER + 1), first column 1, and prediction errors (frames,): Levinson-Durbin, all at once."""
    r = correlation.astype(np.float64)
    r[:, 0] = r[:, 0] * (1 + 1e-5) + 1e-9
    a = np.zeros_like(r)
    a[:, 0], error = 1.0, r[:, 0].copy()
    for order in range(1, r.shape[1]):
        reflection = -(a[:, :order] * r[:, order:0:-1]).sum(axis=1) / error
        previous = a[:, : order + 1].copy()
        a[:, : order + 1] = previous + reflection[:, None] * previous[:, ::-1]
        error = np.maximum(error * (1 - reflection**2), 1e-12)
    return a, error
