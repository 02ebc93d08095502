"""What was measured on pages left out, JSON-ready: pooled, by fold, system, condition, language and channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.examiner import SPAN_LOG10_LR, Calibration, weigh_segments
from facevalue.examiners.voice.frontend import SpeechQuality, close_features, quality_features
from facevalue.examiners.voice.segments import Segment, runs
from facevalue.lab.voice_cache import Seen
from facevalue.lab.voice_calibrate import VoiceCalibration
from facevalue.lab.voice_data import RATE_HZ, Clip, pairs
from facevalue.lab.voice_edits import Heard, Recording, measured
from facevalue.opinion.metrics import cllr, eer

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

STRONG, LOUD = 3.0, 1.0
BOOTSTRAPS = 400
LONG_CLIPS = 3


def likelihoods(logits: npt.NDArray[Any], quality: npt.NDArray[Any], made: VoiceCalibration) -> Floats:
    """log10 LR of recordings of one segment, float64 (n,), of logits (n,) and quality (n, 3)."""
    features = [quality_features(float(x), SpeechQuality(*map(float, q))) for x, q in zip(logits, quality, strict=True)]
    return np.array([made.whole.log10_lr([raw], [0.0]) for raw in made.segment.raw(features)])


def record(clips: Sequence[Clip], logits: npt.NDArray[Any], seen: Seen, made: VoiceCalibration) -> dict[str, Any]:
    """Of single segments: every figure with n = [bona fide, spoofs]; neural codecs stand apart."""
    label = np.array([clip.label for clip in clips])
    codec = np.array([clip.codec for clip in clips])
    fold = np.array([clip.fold for clip in clips])
    speech = ~codec
    lr = np.stack([likelihoods(logits[:, v], seen.quality[:, v], made) for v in range(logits.shape[1])], axis=1)
    names = ("as_is", "after_a_journey")
    pooled = {name: figures(logits[speech, v], lr[speech, v], label[speech]) for v, name in enumerate(names)}
    pooled["as_is"]["eer_interval_95"] = interval(clips, logits[:, 0])
    halves = systems_in_halves(clips)
    real, fake = logits[label == 0, 0], logits[speech & (label == 1), 0]
    return {
        "pooled": pooled,
        "by_fold": {str(f): _two_sided(logits[:, 0], label, speech & (fold == f)) for f in sorted(set(fold.tolist()))},
        "pools": {name: against(logits[mine, 0], real) for name, mine in halves.items()},
        "pairs": {name: paired(clips, logits[:, v]) for v, name in enumerate(names)},
        # Hardly any spoof's language is known: each language's bona fide clips stand against all spoofs.
        "languages": _by(clips, label == 0, lambda c: c.language or "unknown", -logits[:, 0], -fake),
        "systems": _by(clips, label == 1, lambda c: c.system, logits[:, 0], real),
        "conditions": _by(clips, label == 0, lambda c: c.group, -logits[:, 0], -fake),
    }


def paired(clips: Sequence[Clip], scores: npt.NDArray[Any]) -> dict[str, Any]:
    """Of utterances spoken by a person and by a machine: how often the machine scores higher, by the sides' means."""
    both = pairs(clips).values()
    above = [scores[fakes].mean() > scores[reals].mean() for reals, fakes in both]
    return {"spoof_above_its_ground_truth": round(float(np.mean(above)), 4) if above else None, "n": len(above)}


def systems_in_halves(clips: Sequence[Clip]) -> dict[str, npt.NDArray[np.bool_]]:
    """Masks of spoofs: the first and the second half of the systems by name, neural codecs apart."""
    names = sorted({clip.system for clip in clips if clip.label and not clip.codec})
    first = set(names[: len(names) // 2])
    spoof = np.array([clip.label == 1 for clip in clips])
    codec = np.array([clip.codec for clip in clips])
    early = np.array([clip.system in first for clip in clips])
    return {
        "systems, first half": spoof & ~codec & early,
        "systems, second half": spoof & ~codec & ~early,
        "neural codecs": codec,
    }


def interval(clips: Sequence[Clip], scores: npt.NDArray[Any], seed: int = 0) -> list[float]:
    """95% interval of the EER by drawing strata (systems of a page, conditions) anew; neural codecs left out."""
    rng = np.random.default_rng(seed)
    where: dict[tuple[int, str], list[int]] = {}
    for i, clip in enumerate(clips):
        if not clip.codec:
            where.setdefault((clip.label, clip.stratum), []).append(i)
    sides = [[np.array(v) for (label, _), v in where.items() if label == side] for side in (0, 1)]
    out = []
    for _ in range(BOOTSTRAPS):
        drawn = [np.concatenate([side[i] for i in rng.integers(len(side), size=len(side))]) for side in sides]
        label = np.repeat([0, 1], [len(part) for part in drawn])
        out.append(eer(scores[np.concatenate(drawn)], label))
    return [round(float(q), 4) for q in np.percentile(out, (2.5, 97.5))]


def figures(scores: npt.NDArray[Any], lr: Floats, label: Labels) -> dict[str, Any]:
    """EER, Cllr, and how often either class reaches LR 10 and 1000."""
    return {
        "eer": round(eer(scores, label), 4),
        "cllr": round(cllr(lr, label), 4),
        "bona_fide_at_10": round(float(np.mean(lr[label == 0] >= LOUD)), 4),
        "bona_fide_at_1000": round(float(np.mean(lr[label == 0] >= STRONG)), 4),
        "spoofs_at_10": round(float(np.mean(lr[label == 1] >= LOUD)), 4),
        "n": [int((label == 0).sum()), int((label == 1).sum())],
    }


def edits(made: VoiceCalibration, recordings: Sequence[Recording], heard: Sequence[Heard]) -> dict[str, Any]:
    """Partial edits: spans as the examiner draws them, and the recording's log10 LR with and without one."""
    calibrated = Calibration(made.segment, made.whole, made.close)
    spans, totals = [], []
    for one in heard:
        close = [
            Segment(
                a / RATE_HZ,
                b / RATE_HZ,
                float(x),
                0.0,
                made.close.predict_one(*close_features(float(x), one.median)),
                q,
            )
            for (a, b), x, q in zip(one.spans, one.logits, one.quality, strict=True)
        ]
        whole = [
            _segment(made, span, float(x), q)
            for span, x, q in zip(one.segments, one.whole, one.whole_quality, strict=True)
        ]
        spans.append([(run.start_s, run.end_s) for run in runs(close, SPAN_LOG10_LR)])
        totals.append(weigh_segments(calibrated, whole, close))
    edited = np.array([one.edited for one in heard])
    return {
        **measured(recordings, spans),
        "recordings": figures(np.array(totals), np.array(totals), edited.astype(np.int64)),
        "by_fold": {
            str(fold): measured(
                [r for r in recordings if r.fold == fold],
                [s for r, s in zip(recordings, spans, strict=True) if r.fold == fold],
            )["edits_found"]
            for fold in sorted({r.fold for r in recordings})
        },
    }


def _segment(made: VoiceCalibration, span: tuple[int, int], logit: float, seen: SpeechQuality) -> Segment:
    features = quality_features(logit, seen)
    raw = float(made.segment.raw([features])[0])
    return Segment(span[0] / RATE_HZ, span[1] / RATE_HZ, logit, raw, made.segment.predict_one(*features), seen)


def against(fake: npt.NDArray[Any], real: npt.NDArray[Any]) -> dict[str, Any]:
    """EER of two samples with n; None where one is missing."""
    if not len(fake) or not len(real):
        return {"eer": None, "n": [len(real), len(fake)]}
    label = np.concatenate([np.zeros(len(real), int), np.ones(len(fake), int)])
    return {"eer": round(eer(np.concatenate([real, fake]), label), 4), "n": [len(real), len(fake)]}


def _two_sided(scores: npt.NDArray[Any], label: Labels, mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    return against(scores[mask & (label == 1)], scores[mask & (label == 0)])


def _by(
    clips: Sequence[Clip],
    mask: npt.NDArray[np.bool_],
    name: Callable[[Clip], str],
    scores: npt.NDArray[Any],
    others: npt.NDArray[Any],
) -> Mapping[str, Any]:
    """Each name's own clips against all of the other class; n = [the others, its own]."""
    mine = np.array([name(clip) if use else "" for clip, use in zip(clips, mask, strict=True)])
    return {one: against(scores[(mine == one) & mask], others) for one in sorted(set(mine[mask]))}
