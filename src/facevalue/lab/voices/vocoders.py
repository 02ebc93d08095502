"""The vocoders by name: functions from a wave to the same speech, resynthesised. In memory, deterministic, no disk.

rng = np.random.default_rng(seed)
copy = VOCODERS["world"](wave, rate, rng)      # float32 (n,), as long as the wave, at its rate
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.voices import griffin_lim, neural, world
from facevalue.lab.voices.spectra import Wave

Vocoder = Callable[[Wave, int, np.random.Generator], Wave]
RATES = range(8_000, 96_001)
PIECE_S = 20.0
REACH_S = 2.0
LEAST = 64
_QUIET = 1e-5


def in_pieces(
    make: Callable[[Wave, int, np.random.Generator], npt.NDArray[np.floating]],
    wave: npt.NDArray[np.floating],
    rate: int,
    rng: np.random.Generator,
) -> Wave:
    """A vocoder over a wave of any length, float32 (n,): cut at the quietest places every PIECE_S seconds, so that
    memory does not grow with it. Silence stays silence. Raises UsageError for what is no wave (n,) of finite numbers
    at 8 to 96 kHz."""
    mono = np.asarray(wave, np.float32)
    if mono.ndim != 1 or not np.isfinite(mono).all() or rate not in RATES:
        raise UsageError("a vocoder takes a mono wave of finite numbers, float (n,), at 8,000 to 96,000 Hz")
    edges = [0, *_cuts(mono, rate), len(mono)]
    parts = [_one(make, mono[a:b], rate, rng) for a, b in itertools.pairwise(edges)]
    return np.concatenate(parts)


def _one(
    make: Callable[[Wave, int, np.random.Generator], npt.NDArray[np.floating]],
    part: Wave,
    rate: int,
    rng: np.random.Generator,
) -> Wave:
    if not len(part) or float(np.abs(part).max()) < _QUIET:
        return np.zeros(len(part), np.float32)
    if len(part) < LEAST:  # less than the shortest window's hop: there is nothing to analyse
        return part
    return np.asarray(make(part, rate, rng), np.float32)


def _cuts(wave: Wave, rate: int) -> list[int]:
    """Samples to cut at: the middle of the quietest 20 ms within REACH_S of every PIECE_S."""
    cuts, frame = [], rate // 50
    at, reach = int(PIECE_S * rate), int(REACH_S * rate)
    while at + reach < len(wave):
        near = wave[at - reach : at + reach]
        rows = near[: len(near) // frame * frame].reshape(-1, frame)
        cuts.append(at - reach + int(np.argmin((rows.astype(np.float64) ** 2).mean(axis=1))) * frame + frame // 2)
        at = cuts[-1] + int(PIECE_S * rate)
    return cuts


def world_copy(wave: Wave, rate: int, rng: np.random.Generator) -> Wave:
    """WORLD: pitch, spectral envelope, aperiodicity, and back."""
    return in_pieces(world.copy, wave, rate, rng)


def griffin_lim_copy(wave: Wave, rate: int, rng: np.random.Generator) -> Wave:
    """80 mel bands, and phases by Griffin-Lim."""
    return in_pieces(griffin_lim.copy, wave, rate, rng)


def gan_copy(wave: Wave, rate: int, rng: np.random.Generator) -> Wave:
    """The shipped GAN vocoder; nothing above 8 kHz comes back. Raises ModelError where it is not installed."""
    return in_pieces(neural.copy, wave, rate, rng)


VOCODERS: dict[str, Vocoder] = {"world": world_copy, "griffin-lim": griffin_lim_copy, "gan": gan_copy}
