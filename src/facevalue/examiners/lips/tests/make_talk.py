"""Speech-like sound made by code, and footage of drawn mouths that move to it."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from facevalue.examiners.base import Subject
from facevalue.examiners.lips.speech import speech_of
from facevalue.exhibit import Exhibit
from facevalue.faces.track import MouthRun, Track
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo, Sound

RATE = 16_000
FRAME_HZ = 25.0
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def speech_like(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """int16 (n,): a pulse train through formants, in syllables of uneven loudness, with pauses. Nobody's voice."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE:
        parts += [_syllable(rng), np.zeros(int(rng.choice([0.03, 0.08, 0.3], p=[0.5, 0.35, 0.15]) * RATE))]
    sound = np.concatenate(parts)[: int(seconds * RATE)]
    sound = sound / (np.sqrt(np.mean(sound**2)) + 1e-9) * level + rng.normal(0, 1e-4, len(sound))
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


def _syllable(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.uniform(0.12, 0.28) * RATE)
    pitch = rng.uniform(100, 150) * np.linspace(1.05, 0.92, n)
    pulses = (np.diff(np.floor(np.cumsum(pitch / RATE)), prepend=0) > 0).astype(float)
    out = lfilter([1.0], [1.0, -0.95], pulses) + rng.normal(0, 0.02, n)
    for formant, width in zip(VOWELS[rng.integers(len(VOWELS))], (80, 100, 140), strict=True):
        r, w = np.exp(-np.pi * width / RATE), 2 * np.pi * formant / RATE
        out = lfilter([1 - r], [1, -2 * r * np.cos(w), r * r], out)
    edge = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / 600)
    return out / (np.abs(out).max() + 1e-9) * edge * rng.uniform(0.3, 1.0)


def openings(samples: np.ndarray, seconds: float, late_s: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(times, opening 0..1) of a mouth that speaks these samples; late_s: the sound comes so much after the lips."""
    speech = speech_of(samples, -late_s, np.ones(1, np.float32))
    times = np.arange(int(seconds * FRAME_HZ)) / FRAME_HZ
    return times, np.clip(np.interp(times, speech.time_s, speech.levels[:, -1]), 0, 1)


def run_of(drawn: np.ndarray, times: np.ndarray, eyes_px: float = 60.0) -> MouthRun:
    return MouthRun(times, drawn, np.full(len(times), eyes_px, np.float32))


def track_of(run: MouthRun | None, number: int = 1, person: int = 1) -> Track:
    times = run.time_s if run is not None else np.arange(3) / 5
    boxes = np.tile(np.array([[10, 10, 120, 150]], np.float32), (len(times), 1))
    marks = np.zeros((len(times), 5, 2), np.float32)
    none = np.zeros((0, 128), np.float32)
    return Track(number, person, times, boxes, marks, (), (), none, np.zeros(0), (run,) if run is not None else ())


def subject(samples: np.ndarray | None, tracks: tuple[Track, ...] | None, start_s: float = 0.0) -> Subject:
    info = ClipInfo("mp4", 640, 480, 8.0, FRAME_HZ, "h264", "yuv420p", 0, 1, 1, True, ())
    sound = None if samples is None else Sound(samples, start_s, RATE, 1, "aac", None)
    footage = Footage(info, None, (), tracks, np.zeros(0), sound)
    return Subject(Exhibit("a.mp4", b"", "0" * 64, "video/mp4"), None, {}, None, None, footage)


__all__ = ["openings", "run_of", "speech_like", "subject", "track_of"]
