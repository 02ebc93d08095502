"""Who of a clip can be judged: mouths that are large enough, that move, and that are seen while somebody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.examiners.lips.judge import Judge, Judgement, speech_seconds
from facevalue.examiners.lips.mouth import MouthShape, read_run
from facevalue.examiners.lips.speech import Speech
from facevalue.examiners.lips.sync import Pairing, pairing
from facevalue.faces import Track
from facevalue.sound.vad import speech_share

# The landmark network learned mouths down to this width.
MIN_MOUTH_PX = 12.0
MIN_SPEECH_S = 2.0
# Moments are judged over windows of this length, this far apart; fewer than MIN_PAIR_S of a window are none.
WINDOW_S, HOP_S = 4.0, 1.0
MIN_PAIR_S = 1.5

Rows = list[list[float]]


@dataclass(frozen=True, slots=True)
class Mouth:
    """One person's mouth beside the sound. track: number of the person's largest track. span: first to last time."""

    person: int
    track: int
    pairs: tuple[Pairing, ...]
    mouth_px: float
    motion: float

    @property
    def span(self) -> tuple[float, float]:
        """First and last time at which it was read."""
        return float(self.pairs[0].time_s[0]), float(self.pairs[-1].time_s[-1])


def spoken_runs(tracks: Sequence[Track], probability: npt.NDArray[np.float32], start_s: float) -> list[Track]:
    """The tracks with only those runs beside which somebody speaks. start_s: time of the sound's first sample."""
    out = []
    for track in tracks:
        runs = tuple(
            run for run in track.runs if speech_share(probability, *(run.time_s[[0, -1]] - start_s).clip(0)) > 0.1
        )
        if runs:
            out.append(replace(track, runs=runs))
    return out


def mouths_of(tracks: Sequence[Track], network: ort.InferenceSession, speech: Speech) -> list[Mouth]:
    """A mouth for every person with a run; persons in order of their largest track."""
    out = []
    for person in dict.fromkeys(track.person for track in tracks):
        mine = [track for track in tracks if track.person == person]
        shapes = sorted((read_run(network, run) for t in mine for run in t.runs), key=lambda m: float(m.time_s[0]))
        pairs = [(m, pair) for m in shapes if (pair := pairing(m.time_s, m.values, speech)) is not None]
        if pairs:
            motion = max(_motion(m) for m, _ in pairs)
            width = float(np.median([m.width_px for m, _ in pairs]))
            out.append(Mouth(person, mine[0].number, tuple(p for _, p in pairs), width, motion))
    return out


def _motion(mouth: MouthShape) -> float:
    gap = mouth.values[:, 0]
    return float(np.percentile(gap, 90) - np.percentile(gap, 10))


def between(pairs: Sequence[Pairing], start_s: float, end_s: float) -> tuple[Pairing, ...]:
    """What of the pairs lies in start_s .. end_s."""
    out = []
    for pair in pairs:
        keep = np.flatnonzero((pair.time_s >= start_s) & (pair.time_s <= end_s))
        if len(keep) >= 10:
            a, b, pad = int(keep[0]), int(keep[-1]) + 1, (len(pair.speech) - len(pair.mouth)) // 2
            cut = (pair.time_s[a:b], pair.mouth[a:b], pair.speech[a : b + 2 * pad], pair.spoken[a:b])
            out.append(Pairing(*cut))
    return tuple(out)


def moments(mouth: Mouth, judge: Judge) -> list[tuple[float, float, Judgement]]:
    """(start, end, judgement) of windows over the person's time; windows with little speech are left out."""
    first, last = mouth.span
    out = []
    for start in np.arange(first, max(last - WINDOW_S, first) + HOP_S / 2, HOP_S):
        end = min(float(start) + WINDOW_S, last)
        part = between(mouth.pairs, float(start), end)
        if part and speech_seconds(part) >= MIN_PAIR_S:
            out.append((float(start), end, judge.judged(part, mouth.mouth_px)))
    return out


def growth(mouth: Mouth, judge: Judge, points: int = 12) -> Rows:
    """[time, log10 LR of all up to then], at most `points` rows."""
    first, last = mouth.span
    rows: Rows = []
    for end in np.linspace(first, last, points + 1)[1:]:
        part = between(mouth.pairs, first, float(end))
        if part and speech_seconds(part) >= MIN_PAIR_S:
            rows.append([round(float(end), 3), round(judge.judged(part, mouth.mouth_px).log10_lr, 3)])
    return rows


__all__ = ["MIN_MOUTH_PX", "MIN_SPEECH_S", "Mouth", "between", "growth", "moments", "mouths_of", "spoken_runs"]
