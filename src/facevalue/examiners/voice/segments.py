"""Which stretches of a recording are judged, what the network says of each, and which runs of them stand out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import (
    HOP_S,
    MIN_WINDOW_S,
    WINDOW_FRAMES,
    WINDOW_S,
    SpeechQuality,
    bands_db,
    quality,
)
from facevalue.sound.levels import RATE_HZ, Samples
from facevalue.sound.vad import speech_share

# A segment is judged when it holds this much speech.
MIN_SPEECH_S = 1.0
# Beyond this many seconds of sound, segments no longer overlap.
DENSE_UP_TO_S = 900.0

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound, start_s..end_s from the first sample, and what was seen there.

    logit: the network's, positive for synthetic. raw: its uncalibrated log10 LR; log10_lr: calibrated and bounded.
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

    samples: length of the recording. probability: of speech, as sound.vad gives it. Segments of 4 s every 2 s (every
    4 s beyond DENSE_UP_TO_S), the last one flush with the end; only those with MIN_SPEECH_S of speech.
    """
    window, total_s = int(WINDOW_S * RATE_HZ), samples / RATE_HZ
    if samples < MIN_WINDOW_S * RATE_HZ:
        return []
    if samples <= window:
        starts = [0]
    else:
        hop = int((HOP_S if total_s <= DENSE_UP_TO_S else WINDOW_S) * RATE_HZ)
        starts = list(range(0, samples - window + 1, hop))
        if starts[-1] + window < samples - RATE_HZ // 2:
            starts.append(samples - window)
    spans = [(start, min(samples, start + window)) for start in starts]
    return [span for span in spans if _speech_s(probability, span) >= MIN_SPEECH_S - 0.1]


def _speech_s(probability: Floats, span: tuple[int, int]) -> float:
    start, end = span[0] / RATE_HZ, span[1] / RATE_HZ
    return speech_share(probability, start, end) * (end - start)


def spectra(samples: Samples, spans: Sequence[tuple[int, int]], batch: int) -> Iterator[tuple[list[int], Floats]]:
    """Indices of spans and their band powers, float32 (n, frames, 128), at most `batch` of one length at a time."""
    for first in range(0, len(spans), batch):
        seen = [bands_db(samples[a:b])[:WINDOW_FRAMES] for a, b in spans[first : first + batch]]
        for length in sorted({len(bands) for bands in seen}):
            mine = [i for i, bands in enumerate(seen) if len(bands) == length]
            yield [first + i for i in mine], np.stack([seen[i] for i in mine])


def quality_of(bands: Floats) -> list[SpeechQuality]:
    """The quality of each of (n, frames, 128)."""
    return [quality(one) for one in bands]


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
