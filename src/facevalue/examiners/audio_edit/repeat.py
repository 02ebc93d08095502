"""Copy-move: a stretch that occurs twice, sample for sample. Nobody says the same thing twice with one waveform.

Frames are hashed by the signs of band energy differences in time and frequency (Haitsma & Kalker 2002); equal hashes
at one lag propose a copy, and the correlation of the waveforms decides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.spectra import HOP, Samples, Spectra
from facevalue.examiners.audio_edit.trace import RATE_HZ, Mark, Trace, ranked

HASH_BANDS = 17
SMOOTH = 8
BLOCK = 1 << 15
# Equal hashes are compared among at most this many neighbours in hash order: a tone that lasts has thousands.
NEIGHBOURS = 6
MIN_LAG_FRAMES = 24
MIN_VOTES = 3
VERIFY = 4800  # samples correlated: 0.3 s
SLACK = 400
MIN_CORRELATION = 0.6
MAX_CHECKS = 300
QUIET_DB = 6.0


def hashes(spectra: Spectra) -> npt.NDArray[np.uint32]:
    """32-bit hash of the half second around each frame, uint32 (frames,); 0 where it is quiet or near the ends."""
    n = len(spectra.frames)
    out = np.zeros(n, np.uint32)
    if n <= 4 * SMOOTH:
        return out
    loud = spectra.frames[:, 4:14].astype(np.float32).mean(axis=1)
    threshold = float(np.quantile(loud, 0.3)) + QUIET_DB
    for start in range(0, n - 3 * SMOOTH, BLOCK):
        out[start : min(start + BLOCK, n - 3 * SMOOTH)] = _hash_block(
            spectra.frames[start : start + BLOCK + 3 * SMOOTH]
        )
    out[loud < threshold] = 0
    return out


def _hash_block(frames: npt.NDArray[np.float16]) -> npt.NDArray[np.uint32]:
    power = 10 ** (frames[:, :HASH_BANDS].astype(np.float32) / 10)
    total = np.cumsum(np.pad(power, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    smooth = np.log(total[SMOOTH:] - total[:-SMOOTH] + 1e-3)
    change = smooth[SMOOTH:] - smooth[:-SMOOTH]
    bits = (np.diff(change, axis=1) > 0).astype(np.uint32)
    half = (bits << np.arange(HASH_BANDS - 1, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    count = len(frames) - 3 * SMOOTH
    # Two looks, a quarter of a smoothing apart in content: 32 bits that agree by chance once in 4e9.
    return np.asarray(half[:count] | (half[SMOOTH : SMOOTH + count] << np.uint32(16)), np.uint32)


def matches(keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """(earlier frame, lag in frames) of frames with equal hashes, int64 (n, 2)."""
    index = np.flatnonzero(keys)
    order = index[np.argsort(keys[index], kind="stable")]
    sorted_keys = keys[order]
    pairs = []
    for k in range(1, NEIGHBOURS + 1):
        same = sorted_keys[k:] == sorted_keys[:-k]
        a, b = order[:-k][same], order[k:][same]
        pairs.append(np.stack([a, b - a], axis=1))
    out = np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)
    return out[out[:, 1] >= MIN_LAG_FRAMES]


def proposals(found: npt.NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """(votes, earlier frame, lag) where several equal hashes within about a second share a lag, most votes first."""
    if len(found) == 0:
        return []
    keys, inverse, counts = np.unique(
        (found[:, 1] << 32) | (found[:, 0] // 64), return_inverse=True, return_counts=True
    )
    middle = np.bincount(inverse, found[:, 0]) / counts
    # Neighbouring lags are one lag seen through frames that do not line up.
    votes = counts.copy()
    for shift in (-1, 1):
        at = np.searchsorted(keys, keys + (shift << 32))
        there = keys[np.minimum(at, len(keys) - 1)] == keys + (shift << 32)
        votes += np.where(there, counts[np.minimum(at, len(keys) - 1)], 0)
    pick = np.flatnonzero(votes >= MIN_VOTES)
    pick = pick[np.argsort(-votes[pick], kind="stable")][: 20 * MAX_CHECKS]
    return [(int(votes[i]), int(middle[i]), int(keys[i] >> 32)) for i in pick]


def correlation(samples: Samples, first: int, second: int) -> tuple[float, int]:
    """(largest normalised correlation, its offset) of 0.3 s at `first` with places within SLACK of `second`.

    Both are whitened roughly (first difference), so that a common low tone does not count.
    """
    a = np.diff(np.asarray(samples[first : first + VERIFY], np.float64))
    b = np.diff(np.asarray(samples[max(0, second - SLACK) : second + VERIFY + SLACK], np.float64))
    if len(a) < VERIFY - 1 or len(b) < len(a):
        return 0.0, 0
    size = 1 << int(np.ceil(np.log2(len(a) + len(b))))
    product = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)[: len(b) - len(a) + 1]
    energy = np.concatenate([[0.0], np.cumsum(b**2)])
    local = energy[len(a) :] - energy[: len(energy) - len(a)]
    ratio = product / np.sqrt(np.maximum(local * (a @ a), 1.0))
    at = int(np.argmax(ratio))
    return float(ratio[at]), at - min(second, SLACK)


def find_repeats(samples: Samples, spectra: Spectra) -> Trace:
    """Stretches that occur twice; score from 0 at correlation 0.6 to 4 at 1, marks at the later occurrence."""
    marks: list[Mark] = []
    checked = 0
    for _, frame, lag in proposals(matches(hashes(spectra))):
        start = frame * HOP
        if any(m.start_s - 0.3 <= (start + lag * HOP) / RATE_HZ <= m.end_s for m in marks):
            continue
        if (checked := checked + 1) > MAX_CHECKS:
            break
        ratio, offset = correlation(samples, start, start + lag * HOP)
        if ratio > MIN_CORRELATION:
            marks.append(_extent(samples, start, lag * HOP + offset, ratio))
    return ranked("repeat", marks)


def _extent(samples: Samples, start: int, lag: int, ratio: float) -> Mark:
    """Walk both ways in steps of a tenth of a second as long as the two places stay alike."""
    step = 1600
    lo, hi = start, start + VERIFY
    while lo >= step and _alike(samples, lo - step, lag, step):
        lo -= step
    while hi + lag + step <= len(samples) and hi + step <= lo + lag and _alike(samples, hi, lag, step):
        hi += step
    seconds, first = (hi - lo) / RATE_HZ, lo / RATE_HZ
    text = f"{seconds:.1f} s occur twice with one waveform (correlation {ratio:.2f}), first at {first:.1f} s"
    return Mark((lo + lag) / RATE_HZ, (hi + lag) / RATE_HZ, (ratio - MIN_CORRELATION) * 10, text)


def _alike(samples: Samples, at: int, lag: int, length: int) -> bool:
    a = np.diff(np.asarray(samples[at : at + length], np.float64))
    b = np.diff(np.asarray(samples[at + lag : at + lag + length], np.float64))
    return bool(a @ b > MIN_CORRELATION * np.sqrt((a @ a) * (b @ b)) > 0)
