"""Evidence over time: from the scores of single frames to one likelihood ratio for a track. Pure functions.

Frames of one clip are not independent. Two levels (a random-effects model, Searle, Casella and McCulloch 1992): a clip
has an effect of its own, drawn around its class's mean with the spread `between`; a frame's score is that effect plus
noise of spread `within`, whose correlation falls off as exp(-|dt| / tau). The mean of n frames then varies about its
class's mean by between^2 + within^2 / n_eff, where n_eff counts what n correlated frames are worth (the variance of a
mean of a first-order autoregressive series; Bayley and Hammersley 1946). So a likelihood ratio grows with frames and
saturates at what one more clip could teach. The mean is Huber's (1964), so that a minority of bad frames cannot decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.opinion.calibrate import LN10, LogisticCalibration, elub_bounds

Array = npt.NDArray[np.float64]

# Huber's corner in units of the noise: frames further off pull with the force of one at the corner.
HUBER_CORNER = 1.0
HUBER_STEPS = 50
# Frames this close in time are one look, however often they are given.
SAME_LOOK_S = 0.02
TAU_GRID_S = np.geomspace(0.05, 30.0, 60)
# The model's own likelihood ratio is the one feature of the calibration that corrects it.
FEATURE = "two-level log10 LR"
MIN_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class TrackScores:
    """Scores of one track's frames, float64 (n,), at times in seconds, (n,); label 1 fake, 0 real; its source."""

    scores: Array
    times: Array
    label: int
    source: str


def look_weights(times: npt.ArrayLike) -> Array:
    """Weights, float64 (n,), with which frames at the same time together count as one look."""
    at = np.asarray(times, np.float64)
    return np.asarray(1.0 / (np.abs(at[:, None] - at[None]) <= SAME_LOOK_S).sum(axis=1), np.float64)


def effective_number(times: npt.ArrayLike, tau_s: float) -> float:
    """How many independent frames the frames at these times are worth, 1 .. n; 0 for none.

    tau_s: seconds in which the correlation of the noise falls to 1/e.
    """
    at = np.asarray(times, np.float64)
    if not at.size:
        return 0.0
    weight = look_weights(at)
    correlation = np.exp(-np.abs(at[:, None] - at[None]) / max(tau_s, 1e-9))
    return float(weight.sum() ** 2 / (weight @ correlation @ weight))


def huber_mean(scores: npt.ArrayLike, spread: float, weights: npt.ArrayLike | None = None) -> float:
    """Huber's M-estimate of location with a known spread of the noise; weights default to 1.

    One frame, however far off, moves it by no more than its share of HUBER_CORNER x spread.
    """
    values = np.asarray(scores, np.float64)
    weight = np.ones(values.size) if weights is None else np.asarray(weights, np.float64)
    corner = HUBER_CORNER * max(spread, MIN_SPREAD)
    centre = _median(values, weight)
    for _ in range(HUBER_STEPS):
        off = np.abs(values - centre)
        pull = weight * np.where(off <= corner, 1.0, corner / np.maximum(off, 1e-300))
        moved = float(pull @ values / pull.sum())
        done = abs(moved - centre) < 1e-10 * max(1.0, abs(moved))
        centre = moved
        if done:
            break
    return centre


def _median(values: Array, weight: Array) -> float:
    """Weighted median, the middle of all of them where there are several: Huber's estimate then is unique as well."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    low, high = (min(int(np.searchsorted(reached, 0.5 + e)), values.size - 1) for e in (-1e-9, 1e-9))
    return float(values[order][low] + values[order][high]) / 2


@dataclass(frozen=True, slots=True)
class TrackModel:
    """What turns the scores of one track's frames into a log10 LR.

    mean_real, mean_fake: of clips, in units of the score. between: spread of clips of one class about it. within:
    spread of frames about their clip. tau_s: correlation time of frames. calibration: corrects the model's LR, which
    rests on normal distributions, by what tracks showed, and bounds it.
    """

    mean_real: float
    mean_fake: float
    between: float
    within: float
    tau_s: float
    calibration: LogisticCalibration

    @classmethod
    def fit(cls, tracks: Sequence[TrackScores], weights: Sequence[float] | None = None) -> TrackModel:
        """Fit all of it. weights: of the tracks, so that no source outweighs the others; default 1.

        A score is higher for fakes; where these tracks say otherwise, it says nothing of them, and every log10 LR is 0.
        Raises UsageError when a class is missing, a track is empty or a score is not finite.
        """
        _checked(tracks)
        weight = np.ones(len(tracks)) if weights is None else np.asarray(weights, np.float64)
        within, tau = _noise(tracks, weight)
        means = np.array([huber_mean(t.scores, within, look_weights(t.times)) for t in tracks])
        error = np.array([within**2 / effective_number(t.times, tau) for t in tracks])
        labels = np.array([t.label for t in tracks])
        centres, spreads = [], []
        for side in (0, 1):
            mine = labels == side
            share = weight[mine] / weight[mine].sum()
            centres.append(float(share @ means[mine]))
            spreads.append(float(share @ ((means[mine] - centres[-1]) ** 2 - error[mine])))
        centres[1] = max(centres)
        between = max(float(np.mean(spreads)), (0.25 * within) ** 2, MIN_SPREAD**2) ** 0.5
        plain = LogisticCalibration((FEATURE,), (1.0,), 0.0)
        model = cls(centres[0], centres[1], between, within, tau, plain)
        raw = np.array([model.raw(t.scores, t.times) for t in tracks])
        fitted = LogisticCalibration.fit(raw, labels, names=(FEATURE,), weights=weight, ridge=1.0)
        fitted = fitted.bounded(*elub_bounds(fitted.raw(raw), labels))
        return cls(centres[0], centres[1], between, within, tau, fitted)

    @property
    def says_nothing(self) -> bool:
        """Whether the tracks it was fitted on support no likelihood ratio but 1."""
        return self.calibration.low == 0 and self.calibration.high == 0

    def raw(self, scores: npt.ArrayLike, times: npt.ArrayLike) -> float:
        """log10 LR of the two-level model alone, neither corrected nor bounded; 0 without frames."""
        values, at = np.asarray(scores, np.float64), np.asarray(times, np.float64)
        if values.shape != at.shape:
            raise UsageError(f"{values.size} scores came with {at.size} times")
        if not values.size:
            return 0.0
        mean = huber_mean(values, self.within, look_weights(at))
        spread = self.between**2 + self.within**2 / effective_number(at, self.tau_s)
        middle = (self.mean_real + self.mean_fake) / 2
        return float((self.mean_fake - self.mean_real) * (mean - middle) / spread / LN10)

    def log10_lr(self, scores: npt.ArrayLike, times: npt.ArrayLike) -> float:
        """log10 LR of one track: scores, float (n,), of frames at times (s), in any order; 0 without frames."""
        if not np.size(scores):
            return 0.0
        return self.calibration.predict_one(self.raw(scores, times))

    def growth(self, scores: npt.ArrayLike, times: npt.ArrayLike) -> Array:
        """How the log10 LR comes about: after the first frame, the first two, ...; float64 (n, 2): time, log10 LR."""
        values, at = np.asarray(scores, np.float64), np.asarray(times, np.float64)
        order = np.argsort(at, kind="stable")
        values, at = values[order], at[order]
        rows = [(at[i], self.log10_lr(values[: i + 1], at[: i + 1])) for i in range(at.size)]
        return np.array(rows, np.float64).reshape(-1, 2)

    def moments(self, scores: npt.ArrayLike, times: npt.ArrayLike) -> Array:
        """What each frame would say alone, in order of time; float64 (n, 2): time, log10 LR."""
        values, at = np.asarray(scores, np.float64), np.asarray(times, np.float64)
        rows = [(at[i], self.log10_lr(values[i : i + 1], at[i : i + 1])) for i in np.argsort(at, kind="stable")]
        return np.array(rows, np.float64).reshape(-1, 2)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; floats keep every digit, so that from_dict(to_dict()) is equal."""
        return {
            "kind": "two_level",
            "mean_real": self.mean_real,
            "mean_fake": self.mean_fake,
            "between": self.between,
            "within": self.within,
            "tau_s": self.tau_s,
            "calibration": self.calibration.to_dict(),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> TrackModel:
        """Read what to_dict wrote. Raises UsageError when it is something else."""
        if raw.get("kind") != "two_level":
            raise UsageError(f"not a model of tracks: {raw.get('kind')!r}")
        return cls(
            mean_real=float(raw["mean_real"]),
            mean_fake=float(raw["mean_fake"]),
            between=float(raw["between"]),
            within=float(raw["within"]),
            tau_s=float(raw["tau_s"]),
            calibration=LogisticCalibration.from_dict(raw["calibration"]),
        )


def _checked(tracks: Sequence[TrackScores]) -> None:
    if {t.label for t in tracks} != {0, 1}:
        raise UsageError("a model of tracks needs tracks of both classes")
    for t in tracks:
        if not len(t.scores) or len(t.scores) != len(t.times):
            raise UsageError("a track needs as many scores as times, and at least one")
        if not np.isfinite(t.scores).all() or not np.isfinite(t.times).all():
            raise UsageError("a score or a time is not a finite number")


def _noise(tracks: Sequence[TrackScores], weight: Array) -> tuple[float, float]:
    """(within, tau_s) from the variogram: half the mean squared difference of frames dt apart is within^2 (1 - rho).

    Differences need no estimate of the clip's own mean, which would bias the correlation of short tracks. Half the
    squared difference is clipped at a multiple of its median, so that single bad frames do not widen the noise.
    """
    gaps, halves, counts = [], [], []
    for track, w in zip(tracks, weight, strict=True):
        i, j = np.triu_indices(len(track.scores), 1)
        apart = np.abs(track.times[i] - track.times[j])
        keep = apart > SAME_LOOK_S
        if keep.any():
            gaps.append(apart[keep])
            halves.append(0.5 * (track.scores[i] - track.scores[j])[keep] ** 2)
            counts.append(np.full(int(keep.sum()), w / keep.sum()))
    if not gaps:
        return MIN_SPREAD, 1.0
    gap, half, count = (np.concatenate(x) for x in (gaps, halves, counts))
    half = np.minimum(half, 20.0 * max(float(np.median(half)), MIN_SPREAD**2))
    best = (np.inf, 1.0, 1.0)
    for tau in TAU_GRID_S:
        rise = 1.0 - np.exp(-gap / tau)
        variance = float((count * half * rise).sum() / (count * rise**2).sum())
        loss = float((count * (half - variance * rise) ** 2).sum())
        if loss < best[0]:
            best = (loss, variance, float(tau))
    return max(best[1], MIN_SPREAD**2) ** 0.5, best[2]


__all__ = ["TrackModel", "TrackScores", "effective_number", "huber_mean", "look_weights"]
