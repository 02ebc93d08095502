"""From margins of pages that the judging machine did not see to likelihood ratios."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import (
    CLOSE_NAMES,
    QUALITY_NAMES,
    WINDOW_S,
    SpeechQuality,
    close_features,
    quality_features,
)
from facevalue.lab.voice_cache import JUDGED, Seen
from facevalue.lab.voice_data import Clip, balance
from facevalue.lab.voice_edits import Heard
from facevalue.opinion.calibrate import LN10, LogisticCalibration, elub_bounds
from facevalue.opinion.over_time import TrackModel, TrackScores

Floats = npt.NDArray[np.float64]

# Recordings longer than a clip are made by joining clips of one system or condition.
JOINED = (1, 3, 6)
# A short segment counts as synthetic when this share of it is; with less, but some, it teaches nothing.
MOSTLY = 0.6


@dataclass(frozen=True, slots=True)
class VoiceCalibration:
    """segment: of one segment's logit, by its quality. whole: of a recording's segments, scores in raw log10 LR.
    close: of a short segment's logit and how far it stands above the recording's median."""

    segment: LogisticCalibration
    whole: TrackModel
    close: LogisticCalibration

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: getattr(self, name).to_dict() for name in ("segment", "whole", "close")}


def gain_of(clips: Sequence[Clip], margins: npt.NDArray[Any]) -> tuple[float, float]:
    """(gain, offset) that make logits of out-of-fold margins (n, JUDGED)."""
    weight = np.repeat(balance(clips) / JUDGED * len(clips), JUDGED)
    labels = np.repeat([clip.label for clip in clips], JUDGED)
    made = LogisticCalibration.fit(margins.reshape(-1, 1), labels, names=("margin",), weights=weight)
    return LN10 * made.coefficients[0], LN10 * made.intercept


def fit(clips: Sequence[Clip], logits: npt.NDArray[Any], seen: Seen, heard: Sequence[Heard]) -> VoiceCalibration:
    """Calibrate on out-of-fold logits, (n, JUDGED), and on what was heard in recordings with and without edits.

    Every clip counts once, whatever the number of views; strata weigh by the root of their size. The bounds look at
    one view of each clip, since views of one clip are no new evidence.
    """
    labels = np.array([clip.label for clip in clips])
    segment = _segment(clips, labels, logits, seen)
    features = _features(logits, seen)
    raw = segment.raw(features.reshape(-1, len(QUALITY_NAMES))).reshape(-1, JUDGED)
    tracks, weights = _tracks(clips, raw)
    return VoiceCalibration(segment, TrackModel.fit(tracks, weights), _close(heard))


def _features(logits: npt.NDArray[Any], seen: Seen) -> Floats:
    return np.array(
        [
            [quality_features(float(x), SpeechQuality(*map(float, q))) for x, q in zip(row, qualities, strict=True)]
            for row, qualities in zip(logits, seen.quality, strict=True)
        ]
    )


def _segment(
    clips: Sequence[Clip], labels: npt.NDArray[np.int64], logits: npt.NDArray[Any], seen: Seen
) -> LogisticCalibration:
    features = _features(logits, seen)
    flat = features.reshape(-1, len(QUALITY_NAMES))
    weight = np.repeat(balance(clips) / JUDGED * len(clips), JUDGED)
    made = LogisticCalibration.fit(flat, np.repeat(labels, JUDGED), names=QUALITY_NAMES, weights=weight)
    raw = made.raw(flat).reshape(-1, JUDGED)
    one = raw[np.arange(len(raw)), np.arange(len(raw)) % JUDGED]
    return made.bounded(*elub_bounds(one, labels))


def _close(heard: Sequence[Heard]) -> LogisticCalibration:
    """On short segments of recordings: every recording counts once in each class that it holds. The bounds look at
    the middle one of each recording, of a synthetic sentence where there is one: its segments are no new evidence."""
    rows, labels, weights, middle = [], [], [], []
    for recording in heard:
        for label, mine in ((0, recording.share == 0), (1, recording.share >= MOSTLY)):
            some = np.flatnonzero(mine)
            for i in some:
                rows.append(close_features(float(recording.logits[i]), recording.median))
            labels += [label] * len(some)
            weights += [1.0 / max(1, len(some))] * len(some)
            # Innocent stretches of an edited recording are no second recording.
            if len(some) and (label == 1) == recording.edited:
                middle.append(len(rows) - len(some) + len(some) // 2)
    made = LogisticCalibration.fit(rows, labels, names=CLOSE_NAMES, weights=np.array(weights) * len(rows))
    raw, truth = made.raw(rows), np.array(labels)
    return made.bounded(*elub_bounds(raw[middle], truth[middle]))


def _tracks(clips: Sequence[Clip], raw: npt.NDArray[Any]) -> tuple[list[TrackScores], list[float]]:
    """Recordings of one, three and six clips, each of one kind of view."""
    strata: Mapping[tuple[int, str], list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        strata[clip.label, clip.stratum].append(i)
    tracks, weights = [], []
    for (label, name), members in sorted(strata.items()):
        for size in JOINED:
            runs = [members[i : i + size] for i in range(0, len(members) - size + 1, size)]
            for number, run in enumerate(runs):
                said: Floats = np.array([raw[i, number % JUDGED] for i in run], np.float64)
                times: Floats = np.arange(len(run), dtype=np.float64) * WINDOW_S
                tracks.append(TrackScores(said, times, label, name))
                weights.append(len(members) ** 0.5 / len(runs) / len(JOINED))
    return tracks, weights
