"""Levels of 16 kHz mono sound: how loud, how much of it is active, how far above its background."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
FULL_SCALE = 32768.0
SILENT_DB = -100.0
FRAME = 320  # 20 ms
# Active frames lie within this of the active level (ITU-T P.56, margin of 15.9 dB).
ACTIVE_MARGIN_DB = 15.9
CLIP_AT = 32_700
BLOCK_FRAMES = 30_000  # ten minutes of frames are converted at a time, so that a memory map stays one

Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32] | npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


def to_float(samples: Samples) -> Floats:
    """float32 in -1..1: int16 is divided by full scale, floats are taken as they are, what is not finite becomes 0."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(FULL_SCALE)
    return np.nan_to_num(np.asarray(samples, np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def rms_db(samples: Samples) -> float:
    """Root mean square in dB re full scale; SILENT_DB for silence or nothing."""
    levels = frame_levels_db(samples, FRAME)
    return _power_mean_db(levels)


def frame_levels_db(samples: Samples, frame: int = FRAME) -> Floats:
    """RMS of each whole frame in dB re full scale, float32 (len(samples) // frame,), at least SILENT_DB.

    A rest shorter than a frame is left out unless it is all there is.
    """
    if not len(samples):
        return np.zeros(0, np.float32)
    if len(samples) < frame:
        return _levels(to_float(samples)[None])
    return np.concatenate([_levels(block) for block in _framed(samples, frame)])


def active_level_db(samples: Samples) -> float:
    """Active speech level: mean power of the frames within ACTIVE_MARGIN_DB of itself, dB re full scale.

    The fixed point of ITU-T P.56 over 20 ms frames instead of its envelope. SILENT_DB for silence.
    """
    levels = frame_levels_db(samples)
    level = _power_mean_db(levels)
    for _ in range(20):
        new = _power_mean_db(levels[levels >= level - ACTIVE_MARGIN_DB])
        if abs(new - level) < 0.01:
            break
        level = new
    return level


def active_seconds(samples: Samples) -> float:
    """Seconds of frames within ACTIVE_MARGIN_DB of the active level; 0 for digital silence."""
    levels, level = frame_levels_db(samples), active_level_db(samples)
    if level <= SILENT_DB:
        return 0.0
    return float(np.count_nonzero(levels >= level - ACTIVE_MARGIN_DB)) * FRAME / RATE_HZ


def noise_floor_db(samples: Samples) -> float:
    """The level that a tenth of the frames stay below, dB re full scale; frames of digital silence do not count."""
    levels = frame_levels_db(samples)
    heard = levels[levels > SILENT_DB]
    return float(np.percentile(heard, 10)) if len(heard) else SILENT_DB


def snr_db(samples: Samples) -> float:
    """Active level above the noise floor in dB, 0..100: an estimate that needs pauses to be right."""
    return float(np.clip(active_level_db(samples) - noise_floor_db(samples), 0.0, 100.0))


def clipped_fraction(samples: Samples) -> float:
    """Share of samples at the rails, 0..1."""
    if not len(samples):
        return 0.0
    limit = CLIP_AT if samples.dtype == np.int16 else CLIP_AT / FULL_SCALE
    # Two comparisons: abs() of the smallest int16 overflows.
    return float(np.count_nonzero(samples >= limit) + np.count_nonzero(samples <= -limit)) / len(samples)


def normalised(samples: Samples, target_db: float = -26.0) -> Floats:
    """The samples at an active level of target_db, float32, not clipped (values may leave -1..1). Silence stays."""
    level = active_level_db(samples)
    gain = 1.0 if level <= SILENT_DB else 10.0 ** ((target_db - level) / 20.0)
    return np.asarray(to_float(samples) * np.float32(gain), np.float32)


def _framed(samples: Samples, frame: int) -> Iterator[Floats]:
    whole = len(samples) // frame
    for start in range(0, whole, BLOCK_FRAMES):
        stop = min(whole, start + BLOCK_FRAMES)
        yield to_float(samples[start * frame : stop * frame]).reshape(-1, frame)


def _levels(frames: Floats) -> Floats:
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return np.asarray(10.0 * np.log10(np.maximum(power, 10.0 ** (SILENT_DB / 10.0))), np.float32)


def _power_mean_db(levels: Floats) -> float:
    if not len(levels):
        return SILENT_DB
    return max(SILENT_DB, float(10.0 * np.log10(np.mean(10.0 ** (levels.astype(np.float64) / 10.0)))))
