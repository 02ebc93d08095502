"""From scores to likelihood ratios: isotonic and logistic calibration, and bounds on what a calibration set supports.

Pure functions and frozen values over arrays; nothing here reads or writes a file. Labels are 1 for the first
proposition ("synthetic or manipulated") and 0 for the second ("bona fide"); likelihood ratios are log10.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError

Array = npt.NDArray[np.float64]

# Newton's method on a ridge-penalised logistic loss converges in about ten steps; the rest is a safety margin.
MAX_NEWTON_STEPS = 100
# Keeps the optimum finite on separable scores, whatever ridge the caller asks for.
MIN_RIDGE = 1e-6
ELUB_STEP = 0.005
# Power of the saturation in soft_bound: 4 leaves a value at half the bound 1.5% short of itself (tanh: 8%).
SATURATION_POWER = 4.0
LN10 = math.log(10.0)


def checked(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Scores as float64 (n,) and labels as bool (n,).

    Raises UsageError when lengths differ, a score is NaN, or a label is neither 0 nor 1.
    """
    values, truth = np.asarray(scores, np.float64).ravel(), np.asarray(labels).ravel()
    if values.shape != truth.shape:
        raise UsageError(f"{values.size} scores came with {truth.size} labels")
    if np.isnan(values).any():
        raise UsageError("a score is not a number; leave abstentions out before measuring")
    if not np.isin(truth, (0, 1)).all():
        raise UsageError("a label is neither 0 (bona fide) nor 1 (synthetic or manipulated)")
    return values, truth.astype(bool)


def pav(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Array:
    """Isotonic regression of labels on scores by pool-adjacent-violators (Ayer et al. 1955).

    Returns the fitted share of label 1 for each sample, float64 (n,), in the order given: non-decreasing in the
    score, equal for equal scores. weights, float (n,), positive, default to 1.
    """
    values, truth = checked(scores, labels)
    weight = np.ones(values.size) if weights is None else np.asarray(weights, np.float64).ravel()
    _, tie = np.unique(values, return_inverse=True)
    mass = np.bincount(tie, weight).tolist()
    ones = np.bincount(tie, weight * truth).tolist()
    blocks: list[tuple[float, float, int]] = []  # mass, mass of label 1, number of distinct scores
    for new in zip(mass, ones, itertools.repeat(1)):
        block = new
        # Cross-multiplied, so that no division's rounding decides whether equal shares pool.
        while blocks and blocks[-1][1] * block[0] >= block[1] * blocks[-1][0]:
            last = blocks.pop()
            block = (block[0] + last[0], block[1] + last[1], block[2] + last[2])
        blocks.append(block)
    fitted = np.repeat([one / total for total, one, _ in blocks], [count for *_, count in blocks])
    return np.asarray(fitted, np.float64)[tie]


def pav_log10_lr(scores: npt.ArrayLike, labels: npt.ArrayLike) -> Array:
    """The best log10 LR that any monotone map of the scores could give on these samples, float64 (n,).

    Unbounded: blocks of one class get -inf or +inf. For measuring (Cllr_min), not for shipping.
    """
    values, truth = checked(scores, labels)
    share = pav(values, truth)
    with np.errstate(divide="ignore"):
        odds = np.log10(share) - np.log10(1.0 - share)
        return np.asarray(odds - np.log10(truth.sum() / max(1, (~truth).sum())), np.float64)


@dataclass(frozen=True, slots=True)
class LogisticCalibration:
    """A log10 LR that is linear in a feature vector: the score first, then quality covariates.

    log10 LR = intercept + coefficients . features, saturating softly inside (low, high) where those are set.
    names: what each feature is, for the reader of calibration.json and to refuse a mismatch of length.
    """

    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if len(self.names) != len(self.coefficients):
            raise UsageError(f"{len(self.coefficients)} coefficients came with {len(self.names)} names")

    @classmethod
    def fit(
        cls,
        features: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        names: Sequence[str] | None = None,
        weights: npt.ArrayLike | None = None,
        ridge: float = 1.0,
    ) -> LogisticCalibration:
        """Class-prior-weighted ridge logistic regression by Newton's method (IRLS), as in Bruemmer & du Preez 2006.

        features: float (n, d) or (n,). weights: positive, (n,); each class is then scaled to half the samples, so
        that the fitted log-odds are a log LR and the loss is Cllr. ridge: penalty on standardised coefficients,
        the inverse of scikit-learn's C. Raises UsageError on NaN, infinite values or a missing class.
        """
        design = _design(features)
        values, truth = checked(np.zeros(len(design)), labels)
        weight = _class_weights(truth, np.ones(values.size) if weights is None else np.asarray(weights, np.float64))
        mean = np.average(design, axis=0, weights=weight)
        scale = np.sqrt(np.average((design - mean) ** 2, axis=0, weights=weight))
        scale = np.where(scale > 1e-12, scale, 1.0)
        padded = np.column_stack([(design - mean) / scale, np.ones(len(design))])
        theta = _newton(padded, truth, weight, max(ridge, MIN_RIDGE))
        slope = theta[:-1] / scale
        return cls(
            names=tuple(names) if names is not None else tuple(f"feature_{i}" for i in range(design.shape[1])),
            coefficients=tuple(float(c) for c in slope / LN10),
            intercept=float((theta[-1] - slope @ mean) / LN10),
        )

    def bounded(self, low: float | None, high: float | None) -> LogisticCalibration:
        """The same calibration that saturates inside (low, high), log10; see elub_bounds."""
        return replace(self, low=None if low is None else float(low), high=None if high is None else float(high))

    def raw(self, features: npt.ArrayLike) -> Array:
        """Unbounded log10 LR, float64 (n,), of features (n, d), or (n,) when there is one feature."""
        design = _design(features)
        if design.shape[1] != len(self.coefficients):
            raise UsageError(f"the calibration wants {', '.join(self.names)}, not {design.shape[1]} features")
        return np.asarray(design @ np.asarray(self.coefficients) + self.intercept, np.float64)

    def predict(self, features: npt.ArrayLike) -> Array:
        """log10 LR, float64 (n,), inside the bounds where they are set."""
        return soft_bound(self.raw(features), self.low, self.high)

    def predict_one(self, *features: float) -> float:
        """log10 LR of one sample, its features as arguments in the order of names."""
        return float(self.predict(np.asarray([features], np.float64))[0])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; floats keep every digit, so that from_dict(to_dict()) is equal."""
        return {
            "kind": "logistic",
            "names": list(self.names),
            "coefficients": list(self.coefficients),
            "intercept": self.intercept,
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> LogisticCalibration:
        """Read what to_dict wrote. Raises UsageError when it is something else."""
        if raw.get("kind") != "logistic":
            raise UsageError(f"not a logistic calibration: {raw.get('kind')!r}")
        low, high = raw.get("low"), raw.get("high")
        return cls(
            names=tuple(str(name) for name in raw["names"]),
            coefficients=tuple(float(c) for c in raw["coefficients"]),
            intercept=float(raw["intercept"]),
            low=None if low is None else float(low),
            high=None if high is None else float(high),
        )


def _design(features: npt.ArrayLike) -> Array:
    design = np.asarray(features, np.float64)
    design = design[:, None] if design.ndim == 1 else design
    if design.ndim != 2 or not np.isfinite(design).all():
        raise UsageError("features must be finite and of shape (samples, features)")
    return design


def _class_weights(truth: npt.NDArray[np.bool_], weight: Array) -> Array:
    out = weight.ravel().astype(np.float64)
    for side in (truth, ~truth):
        if not side.any() or out[side].sum() <= 0:
            raise UsageError("a calibration needs samples of both classes")
        out[side] *= truth.size / 2 / out[side].sum()
    return out


def _loss(padded: Array, sign: Array, weight: Array, penalty: Array, theta: Array) -> float:
    return float(weight @ np.logaddexp(0.0, -sign * (padded @ theta)) + 0.5 * penalty @ theta**2)


def _newton(padded: Array, truth: npt.NDArray[np.bool_], weight: Array, ridge: float) -> Array:
    sign = np.where(truth, 1.0, -1.0)
    penalty = np.append(np.full(padded.shape[1] - 1, ridge), 0.0)  # the intercept is free
    theta = np.zeros(padded.shape[1])
    loss = _loss(padded, sign, weight, penalty, theta)
    for _ in range(MAX_NEWTON_STEPS):
        chance = 0.5 * (1.0 + np.tanh(padded @ theta / 2))
        gradient = padded.T @ (weight * (chance - truth)) + penalty * theta
        curvature = (padded * (weight * chance * (1 - chance))[:, None]).T @ padded + np.diag(penalty)
        step = np.linalg.solve(curvature + 1e-12 * np.eye(len(theta)), gradient)
        length = 1.0
        while (new := _loss(padded, sign, weight, penalty, theta - length * step)) > loss and length > 1e-8:
            length /= 2
        theta, gain, loss = theta - length * step, loss - new, new
        if gain <= 1e-12 * max(1.0, abs(loss)):
            break
    return np.asarray(theta, np.float64)


def elub_bounds(log10_lrs: npt.ArrayLike, labels: npt.ArrayLike, misleading: int = 1) -> tuple[float, float]:
    """Empirical lower and upper bound of the log10 LR that this calibration set supports (Vergeer et al. 2016).

    Walking away from LR = 1 on either side, the bound is where deciding by the system's LRs stops beating the
    neutral system (always LR = 1) in Bayes error, after `misleading` infinitely misleading LRs are added to each
    class. Hence no LR above about the number of bona fide samples, nor above the largest LR seen. Returns
    (low, high) with low <= 0 <= high; both 0 when the system is no better than neutral. Raises UsageError when a
    class is missing.
    """
    values, truth = checked(log10_lrs, labels)
    if truth.all() or not truth.any():
        raise UsageError("bounds need samples of both classes")
    values = np.clip(values, -12.0, 12.0)
    fakes, reals = np.sort(values[truth]), np.sort(values[~truth])
    high = _bound(fakes, reals, misleading)
    # Mirrored: the propositions and the sign of every LR change places.
    low = 0.0 - _bound(np.sort(-reals), np.sort(-fakes), misleading)
    return (low, high)


def _bound(fakes: Array, reals: Array, misleading: int) -> float:
    top = max(float(fakes[-1]), float(reals[-1]), 0.0)
    grid = np.arange(0.0, top + 2 * ELUB_STEP, ELUB_STEP)
    missed = (np.searchsorted(fakes, grid, side="right") + misleading) / (fakes.size + misleading)
    alarms = (reals.size - np.searchsorted(reals, grid, side="right") + misleading) / (reals.size + misleading)
    worse = missed + 10.0**grid * alarms >= 1.0  # the neutral system's error in the same unit is 1
    first = int(np.argmax(worse)) if worse.any() else len(grid)
    return max(0.0, float(grid[first - 1])) if first > 0 else 0.0


@overload
def soft_bound(log10_lr: float, low: float | None, high: float | None) -> float: ...
@overload
def soft_bound(log10_lr: Array, low: float | None, high: float | None) -> Array: ...
def soft_bound(log10_lr: float | Array, low: float | None, high: float | None) -> float | Array:
    """Saturate a log10 LR into (low, high): the origin and the slope 1 there stay, and order stays strict.

    x / (1 + (x / bound)^4)^(1/4) on either side, so that rankings do not tie at the bound as they do when clipped.
    low <= 0 <= high; None leaves that side as it is, 0 closes it. Raises UsageError for bounds on the wrong side.
    """
    if (low is not None and low > 0) or (high is not None and high < 0):
        raise UsageError(f"bounds must enclose 0, not ({low}, {high})")
    values = np.asarray(log10_lr, np.float64)
    out = np.where(values >= 0, _saturate(np.maximum(values, 0.0), high), -_saturate(np.maximum(-values, 0.0), low))
    return float(out) if out.ndim == 0 else out


def _saturate(positive: Array, bound: float | None) -> Array:
    if bound is None:
        return positive
    if bound == 0:
        return np.zeros_like(positive)
    ratio = positive / abs(bound)
    with np.errstate(divide="ignore", over="ignore"):
        # The second form is the same number and does not overflow.
        small = positive / (1.0 + np.minimum(ratio, 1.0) ** SATURATION_POWER) ** (1 / SATURATION_POWER)
        large = abs(bound) / (1.0 + np.maximum(ratio, 1.0) ** -SATURATION_POWER) ** (1 / SATURATION_POWER)
    return np.asarray(np.where(ratio <= 1.0, small, large), np.float64)


__all__ = ["LogisticCalibration", "checked", "elub_bounds", "pav", "pav_log10_lr", "soft_bound"]
