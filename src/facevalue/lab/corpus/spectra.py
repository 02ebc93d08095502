"""A spectrum classifier: what a detector could learn from the spectrum alone, without seeing any picture.

The azimuthally averaged log power spectrum of the luma (Durall et al. 2020, arXiv:1911.00686) and a logistic
regression, cross-validated so that no identity is on both sides. Intervals are 95% percentile intervals of a bootstrap
over identities of the out-of-fold scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.opinion.metrics import auc

Floats = npt.NDArray[np.float64]
FOLDS, RESAMPLES = 5, 500
FEWEST = 20  # of either class, and identities: below this folds and intervals mean nothing


@dataclass(frozen=True, slots=True)
class Told:
    """How well two groups are told apart: AUC with its 95% interval, and the number of pictures on either side."""

    auc: float
    low: float
    high: float
    n: tuple[int, int]


def told_apart(x: npt.NDArray[Any], labels: npt.NDArray[Any], groups: npt.NDArray[Any], seed: int = 0) -> Told | None:
    """Out-of-fold AUC of label 1 against label 0. x: (n, d). groups: (n,), never on both sides of a fold.

    None when a class has fewer than FEWEST pictures or FOLDS groups: there is then nothing to say.
    """
    counts = (int((labels == 0).sum()), int((labels == 1).sum()))
    if min(counts) < FEWEST or min(len(np.unique(groups[labels == k])) for k in (0, 1)) < FOLDS:
        return None
    scores = out_of_fold(x, labels, groups, seed)
    low, high = interval(scores, labels, groups, seed)
    return Told(float(auc(scores, labels)), low, high, counts)


def out_of_fold(x: npt.NDArray[Any], labels: npt.NDArray[Any], groups: npt.NDArray[Any], seed: int) -> Floats:
    """Log-odds of every row by a classifier that saw none of its group."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = np.zeros(len(labels))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for learn, judge in folds.split(x, labels, groups):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced"))
        scores[judge] = model.fit(x[learn], labels[learn]).decision_function(x[judge])
    return scores


def interval(scores: Floats, labels: npt.NDArray[Any], groups: npt.NDArray[Any], seed: int) -> tuple[float, float]:
    """The 95% percentile interval of the AUC when groups are drawn with replacement."""
    rng = np.random.default_rng(seed)
    _, member = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(member == g) for g in range(member.max() + 1)]
    drawn = []
    for _ in range(RESAMPLES):
        pick = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        drawn.append(auc(scores[pick], labels[pick]))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)
