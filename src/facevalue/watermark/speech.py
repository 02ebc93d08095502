"""A mark in speech: small, informed changes of level in cells of 125 Hz by 40 ms, repeated every PERIOD_S seconds.

Spread spectrum on log levels (after Kirovski and Malvar 2003): codecs, telephone lines and resamplers keep levels even
where they keep no waveform. Each chip is a slot a little louder and the next a little softer in one band, which cancels
the slow course of speech. A sixth of the chips are pilots: they find where in the period a trimmed sound begins.
Informed as in pictures: a code bit that the speech itself already says is hardly touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.watermark import code, evidence, speech_cells
from facevalue.watermark.payload import Payload
from facevalue.watermark.reading import Reading
from facevalue.watermark.speech_cells import BANDS, HOP_S, PAIR, SLOT, Levels, Samples

MIN_RATE_HZ = 8000
PAIRS = 96
PERIOD_S = PAIRS * PAIR * HOP_S
MIN_MARK_S, MIN_READ_S = 2.0, 2.0
STARTS = 6
# Longer sounds are read in stretches, so that cuts and drift in one cost the others nothing.
_STRETCH_S, _STRETCHES = 30.0, 32

_SEED = 0xFACE_0002
_PILOT = code.CODE_BITS
# Contrasts beyond this are limited (dB).
_LIMIT_DB = 5.0
# Each code bit's chips shall say this much on average (dB); of the host's own part a share is cancelled, and no slot is
# changed by more than the cap.
_GOAL_DB, _REJECTED, _CAP_DB = 3.0, 0.5, 2.5
_STEPS = 2
_SHAPE = "a sound is an array of finite numbers, float32 (n,), mono"


@dataclass(frozen=True, slots=True)
class MarkedSound:
    """A marked sound. samples: float32 (n,). snr_db: power of the original over that of the change."""

    samples: Samples
    snr_db: float


def embed(samples: Samples, rate: int, payload: Payload) -> MarkedSound:
    """Hide a payload in speech. samples: float32 (n,), mono, full scale 1; rate: Hz, at least MIN_RATE_HZ.

    Raises UsageError for anything else and for less than MIN_MARK_S; reading wants PERIOD_S seconds of speech or more.
    """
    sound = _checked(samples, rate, MIN_MARK_S, "marked")
    word = code.signs(payload.to_bytes())
    frames = speech_cells.frames_in(len(sound), rate)
    gains = np.zeros((frames, BANDS), np.float32)
    marked = sound
    goal: Levels | None = None
    amount = np.zeros((-(-frames // PAIR), BANDS), np.float32)
    answers = _answering(speech_cells.contrasts(speech_cells.energies(sound, rate))[::PAIR], len(amount))
    for _ in range(_STEPS):
        said = _said(speech_cells.energies(marked, rate), len(amount), word)
        goal = np.maximum(said, _GOAL_DB + (1 - _REJECTED) * said) if goal is None else goal
        amount = np.clip(amount + (goal - said), 0, _CAP_DB) * answers
        gains = _gains(amount, word, frames)
        marked = speech_cells.shaped(sound, rate, gains)
    change = float(((marked - sound).astype(np.float64) ** 2).sum())
    power = float((sound.astype(np.float64) ** 2).sum())
    return MarkedSound(marked, 10 * float(np.log10(max(power, 1e-12) / max(change, 1e-12))))


def read(samples: Samples | npt.NDArray[np.int16], rate: int) -> Reading | None:
    """The payload, wherever the sound was cut out of the marked one; None where none is read above chance.

    samples, rate: as for embed(), or int16, at least MIN_READ_S; perhaps a memory map, of which a stretch at a time is
    in memory. Raises UsageError for anything else.
    """
    _check_shape(samples, rate, MIN_READ_S, "read")
    spans = _stretches(len(samples) / rate)
    for start, stop in spans:
        piece = _as_float(samples[round(start * rate) : round(stop * rate)])
        soft, starts = _received(speech_cells.contrasts(speech_cells.energies(piece, rate)))
        found = evidence.weighed(soft, STARTS * len(spans)) if len(soft) else None
        if found:
            row, reading = found
            return replace(reading, start_s=-(start + float(starts[row]) * HOP_S) % PERIOD_S)
    return None


def _checked(samples: Samples, rate: int, seconds: float, what: str) -> Samples:
    _check_shape(samples, rate, seconds, what)
    return _as_float(samples)


def _check_shape(samples: npt.NDArray[Any], rate: int, seconds: float, what: str) -> None:
    if rate < MIN_RATE_HZ:
        raise UsageError(f"speech is marked and read from {MIN_RATE_HZ} Hz up, not at {rate} Hz")
    if samples.ndim != 1:
        raise UsageError(_SHAPE)
    if len(samples) < seconds * rate:
        raise UsageError(f"a sound needs {seconds:g} s to be {what}; this one has {len(samples) / rate:.1f} s")


def _as_float(samples: npt.NDArray[Any]) -> Samples:
    """float32, full scale 1. Raises UsageError for what is not finite."""
    scale = np.float32(1 / 32768 if samples.dtype == np.int16 else 1)
    sound = np.asarray(samples, np.float32) * scale
    if not bool(np.isfinite(sound).all()):
        raise UsageError(_SHAPE)
    return sound


@cache
def _chips() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The code bit (_PILOT for pilots) and the sign of every chip of the period: both (PAIRS, BANDS)."""
    rng = np.random.default_rng(_SEED)
    pilots = BANDS // 6
    bit = np.empty((PAIRS, BANDS), np.int64)
    order = np.concatenate([rng.permutation(code.CODE_BITS) for _ in range(-(-PAIRS * BANDS // code.CODE_BITS))])
    for pair in range(PAIRS):
        taken = order[pair * (BANDS - pilots) : (pair + 1) * (BANDS - pilots)]
        bit[pair] = rng.permutation(np.concatenate([taken, np.full(pilots, _PILOT)]))
    return bit, rng.integers(0, 2, (PAIRS, BANDS)).astype(np.float32) * 2 - 1


def _wanted(word: code.Soft) -> Levels:
    """What every chip of the period shall say, +1 or -1: (PAIRS, BANDS)."""
    bit, sign = _chips()
    return np.append(word, np.float32(1))[bit] * sign


def _said(energy: Levels, pairs: int, word: code.Soft) -> Levels:
    """For every chip, how far (dB) its code bit's chips in this period say what they shall, on average."""
    contrast = speech_cells.contrasts(energy)[::PAIR]
    said = np.zeros((-(-pairs // PAIRS) * PAIRS, BANDS), np.float32)
    said[: min(len(contrast), pairs)] = np.clip(contrast[:pairs], -_LIMIT_DB, _LIMIT_DB)
    wanted, bit = _wanted(word), _chips()[0].reshape(-1)
    out = np.empty_like(said)
    count = np.bincount(bit, minlength=_PILOT + 1)
    for first in range(0, len(said), PAIRS):
        right = (said[first : first + PAIRS] * wanted).reshape(-1)
        mean = np.bincount(bit, weights=right, minlength=_PILOT + 1) / count
        out[first : first + PAIRS] = mean[bit].reshape(PAIRS, BANDS)
    return out[:pairs]


def _answering(contrast: Levels, pairs: int) -> Levels:
    """1 for the chips that a change within the cap can move, 0 where speech is beyond the limit: (pairs, BANDS)."""
    out = np.zeros((pairs, BANDS), np.float32)
    out[: len(contrast)] = np.abs(contrast[:pairs]) < _LIMIT_DB + _CAP_DB
    return out


def _gains(amount: Levels, word: code.Soft, frames: int) -> Levels:
    """Decibels for every frame: (frames, BANDS). amount: for every chip, half the contrast that is put in."""
    pairs = len(amount)
    chip = amount * np.tile(_wanted(word), (-(-pairs // PAIRS), 1))[:pairs]
    both = np.stack([np.repeat(chip[:, None], SLOT, axis=1), np.repeat(-chip[:, None], SLOT, axis=1)], axis=1)
    return np.asarray(both.reshape(-1, BANDS)[:frames], np.float32)


def _received(contrast: Levels) -> tuple[code.Soft, npt.NDArray[np.int64]]:
    """Soft values for the likeliest starts of the period: (STARTS, CODE_BITS), and those starts, in hops (STARTS,)."""
    folded = _folded(np.clip(contrast, -_LIMIT_DB, _LIMIT_DB))  # (PAIRS, PAIR, BANDS)
    bit, sign = _chips()
    pilots = np.where(bit == _PILOT, sign, 0)
    spectrum = np.fft.rfft(folded, axis=0) * np.conj(np.fft.rfft(pilots, axis=0))[:, None]
    fit = np.fft.irfft(spectrum.sum(axis=2), PAIRS, axis=0)  # (PAIRS, PAIR): by start
    starts = np.argsort(-fit, axis=None)[:STARTS]
    rows = [_soft(np.roll(folded[:, start % PAIR], -(start // PAIR), axis=0)) for start in starts]
    return np.stack(rows), starts


def _folded(contrast: Levels) -> Levels:
    """The sum over periods: (PAIRS, PAIR, BANDS)."""
    period = PAIRS * PAIR
    padded = np.zeros((-(-max(len(contrast), 1) // period) * period, BANDS), np.float32)
    padded[: len(contrast)] = contrast
    return np.asarray(padded.reshape(-1, PAIRS, PAIR, BANDS).sum(axis=0), np.float32)


def _soft(chips: Levels) -> code.Soft:
    bit, sign = _chips()
    total = np.bincount(bit.reshape(-1), weights=(chips * sign).reshape(-1), minlength=_PILOT + 1)
    return total[:_PILOT].astype(np.float32)


def _stretches(seconds: float) -> list[tuple[float, float]]:
    """The spans to read, the whole sound when it is short."""
    if seconds <= 1.5 * _STRETCH_S:
        return [(0.0, seconds)]
    count = min(_STRETCHES, int(np.ceil(2 * seconds / _STRETCH_S)))
    return [(float(s), float(s) + _STRETCH_S) for s in np.linspace(0, seconds - _STRETCH_S, count)]
