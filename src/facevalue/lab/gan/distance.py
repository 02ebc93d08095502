"""How good a generator is, in numbers: pure functions over features, float (N, D), one row a picture.

None of this is called FID: that name belongs to Inception's features, 50,000 pictures and one resizer. Distances here
compare with each other, at the same number of pictures and in the same space, and with nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating]
NEIGHBOURS = 3
_ROWS = 512  # rows whose distances to all others are held at once


@dataclass(frozen=True, slots=True)
class Quality:
    """A generator against the pictures it learned from. pictures: (real, drawn) compared.

    frechet: >= 0, lower is better; floor: the same between two halves of the real pictures, what a perfect generator
    would get. precision: share of the drawn that look real; recall: share of the real that could have been drawn.
    copied: share of the drawn that lie nearer to a training picture than all but 1% of those lie to each other;
    about 0.01 is chance, far more is memorisation.
    """

    frechet: float
    floor: float
    precision: float
    recall: float
    copied: float
    pictures: tuple[int, int]

    def to_dict(self) -> dict[str, float | list[int]]:
        """JSON-ready, six significant digits."""
        values = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else float(f"{v:.6g}") for k, v in values.items()}


def quality(real: Features, drawn: Features) -> Quality:
    """All of it, from features of at least 2 x (NEIGHBOURS + 1) pictures each."""
    precision, recall = precision_recall(real, drawn)
    return Quality(
        frechet=frechet(real, drawn),
        floor=frechet(real[::2], real[1::2]),
        precision=precision,
        recall=recall,
        copied=copied(real, drawn),
        pictures=(len(real), len(drawn)),
    )


def frechet(one: Features, other: Features) -> float:
    """Frechet distance of the normal distributions fitted to both (Dowson and Landau 1982): float >= 0.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2), the root through eigenvalues of a symmetric matrix, which is
    exact for rank-deficient covariances too. Needs two rows each.
    """
    (m1, c1), (m2, c2) = _moments(one), _moments(other)
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    overlap = np.sqrt(np.clip(np.linalg.eigvalsh(root @ c2 @ root), 0, None)).sum()
    return max(0.0, float(((m1 - m2) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * overlap))


def precision_recall(real: Features, drawn: Features, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019, section 3): both 0..1.

    A point is inside a set's manifold when it is within some member's distance to its k-th nearest fellow.
    """
    return _inside(drawn, real, neighbours), _inside(real, drawn, neighbours)


def nearest(of: Features, among: Features) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """For each row of `of` the nearest row of `among`: its index, int64 (N,), and Euclidean distance, float64 (N,)."""
    index, squared = np.zeros(len(of), np.int64), np.zeros(len(of))
    for start in range(0, len(of), _ROWS):
        part = _squared(of[start : start + _ROWS], among)
        index[start : start + len(part)] = part.argmin(axis=1)
        squared[start : start + len(part)] = part.min(axis=1)
    return index, np.sqrt(squared)


def copied(train: Features, drawn: Features) -> float:
    """Share of the drawn that are nearer to a training picture than the nearest 1% of those are to each other."""
    own = _kth_distance(train, 1)
    _, far = nearest(drawn, train)
    return float((far < np.quantile(own, 0.01)).mean())


def _moments(features: Features) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    values = np.asarray(features, np.float64)
    return values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))


def _inside(points: Features, manifold: Features, neighbours: int) -> float:
    radius = _kth_distance(manifold, neighbours)
    found = 0
    for start in range(0, len(points), _ROWS):
        part = np.sqrt(_squared(points[start : start + _ROWS], manifold))
        found += int((part <= radius).any(axis=1).sum())
    return found / len(points)


def _kth_distance(features: Features, k: int) -> npt.NDArray[np.float64]:
    """Distance of each row to its k-th nearest other row."""
    out = np.zeros(len(features))
    for start in range(0, len(features), _ROWS):
        part = _squared(features[start : start + _ROWS], features)
        part[np.arange(len(part)), start + np.arange(len(part))] = -1.0  # itself, whatever rounding says
        out[start : start + len(part)] = np.sqrt(np.partition(part, k, axis=1)[:, k])
    return out


def _squared(a: Features, b: Features) -> npt.NDArray[np.float64]:
    """Squared Euclidean distances of all pairs, float64 (len(a), len(b)), >= 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    out: npt.NDArray[np.float64] = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * (a @ b.T)
    return np.maximum(out, 0.0, out=out)
