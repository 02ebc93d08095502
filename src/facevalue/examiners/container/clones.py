"""Stretches that are shown twice: frames of one part of the clip that return, in order, in another.

Loops that are meant as such (an animation, a slide, a title) return too; what is still cannot be told apart from itself
and is passed over. Method: all pairs of reduced thumbnails, runs along the diagonals (as in Wang & Farid 2007,
"Exposing digital forgeries in video by detecting duplication").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.container.series import Stretch

MAX_FRAMES = 3_000
MIN_RUN_FRAMES = 8
MIN_RUN_S = 0.3
# Grey levels (root mean square of 16 x 16 cells) that one more encoding adds to a copy.
NOISE_LEVEL = 0.8
# A copy must be this much nearer than the neighbouring frame, so that the run is in step and not merely alike.
NEARER = 0.4
MIN_MOTION = 0.8


@dataclass(frozen=True, slots=True)
class Clone:
    """Frames first..first+length-1 return at second. distance: mean over the run, grey levels."""

    first: int
    second: int
    length: int
    distance: float


def clones(stretch: Stretch, most: int = 4) -> list[Clone]:
    """Moving runs that occur twice, longest first; only the first MAX_FRAMES frames of a stretch are compared."""
    cells = _cells(stretch.thumbs[:MAX_FRAMES])
    n = len(cells)
    shortest = max(MIN_RUN_FRAMES, round(MIN_RUN_S / stretch.frame_s))
    if n < 2 * shortest:
        return []
    steps = np.sqrt(((cells[1:] - cells[:-1]) ** 2).mean(axis=1))
    motion = np.minimum(np.append(steps, steps[-1]), np.append(steps[0], steps))
    square = (cells**2).mean(axis=1)
    squared = np.maximum(square[:, None] + square[None, :] - 2 * (cells @ cells.T) / cells.shape[1], 0.0)
    limit = np.minimum(NOISE_LEVEL, NEARER * motion)
    near = (squared < np.minimum.outer(limit, limit) ** 2) & (motion > MIN_MOTION)[:, None]
    return _best_runs(near, squared, shortest, most)


def _cells(thumbs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    side = int(np.sqrt(thumbs.shape[1]))
    return np.asarray(
        thumbs.reshape(len(thumbs), side // 2, 2, side // 2, 2).mean(axis=(2, 4)).reshape(len(thumbs), -1)
    )


def _best_runs(near: npt.NDArray[np.bool_], squared: npt.NDArray[np.float32], shortest: int, most: int) -> list[Clone]:
    found: list[Clone] = []
    for lag in range(shortest, len(near) - shortest):
        line = np.diagonal(near, lag)
        if line.sum() < shortest:
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if end - start >= shortest:
                mean = float(np.sqrt(np.diagonal(squared, lag)[start:end].mean()))
                found.append(Clone(start, start + lag, end - start, round(mean, 3)))
    return sorted(found, key=lambda c: -c.length)[:most]
