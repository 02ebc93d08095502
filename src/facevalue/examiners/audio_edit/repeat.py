"""Copy-move: a stretch that occurs twice, sample for sample. Nobody says the same thing twice with one waveform.

Two ways propose a copy. Frames are hashed by the signs of band energy differences in time and frequency (Haitsma &
Kalker 2002), at any distance; and the spectrum of two minutes, flattened, carries a ripple with the period of one over
the distance (the echo of Bogert, Healy & Tukey 1963), which also short copies leave. The phase transform of both places
(Knapp & Carter 1976) decides: unlike the correlation of waveforms it is not taken in by two vowels of one pitch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.spectra import HOP, Floats, Samples, Spectra
from facevalue.examiners.audio_edit.trace import RATE_HZ, Mark, Trace, ranked

HASH_BANDS = 17
SMOOTH = 8
BLOCK = 1 << 15
# Equal hashes are compared among at most this many neighbours in hash order: a tone that lasts has thousands.
NEIGHBOURS = 6
MIN_LAG_FRAMES = 24
MIN_VOTES = 3
VERIFY = 6400  # samples compared: 0.4 s
SLACK = 400
MIN_MATCH = 0.25
# Sampled drums in music reach 0.44, copies after AMR 0.38 to 0.63, after Opus at 24 kbit/s 0.7 and more.
MIN_SUSTAINED = 0.45
SCORE = 14.0
TENTH = 1600
MAX_CHECKS = 300
QUIET_DB = 6.0
# Telephone band: what every codec carries.
LOW_HZ, HIGH_HZ = 250.0, 3400.0
# Ripples are looked for in blocks of two minutes; over shorter lags the pitch of a voice ripples too.
BLOCK_LENGTH = 3 * (1 << 19) + (1 << 18)
MIN_LAG = 4800
SMOOTH_HZ = 6.0
MOST_OVER = 4.0
LEAST_RIPPLE = 5.0
RIPPLES = 6
LEVEL = 160
HALVED = 2


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


def phase_match(samples: Samples, first: int, second: int, slack: int = SLACK) -> tuple[float, int]:
    """(height of the phase transform's peak, 0..1, its offset) of 0.4 s at `first` and at `second`, within slack.

    1 for a copy; between unrelated places the peak is about 0.15.
    """
    peaks = _phase_transform(samples, first, second, VERIFY)
    if peaks is None:
        return 0.0, 0
    near = np.concatenate([peaks[-slack:], peaks[: slack + 1]]) if slack else peaks[:1]
    at = int(np.argmax(near))
    return float(near[at]), at - slack


def sustained(samples: Samples, first: int, second: int) -> float:
    """Median phase match, 0..1, of the tenths of a second in 0.4 s, at the offset given: 1 for a copy.

    A drum that is sampled matches where it strikes and nowhere else.
    """
    starts = range(0, VERIFY - TENTH + 1, TENTH // 2)
    found = [_phase_transform(samples, first + k, second + k, TENTH) for k in starts]
    return float(np.median([0.0 if p is None else max(*p[:3], *p[-2:]) for p in found]))


def _phase_transform(samples: Samples, first: int, second: int, width: int) -> npt.NDArray[np.float64] | None:
    """The telephone band's, float64 (2 width,), 1 at most; None where there is nothing to compare."""
    a, b = (np.asarray(samples[max(0, s) : max(0, s) + width], np.float64) for s in (first, second))
    if min(len(a), len(b)) < width or min(np.ptp(a), np.ptp(b)) < 4:
        return None
    window = np.hanning(width)
    cross = np.conj(np.fft.rfft(a * window, 2 * width)) * np.fft.rfft(b * window, 2 * width)
    hertz = np.fft.rfftfreq(2 * width, 1 / RATE_HZ)
    inside = (hertz > LOW_HZ) & (hertz < HIGH_HZ)
    flat = np.where(inside, cross / (np.abs(cross) + 1e-9), 0)
    return np.asarray(np.fft.irfft(flat, 2 * width) * width / inside.sum(), np.float64)


def ripples(samples: Samples, start: int) -> list[tuple[int, int]]:
    """(place, lag), samples, of what may occur twice within the block of BLOCK_LENGTH samples from start on."""
    wave = _flattened(np.asarray(samples[start : start + BLOCK_LENGTH], np.float32))
    least = MIN_LAG // HALVED
    if len(wave) < 2 * least:
        return []
    size = _good_size(2 * len(wave))
    spectrum = np.fft.rfft(wave, size)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
    # Tones, hum among them, would ripple at every lag: a line counts at most a few times what is around it.
    low, high = (int(f * size * HALVED / RATE_HZ) for f in (LOW_HZ, HIGH_HZ))
    wide = max(3, int(SMOOTH_HZ * size * HALVED / RATE_HZ))
    total = np.cumsum(np.pad(power, (wide + 1, wide), mode="edge"), dtype=np.float64)
    around = (total[2 * wide + 1 :] - total[: -2 * wide - 1]) / (2 * wide + 1)
    flat = np.zeros(len(power), np.float32)
    flat[low:high] = np.minimum(power[low:high] / (around[low:high] + 1e-9), MOST_OVER)
    flat[low:high] -= flat[low:high].mean()
    likeness = np.fft.irfft(flat, size)[least : len(wave) - least // 2]
    # Fewer samples overlap at larger lags, and the noise falls with them.
    likeness = likeness / np.sqrt(1.0 - np.arange(least, least + len(likeness)) / len(wave))
    lags = _outstanding(likeness, least)
    return [(start + HALVED * _place(wave, lag), HALVED * lag) for lag in lags]


def _outstanding(likeness: npt.NDArray[np.floating], least: int) -> list[int]:
    """Lags of the largest values that are LEAST_RIPPLE times the noise, apart from each other; the first is `least`."""
    noise = float(np.median(np.abs(likeness))) * 1.4826 + 1e-12
    over = np.flatnonzero(likeness > LEAST_RIPPLE * noise)
    over = over[np.argsort(-likeness[over], kind="stable")][: 20 * RIPPLES]
    lags: list[int] = []
    for i in over:
        lag = int(i) + least
        if len(lags) < RIPPLES and all(abs(lag - other) > SLACK // HALVED for other in lags):
            lags.append(lag)
    return lags


def _flattened(wave: Floats) -> Floats:
    """First difference at half of the rate and at one level throughout, less where it is far below the usual."""
    if len(wave) < 2 * LEVEL:
        return wave[:0]
    rough = np.diff(wave[: len(wave) // HALVED * HALVED], prepend=wave[:1])
    # Only the telephone band is looked at; what folds into it from above 4 kHz is 20 dB down and the same in a copy.
    rough = np.convolve(rough, np.array([1, 3, 3, 1], np.float32) / 8, "same")[::HALVED].astype(np.float32)
    count = len(rough) // LEVEL
    if not count:
        return rough[:0]
    level = np.sqrt((rough[: count * LEVEL].reshape(count, LEVEL) ** 2).mean(axis=1) + 1e-3)
    level = level + np.median(level)
    return np.asarray(rough[: count * LEVEL].reshape(count, LEVEL) / level[:, None], np.float32).ravel()


def _good_size(least: int) -> int:
    """The smallest of 2^k and 3 x 2^k that holds `least`."""
    power = 1 << int(np.ceil(np.log2(max(2, least))))
    return 3 * power // 4 if 3 * power // 4 >= least else power


def _place(wave: Floats, lag: int) -> int:
    """Where 0.4 s and those a lag later are most alike, in a wave at half of the rate."""
    product = np.cumsum(np.pad(wave[:-lag] * wave[lag:], (1, 0)), dtype=np.float64)
    width = VERIFY // HALVED
    return int(np.argmax(product[width:] - product[:-width])) if len(product) > width else 0


def find_repeats(samples: Samples, spectra: Spectra) -> Trace:
    """Stretches that occur twice; score from 0 at a sustained match of 0.45 to 7.7 at 1, marks at both."""
    marks: list[Mark] = []
    places = [(frame * HOP, lag * HOP) for _, frame, lag in proposals(matches(hashes(spectra)))]
    rippled = [p for start in range(0, len(samples), BLOCK_LENGTH) for p in ripples(samples, start)]
    checked = 0
    for start, lag in rippled + places:
        if any(m.start_s - 0.3 <= (start + lag) / RATE_HZ <= m.end_s + 0.1 for m in marks):
            continue
        if (checked := checked + 1) > MAX_CHECKS:
            break
        match, offset = phase_match(samples, start, start + lag)
        if match > MIN_MATCH and (held := sustained(samples, start, start + lag + offset)) > MIN_SUSTAINED:
            marks += _extent(samples, start, lag + offset, held)
    return ranked("repeat", marks)


def _extent(samples: Samples, start: int, lag: int, match: float) -> tuple[Mark, Mark]:
    """Walk both ways in steps of a tenth of a second as long as the two places stay alike."""
    step = 1600
    lo, hi = start, start + VERIFY
    while hi - lo > VERIFY // 2 and not _alike(samples, hi - step, lag, match):
        hi -= step
    while hi - lo > step and not _alike(samples, lo, lag, match):
        lo += step
    while lo >= step and _alike(samples, lo - step, lag, match):
        lo -= step
    while hi + lag + step <= len(samples) and hi + step <= lo + lag and _alike(samples, hi, lag, match):
        hi += step
    score = (match - MIN_SUSTAINED) * SCORE
    what = f"{(hi - lo) / RATE_HZ:.1f} s occur twice with one waveform (phases agree to {match:.2f} of 1), again at"
    later = Mark((lo + lag) / RATE_HZ, (hi + lag) / RATE_HZ, score, f"{what} {lo / RATE_HZ:.1f} s")
    # Which of the two is the copy cannot be told; the later one goes first.
    return later, Mark(lo / RATE_HZ, hi / RATE_HZ, 0.999 * score, f"{what} {(lo + lag) / RATE_HZ:.1f} s")


def _alike(samples: Samples, at: int, lag: int, match: float) -> bool:
    a, b = (np.diff(np.asarray(samples[max(0, s) : s + 1600], np.float64)) for s in (at, at + lag))
    if len(a) != len(b) or not len(a):
        return False
    return bool(a @ b > min(0.6, match) * np.sqrt((a @ a) * (b @ b)) > 0)
