"""Matching and mismatching pairs of mouths and speech, made in memory from real clips with sound.

match      the clip's own sound, moved by at most INNOCENT_S, as encoders do
shifted    the clip's own sound, moved by 0.2 to 1.5 s either way; where it ends it goes on from its start
swapped    the sound of another clip, or speech of another recording
re-voiced  other speech in this clip's own pauses: it speaks exactly when the mouth's owner spoke
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.examiners.lips.judge import SPEECH_FROM
from facevalue.examiners.lips.mouth import MouthShape, read_run
from facevalue.examiners.lips.speech import STEP_S, Speech, speech_of
from facevalue.examiners.lips.sync import INNOCENT_S, MAX_LAG_S, Pairing, pairing
from facevalue.lab.lips_clips import Seen

Floats = npt.NDArray[np.float32]

SHIFTS_S = (0.2, 0.3, 0.5, 1.5)
DURATIONS_S = (2.0, 4.0, 8.0)
# Windows of one clip and duration; the share of a window that must be speech.
MAX_WINDOWS, SPEECH_SHARE = 4, 0.5
# Mouth crops are also reduced to this and enlarged again: small faces.
SMALL_PX = 34


@dataclass(frozen=True, slots=True)
class Talker:
    """One clip, its main person: mouth shapes of each run, by crop size in px, and its speech."""

    name: str
    source: str
    label: int
    seed: int
    mouths: dict[int, tuple[MouthShape, ...]]
    speech: Speech


@dataclass(frozen=True, slots=True)
class Example:
    """One pair. kind: "match", "shifted 0.2 s", ...; label 1: they do not belong together. length_s: of the window."""

    clip: str
    source: str
    kind: str
    label: int
    length_s: float
    size: int
    mouth_px: float
    pairs: tuple[Pairing, ...]


def talkers(seen: Sequence[Seen], network: ort.InferenceSession) -> list[Talker]:
    """Every clip's main person, with the landmarks of both crop sizes."""
    out = []
    for clip in seen:
        frames = {p: sum(len(r.time_s) for q, r in clip.runs if q == p) for p, _ in clip.runs}
        main = max(sorted(frames), key=lambda p: frames[p])
        runs = [run for person, run in clip.runs if person == main]
        mouths = {size: tuple(read_run(network, run, size) for run in runs) for size in (64, SMALL_PX)}
        speech = speech_of(clip.samples, clip.start_s, clip.probability)
        out.append(Talker(clip.name, clip.source, clip.label, clip.seed, mouths, speech))
    return out


def examples(talker: Talker, others: Sequence[Speech]) -> Iterator[Example]:
    """All pairs of one clip; others: speech to put in place of its own."""
    rng = np.random.default_rng(talker.seed)
    for length, (start, end) in _windows(talker):
        for size in talker.mouths:
            swaps = [others[i] for i in rng.integers(len(others), size=4)]
            for kind, label, speech in _variants(talker.speech, start, end, swaps, rng):
                made = _cut(talker.mouths[size], start, end, speech)
                if made:
                    px = float(np.median([m.width_px for m in talker.mouths[size]]))
                    yield Example(talker.name, talker.source, kind, label, length, size, px, made)


def _cut(mouths: Sequence[MouthShape], start: float, end: float, speech: Speech) -> tuple[Pairing, ...]:
    out = []
    for mouth in mouths:
        keep = (mouth.time_s >= start) & (mouth.time_s <= end)
        if keep.sum() > 1 and (pair := pairing(mouth.time_s[keep], mouth.values[keep], speech)) is not None:
            out.append(pair)
    return tuple(out)


def _windows(talker: Talker) -> list[tuple[float, tuple[float, float]]]:
    """(nominal length, (start, end)) within the longest run, and the whole of it as length 0."""
    run = max(talker.mouths[64], key=lambda m: len(m.time_s))
    first, last = float(run.time_s[0]), float(run.time_s[-1])
    out = [(0.0, (first, last))]
    for length in DURATIONS_S:
        starts = np.arange(first, last - length + 1e-6, length / 2)
        good = [s for s in starts if _spoken(talker.speech, s, s + length) >= SPEECH_SHARE]
        picked = [good[i] for i in np.unique(np.linspace(0, len(good) - 1, MAX_WINDOWS).astype(int))] if good else []
        out += [(length, (float(s), float(s) + length)) for s in picked]
    return out


def _spoken(speech: Speech, start: float, end: float) -> float:
    keep = (speech.time_s >= start) & (speech.time_s < end)
    return float((speech.probability[keep] >= SPEECH_FROM).mean()) if keep.any() else 0.0


def _variants(
    own: Speech, start: float, end: float, swaps: Sequence[Speech], rng: np.random.Generator
) -> Iterator[tuple[str, int, Speech]]:
    yield "match", 0, _moved(own, float(rng.uniform(-INNOCENT_S, INNOCENT_S)))
    for seconds in SHIFTS_S:
        yield f"shifted {seconds:g} s", 1, _moved(own, seconds * float(rng.choice([-1, 1])))
    for other in swaps[:2]:
        yield "swapped", 1, _laid(other, start, end, rng)
    for other in swaps[2:]:
        yield "re-voiced", 1, _revoiced(own, other, rng)


def _moved(own: Speech, seconds: float) -> Speech:
    steps = round(seconds / STEP_S)
    return replace(own, levels=np.roll(own.levels, steps, axis=0), probability=np.roll(own.probability, steps))


def _laid(other: Speech, start: float, end: float, rng: np.random.Generator) -> Speech:
    """Another's speech over start..end and the lags around it, from a random place, repeated as needed."""
    count = round((end - start + 2 * MAX_LAG_S) / STEP_S)
    at = (int(rng.integers(len(other.levels))) + np.arange(count)) % len(other.levels)
    time_s = np.asarray(start - MAX_LAG_S + np.arange(count) * STEP_S, np.float64)
    return Speech(time_s, other.levels[at], other.probability[at])


def _revoiced(own: Speech, other: Speech, rng: np.random.Generator) -> Speech:
    """Another's spoken steps where this one speaks, its pauses (or silence) elsewhere."""
    spoken, loud = own.probability >= SPEECH_FROM, np.flatnonzero(other.probability >= SPEECH_FROM)
    quiet = np.flatnonzero(other.probability < SPEECH_FROM)
    levels = np.zeros_like(own.levels)
    first = int(rng.integers(len(loud)))
    levels[spoken] = other.levels[loud[(first + np.arange(int(spoken.sum()))) % len(loud)]]
    if len(quiet):
        levels[~spoken] = other.levels[quiet[np.arange(int((~spoken).sum())) % len(quiet)]]
    return replace(own, levels=levels)


__all__ = ["DURATIONS_S", "SHIFTS_S", "Example", "Talker", "examples", "talkers"]
