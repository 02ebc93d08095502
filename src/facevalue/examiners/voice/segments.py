"""Which stretches of a recording are judged, what the machines say of each, and which runs of them stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import (
    CLOSE_HOP_S,
    CLOSE_S,
    HOP_S,
    MIN_WINDOW_S,
    WINDOW_S,
    SpeechQuality,
)
from facevalue.sound.levels import RATE_HZ
from facevalue.sound.vad import speech_share

# A segment is judged when it holds this much speech.
MIN_SPEECH_S = 1.0
CLOSE_SPEECH_S = 0.8
# More segments than these are not judged: from a quarter of an hour of sound on they lie farther apart.
MAX_SEGMENTS = 450
# Of so many segments every second is looked at again, in shorter pieces.
MAX_CLOSE = 16
# A segment's frames of 10 ms fit whole into so many samples.
SEGMENT_SAMPLES = int(WINDOW_S * RATE_HZ)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound, start_s..end_s from the first sample, and what was seen there.

    logit: the machines', positive for synthetic. raw: its uncalibrated log10 LR; log10_lr: calibrated and bounded.
    """

    start_s: float
    end_s: float
    logit: float
    raw: float
    log10_lr: float
    quality: SpeechQuality

    @property
    def middle_s(self) -> float:
        """Its middle."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring segments that all speak for synthetic speech."""

    start_s: float
    end_s: float
    log10_lr: float
    logit: float


def plan(samples: int, probability: Floats) -> list[tuple[int, int]]:
    """(start, stop) in samples of the segments to judge, in order.

    samples: length of the recording. probability: of speech, as sound.vad gives it. Segments of 4 s every 2 s, farther
    apart where there would be more than MAX_SEGMENTS, the last one flush with the end; only those with MIN_SPEECH_S of
    speech.
    """
    window, total_s = int(WINDOW_S * RATE_HZ), samples / RATE_HZ
    if samples < MIN_WINDOW_S * RATE_HZ:
        return []
    if samples <= window:
        starts = [0]
    else:
        starts = list(range(0, samples - window + 1, int(max(HOP_S, total_s / MAX_SEGMENTS) * RATE_HZ)))
        if starts[-1] + window < samples - RATE_HZ // 2:
            starts.append(samples - window)
    return [s for s in ((a, min(samples, a + window)) for a in starts) if _spoken(probability, s, MIN_SPEECH_S - 0.1)]


def plan_close(segments: Sequence[Segment], probability: Floats) -> list[tuple[int, int]]:
    """(start, stop) of the short segments, 2 s every second, inside the MAX_CLOSE segments with the highest logits."""
    loud = sorted(segments, key=lambda s: -s.logit)[:MAX_CLOSE]
    length, hop = int(CLOSE_S * RATE_HZ), int(CLOSE_HOP_S * RATE_HZ)
    starts = {
        start for s in loud for start in range(round(s.start_s * RATE_HZ), round(s.end_s * RATE_HZ) - length + 1, hop)
    }
    spans = [(start, start + length) for start in sorted(starts)]
    return [span for span in spans if _spoken(probability, span, CLOSE_SPEECH_S)]


def _spoken(probability: Floats, span: tuple[int, int], least_s: float) -> bool:
    return _speech_s(probability, span) >= least_s


def _speech_s(probability: Floats, span: tuple[int, int]) -> float:
    start, end = span[0] / RATE_HZ, span[1] / RATE_HZ
    return speech_share(probability, start, end) * (end - start)


def runs(segments: Sequence[Segment], threshold: float) -> list[Run]:
    """Maximal runs of neighbouring segments whose log10 LR reaches the threshold, in order of time.

    Segments are neighbours when they touch or overlap. A run is trimmed to what only its own segments cover, as far as
    its neighbours below the threshold speak against the shared part; its log10 LR is that of its loudest segment.
    """
    out: list[Run] = []
    i = 0
    while i < len(segments):
        if segments[i].log10_lr < threshold:
            i += 1
            continue
        j = i
        while (
            j + 1 < len(segments)
            and segments[j + 1].log10_lr >= threshold
            and segments[j + 1].start_s <= segments[j].end_s + 1e-6
        ):
            j += 1
        out.append(_run(segments, i, j))
        i = j + 1
    return out


def _run(segments: Sequence[Segment], first: int, last: int) -> Run:
    start, end = segments[first].start_s, segments[last].end_s
    before = segments[first - 1].end_s if first > 0 else start
    after = segments[last + 1].start_s if last + 1 < len(segments) else end
    # What a quiet neighbour also covers is shared half and half; a run of one segment keeps its middle at least.
    start = min((start + max(start, before)) / 2, segments[first].middle_s - 0.5)
    end = max((end + min(end, after)) / 2, segments[last].middle_s + 0.5)
    loudest = max(segments[first : last + 1], key=lambda s: s.log10_lr)
    return Run(max(start, segments[first].start_s), min(end, segments[last].end_s), loudest.log10_lr, loudest.logit)


def curve(segments: Sequence[Segment], offset_s: float, most: int) -> list[list[float]]:
    """[[time_s, log10 LR], ...] of at most `most` points: means of neighbours where there are more segments."""
    if not segments:
        return []
    groups = np.array_split(np.arange(len(segments)), min(most, len(segments)))
    return [
        [
            round(offset_s + float(np.mean([segments[i].middle_s for i in group])), 3),
            round(float(np.mean([segments[i].log10_lr for i in group])), 3),
        ]
        for group in groups
    ]
