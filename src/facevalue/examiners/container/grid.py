"""The grid of a former encoding: packets that swell with the period of key frames that are no longer there.

Where a frame was a key frame in the file's previous life, its quality and texture break with the frames before it, and
the new encoder spends more on it (Vazquez-Padin et al. 2012, "Detection of video double encoding with GOP size
estimation": variation of prediction footprint; here in the form that packet sizes show). A whole clip that was encoded
twice, as chat apps do, has one unbroken grid. A grid that changes its phase in mid-clip was cut after that encoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.container.series import Array, Stretch

SHORTEST_PERIOD, LONGEST_PERIOD = 8, 300
MIN_TEETH = 4
SHUFFLES = 99
MAX_FRAMES = 3_600
# Excess sizes are clipped here, so that one burst of motion cannot make a comb.
CLIP = (-1.5, 3.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """period, phase: in frames. strength: comb sum in standard deviations. p: share of shuffles that reach it."""

    period: int
    phase: int
    strength: float
    p: float


@dataclass(frozen=True, slots=True)
class Break:
    """The frame at which the phase changes, the gain in squared strength, and the shift in frames."""

    frame: int
    period: int
    gain: float
    shift: int


def series_of(stretch: Stretch) -> Array:
    """The excess of packets, clipped, NaN at key frames and the frame after each, mean 0."""
    values = np.clip(stretch.excess[:MAX_FRAMES], *CLIP)
    after = np.flatnonzero(stretch.key[:MAX_FRAMES]) + 1
    values[after[after < len(values)]] = np.nan
    if np.isfinite(values).sum() < 4 * SHORTEST_PERIOD:
        return np.full(len(values), np.nan)
    values = values - np.nanmean(values)
    return np.asarray(values / max(float(np.nanstd(values)), 1e-6), np.float64)


def combs(values: npt.NDArray[np.float64], period: int) -> tuple[Array, Array]:
    """Sum over each phase in standard deviations, and how many values each phase has; values (..., n), NaN missing.

    Returns float64 (..., period) and int-like float64 (..., period).
    """
    rest = -values.shape[-1] % period
    wide = [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, [*wide, (0, rest)], constant_values=np.nan)
    folded = padded.reshape(*values.shape[:-1], -1, period)
    known = np.isfinite(folded)
    count = known.sum(axis=-2).astype(np.float64)
    total = np.where(known, folded, 0.0).sum(axis=-2)
    return np.where(count >= MIN_TEETH, total / np.sqrt(np.maximum(count, 1.0)), 0.0), count


def periods(n: int, own: int | None = None) -> list[int]:
    """Periods that n frames can show, without those of the present encoding (own and its divisors and multiples)."""
    longest = min(n // MIN_TEETH, LONGEST_PERIOD)
    return [t for t in range(SHORTEST_PERIOD, longest + 1) if not own or (own % t and t % own)]


def find_grid(values: Array, own: int | None = None, seed: int = 0) -> Grid | None:
    """The strongest grid and its significance by permutation; None when there are too few frames."""
    usable = periods(len(values), own)
    if not usable or not np.isfinite(values).any():
        return None
    best = max((_best(values, t) for t in usable), key=lambda item: item[2])
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(values))
    reached = np.zeros(SHUFFLES)
    shuffled = np.full((SHUFFLES, len(values)), np.nan)
    for row in shuffled:
        row[known] = rng.permutation(values[known])
    for t in usable:
        reached = np.maximum(reached, combs(shuffled, t)[0].max(axis=-1))
    p = (1 + int((reached >= best[2]).sum())) / (SHUFFLES + 1)
    return Grid(best[0], best[1], round(best[2], 3), p)


def _best(values: Array, period: int) -> tuple[int, int, float]:
    sums, _ = combs(values, period)
    phase = int(np.argmax(sums))
    return period, phase, float(sums[phase])


def find_break(values: Array, own: int | None = None) -> Break | None:
    """Where a grid changes its phase: the split that gains most in squared strength over one unbroken grid."""
    n = len(values)
    half = max(n // 2, 1)
    strong = sorted(
        periods(n, own),
        key=lambda t: max(_best(values, t)[2], _best(values[:half], t)[2], _best(values[half:], t)[2]),
        reverse=True,
    )
    found = [_split(values, t) for t in strong[:12]]
    kept = [b for b in found if b is not None]
    return max(kept, key=lambda b: b.gain) if kept else None


def _split(values: Array, period: int) -> Break | None:
    """Both sides need MIN_TEETH / 2 teeth; phases that differ by one frame are one phase (pictures were reordered)."""
    n, teeth = len(values), MIN_TEETH // 2
    if n < 2 * period * teeth:
        return None
    member = np.arange(n)[None, :] % period == np.arange(period)[:, None]
    known = np.isfinite(values)
    sums = np.cumsum(np.where(member & known, np.nan_to_num(values), 0.0), axis=1)
    counts = np.cumsum(member & known, axis=1)
    left = _strength(sums, counts, teeth)
    right = _strength(sums[:, -1:] - sums, counts[:, -1:] - counts, teeth)
    whole = float(_strength(sums[:, -1:], counts[:, -1:], teeth).max())
    places = np.arange(period * teeth, n - period * teeth)
    if not places.size:
        return None
    p, q = left.argmax(axis=0), right.argmax(axis=0)
    shift = np.minimum((p - q) % period, (q - p) % period)
    gain = np.where(shift > 1, left.max(axis=0) ** 2 + right.max(axis=0) ** 2 - whole**2, -np.inf)[places]
    at = int(places[int(np.argmax(gain))])
    best = float(gain.max())
    return Break(at, period, round(best, 3), int(shift[at])) if np.isfinite(best) else None


def _strength(sums: Array, counts: npt.NDArray[np.int64], teeth: int) -> Array:
    return np.where(counts >= teeth, np.maximum(sums, 0.0) / np.sqrt(np.maximum(counts, 1)), 0.0)
