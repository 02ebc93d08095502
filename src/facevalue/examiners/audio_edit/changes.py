"""Where a track of levels changes from one stretch to the next: contrasts of two neighbouring windows.

A generalised likelihood ratio for a change of mean with a common variance (Basseville & Nikiforov 1993, ch. 2); the
variance is that of the sound's own contrasts, shrunk towards what unedited sound shows, since a short sound knows
little about itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Summary = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

BLOCK = 8192
# A recording's own variability counts as much as the prior once it is this many windows long.
PRIOR_WINDOWS = 12.0


def lowest_third(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean of the lowest third over the last axis."""
    keep = max(1, rows.shape[-1] // 3)
    out: npt.NDArray[np.float32] = np.partition(rows, keep - 1, axis=-1)[..., :keep].mean(axis=-1)
    return out


def highest(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Largest over the last axis."""
    out: npt.NDArray[np.float32] = rows.max(axis=-1)
    return out


def windowed(track: npt.NDArray[np.float32], width: int, summary: Summary) -> npt.NDArray[np.float32]:
    """summary of every window of `width` rows of a track (n, bands), float32 (n - width + 1, bands)."""
    count = len(track) - width + 1
    out = np.empty((max(0, count), track.shape[1]), np.float32)
    for start in range(0, count, BLOCK):
        piece = track[start : min(start + BLOCK, count) + width - 1]
        view = np.lib.stride_tricks.sliding_window_view(piece, width, axis=0)
        out[start : start + len(view)] = summary(view)
    return out


def contrasts(track: npt.NDArray[np.float32], width: int, summary: Summary) -> npt.NDArray[np.float32]:
    """Right window minus left window at every boundary from row `width` on, float32 (n - 2 width + 1, bands)."""
    values = windowed(track, width, summary)
    return values[width:] - values[:-width] if len(values) > width else values[:0]


def steps(difference: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.float32]:
    """Contrasts less what a ramp through them would give: the mean of those one window before and after.

    A gain that drifts, an approaching car or a fade change the level over seconds; a joint changes it at once.
    """
    if len(difference) <= width:
        return difference
    index = np.arange(len(difference))
    before, after = np.maximum(0, index - width), np.minimum(len(difference) - 1, index + width)
    ramp = (difference[before] + difference[after]) / 2
    # At the ends there is one side only, and a clamped neighbour would take the step from itself.
    ramp = np.where((index < width)[:, None], difference[after], ramp)
    ramp = np.where((index >= len(difference) - width)[:, None], difference[before], ramp)
    same_way = np.sign(ramp) == np.sign(difference)
    out: npt.NDArray[np.float32] = np.where(
        same_way, difference - np.clip(ramp, -np.abs(difference), np.abs(difference)), difference
    )
    return out


def spread(difference: npt.NDArray[np.float32], width: int, prior: float) -> npt.NDArray[np.float32]:
    """Standard deviation per band, float32 (bands,): the robust one of the contrasts, shrunk towards `prior`."""
    own = np.median(np.abs(difference), axis=0) * 1.4826
    windows = (len(difference) + 2 * width) / width
    share = max(0.0, windows - 4) / (max(0.0, windows - 4) + PRIOR_WINDOWS)
    return np.asarray(np.sqrt(share * own**2 + (1 - share) * prior**2), np.float32)


def shape_and_level(difference: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Split contrasts (n, bands) into a change of the whole level, (n,), and what is left in each band, (n, bands)."""
    level = np.median(difference, axis=1)
    return difference - level[:, None], level


def peaks(values: npt.NDArray[np.floating], apart: int, count: int) -> list[int]:
    """Indices of at most `count` largest values, largest first, at least `apart` from each other."""
    order = np.argsort(values)[::-1]
    kept: list[int] = []
    for index in order[: 50 * count]:
        if all(abs(int(index) - k) >= apart for k in kept):
            kept.append(int(index))
        if len(kept) == count:
            break
    return kept
