"""The speech a vocoder learns from: read once, pitch and all, packed into the run's folder; and the crops of a step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facevalue.errors import UsageError
from facevalue.lab.voices.excitation import pulses
from facevalue.lab.voices.neural import HOP, RATE_HZ, tones
from facevalue.lab.voices.pitch import track
from facevalue.lab.voices.vocoder.recipe import Recipe

PACKED = "speech.npz"
LEAST_S = 10.0
# Crops vary in level: -18 to 0 dB full scale at their peak.
LEVELS_DB = (-18.0, 0.0)
_STEP = 3  # a stream of chance of its own
Sound = Callable[[Path], npt.NDArray[np.int16]]


@dataclass(frozen=True, slots=True)
class Speech:
    """Recordings end to end. wave: int16 (n,) at 16 kHz. hertz: float32, a value every HOP samples, each recording's
    own. starts: int64 (count + 1, 2), where each begins in wave and in hertz. digest: of all of it."""

    wave: npt.NDArray[np.int16]
    hertz: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]

    @property
    def digest(self) -> str:
        """sha256 of the waves and where each starts."""
        return hashlib.sha256(self.wave.tobytes() + self.starts.tobytes()).hexdigest()

    @property
    def seconds(self) -> float:
        """Of all recordings."""
        return len(self.wave) / RATE_HZ


@dataclass(frozen=True, slots=True)
class Batch:
    """real, pulses, noise: float32 (b, crop). tones: float32 (b, crop / HOP + 1, 2), voiced and octaves. judged: where
    in the crops the discriminators look, half of them: they are what costs most."""

    real: Tensor
    pulses: Tensor
    noise: Tensor
    tones: Tensor
    judged: slice


def pack(paths: Sequence[Path], read: Sound, out: Path, shortest: int, report: Callable[[int, int], None]) -> Speech:
    """Read the recordings, find their pitch, keep both in out/speech.npz. A recording that is too short is left out.

    Raises UsageError when less than LEAST_S remain.
    """
    waves, pitches = [], []
    for done, path in enumerate(paths, 1):
        wave = read(path)
        if len(wave) > shortest + HOP:
            waves.append(wave)
            pitches.append(track(wave / 32768, RATE_HZ, HOP / RATE_HZ).hertz.astype(np.float32))
        report(done, len(paths))
    if sum(map(len, waves)) < LEAST_S * RATE_HZ:
        raise UsageError(f"a vocoder needs {LEAST_S:.0f} s of speech at least, in recordings longer than a crop")
    ends = [[0, 0], *zip(np.cumsum([len(w) for w in waves]), np.cumsum([len(t) for t in pitches]), strict=True)]
    speech = Speech(np.concatenate(waves), np.concatenate(pitches), np.asarray(ends, np.int64))
    half = out / f".{PACKED}.partial.npz"
    np.savez(half, wave=speech.wave, hertz=speech.hertz, starts=speech.starts)
    half.replace(out / PACKED)
    return speech


def packed(out: Path) -> Speech | None:
    """What pack left in a run's folder, if it is whole."""
    try:
        with np.load(out / PACKED, allow_pickle=False) as stored:
            return Speech(stored["wave"], stored["hertz"], stored["starts"])
    except (OSError, KeyError, ValueError):
        return None


def batch(speech: Speech, recipe: Recipe, step: int) -> Batch:
    """What step `step` is shown: a function of the recording, the seed and the step alone."""
    chance = np.random.default_rng([recipe.seed, _STEP, step])
    rows = [_crop(speech, recipe, chance) for _ in range(recipe.batch)]
    real, pulse, tones_ = (np.stack([row[k] for row in rows]).astype(np.float32) for k in range(3))
    noise = chance.standard_normal((recipe.batch, recipe.crop), np.float32)
    start = int(chance.integers(0, recipe.crop // 2 + 1))
    judged = slice(start, start + recipe.crop // 2)
    of = torch.from_numpy
    return Batch(of(real), of(pulse), of(noise), of(tones_), judged)


def _crop(
    speech: Speech, recipe: Recipe, chance: np.random.Generator
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating], npt.NDArray[np.float32]]:
    """A stretch of a recording, by chance: long recordings come more often."""
    room = np.diff(speech.starts[:, 0]) - recipe.crop
    which = int(chance.choice(len(room), p=room / room.sum()))
    frame = int(chance.integers(0, room[which] // HOP + 1))
    start, tone = speech.starts[which]
    wave = speech.wave[start + frame * HOP :][: recipe.crop].astype(np.float32) / np.float32(32768)
    level = np.float32(10 ** (chance.uniform(*LEVELS_DB) / 20)) / max(float(np.abs(wave).max()), 1e-3)
    hertz = speech.hertz[tone + frame :][: recipe.frames + 1].astype(np.float64)
    fired = pulses(hertz, HOP, recipe.crop, RATE_HZ, float(chance.random()))
    return wave * level, fired, tones(hertz)
