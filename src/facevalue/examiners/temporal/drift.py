"""Identity over time: how far embeddings stray within seconds, and how much of that comes from look to look. Pure.

Embeddings of one face move with its pose; that is a condition here, read of landmarks as the turning of the head. Slow
changes (pose, light) leave successive embeddings closer than those further apart; what is made anew in every frame does
not. Embeddings are compared within one track and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.faces import Track

Floats = npt.NDArray[np.float64]

NEAR_S, POSE_NEAR_S = 1.6, 2.4
MIN_EMBEDDINGS = 3
LEAST_DISTANCE, LEAST_TURN = 3e-3, 0.02


@dataclass(frozen=True, slots=True)
class Drift:
    """Near one moment. distance: log10 of the mean of 1 - cosine over pairs of embeddings. jump: log10 of the part of
    it that successive ones show. Both NaN with fewer than MIN_EMBEDDINGS. turning: log10 of the spread of the pose.
    """

    distance: float
    jump: float
    turning: float


def drift_near(track: Track, time_s: float) -> Drift:
    """Of the embeddings within NEAR_S of a moment."""
    turning = float(np.log10(_spread_of_pose(track, time_s) + LEAST_TURN))
    near = np.abs(track.embedding_times - time_s) <= NEAR_S
    if near.sum() < MIN_EMBEDDINGS:
        return Drift(np.nan, np.nan, turning)
    vectors = track.embeddings[near].astype(np.float64)
    apart = 1.0 - vectors @ vectors.T
    all_pairs = _log(float(apart[np.triu_indices(len(apart), 1)].mean()))
    return Drift(all_pairs, _log(float(np.diagonal(apart, 1).mean())) - all_pairs, turning)


def _log(distance: float) -> float:
    return float(np.log10(max(distance, 0.0) + LEAST_DISTANCE))


def pose(landmarks: npt.NDArray[np.float32]) -> Floats:
    """Yaw and pitch of faces, landmarks float32 (n, 5, 2): the nose's place along and below the line of the eyes, in
    units of the distance from eyes to mouth; float64 (n, 2).
    """
    marks = landmarks.astype(np.float64)
    eyes, mouth = marks[:, :2].mean(axis=1), marks[:, 3:].mean(axis=1)
    down = mouth - eyes
    length = np.maximum(np.hypot(down[:, 0], down[:, 1]), 1e-6)
    along = down / length[:, None]
    across = np.stack([along[:, 1], -along[:, 0]], axis=1)
    nose = (marks[:, 2] - eyes) / length[:, None]
    return np.stack([(nose * across).sum(axis=1), (nose * along).sum(axis=1)], axis=1)


def _spread_of_pose(track: Track, time_s: float) -> float:
    """Of the bursts near the moment: their landmarks are found closely, those between them are not."""
    near = [b.landmarks for b in track.bursts if abs(float(b.time_s.mean()) - time_s) <= POSE_NEAR_S]
    return float(np.sqrt(pose(np.concatenate(near)).var(axis=0).sum())) if near else 0.0
