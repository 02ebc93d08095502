"""Statistics of every clip on several journeys, made once and kept: what the voice machines are trained from.

View 0 is the clip as it is, the next are the clip after random journeys (voice_channel), every other time two seconds
of it, and the last is two seconds of the clip as it is, since short segments are judged too. Clips of one utterance
take the same journeys, so that nothing but the voice tells a spoof from its ground truth. The machines learn from all
views; the first JUDGED calibrate and are reported.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import SpeechQuality, bands_db, quality
from facevalue.examiners.voice.segments import SEGMENT_SAMPLES
from facevalue.examiners.voice.statistics import FAMILIES, SIZE, VERSION, statistics
from facevalue.lab.voice_channel import Wave, journey
from facevalue.lab.voice_data import RATE_HZ, Clip, read_pcm

VIEWS = 4
JUDGED = 2
SHORT_S = 2.0
SHORTEST_S = 3.3
CHUNK = 24

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """statistics: float32 (n, VIEWS, SIZE). quality: float32 (n, VIEWS, 3), narrow, noisy, short."""

    statistics: Floats
    quality: Floats

    def judged(self) -> Seen:
        """The first JUDGED views alone."""
        return Seen(self.statistics[:, :JUDGED], self.quality[:, :JUDGED])


def whole(clip: Clip) -> Wave:
    """A clip, float32 at 16 kHz, 3.3 s at least (a shorter one is repeated) and a segment at most."""
    wave: Wave = read_pcm(clip.path)[:SEGMENT_SAMPLES].astype(np.float32) / np.float32(32768)
    least = int(SHORTEST_S * RATE_HZ)
    return wave if len(wave) >= least else np.asarray(np.resize(wave, least), np.float32)


def seed_of(clip: Clip) -> int:
    """The same for all clips of one utterance; stable across machines and orders."""
    return int.from_bytes(hashlib.sha256((clip.pair or clip.path.name).encode()).digest()[:4], "big")


def views(clip: Clip, babble: Wave) -> list[Wave]:
    """The VIEWS of a clip. babble: sound that may lie in the background of a journey."""
    wave, seed = whole(clip), seed_of(clip)
    gone = (_gone(wave, seed, number, babble) for number in range(1, VIEWS - 1))
    return [wave, *gone, _short(wave, seed)]


def _gone(wave: Wave, seed: int, number: int, babble: Wave) -> Wave:
    """A wave after its journey of that number."""
    gone = journey(wave, np.random.default_rng([seed, number]), babble)[:SEGMENT_SAMPLES]
    return gone if (seed + number) % 2 else _short(gone, seed)


def _short(wave: Wave, seed: int) -> Wave:
    """Two seconds of it, from a place that the seed chooses."""
    start = (seed // 2) % max(1, len(wave) - int(SHORT_S * RATE_HZ))
    return wave[start : start + int(SHORT_S * RATE_HZ)]


def seen_of(wave: Wave) -> tuple[Floats, Floats]:
    """Statistics (SIZE,) and quality (3,) of one view: as the examiner sees a segment."""
    bands = bands_db(wave)
    return statistics(wave, bands), as_row(quality(bands))


def as_row(seen: SpeechQuality) -> Floats:
    """narrow, noisy, short, float32 (3,)."""
    return np.array([seen.narrow, seen.noisy, seen.short], np.float32)


def folder(clips: Sequence[Clip], out: Path) -> Path:
    """Where in the work folder what is seen of these clips is kept: a folder for each pool and version."""
    key = json.dumps([[clip.path.name, seed_of(clip), clip.fold] for clip in clips] + [VIEWS, FAMILIES, VERSION])
    return out / f"statistics-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def build(clips: Sequence[Clip], out: Path, workers: int, report: Callable[[str], None]) -> Seen:
    """What is seen of these clips; goes on where an interrupted call stopped."""
    marks = folder(clips, out)
    marks.mkdir(parents=True, exist_ok=True)
    starts = [s for s in range(0, len(clips), CHUNK) if not (marks / f"{s}.npz").is_file()]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(_chunk, list(clips), start, marks) for start in starts]
        for done, job in enumerate(as_completed(jobs), 1):
            job.result()
            if done % 5 == 0:
                report(f"statistics: {done} of {len(jobs)} parts")
    parts = [_read(marks / f"{start}.npz") for start in range(0, len(clips), CHUNK)]
    return Seen(np.concatenate([p.statistics for p in parts]), np.concatenate([p.quality for p in parts]))


def _read(path: Path) -> Seen:
    with np.load(path) as stored:
        return Seen(stored["statistics"], stored["quality"])


def _chunk(clips: list[Clip], start: int, marks: Path) -> None:
    part = clips[start : start + CHUNK]
    values = np.zeros((len(part), VIEWS, SIZE), np.float32)
    qualities = np.zeros((len(part), VIEWS, 3), np.float32)
    for row, clip in enumerate(part):
        # Voices in the background come from the clip's own fold: what is held out is not heard in training.
        near = [other for other in clips if other.fold == clip.fold]
        for view, wave in enumerate(views(clip, whole(near[seed_of(clip) % len(near)]))):
            values[row, view], qualities[row, view] = seen_of(wave)
    half = marks / f"{start}.part.npz"
    np.savez(half, statistics=values, quality=qualities)
    half.replace(marks / f"{start}.npz")
