"""The examiner's head: a linear layer over frozen features, retrained from where it stands.

The new head is the old one times a slope, plus a change that ridge regression keeps small, plus a bias. How small is
chosen by grouped cross-validation on the training rows; no change at all is among the candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
RIDGES = (1.0, 0.3, 0.1, 0.03, 0.01)
FOLDS, STEPS = 3, 80


@dataclass(frozen=True, slots=True)
class Head:
    """weight: float64 (d,). A score is features . weight + bias; above 0 speaks for a forgery."""

    weight: Floats
    bias: float

    def __call__(self, features: npt.NDArray[Any]) -> Floats:
        """Scores, float64 (n,), of features (n, d)."""
        return np.asarray(features.astype(np.float64) @ self.weight + self.bias, np.float64)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The new head; the ridge that was chosen (None: only slope and bias changed); log losses by ridge, in bits."""

    head: Head
    ridge: float | None
    losses: dict[str, float]


def retrain(
    old: Head, x: Features, labels: npt.NDArray[Any], weights: Floats, groups: npt.NDArray[Any], seed: int
) -> Fitted:
    """Fit to rows x (n, d) with labels 0 or 1. weights (n,) are scaled so that both classes count alike. groups (n,):
    rows of one identity, never on both sides of a fold."""
    y = np.asarray(labels, np.float64)
    weight = _balanced(y, weights)
    # In double precision: an optimiser amplifies what rounding leaves open, and a run must end the same each time.
    wide = x.astype(np.float64)
    mean, scale = wide.mean(axis=0), wide.std(axis=0) + 1e-3
    z, offset = (wide - mean) / scale, old(x)
    folds = _folds(groups, seed)
    candidates: tuple[float | None, ...] = (None, *RIDGES)
    losses = {}
    for ridge in candidates:
        held = np.zeros(len(y))
        for k in range(FOLDS):
            learn = folds != k
            theta = _fit(z[learn], offset[learn], y[learn], _balanced(y[learn], weights[learn]), ridge)
            held[~learn] = _scores(theta, z[~learn], offset[~learn])
        losses[ridge] = float(weight @ np.logaddexp(0, -(2 * y - 1) * held) / weight.sum() / np.log(2))
    best = min(candidates, key=lambda r: losses[r])
    slope, bias, change = _parts(_fit(z, offset, y, weight, best), x.shape[1])
    moved = slope * old.weight + change / scale
    shift = slope * old.bias + bias - float(mean @ (change / scale))
    texts = {"none" if r is None else f"{r:g}": round(v, 5) for r, v in losses.items()}
    return Fitted(Head(np.asarray(moved, np.float64), shift), best, texts)


def _balanced(y: Floats, weights: Floats) -> Floats:
    out = np.asarray(weights, np.float64).copy()
    for label in (0, 1):
        out[y == label] *= 0.5 / max(out[y == label].sum(), 1e-12)
    return out


def _folds(groups: npt.NDArray[Any], seed: int) -> npt.NDArray[np.int64]:
    names, member = np.unique(groups, return_inverse=True)
    order = np.random.default_rng((seed, 3)).permutation(len(names))
    return np.asarray(order[member] % FOLDS, np.int64)


def _fit(z: Floats, offset: Floats, y: Floats, weight: Floats, ridge: float | None) -> Floats:
    """[slope, bias, change...] by L-BFGS; ridge None leaves the change out."""
    from scipy.optimize import minimize

    sign = (2 * y - 1).astype(np.float64)

    def loss(theta: Floats) -> tuple[float, Floats]:
        s = _scores(theta, z, offset)
        pull = -weight * sign / (1 + np.exp(np.clip(sign * s, -50, 50)))
        gradient = [float(pull @ offset), float(pull.sum())]
        value = float(weight @ np.logaddexp(0, -sign * s)) + 1e-3 * (theta[0] - 1) ** 2
        gradient[0] += 2e-3 * (theta[0] - 1)
        if ridge is None:
            return value, np.array(gradient)
        change = theta[2:]
        slope = z.T @ pull + ridge * change
        return value + 0.5 * ridge * float(change @ change), np.concatenate([gradient, slope])

    start = np.zeros(2 + (0 if ridge is None else z.shape[1]))
    start[0] = 1.0
    bounds = [(0.05, 20.0)] + [(None, None)] * (len(start) - 1)  # turned round, the old head would say the opposite
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
    return np.asarray(found.x, np.float64)


def _scores(theta: Floats, z: Floats, offset: Floats) -> Floats:
    out = np.asarray(theta[0] * offset + theta[1], np.float64)
    return out if len(theta) == 2 else out + z @ theta[2:]


def _parts(theta: Floats, width: int) -> tuple[float, float, Floats]:
    return float(theta[0]), float(theta[1]), theta[2:] if len(theta) > 2 else np.zeros(width)
