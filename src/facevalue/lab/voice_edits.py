"""Partial edits: a synthetic sentence inside a real recording. Made from pages that the judging machine never saw."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import (
    CLOSE_HOP_S,
    CLOSE_S,
    HOP_S,
    WINDOW_S,
    SpeechQuality,
    bands_db,
    quality,
)
from facevalue.examiners.voice.statistics import statistics
from facevalue.lab.voice_cache import whole
from facevalue.lab.voice_channel import Wave, at_level
from facevalue.lab.voice_data import RATE_HZ, Clip

RECORDINGS = 8  # of each fold and kind
HOST_CLIPS = 5
SENTENCE_S = (1.5, 3.0)
FADE = 160

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of about 20 s made of clips of one condition. synthetic: (start_s, end_s) of the sentence that was
    put in, None where none was; spliced: the same where the sentence is a real one, of another condition. fold: the
    one that all its parts are of."""

    wave: Wave
    synthetic: tuple[float, float] | None
    spliced: tuple[float, float] | None
    fold: int
    condition: str


def recordings(clips: Sequence[Clip], seed: int = 0, most: int = RECORDINGS) -> list[Recording]:
    """Recordings without an edit, with a synthetic sentence put in, and with a real one, as many of each: hosts in turn
    over the conditions of a fold. The last are innocent here, so that a joint by itself says nothing."""
    rng = np.random.default_rng(seed)
    out = []
    for fold in sorted({clip.fold for clip in clips}):
        hosts: dict[str, list[Clip]] = defaultdict(list)
        for clip in clips:
            if clip.fold == fold and clip.label == 0:
                hosts[clip.group].append(clip)
        donors = [clip for clip in clips if clip.fold == fold and clip.label == 1 and not clip.codec]
        names = [name for name in sorted(hosts) if len(hosts[name]) >= 3]
        for number in range(most if donors and names else 0):
            mine = hosts[names[number % len(names)]]
            wave = np.concatenate([whole(mine[i]) for i in rng.permutation(len(mine))[:HOST_CLIPS]])
            out.append(Recording(wave, None, None, fold, mine[0].group))
            for pool in (donors, [clip for name in names if name != mine[0].group for clip in hosts[name]]):
                if pool:
                    out.append(_edited(wave, pool[rng.integers(len(pool))], fold, mine[0].group, rng))
    return out


def _edited(wave: Wave, donor: Clip, fold: int, condition: str, rng: np.random.Generator) -> Recording:
    sentence = whole(donor)[: int(rng.uniform(*SENTENCE_S) * RATE_HZ)]
    rms = float(np.sqrt((wave.astype(np.float64) ** 2).mean()))
    sentence = at_level(sentence, 20 * np.log10(max(rms, 1e-4)))
    ramp = np.minimum(1.0, np.minimum(np.arange(len(sentence)), np.arange(len(sentence))[::-1]) / FADE)
    start = int(rng.integers(RATE_HZ, max(RATE_HZ + 1, len(wave) - len(sentence) - RATE_HZ)))
    stop = start + len(sentence)
    out = wave.copy()
    out[start:stop] = out[start:stop] * (1 - ramp).astype(np.float32) + sentence * ramp.astype(np.float32)
    span = (start / RATE_HZ, stop / RATE_HZ)
    return Recording(out, span if donor.label else None, None if donor.label else span, fold, condition)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a machine said of a recording. segments: of 4 s, with logits (n,) in `whole`. spans: (start, stop) in
    samples of the short segments; logits (m,) and quality of theirs; share: of each that is synthetic, (m,)."""

    spans: tuple[tuple[int, int], ...]
    logits: Floats
    quality: tuple[SpeechQuality, ...]
    share: Floats
    segments: tuple[tuple[int, int], ...]
    whole: Floats
    whole_quality: tuple[SpeechQuality, ...]
    edited: bool
    fold: int

    @property
    def median(self) -> float:
        """Of the logits of 4 s segments."""
        return float(np.median(self.whole))


@dataclass(frozen=True, slots=True)
class Look:
    """Statistics of a recording's segments: of 4 s every 2 s, and of 2 s every second."""

    segments: tuple[tuple[int, int], ...]
    close: tuple[tuple[int, int], ...]
    statistics: Floats
    quality: tuple[SpeechQuality, ...]


def look(recording: Recording) -> Look:
    """Everything that the examiner may ask about a recording. Its speech is taken to be speech throughout."""
    n = len(recording.wave)
    segments = _cut(n, WINDOW_S, HOP_S)
    close = _cut(n, CLOSE_S, CLOSE_HOP_S)
    bands = [bands_db(recording.wave[a:b]) for a, b in (*segments, *close)]
    rows = [statistics(recording.wave[a:b], seen) for (a, b), seen in zip((*segments, *close), bands, strict=True)]
    return Look(segments, close, np.stack(rows), tuple(quality(seen) for seen in bands))


def kept(recording: Recording, folder: Path) -> Look:
    """What is seen of a recording, from the folder where it was seen before; a recording is known by its sound."""
    path = folder / f"edit-{hashlib.sha256(recording.wave.tobytes()).hexdigest()[:16]}.npz"
    if not path.is_file():
        made = look(recording)
        quality = [[q.narrow, q.noisy, q.short] for q in made.quality]
        half = path.with_suffix(".part.npz")
        np.savez(half, segments=made.segments, close=made.close, statistics=made.statistics, quality=quality)
        half.replace(path)
    with np.load(path) as stored:
        spans = [tuple((int(a), int(b)) for a, b in stored[name]) for name in ("segments", "close")]
        seen = tuple(SpeechQuality(*map(float, row)) for row in stored["quality"])
        return Look(spans[0], spans[1], stored["statistics"], seen)


def _cut(n: int, length_s: float, hop_s: float) -> tuple[tuple[int, int], ...]:
    length = int(length_s * RATE_HZ)
    return tuple((a, a + length) for a in range(0, n - length + 1, int(hop_s * RATE_HZ)))


def heard(recording: Recording, seen: Look, logits: Floats) -> Heard:
    """logits: of seen.statistics, by the machine that never saw the recording's fold."""
    edge = len(seen.segments)
    share = [_share(recording.synthetic, span) for span in seen.close]
    return Heard(
        seen.close,
        logits[edge:],
        seen.quality[edge:],
        np.array(share, np.float32),
        seen.segments,
        logits[:edge],
        seen.quality[:edge],
        recording.synthetic is not None,
        recording.fold,
    )


def _share(synthetic: tuple[float, float] | None, span: tuple[int, int]) -> float:
    if synthetic is None:
        return 0.0
    a, b = span[0] / RATE_HZ, span[1] / RATE_HZ
    return max(0.0, min(b, synthetic[1]) - max(a, synthetic[0])) / (b - a)


Spans = Sequence[tuple[float, float]]


def measured(made: Sequence[Recording], spans: Sequence[Spans]) -> dict[str, float | int]:
    """How spans match what was put in, JSON-ready.

    edits_found: share of edits that one span covers by half of the edit's length or more, at a length of at most four
    times the edit's. synthetic_seconds_marked, marked_seconds_synthetic: recall and precision by time, in recordings
    with a synthetic sentence. false_spans_per_minute, unedited_with_a_span: in recordings without an edit.
    real_sentences_marked: share of sentences of real voices put in that a span covers by half.
    """
    both = list(zip(made, spans, strict=True))
    edits = [(r.synthetic, s) for r, s in both if r.synthetic is not None]
    real = [_hit(r.spliced, s) for r, s in both if r.spliced is not None]
    plain = [(r, s) for r, s in both if r.synthetic is None and r.spliced is None]
    covered = sum(_overlap(edit, s) for edit, s in edits)
    said = sum(b - a for _, s in edits for a, b in s)
    minutes = sum(len(r.wave) for r, _ in plain) / RATE_HZ / 60
    return {
        "edits_found": round(float(np.mean([_hit(edit, s) for edit, s in edits])), 4),
        "synthetic_seconds_marked": round(covered / sum(b - a for (a, b), _ in edits), 4),
        "marked_seconds_synthetic": round(covered / said, 4) if said else 0.0,
        "false_spans_per_minute": round(sum(len(s) for _, s in plain) / minutes, 4),
        "unedited_with_a_span": round(float(np.mean([len(s) > 0 for _, s in plain])), 4),
        "real_sentences_marked": round(float(np.mean(real)), 4) if real else 0.0,
        "n_edited": len(edits),
        "n_unedited": len(plain),
        "n_real_sentences": len(real),
        "unedited_minutes": round(minutes, 1),
    }


def _overlap(edit: tuple[float, float], spans: Spans) -> float:
    return sum(max(0.0, min(edit[1], b) - max(edit[0], a)) for a, b in spans)


def _hit(edit: tuple[float, float], spans: Spans) -> bool:
    length = edit[1] - edit[0]
    return any(b - a <= 4 * length and _overlap(edit, [(a, b)]) >= length / 2 for a, b in spans)
