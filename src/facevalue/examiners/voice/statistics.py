"""What the voice machines judge: statistics of one segment of speech, in named families, all of them plain numpy.

Every family is a function of the segment alone (waveform or band spectra), invariant to level and, as far as it can
be, to a constant filter; so what is left says how speech moves, how regular its voicing and phase are, and how fine
its spectrum is, which is where vocoders, codecs and conversion differ from a larynx in a room.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import bands_db
from facevalue.examiners.voice.spectral import movement, structure
from facevalue.examiners.voice.temporal import envelopes, modulation, pauses
from facevalue.examiners.voice.voicing import Frames, frames_of, phases, residual, voicing
from facevalue.sound.levels import RATE_HZ, Samples, to_float

Floats = npt.NDArray[np.float32]

# Families by name and their lengths. The order is that of the vector.
FAMILIES: dict[str, int] = {
    "movement": 208,
    "structure": 520,
    "modulation": 96,
    "envelopes": 192,
    "voicing": 45,
    "phases": 64,
    "residual": 28,
    "pauses": 86,
}
SIZE = sum(FAMILIES.values())
# Counts up whenever what a family computes changes: what was kept of older ones is then made anew.
VERSION = 2
LEAST_SAMPLES = RATE_HZ // 4
LIMIT = 20.0


def statistics(samples: Samples, bands: Floats | None = None) -> Floats:
    """float32 (SIZE,), each within -LIMIT..LIMIT, of one segment: 16 kHz mono, int16 or float in -1..1, 1-4 s.

    bands: its band spectra (frontend.bands_db) where they are at hand. Silence and less than a quarter of a second
    give zeros.
    """
    wave = to_float(samples)
    if len(wave) < LEAST_SAMPLES or float(np.abs(wave - wave.mean()).max()) < 1e-4:
        return np.zeros(SIZE, np.float32)
    seen = bands_db(wave) if bands is None else bands
    looked = frames_of(wave)
    parts = [_checked(name, _of(name, seen, looked)) for name in FAMILIES]
    return np.concatenate(parts)


def _of(name: str, bands: Floats, looked: Frames) -> Floats:
    of_bands: dict[str, Callable[[Floats], Floats]] = {
        "movement": movement,
        "structure": structure,
        "modulation": modulation,
    }
    if name in of_bands:
        return of_bands[name](bands)
    if name == "envelopes":
        return envelopes(looked.wave)
    of_frames: dict[str, Callable[[Frames], Floats]] = {
        "voicing": voicing,
        "phases": phases,
        "residual": residual,
        "pauses": pauses,
    }
    return of_frames[name](looked)


def _checked(name: str, values: Floats) -> Floats:
    assert len(values) == FAMILIES[name], f"{name}: {len(values)}"
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=LIMIT, neginf=-LIMIT), -LIMIT, LIMIT).astype(np.float32)


def columns(families: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Where some families lie in the vector, int64 (n,), in the order given."""
    starts = dict(zip(FAMILIES, np.cumsum([0, *FAMILIES.values()]).tolist(), strict=False))
    return np.concatenate([np.arange(starts[f], starts[f] + FAMILIES[f]) for f in families]).astype(np.int64)
