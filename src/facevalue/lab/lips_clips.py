"""Clips with speech for the lips: what an examination would see and hear of them, kept in one file a clip.

<label>_<name>.npz   times, crops, eyes_px and person of each frame of the runs; samples, start_s and probability
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.errors import FacevalueError
from facevalue.exhibit import Exhibit
from facevalue.faces.track import MouthRun
from facevalue.footage import watch
from facevalue.media import ClipLimits, ReadPlan, open_clip
from facevalue.sound.vad import speech_probability, speech_seconds

Report = Callable[[str], None]
Pcm = npt.NDArray[np.int16]

# As footage.watch has it, without bursts, which runs do not need.
PLAN = ReadPlan(run_s=4.0, burst_frames=0)
MIN_SPEECH_S = 1.5
SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One clip. runs: (person, run). samples: int16, 16 kHz. start_s: of its first. probability: of speech."""

    name: str
    source: str
    label: int
    runs: tuple[tuple[int, MouthRun], ...]
    samples: Pcm
    start_s: float
    probability: npt.NDArray[np.float32]

    @property
    def seed(self) -> int:
        """One that does not depend on order."""
        return zlib.crc32(self.name.encode())


def collect(data: Path, cache: Path, report: Report = print) -> list[Seen]:
    """All clips with speech and a face, of DATA/videos/{real,fake}; watched once, then read from the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    out = []
    for path, label in _paths(data):
        kept = cache / f"{label}_{path.name}.npz"
        if not kept.is_file():
            _keep(path, kept, report)
        seen = _read(kept, path, label)
        if seen.runs and speech_seconds(seen.probability) >= MIN_SPEECH_S:
            out.append(seen)
    return out


def _paths(data: Path) -> Iterator[tuple[Path, int]]:
    for name, label in (("real", 0), ("fake", 1)):
        folder = data / "videos" / name
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix.lower() in SUFFIXES:
                yield path, label


def _keep(path: Path, kept: Path, report: Report) -> None:
    try:
        with open_clip(Exhibit.open(path), ClipLimits(), ReadPlan(pictures=False)) as clip:
            sound = clip.end().sound
    except FacevalueError:
        sound = None
    samples = np.asarray(sound.samples, np.int16) if sound else np.zeros(0, np.int16)
    probability = speech_probability(samples)
    footage = watch(Exhibit.open(path), plan=PLAN) if speech_seconds(probability) >= MIN_SPEECH_S else None
    runs = [(t.person, run) for t in (footage.tracks or ()) for run in t.runs] if footage else []
    partial = kept.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(
            stream,
            persons=np.array([p for p, _ in runs], np.int32),
            lengths=np.array([len(r.time_s) for _, r in runs], np.int32),
            times=np.concatenate([np.zeros(0), *(r.time_s for _, r in runs)]),
            eyes_px=np.concatenate([np.zeros(0, np.float32), *(r.eyes_px for _, r in runs)]),
            crops=np.concatenate([np.zeros((0, 64, 64), np.uint8), *(r.crops for _, r in runs)]),
            samples=samples,
            start_s=np.array(sound.start_s if sound else 0.0),
            probability=probability,
        )
    partial.replace(kept)
    report(f"{path.name}: {speech_seconds(probability):.1f} s of speech, {len(runs)} runs")


def _read(kept: Path, path: Path, label: int) -> Seen:
    with np.load(kept) as z:
        stored = {name: z[name] for name in z.files}
    edges = np.concatenate([[0], np.cumsum(stored["lengths"])]).astype(int)
    runs = []
    for person, a, b in zip(stored["persons"], edges, edges[1:], strict=False):
        run = MouthRun(stored["times"][a:b], stored["crops"][a:b], stored["eyes_px"][a:b])
        runs.append((int(person), run))
    source = path.stem.partition("_")[0]
    sound = (stored["samples"], float(stored["start_s"]), stored["probability"])
    return Seen(path.name, source, label, tuple(runs), *sound)


__all__ = ["PLAN", "Seen", "collect"]
