"""Statistics of band spectra (frames, 128) in dB: how cepstra and bands vary, and the fine structure of the spectrum.

Linear-frequency cepstra after Sahidullah, Kinnunen and Hanilci (2015); band means are taken out (Atal 1974) wherever
a constant filter would show.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import BANDS

CEPSTRA, LOUD_CEPSTRA, FINE_FROM = 40, 60, 12
GROUPS, POOLS = 16, 32
MIN_FRAMES = 8

Floats = npt.NDArray[np.float32]


def movement(bands: Floats) -> Floats:
    """How cepstra and bands move, float32 (208,): logarithms of the spread of 40 cepstra and of their first and
    second differences, the skewness of the cepstra, and the roughness of the louder frames along frequency and of all
    frames along time, in 16 groups of bands."""
    if len(bands) < MIN_FRAMES:
        return np.zeros(4 * CEPSTRA + 3 * GROUPS, np.float32)
    cepstra = (bands - bands.mean(axis=0)) @ cosines()[:, :CEPSTRA]
    first = cepstra[2:] - cepstra[:-2]
    second = first[2:] - first[:-2]
    spread = cepstra.std(axis=0) + 1e-2
    loud, unit = bands[_loud(bands)], cepstra / spread
    parts = [
        np.log(spread),
        np.log(first.std(axis=0) + 1e-2),
        np.log(second.std(axis=0) + 1e-2),
        (unit * unit * unit).mean(axis=0),
        np.log(_pooled(np.abs(np.diff(loud, axis=1, append=loud[:, -1:])), GROUPS) + 0.1),
        np.log(_pooled(np.abs(np.diff(bands, axis=0)), GROUPS) + 0.1),
        np.log(_pooled(np.abs(np.diff(loud, 2, axis=1, append=loud[:, -2:])), GROUPS) + 0.1),
    ]
    return np.concatenate(parts).astype(np.float32)


def structure(bands: Floats) -> Floats:
    """Fine structure and shape of distributions, float32 (520,): spread of 60 cepstra of the louder frames, the mean
    spectrum's cepstra from the 13th on (a smooth filter lies in the first twelve), spread, skewness and kurtosis of
    bands, their roughness over 10 and 50 ms and along frequency, correlations of 16 bands with each other and of
    neighbouring bands."""
    if len(bands) < MIN_FRAMES:
        return np.zeros(520, np.float32)
    x = bands - bands.mean(axis=0)
    some = _loud(bands)
    loud = x[some]
    spread = x.std(axis=0) + np.float32(0.1)
    z = x / spread
    along = np.diff(bands[some], axis=1)
    along = np.concatenate([along, along[:, -1:]], axis=1)
    near = (loud[:, 1:] * loud[:, :-1]).mean(axis=0) / (spread[1:] * spread[:-1])
    parts = [
        np.log((loud @ cosines()[:, :LOUD_CEPSTRA]).std(axis=0) + 1e-2),
        (bands[some].mean(axis=0) @ cosines())[FINE_FROM:] / 2,
        np.log(spread.reshape(POOLS, -1).mean(axis=1)),
        _pooled(z * z * z, POOLS),
        np.log(_pooled(z * z * z * z, POOLS) + 1e-3),
        np.log(_pooled(np.abs(np.diff(bands, 2, axis=0)), POOLS) + 0.1),
        np.log(_pooled(np.abs(x[5:] - x[:-5]), POOLS) + 0.1),
        _correlations(x.reshape(len(x), GROUPS, -1).mean(axis=2)),
        np.log(_pooled(np.abs(along), POOLS) + 0.1),
        np.append(near, near[-1:]).reshape(POOLS, -1).mean(axis=1),
    ]
    return np.concatenate(parts).astype(np.float32)


def _loud(bands: Floats) -> npt.NDArray[np.bool_]:
    """The 60% of frames with most energy, bool (frames,); all of them where they do not differ."""
    energy = bands.mean(axis=1)
    some = energy > np.percentile(energy, 40)
    return some if some.any() else np.ones(len(bands), np.bool_)


def _correlations(x: Floats) -> Floats:
    """Correlations of the columns of (frames, n), float32 (n (n - 1) / 2,); a constant column correlates with none."""
    centred = x - x.mean(axis=0)
    unit = centred / np.sqrt((centred**2).sum(axis=0) + 1e-3)
    return np.asarray((unit.T @ unit)[np.triu_indices(x.shape[1], 1)], np.float32)


def _pooled(values: Floats, groups: int) -> Floats:
    return np.asarray(values.reshape(len(values), groups, BANDS // groups).mean(axis=(0, 2)), np.float32)


@functools.cache
def cosines(bands: int = BANDS) -> Floats:
    """The orthonormal DCT-II, float32 (bands, bands), column k the k-th basis; read-only."""
    k, n = np.arange(bands), np.arange(bands)[:, None]
    out = np.cos(np.pi * k * (2 * n + 1) / (2 * bands)) * np.where(k == 0, np.sqrt(1 / bands), np.sqrt(2 / bands))
    out = out.astype(np.float32)
    out.setflags(write=False)
    return np.asarray(out, np.float32)
