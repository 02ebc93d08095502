"""How good scores, likelihood ratios and verdicts are: pure functions over arrays, numpy only.

Labels are 1 for the first proposition ("synthetic or manipulated") and 0 for the second ("bona fide"); a higher
score speaks for 1. A figure that the samples do not define (a class is missing) is NaN, not an error, since
tables are made of many small groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.opinion.calibrate import checked, pav_log10_lr

Array = npt.NDArray[np.float64]
Figure = Callable[[Array, npt.NDArray[np.bool_]], float]

# Verdicts that accuse, and those that decline to answer, as in the contract.
ACCUSING = ("altered", "declared_synthetic", "fake", "suspect")
ABSTAINING = ("inconclusive", "unexamined")


def auc(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Area under the ROC curve, 0..1: the chance that a fake scores above a real, ties counted half (Hanley 1982)."""
    values, truth = checked(scores, labels)
    fakes, reals = int(truth.sum()), int((~truth).sum())
    if not fakes or not reals:
        return math.nan
    _, tie, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(counts) - (counts - 1) / 2
    return float((middle_rank[tie][truth].sum() - fakes * (fakes + 1) / 2) / (fakes * reals))


def roc(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """False-alarm rates, recalls and thresholds, float64 (k,) each: one vertex per distinct score, from (0, 0, inf).

    A sample counts as found when its score is at or above the threshold. A missing class gives NaN rates.
    """
    values, truth = checked(scores, labels)
    distinct, tie = np.unique(-values, return_inverse=True)
    with np.errstate(invalid="ignore"):
        found = np.cumsum(np.bincount(tie, truth, distinct.size)) / truth.sum()
        alarms = np.cumsum(np.bincount(tie, ~truth, distinct.size)) / (~truth).sum()
    return np.append(0.0, alarms), np.append(0.0, found), np.append(np.inf, -distinct)


def eer(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Equal error rate, 0..1: where false alarms equal misses, interpolated linearly between ROC vertices."""
    alarms, found, _ = roc(scores, labels)
    gap = alarms - (1.0 - found)  # rises from -1 to 1
    if len(gap) < 2 or np.isnan(gap).any():
        return math.nan
    right = int(np.argmax(gap >= 0))
    share = -gap[right - 1] / (gap[right] - gap[right - 1])
    return float(alarms[right - 1] + share * (alarms[right] - alarms[right - 1]))


def recall_at_false_alarm(scores: npt.ArrayLike, labels: npt.ArrayLike, rate: float) -> float:
    """The largest recall, 0..1, of any threshold whose false-alarm rate is at most rate; no interpolation."""
    alarms, found, _ = roc(scores, labels)
    if np.isnan(alarms).any() or np.isnan(found).any():
        return math.nan
    return float(found[alarms <= rate + 1e-12].max())


def cllr(log10_lrs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Log-likelihood-ratio cost in bits (Bruemmer & du Preez 2006): 0 perfect, 1 as good as LR = 1 always."""
    values, truth = checked(log10_lrs, labels)
    if truth.all() or not truth.any():
        return math.nan
    nats = values * math.log(10.0)
    fakes, reals = np.logaddexp(0.0, -nats[truth]).mean(), np.logaddexp(0.0, nats[~truth]).mean()
    return float((fakes + reals) / (2 * math.log(2.0)))


def cllr_min(log10_lrs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Cllr after the best monotone recalibration (PAV): what is lost to discrimination; cllr - cllr_min is the rest."""
    values, truth = checked(log10_lrs, labels)
    if truth.all() or not truth.any():
        return math.nan
    return cllr(pav_log10_lr(values, truth), truth)


def probability(log10_lrs: npt.ArrayLike) -> Array:
    """Posterior probability of label 1 at equal priors, float64 (n,); for diagrams only, never for a report."""
    return np.asarray(0.5 * (1.0 + np.tanh(np.asarray(log10_lrs, np.float64) * math.log(10.0) / 2)), np.float64)


def brier(log10_lrs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Brier score (1950) at equal priors, 0..1: squared error of the posterior, each class half; LR = 1 gives .25."""
    values, truth = checked(log10_lrs, labels)
    if truth.all() or not truth.any():
        return math.nan
    error = (probability(values) - truth) ** 2
    return float((error[truth].mean() + error[~truth].mean()) / 2)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One point of a reliability diagram, at equal priors.

    low, high: the bin of stated probability; predicted: its class-weighted mean; observed: the class-weighted
    share of label 1, with a 95% Wilson interval (observed_low, observed_high) on the effective sample size;
    n: samples in the bin.
    """

    low: float
    high: float
    n: int
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


def reliability_table(log10_lrs: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 10) -> list[ReliabilityBin]:
    """Stated against observed probability in bins of equal width; empty bins are left out.

    Classes are weighted to equal priors, since the LR makes no claim about how common fakes are in a test set.
    """
    values, truth = checked(log10_lrs, labels)
    if truth.all() or not truth.any():
        return []
    stated = probability(values)
    weight = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    place = np.minimum((stated * bins).astype(int), bins - 1)
    inside = {b: place == b for b in np.unique(place).tolist()}
    return [_bin(b / bins, (b + 1) / bins, stated[m], truth[m], weight[m]) for b, m in inside.items()]


def _bin(low: float, high: float, stated: Array, truth: npt.NDArray[np.bool_], weight: Array) -> ReliabilityBin:
    observed = float(weight @ truth / weight.sum())
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    below, above = wilson(observed, effective)
    return ReliabilityBin(low, high, stated.size, float(weight @ stated / weight.sum()), observed, below, above)


def wilson(share: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson (1927) score interval of a share observed on n samples; n need not be whole."""
    if n <= 0:
        return (math.nan, math.nan)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At 0 and 1 the interval ends exactly there; rounding must not leave the share outside.
    return (max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


def abstention_rate(verdicts: Sequence[str], abstaining: Sequence[str] = ABSTAINING) -> float:
    """Share of examinations that decline to answer, 0..1; NaN when there are none."""
    return sum(str(v) in abstaining for v in verdicts) / len(verdicts) if len(verdicts) else math.nan


def rates_at_verdict(verdicts: Sequence[str], labels: npt.ArrayLike, label: int = 0) -> dict[str, float]:
    """How the samples of one class were judged: shares of "fake", "suspect_or_worse" and each way of abstaining.

    For label 0 the first two are false alarms; for label 1 they are recall. NaN when the class is missing.
    """
    truth = np.asarray(labels).ravel()
    mine = [str(v) for v, t in zip(verdicts, truth.tolist(), strict=True) if t == label]
    return {
        "fake": _share(mine, ("fake",)),
        "suspect_or_worse": _share(mine, ACCUSING),
        "inconclusive": _share(mine, ("inconclusive",)),
        "unexamined": _share(mine, ("unexamined",)),
    }


def _share(verdicts: Sequence[str], wanted: Sequence[str]) -> float:
    return sum(v in wanted for v in verdicts) / len(verdicts) if verdicts else math.nan


def bootstrap_interval(
    figure: Figure,
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: Sequence[str] | None = None,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """(value, low, high): a figure with its percentile bootstrap interval (Efron 1979).

    Samples are drawn again within their class, so that class sizes stay. With groups (n,), such as clips or
    people, whole groups are drawn (Field & Welsh 2007), within strata of groups that hold the same classes; a
    stratum of one group falls back to its samples, which would otherwise claim certainty. Same seed, same answer.
    """
    values, truth = checked(scores, labels)
    value = figure(values, truth)
    draws = [figure(values[i], truth[i]) for i in _resamples(truth, groups, n, seed)] if not math.isnan(value) else []
    usable = np.asarray([d for d in draws if not math.isnan(d)], np.float64)
    if not usable.size:
        return (value, math.nan, math.nan)
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(usable, [tail, 100 - tail])
    return (value, float(low), float(high))


def _resamples(
    truth: npt.NDArray[np.bool_], groups: Sequence[str] | None, n: int, seed: int
) -> Iterator[npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    samples, clusters = _strata(truth, groups)
    for _ in range(n):
        drawn = [members[rng.integers(0, len(members), len(members))] for members in samples]
        drawn += [units[i] for units in clusters for i in rng.integers(0, len(units), len(units)).tolist()]
        yield np.concatenate(drawn)


def _strata(
    truth: npt.NDArray[np.bool_], groups: Sequence[str] | None
) -> tuple[list[npt.NDArray[np.int64]], list[list[npt.NDArray[np.int64]]]]:
    """Strata to draw samples from, and strata to draw whole groups from."""
    if groups is None:
        return [np.flatnonzero(side) for side in (truth, ~truth) if side.any()], []
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    order = np.argsort(place, kind="stable")
    units = np.split(order, np.flatnonzero(np.diff(place[order])) + 1)
    by_classes: dict[tuple[bool, bool], list[npt.NDArray[np.int64]]] = {}
    for unit in units:
        by_classes.setdefault((bool(truth[unit].any()), bool(truth[unit].all())), []).append(unit)
    lone = [strata[0] for strata in by_classes.values() if len(strata) == 1]
    return lone, [strata for strata in by_classes.values() if len(strata) > 1]


def regimes(short_side: float | None, jpeg_quality: float | None, face_px: float | None) -> tuple[str, ...]:
    """The quality regimes that a picture falls into, by which cards and benchmarks break their figures down.

    short_side and face_px (the shorter side of the largest face) in pixels; jpeg_quality 1..100, None when it is no
    JPEG; what is unknown names no regime, save that no known JPEG quality is a regime of its own.
    """
    names = []
    if short_side is not None:
        names.append(_step("short side", short_side, (256, 512, 1024), " px"))
    names.append("not a JPEG" if jpeg_quality is None else _step("JPEG quality", jpeg_quality, (60, 80, 92), ""))
    if face_px is not None:
        names.append(_step("face", face_px, (64, 96, 160), " px"))
    return tuple(names)


def _step(name: str, value: float, edges: Sequence[int], unit: str) -> str:
    """ "face 64-95 px" for a value between two edges."""
    for low, high in zip((None, *edges[:-1]), edges, strict=True):
        if value < high:
            return f"{name} < {high}{unit}" if low is None else f"{name} {low}-{high - 1}{unit}"
    return f"{name} >= {edges[-1]}{unit}"
