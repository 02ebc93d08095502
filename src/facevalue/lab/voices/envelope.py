"""The spectral envelope of a voice without its harmonics, and how much of each band is noise.

Envelope: CheapTrick (Morise 2015, "CheapTrick, a spectral envelope estimator for high-quality speech synthesis"): a
window of three periods, smoothing over 2/3 of the pitch, and liftering that takes out what repeats at the pitch.
Aperiodicity: one minus the autocorrelation at the period of what lies in a band, of a window of four periods; a plain
stand-in for D4C (Morise 2016).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.lab.voices.pitch import LOWEST_HZ, Pitch
from facevalue.lab.voices.spectra import Floats

DEFAULT_HZ = 200.0  # what stands in for the pitch where there is none
Q1 = -0.15
BAND_HZ = 1_000.0
LEAST_NOISE = 1e-3
BLOCK = 512


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice in frames. pitch: frames of hop_s. envelope: float64 (t, bins), power, white noise of variance 1 has 1.
    noise: float64 (t, bins), the share of that power that is not periodic, 0..1, 1 where unvoiced."""

    pitch: Pitch
    envelope: Floats
    noise: Floats


def n_fft_of(rate: int) -> int:
    """The transform that holds three periods of the lowest pitch."""
    return 1 << int(np.ceil(np.log2(3 * rate / LOWEST_HZ + 1)))


def analysed(wave: npt.NDArray[np.floating], rate: int, pitch: Pitch) -> Voice:
    """Envelope and aperiodicity of a mono wave (n,) at the frames of its pitch."""
    mono = np.asarray(wave, np.float64)
    hertz = np.where(pitch.voiced, pitch.hertz, DEFAULT_HZ)
    centres = np.round(np.arange(len(hertz)) * pitch.hop_s * rate).astype(np.int64)
    spans = [slice(i, i + BLOCK) for i in range(0, len(hertz), BLOCK)]
    voiced = pitch.voiced
    envelope = np.concatenate([_envelopes(mono, rate, centres[s], hertz[s], voiced[s]) for s in spans])
    noise = np.concatenate([_noises(mono, rate, centres[s], hertz[s]) for s in spans])
    noise[~voiced] = 1.0
    return Voice(pitch, envelope, noise)


def _spectra(
    wave: Floats, rate: int, centres: npt.NDArray[np.int64], hertz: Floats, periods: float
) -> tuple[Floats, Floats]:
    """Power spectra (t, bins) in Hann windows of so many periods, per unit of noise power, and the windows' widths."""
    n_fft = n_fft_of(rate) * (2 if periods > 3 else 1)
    half = np.minimum(periods / 2 * rate / hertz, n_fft // 2 - 1)
    at = np.arange(-(n_fft // 2), n_fft // 2)
    window = np.where(np.abs(at) <= half[:, None], 0.5 + 0.5 * np.cos(np.pi * at / half[:, None]), 0.0)
    padded = np.pad(wave, (n_fft // 2, n_fft))
    frames = padded[centres[:, None] + at + n_fft // 2] * window
    frames = frames - window * (frames.sum(axis=1) / window.sum(axis=1))[:, None]
    power = np.abs(np.fft.rfft(frames, n_fft, axis=1)) ** 2 / (window**2).sum(axis=1)[:, None]
    return power, half


def _envelopes(
    wave: Floats, rate: int, centres: npt.NDArray[np.int64], hertz: Floats, voiced: npt.NDArray[np.bool_]
) -> Floats:
    power, _ = _spectra(wave, rate, centres, hertz, 3.0)
    n_fft = n_fft_of(rate)
    spacing = rate / n_fft
    # Below the pitch of a voice nothing is known: mirrored around half the pitch, so that no gap drags the rest down.
    bins = np.arange(power.shape[1])
    low = (bins * spacing < hertz[:, None]) & voiced[:, None]
    mirror = np.clip(np.round(hertz[:, None] / spacing - bins), 0, len(bins) - 1).astype(np.int64)
    power = np.where(low, power + np.take_along_axis(power, mirror, axis=1), power)
    smooth = _smoothed(power, hertz * 2 / 3 / spacing) + 1e-13
    cepstrum = np.fft.irfft(np.log(smooth), axis=1)
    quefrency = np.minimum(np.arange(n_fft), n_fft - np.arange(n_fft)) / rate
    turn = hertz[:, None] * quefrency
    lifter = np.sinc(turn) * (1 - 2 * Q1 + 2 * Q1 * np.cos(2 * np.pi * turn))
    return np.asarray(np.exp(np.fft.rfft(cepstrum * lifter, axis=1).real), np.float64)


def _smoothed(power: Floats, width: Floats) -> Floats:
    """Means over `width` bins (t,), fractional, around each bin, mirrored at the ends."""
    count = power.shape[1]
    reach = int(np.ceil(width.max() / 2)) + 2
    padded = np.pad(power, ((0, 0), (reach, reach)), mode="reflect")
    total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(padded, axis=1)], axis=1)
    middle = np.arange(count) + reach + 0.5

    def upto(at: Floats) -> Floats:
        whole = np.floor(at).astype(np.int64)
        here = np.take_along_axis(total, whole, axis=1)
        there = np.take_along_axis(total, whole + 1, axis=1)
        return np.asarray(here + (at - whole) * (there - here), np.float64)

    half = width[:, None] / 2
    return (upto(middle + half) - upto(middle - half)) / width[:, None]


def _noises(wave: Floats, rate: int, centres: npt.NDArray[np.int64], hertz: Floats) -> Floats:
    power, half = _spectra(wave, rate, centres, hertz, 4.0)
    bins = np.fft.rfftfreq(2 * (power.shape[1] - 1), 1 / rate)
    agreeing = power * np.cos(2 * np.pi * bins / hertz[:, None])
    # A Hann window of four periods has this much of its own autocorrelation left after one.
    own = _hann_correlation(2 * half * hertz / rate)
    edges = np.arange(0, rate / 2 + 1, BAND_HZ)
    middles, shares = [], []
    for low, high in itertools.pairwise(edges):
        part = (bins >= low) & (bins < high)
        shares.append(1 - agreeing[:, part].sum(axis=1) / np.maximum(power[:, part].sum(axis=1), 1e-12) / own)
        middles.append((low + high) / 2)
    share = np.clip(np.stack(shares, axis=1), LEAST_NOISE, 1.0)
    out = np.fft.rfftfreq(n_fft_of(rate), 1 / rate)
    at = np.clip((out - middles[0]) / BAND_HZ, 0, len(middles) - 1)
    left = np.minimum(at.astype(np.int64), len(middles) - 2)
    log = np.log(share)
    noise = np.exp(log[:, left] + (at - left) * (log[:, left + 1] - log[:, left]))
    # Below the pitch the envelope is an invention, which noise would make heard.
    return np.where(out < 0.8 * hertz[:, None], LEAST_NOISE, noise)


def _hann_correlation(periods: Floats) -> Floats:
    """The autocorrelation of a Hann window of so many periods, one period away, relative to none (t,)."""
    x = 1 / periods
    return (1 - x) * (2 / 3 + np.cos(2 * np.pi * x) / 3) + np.sin(2 * np.pi * x) / (2 * np.pi)
