"""Reverberation: how fast the sound dies away after speech, and whether that changes.

Free decays are looked for in the frames (as in blind estimation of T60: Ratnam et al. 2003), their slopes compared
between the two sides of every possible joint by the rank sum (Mann & Whitney 1947).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.spectra import FRAME_S, Spectra
from facevalue.examiners.audio_edit.trace import Mark, Trace, ranked

MIN_FRAMES = 6
MAX_FRAMES = 24
MIN_DROP_DB = 15.0
MIN_DECAYS = 6
SPEECH_BANDS = slice(3, 16)
MAX_WINDOW = 60


def decays(level: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(times in s, slopes in dB/s) of every fall of at least 15 dB without a rise, in frame levels (n,), dB."""
    fall = np.diff(level) < 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[0], fall.astype(np.int8), [0]])))
    times, slopes = [], []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        b = min(int(b), int(a) + MAX_FRAMES)
        if b - a >= MIN_FRAMES and level[a] - level[b] >= MIN_DROP_DB:
            # The first frame belongs to the speech itself, the last to the floor.
            part = np.asarray(level[a + 1 : b], np.float64)
            slopes.append(float(np.polyfit(np.arange(len(part)) * FRAME_S, part, 1)[0]))
            times.append(float(a) * FRAME_S)
    return np.asarray(times), np.asarray(slopes)


def rank_sum_p(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    """Two-sided p of the rank-sum test in its normal approximation."""
    order = np.concatenate([left, right]).argsort().argsort() + 1.0
    n, m = len(left), len(right)
    u = order[:n].sum() - n * (n + 1) / 2
    z = (abs(u - n * m / 2) - 0.5) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(max(0.0, z) / math.sqrt(2))


def find_reverb(spectra: Spectra) -> Trace:
    """Changes of the decay rate; score -log10 of the false alarms expected over all joints tried."""
    power = 10 ** (spectra.frames[:, SPEECH_BANDS].astype(np.float32) / 10)
    times, slopes = decays(10 * np.log10(power.mean(axis=1) + 1e-3))
    tried = range(MIN_DECAYS, len(times) - MIN_DECAYS + 1)
    if not len(tried):
        return Trace("reverb", note=f"only {len(times)} free decays; {2 * MIN_DECAYS} are needed")
    marks = []
    for i in tried:
        left, right = slopes[max(0, i - MAX_WINDOW) : i], slopes[i : i + MAX_WINDOW]
        score = -math.log10(max(rank_sum_p(left, right), 1e-30)) - math.log10(len(tried))
        if score > -0.5:
            a, b = (abs(60 / np.median(s)) for s in (left, right))
            text = f"sound dies away by 60 dB in {a:.2f} s before and {b:.2f} s after"
            marks.append(Mark(float(times[i - 1]), float(times[i]), score + 0.5, text))
    return ranked("reverb", marks, apart_s=3.0)
