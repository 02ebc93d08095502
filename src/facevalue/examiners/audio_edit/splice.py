"""Butt splices: two stretches laid end to end leave one place that neither predicts.

A linear predictor fitted to what came just before whitens the sound up to a joint, one fitted to what comes just
after whitens it from the joint on; a joint stands out of both residuals as one pulse that is larger than every pulse
on its own side. Glottal pulses have neighbours of their size, a plosive's burst goes on for milliseconds and is no
larger than what follows, and a click heals: the samples around it go on as before. How often the sound itself makes
such lone pulses is read from its own tail (a contrario: Desolneux, Moisan & Morel 2000), so that an hour does not look
edited because it is long.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.spectra import Floats, Samples
from facevalue.examiners.audio_edit.trace import RATE_HZ, Mark, Trace, ranked

ORDER = 32
HOP = 256
FRAME = 512
STEP = 8  # half a millisecond
NEAR = 4  # steps next to the pulse that count for neither side
FAR = 50
CHUNK = 2048 * HOP
# Tail of the lone pulses: what lies above this quantile is fitted by an exponential.
TAIL_QUANTILE = 0.9
# The slope that unedited speech shows (median of 111 clips), and for how many pulses of the sound's own it counts.
SPEECH_SLOPE_DB = 1.9
SPEECH_WEIGHT = 40
CANDIDATES = 100
HALF = 512  # samples on either side of a candidate that its predictor is fitted to
HEAL_GAP = 6
HEAL_SHIFTS = (-4, 0, 4, 8, 12)
MIN_STEPS_OF_4_S = 4 * RATE_HZ // STEP
MIN_STEPS = 40 * FAR
LEAST_DB = -99.0
FULL_HEAL_DB = 10.0
CLICK_HEAL_DB = 13.0
# Variance of rounding to int16: below it nothing means anything.
ROUNDING = 1 / 12


def predictor(frames: Floats, order: int = ORDER) -> Floats:
    """Prediction error filters, float32 (frames, order + 1) with a leading 1, of rows of samples (Levinson-Durbin)."""
    window = np.hanning(frames.shape[1] + 2)[1:-1].astype(np.float32)
    # Padded just enough that no lag in use wraps around.
    spectrum = np.fft.rfft(frames * window, frames.shape[1] + 64, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    r = np.fft.irfft(power, frames.shape[1] + 64, axis=1)[:, : order + 1].astype(np.float64)
    r[:, 0] = r[:, 0] * (1 + 1e-6) + ROUNDING * frames.shape[1]
    filters = np.zeros((len(frames), order + 1))
    filters[:, 0] = 1
    error = r[:, 0].copy()
    for m in range(1, order + 1):
        reflection = -np.einsum("ij,ij->i", filters[:, :m], r[:, m:0:-1]) / error
        filters[:, 1 : m + 1] += reflection[:, None] * filters[:, m - 1 :: -1][:, :m]
        error = np.maximum(error * (1 - reflection**2), ROUNDING)
    return filters.astype(np.float32)


def pulses(samples: Samples) -> tuple[Floats, Floats]:
    """Residual energy, float32 (steps,), of every millisecond that starts at a step of 8 of int16 (n,) samples.

    The first under the predictor of the past, the second under that of the future; read in chunks of half a minute.
    """
    usable = len(samples) // HOP * HOP
    parts = [_chunk_pulses(samples[:usable], start) for start in range(0, usable, CHUNK)]
    past, future = (np.concatenate([p[i] for p in parts]) if parts else np.zeros(0, np.float32) for i in (0, 1))
    return tuple(e[:-1] + e[1:] + np.float32(2 * STEP * ROUNDING) for e in (past, future))  # type: ignore[return-value]


def _chunk_pulses(samples: Samples, start: int) -> tuple[Floats, Floats]:
    stop = min(start + CHUNK, len(samples))
    first, last = max(0, start - FRAME), min(len(samples), stop + FRAME)
    piece = np.asarray(samples[first:last], np.float32)
    piece = np.pad(piece, (FRAME - (start - first), FRAME - (last - stop)))
    count = (stop - start) // HOP
    # Row r ends where block r - ... starts: blocks use the row that ends at their start and the one from their end on.
    filters = predictor(np.lib.stride_tricks.sliding_window_view(piece, FRAME)[::HOP])
    blocks = np.lib.stride_tricks.sliding_window_view(piece[FRAME - ORDER :], HOP + ORDER)[::HOP][:count]
    spectrum = np.fft.rfft(blocks, axis=1)
    return tuple(_energy(spectrum, filters[row : row + count]) for row in (0, FRAME // HOP + 1))  # type: ignore[return-value]


def _energy(blocks: npt.NDArray[np.complexfloating], filters: Floats) -> Floats:
    # The circular convolution is wrong in its first ORDER samples only, and those are left out.
    residual = np.fft.irfft(blocks * np.fft.rfft(filters, HOP + ORDER, axis=1), axis=1)[:, ORDER:]
    energy: Floats = (residual.astype(np.float32) ** 2).reshape(-1, STEP).sum(axis=1)
    return energy


def _running_max(values: Floats, length: int) -> Floats:
    """Maximum of values[i : i + length], float32 (n - length + 1,), by doubling."""
    out, have = values, 1
    while have < length:
        step = min(have, length - have)
        out = np.maximum(out[:-step], out[step:])
        have += step
    return out


def lone_db(past: Floats, future: Floats) -> Floats:
    """How far a pulse stands above the largest of its side within 25 ms, the lesser of both sides, dB, float32 (n,)."""
    n = len(past)
    left = _running_max(np.pad(past, (FAR, 0), mode="edge"), FAR - NEAR + 1)[:n]
    right = _running_max(np.pad(future, (0, FAR), mode="edge"), FAR - NEAR + 1)[NEAR : NEAR + n]
    return np.asarray(10 * np.log10(np.minimum(past / left, future / right)), np.float32)


def tail_slope(db: Floats) -> float:
    """Mean excess (dB) of the sound's own lone pulses over their 90 % quantile, shrunk towards what speech shows.

    The largest of n such pulses grows by this much times ln n; a short sound has too few to tell by itself.
    """
    usable = len(db) // FAR * FAR
    maxima = db[:usable].reshape(-1, FAR).max(axis=1)
    above = maxima[maxima > np.quantile(maxima, TAIL_QUANTILE)]
    # The median of an exponential is its mean times ln 2, and a few joints do not move it.
    own = float(np.median(above - above.min())) / np.log(2) if above.size else SPEECH_SLOPE_DB
    return (SPEECH_WEIGHT * SPEECH_SLOPE_DB + len(above) * own) / (SPEECH_WEIGHT + len(above))


def healed_db(samples: Samples, places: Sequence[int]) -> npt.NDArray[np.float64]:
    """How much residual energy goes when six samples are replaced by their best prediction, dB, float64 (places,).

    The most over a few positions around each place (sample indices). Large for a click on a sound that goes on, small
    for a glottal pulse. Least squares interpolation from both sides (Janssen, Veldhuis & Vries 1986). 0.0 next to the
    ends.
    """
    out = np.zeros(len(places))
    inner = [i for i, at in enumerate(places) if at >= HALF and at + HALF <= len(samples)]
    if inner:
        rows = np.stack([np.asarray(samples[places[i] - HALF : places[i] + HALF], np.float32) for i in inner])
        filters = predictor(rows).astype(np.float64)
        healed = [_healed(rows, filters, shift) for shift in HEAL_SHIFTS]
        out[inner] = np.max(healed, axis=0)
    return out


def _healed(rows: Floats, filters: npt.NDArray[np.float64], shift: int) -> npt.NDArray[np.float64]:
    reach = HEAL_GAP + ORDER  # rows of the residual that a sample of the gap enters
    first = HALF + shift - HEAL_GAP // 2
    around = rows[:, first - ORDER : first + reach].astype(np.float64)
    column = np.arange(reach)[:, None] - np.arange(HEAL_GAP)[None, :]
    design = np.where((column >= 0) & (column <= ORDER), filters[:, np.clip(column, 0, ORDER)], 0.0)
    before = _filtered(around, filters)
    around[:, ORDER : ORDER + HEAL_GAP] = 0
    fixed = _filtered(around, filters)
    square = design.transpose(0, 2, 1) @ design + 1e-9 * np.eye(HEAL_GAP)
    best = np.linalg.solve(square, -design.transpose(0, 2, 1) @ fixed[:, :, None])
    after = fixed + (design @ best)[:, :, 0]
    # Per remaining degree of freedom, so that taking six samples out gains nothing by itself.
    floor = ROUNDING * reach
    kept = ((after**2).sum(axis=1) + floor) / (reach - HEAL_GAP)
    return np.asarray(10 * np.log10(((before**2).sum(axis=1) + floor) / reach / kept), np.float64)


def _filtered(around: npt.NDArray[np.float64], filters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    windows = np.lib.stride_tricks.sliding_window_view(around, ORDER + 1, axis=1)
    return np.asarray(np.einsum("ijk,ik->ij", windows, filters[:, ::-1]), np.float64)


def find_splices(samples: Samples) -> Trace:
    """Candidates for butt joints in int16 (n,) samples at 16 kHz, each a millisecond.

    Score, dB: how lone the pulse is, plus what healing takes away (a glottal pulse or a plosive does not heal; what
    heals altogether is a click), less what the largest of as many pulses gains by chance over that of 4 s.
    """
    db = lone_db(*pulses(samples))
    if len(db) < MIN_STEPS:
        return Trace("splice", note="too short for its own statistics")
    db[: 2 * FAR] = db[len(db) - 2 * FAR :] = LEAST_DB  # the ends are joints with nothing
    chance = tail_slope(db) * np.log(len(db) / MIN_STEPS_OF_4_S)
    marks = []
    strongest = _strongest(db)
    for index, healed in zip(strongest, healed_db(samples, [i * STEP for i in strongest]), strict=True):
        score = db[index] + min(healed, FULL_HEAL_DB) - 2 * max(0.0, healed - CLICK_HEAL_DB) - chance
        at = float(index * STEP / RATE_HZ)
        text = f"a break that the sound on neither side predicts, {db[index]:.0f} dB above every pulse around it"
        marks.append(Mark(at, at + 2 * STEP / RATE_HZ, float(score), text))
    return ranked("splice", marks, apart_s=0.05)


def _strongest(db: Floats) -> list[int]:
    """Indices of the largest values, each the largest within FAR of itself."""
    blocks = db[: len(db) // FAR * FAR].reshape(-1, FAR)
    count = min(CANDIDATES, len(blocks))
    top = np.argpartition(blocks.max(axis=1), -count)[-count:]
    return [int(b * FAR + blocks[b].argmax()) for b in top]
