"""How well mouth and speech go together at every lag. Pure functions over arrays.

Both become windows of their recent past and near future; canonical correlation analysis (Hotelling 1936; for mouths and
speech Sargin et al. 2007, doi:10.1109/TMM.2007.906583) gave the directions in which real ones go together
(`facevalue lab train lips`). At each lag the sound is moved against the pictures, and the correlations of the canonical
variates are weighed into one number. Lags that cannot be right (half a second and more) show what chance gives for this
very mouth and this very sound: the statistic is measured against them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.lips.speech import STEP_S, Speech

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

# Taps of the windows, in steps of STEP_S.
TAPS = np.arange(-8, 9, 2)
MAX_LAG_S = 2.0
LAGS = np.arange(-round(MAX_LAG_S / STEP_S), round(MAX_LAG_S / STEP_S) + 1)
# An offset is looked for within this.
SEARCH_S = 1.0
# Encoders and players shift sound by as much (ITU-R BT.1359: detectable from 45 ms early and 125 ms late).
INNOCENT_S = 0.12
# Lags from here on show what chance gives.
NULL_FROM_S = 0.4


@dataclass(frozen=True, slots=True)
class Pairing:
    """A mouth and the speech beside it, on one grid. mouth: float32 (n, shapes). time_s: (n,). speech: its levels.

    The speech reaches MAX_LAG_S further on both sides; where there is no sound it is the run's own, wrapped around.
    """

    time_s: Array
    mouth: Floats
    speech: Floats
    spoken: Floats


@dataclass(frozen=True, slots=True)
class Projection:
    """Canonical directions: of the mouth's windows (taps x shapes, k), of the speech's (taps x bands, k); weights (k,).

    mouth_scale, speech_scale: spread of each feature that windows are divided by.
    """

    mouth: Array
    speech: Array
    weights: Array

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, rounded to six digits."""
        return {k: np.round(getattr(self, k), 6).tolist() for k in ("mouth", "speech", "weights")}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Projection:
        """Read what to_dict wrote."""
        return cls(*(np.asarray(raw[k], np.float64) for k in ("mouth", "speech", "weights")))


def pairing(time_s: Array, values: Floats, speech: Speech) -> Pairing | None:
    """One run of mouth shapes on the speech's grid; None when they do not overlap by half a second.

    time_s, values: of the frames, (n,) and (n, shapes). The mouth is interpolated linearly.
    """
    if not len(speech.time_s) or not len(time_s):
        return None
    first, last = speech.time_s[0], speech.time_s[-1]
    start, end = max(float(time_s[0]), first), min(float(time_s[-1]), last)
    if end - start < 0.5:
        return None
    i0, i1 = (round((t - first) / STEP_S) for t in (start, end))
    grid = speech.time_s[i0 : i1 + 1]
    mouth = np.stack([np.interp(grid, time_s, column) for column in values.T], axis=1).astype(np.float32)
    pad = int(LAGS[-1])
    at = np.arange(i0 - pad, i1 + 1 + pad)
    beyond = (at < 0) | (at >= len(speech.levels))
    at[beyond] = i0 + (at[beyond] - i0) % len(grid)
    return Pairing(grid, mouth, speech.levels[at], speech.probability[i0 : i1 + 1])


def windows(values: Floats) -> Array:
    """Each row with its neighbours at TAPS, float64 (n, taps x columns); edges repeat."""
    at = np.clip(np.arange(len(values))[:, None] + TAPS, 0, max(len(values) - 1, 0))
    return np.asarray(values[at].reshape(len(values), -1), np.float64)


def centred(mouth: Floats) -> Floats:
    """Mouth shapes without their median and in units of a spread common to the clip: what moves, not what it is."""
    spread = np.maximum(np.percentile(mouth, 90, axis=0) - np.percentile(mouth, 10, axis=0), MIN_MOVE)
    return np.asarray((mouth - np.median(mouth, axis=0)) / spread, np.float32)


# Below this the motion of a shape is mostly the landmark network's noise, and is not blown up; units of MouthShape.
MIN_MOVE = np.array([0.03, 0.02, 0.04, 0.04, 0.04, 0.06], np.float32)


def variates(pair: Pairing, how: Projection) -> tuple[Array, Array]:
    """Canonical variates of the mouth (n, k) and of the wider speech (n + 2 pad, k)."""
    return windows(centred(pair.mouth)) @ how.mouth, windows(pair.speech) @ how.speech


def lag_curve(pairs: Sequence[Pairing], how: Projection) -> Array:
    """The weighed correlation at each of LAGS, float64 (len(LAGS),), over all runs of one person together.

    A positive lag: the sound comes that much later than the lips.
    """
    width, count = len(LAGS), len(how.weights)
    shared, power_m, power_s = np.zeros((width, count)), np.zeros(count), np.zeros((width, count))
    for mouth, sound in (variates(pair, how) for pair in pairs):
        mouth = mouth - mouth.mean(axis=0)
        power_m += (mouth**2).sum(axis=0)
        shared += np.stack([np.correlate(sound[:, k], mouth[:, k], "valid") for k in range(count)], axis=1)
        power_s += _moving_power(sound, len(mouth))
    norm = np.maximum(np.sqrt(power_m * np.maximum(power_s, 0.0)), 1e-9)
    return np.asarray((shared / norm) @ how.weights, np.float64)


def _moving_power(values: Array, width: int) -> Array:
    """Sum of squares about the mean of every `width` rows in a row, float64 (rows - width + 1, columns)."""
    zero = np.zeros((1, values.shape[1]))
    sums, squares = (np.concatenate([zero, np.cumsum(v, axis=0)]) for v in (values, values**2))
    total = sums[width:] - sums[:-width]
    return np.asarray(squares[width:] - squares[:-width] - total**2 / width, np.float64)


@dataclass(frozen=True, slots=True)
class Fit:
    """What the lag curve says. peak: best correlation at an innocent lag. elsewhere: best at any other lag. null_mean,
    null_spread: over lags that cannot be right. offset_s: the best lag of all. best: the correlation there.
    """

    peak: float
    elsewhere: float
    null_mean: float
    null_spread: float
    offset_s: float
    best: float

    @property
    def z(self) -> float:
        """The peak in units of what chance gives."""
        return (self.peak - self.null_mean) / max(self.null_spread, 0.03)


def fit_of(curve: Array, centre_s: float = 0.0) -> Fit:
    """Read a lag curve as if the sound had first been moved by centre_s."""
    seconds = LAGS * STEP_S
    off = np.abs(seconds - centre_s) + 1e-9
    searched = np.abs(seconds) <= SEARCH_S + 1e-9
    null = curve[off >= NULL_FROM_S]
    best = int(np.argmax(np.where(searched, curve, -np.inf)))
    return Fit(
        peak=float(curve[off <= INNOCENT_S + 2e-9].max()),
        elsewhere=float(curve[(off >= 0.2) & searched].max()),
        null_mean=float(null.mean()),
        null_spread=float(null.std()),
        offset_s=float(seconds[best]),
        best=float(curve[best]),
    )


__all__ = ["LAGS", "Fit", "Pairing", "Projection", "fit_of", "lag_curve", "pairing", "variates", "windows"]
