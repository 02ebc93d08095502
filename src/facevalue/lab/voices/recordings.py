"""Recordings as the lab's voices read them: decoded in the package's limited process, mono, 16 kHz."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.media.clip import SAMPLE_RATE_HZ
from facevalue.media.clip_plan import ReadPlan
from facevalue.media.clip_reader import open_clip

RATE_HZ = SAMPLE_RATE_HZ
MOST_SECONDS = 3_600.0
SUFFIXES = {".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".amr", ".mp4", ".mov", ".mkv", ".webm"}


def read(path: Path) -> npt.NDArray[np.int16]:
    """The sound of a recording or clip, int16 (n,) at RATE_HZ. Raises DecodeError when there is none or more than an
    hour of it, UnreadableError when the file cannot be opened."""
    with open_clip(Exhibit.open(path), plan=ReadPlan(pictures=False, burst_frames=0)) as clip:
        if clip.info.duration_s > MOST_SECONDS:
            raise DecodeError(f"{path.name} lasts {clip.info.duration_s:.0f} s; an hour is the most")
        sound = clip.end().sound
    if sound is None or not len(sound.samples):
        raise DecodeError(f"no sound could be read from {path.name}")
    return np.array(sound.samples[: int(MOST_SECONDS * RATE_HZ)])


def wave(path: Path) -> npt.NDArray[np.float32]:
    """As read, float32 with full scale 1."""
    return read(path).astype(np.float32) / np.float32(32768)


def listed(paths: Iterable[Path]) -> list[Path]:
    """Recordings, and those in folders and their subfolders, in order of name. Raises UsageError for none."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        found += inside if path.is_dir() else [path]
    if not found:
        raise UsageError("no recordings were given")
    return found
