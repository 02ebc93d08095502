"""From scores of pages that the network did not see to likelihood ratios, and to the record of error rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import (
    QUALITY_NAMES,
    WINDOW_FRAMES,
    WINDOW_S,
    bands_db,
    quality,
    quality_features,
)
from facevalue.lab.voice_cache import VARIANTS, Bytes, Item, restored, whole
from facevalue.lab.voice_channel import CHANNELS
from facevalue.lab.voice_data import Clip, balance
from facevalue.lab.voice_judge import Judge, Mixture, judged
from facevalue.opinion.calibrate import LN10, LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import cllr, eer
from facevalue.opinion.over_time import TrackModel, TrackScores

Floats = npt.NDArray[np.float64]

# Recordings longer than a clip are made by joining clips of one system or condition.
JOINED = (1, 3, 6)
CHANNEL_SHARE = 8
STRONG, LOUD = 3.0, 1.0


@dataclass(frozen=True, slots=True)
class VoiceCalibration:
    """segment: of one segment's logit, by its quality. whole: of a recording's segments, scores in raw log10 LR."""

    segment: LogisticCalibration
    whole: TrackModel

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"segment": self.segment.to_dict(), "whole": self.whole.to_dict()}


def mixture(wanted: Sequence[Item], parts: npt.NDArray[Any]) -> Mixture:
    """How much margins and network logits, (items, 2, VARIANTS), weigh: logistic regression on out-of-fold clips."""
    plain = [i for i, item in enumerate(wanted) if item.donor is None]
    clips = [wanted[i].clip for i in plain]
    weight = np.repeat(balance(clips) / VARIANTS * len(clips), VARIANTS)
    labels = np.repeat([clip.label for clip in clips], VARIANTS)
    features = parts[plain].transpose(0, 2, 1).reshape(-1, 2)
    made = LogisticCalibration.fit(features, labels, names=("margin", "network"), weights=weight)
    statistics, network = (LN10 * c for c in made.coefficients)
    return Mixture(statistics, network, LN10 * made.intercept)


def alone(wanted: Sequence[Item], parts: npt.NDArray[Any]) -> dict[str, Any]:
    """EER of each part by itself on out-of-fold clips as they are, neural codecs left out; JSON-ready."""
    speech = np.array([item.donor is None and not item.clip.codec for item in wanted])
    label = np.array([item.label for item in wanted])
    return {
        name: _against(*_sides(parts[:, place, 0], label, speech))
        for place, name in enumerate(("statistics", "network"))
    }


def fit(wanted: Sequence[Item], scores: npt.NDArray[Any], spectra: Bytes) -> VoiceCalibration:
    """Calibrate on out-of-fold logits, float32 (items, VARIANTS), of clips; splices take no part.

    Every clip counts once, whatever the number of journeys; strata weigh by the root of their size. The bounds look
    at one journey of each clip, since journeys of one clip are no new evidence.
    """
    plain = [i for i, item in enumerate(wanted) if item.donor is None]
    clips = [wanted[i].clip for i in plain]
    labels = np.array([clip.label for clip in clips])
    features = np.array(
        [
            [quality_features(float(scores[i, v]), quality(restored(spectra[i, v]))) for v in range(VARIANTS)]
            for i in plain
        ]
    )
    weight = np.repeat(balance(clips) / VARIANTS * len(clips), VARIANTS)
    segment = LogisticCalibration.fit(
        features.reshape(-1, len(QUALITY_NAMES)), np.repeat(labels, VARIANTS), names=QUALITY_NAMES, weights=weight
    )
    raw = segment.raw(features.reshape(-1, len(QUALITY_NAMES))).reshape(-1, VARIANTS)
    one = raw[np.arange(len(raw)), np.arange(len(raw)) % VARIANTS]
    segment = segment.bounded(*elub_bounds(one, labels))
    tracks, weights = _tracks(clips, raw)
    return VoiceCalibration(segment, TrackModel.fit(tracks, weights))


def _tracks(clips: Sequence[Clip], raw: npt.NDArray[Any]) -> tuple[list[TrackScores], list[float]]:
    """Recordings of one, three and six clips, each through one kind of journey."""
    strata: dict[tuple[int, str], list[int]] = {}
    for i, clip in enumerate(clips):
        strata.setdefault((clip.label, clip.stratum), []).append(i)
    tracks, weights = [], []
    for (label, name), members in sorted(strata.items()):
        for size in JOINED:
            runs = [members[i : i + size] for i in range(0, len(members) - size + 1, size)]
            for number, run in enumerate(runs):
                said: Floats = np.array([raw[i, number % VARIANTS] for i in run], np.float64)
                times: Floats = np.arange(len(run), dtype=np.float64) * WINDOW_S
                tracks.append(TrackScores(said, times, label, name))
                weights.append(len(members) ** 0.5 / len(runs) / len(JOINED))
    return tracks, weights


def channel_scores(
    clips: Sequence[Clip], judges: Mapping[int, Judge], report: Callable[[str], None]
) -> dict[str, tuple[Floats, npt.NDArray[np.int64]]]:
    """Out-of-fold logits and labels of every eighth clip through each named channel."""
    some = list(clips[::CHANNEL_SHARE])
    labels = np.array([clip.label for clip in some])
    waves = [whole(clip) for clip in some]
    out = {}
    for name, step in CHANNELS.items():
        made = []
        for clip, wave in zip(some, waves, strict=True):
            bands = bands_db(step(wave, np.random.default_rng(clip.seed)))[None, :WINDOW_FRAMES]
            made.append(float(judged(judges[clip.fold], bands)[0]))
        out[name] = (np.array(made), labels)
        report(f"channel {name}: EER {eer(*out[name]):.3f}")
    return out


def record(
    wanted: Sequence[Item],
    scores: npt.NDArray[Any],
    channels: Mapping[str, tuple[Floats, npt.NDArray[np.int64]]],
    made: VoiceCalibration,
) -> dict[str, Any]:
    """Error rates on left-out pages, JSON-ready: pooled, by system, by condition, by channel, for splices."""
    plain = np.array([item.donor is None for item in wanted])
    label = np.array([item.label for item in wanted])
    codec = np.array([item.clip.codec for item in wanted])
    speech = plain & ~codec
    lr = np.array(
        [
            [made.whole.log10_lr([float(made.segment.raw([[s, 0.0, 0.0, 0.0]])[0])], [0.0]) for s in row]
            for row in scores
        ]
    )
    real = scores[plain & (label == 0)]
    return {
        "pooled": {
            "as_is": _figures(scores[speech, 0], lr[speech, 0], label[speech]),
            "after_journeys": _figures(
                scores[speech, 1:].ravel(), lr[speech, 1:].ravel(), np.repeat(label[speech], VARIANTS - 1)
            ),
            "neural_codecs": _against(scores[plain & codec, 0], real[:, 0]),
            "splices": _against(scores[~plain & (label == 1), 0], scores[~plain & (label == 0), 0]),
            "by_fold": {
                str(fold): _against(*_sides(scores[:, 0], label, _of(wanted, speech, fold)))
                for fold in sorted({item.clip.fold for item in wanted})
            },
        },
        "channels": {name: {"eer": round(eer(*pair), 4), "n": len(pair[1])} for name, pair in channels.items()},
        "systems": _by(wanted, plain & (label == 1), lambda i: i.clip.system, scores[:, 0], real[:, 0]),
        "conditions": _by(
            wanted, plain & (label == 0), lambda i: i.clip.group, -scores[:, 0], -scores[speech & (label == 1), 0]
        ),
    }


def _of(wanted: Sequence[Item], mask: npt.NDArray[np.bool_], fold: int) -> npt.NDArray[np.bool_]:
    return np.asarray(mask & np.array([item.clip.fold == fold for item in wanted]), np.bool_)


def _sides(
    scores: npt.NDArray[Any], label: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return scores[mask & (label == 1)], scores[mask & (label == 0)]


def _figures(scores: npt.NDArray[Any], lr: Floats, label: npt.NDArray[np.int64]) -> dict[str, Any]:
    return {
        "eer": round(eer(scores, label), 4),
        "cllr": round(cllr(lr, label), 4),
        "bona_fide_at_10": round(float(np.mean(lr[label == 0] >= LOUD)), 4),
        "bona_fide_at_1000": round(float(np.mean(lr[label == 0] >= STRONG)), 4),
        "spoofs_at_10": round(float(np.mean(lr[label == 1] >= LOUD)), 4),
        "n": [int((label == 0).sum()), int((label == 1).sum())],
    }


def _against(fake: npt.NDArray[Any], real: npt.NDArray[Any]) -> dict[str, Any]:
    if not len(fake) or not len(real):
        return {"eer": None, "n": [len(real), len(fake)]}
    label = np.concatenate([np.zeros(len(real), int), np.ones(len(fake), int)])
    return {"eer": round(eer(np.concatenate([real, fake]), label), 4), "n": [len(real), len(fake)]}


def _by(
    wanted: Sequence[Item],
    mask: npt.NDArray[np.bool_],
    name: Callable[[Item], str],
    scores: npt.NDArray[Any],
    others: npt.NDArray[Any],
) -> dict[str, Any]:
    names = sorted({name(item) for item, use in zip(wanted, mask, strict=True) if use})
    rows = {}
    for one in names:
        mine = mask & np.array([name(item) == one for item in wanted])
        rows[one] = _against(scores[mine], others)
    return rows
