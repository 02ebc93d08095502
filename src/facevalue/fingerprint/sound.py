"""A sound's fingerprint: landmarks, pairs of peaks in its spectrogram, each with its time (Wang, "An industrial-
strength audio search algorithm", ISMIR 2003), in the telephone's band; and where in another sound it lies.

    value    "fs" 0x01 0x00 count(2) first(4)  then `count` times  hash(3) frame(2), big endian; first in frames

A frame is 16 ms. A hash is the lower peak's frequency (8 bits), the step to the other (7 bits, signed) and the time
between them (6 bits). What is noise, coding or music over speech removes peaks and adds others: those that are left
agree on one offset in time.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.fingerprint.clip import TimeMap

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

RATE_HZ = 16_000
FRAME_S = 0.016
MAX_LANDMARKS = 815
MAX_VALUES = 30
_WINDOW, _HOP = 1024, 256
# The telephone's band, in bins of 15.6 Hz.
_LOWEST, _HIGHEST = 20, 218
_PEAK_BINS, _PEAK_FRAMES = 21, 17
_PEAKS_A_SECOND = 14
_FAN, _MOST_FRAMES, _MOST_BINS = 4, 63, 63
_HEADER = struct.Struct(">2sBBHI")
_ROW_BYTES = 5
_MAGIC, _VERSION = b"fs", 1
# Landmarks that agree on one offset: strangers' share a handful by chance (measured: bench/find.py).
MIN_AGREEING = 7
_NEAR_FRAMES = 2
_BLOCK_S = 60


@dataclass(frozen=True, slots=True)
class Landmarks:
    """hashes: int64 (n,), 21 bits each. frames: int64 (n,), when, in frames of 16 ms; ascending."""

    hashes: Ints
    frames: Ints

    def __len__(self) -> int:
        return len(self.hashes)

    def to_values(self) -> tuple[bytes, ...]:
        """The values that a registry keeps, at most 4,085 bytes each, earliest first; at most MAX_VALUES."""
        return tuple(self._packed(start) for start in range(0, len(self), MAX_LANDMARKS))[:MAX_VALUES]

    def _packed(self, start: int) -> bytes:
        frames, hashes = (x[start : start + MAX_LANDMARKS] for x in (self.frames, self.hashes))
        near = frames - frames[0] < 1 << 16
        rows = (hashes[near] << 16 | frames[near] - frames[0]).astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:]
        return bytes(_HEADER.pack(_MAGIC, _VERSION, 0, len(rows), int(frames[0])) + rows.tobytes())

    @classmethod
    def from_bytes(cls, value: bytes) -> Landmarks:
        """Read one of the values. Raises ValueError for anything else."""
        if len(value) < _HEADER.size:
            raise ValueError("a sound's fingerprint is cut off")
        magic, version, _, count, first = _HEADER.unpack_from(value)
        if magic != _MAGIC or version != _VERSION or not count or len(value) != _HEADER.size + _ROW_BYTES * count:
            raise ValueError("this is no sound's fingerprint of this version")
        rows = np.zeros((count, 8), np.uint8)
        rows[:, 3:] = np.frombuffer(value, np.uint8, offset=_HEADER.size).reshape(-1, _ROW_BYTES)
        packed = rows.view(">u8").ravel().astype(np.int64)
        return cls(packed >> 16 & 0x1FFFFF, (packed & 0xFFFF) + first)


def landmarks(samples: npt.NDArray[np.int16] | Floats, rate: int = RATE_HZ) -> Landmarks:
    """The landmarks of a mono sound at 16 kHz, int16 or float32 (n,). Raises ValueError for another rate or shape."""
    if rate != RATE_HZ or samples.ndim != 1:
        raise ValueError(f"a sound is mono at {RATE_HZ} Hz")
    bins, frames = _peaks(samples)
    return _paired(bins, frames)


def _spectrogram(samples: npt.NDArray[np.int16] | Floats) -> Floats:
    """log magnitude, float32 (frames, bins) of the telephone's band."""
    count = max(0, (len(samples) - _WINDOW) // _HOP + 1)
    found = np.empty((count, _HIGHEST - _LOWEST), np.float32)
    window = np.hanning(_WINDOW).astype(np.float32)
    step = int(_BLOCK_S / FRAME_S)
    for start in range(0, count, step):
        stop = min(count, start + step)
        piece = np.asarray(samples[start * _HOP : (stop - 1) * _HOP + _WINDOW], np.float32)
        blocks = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW)[::_HOP] * window
        power = np.abs(np.fft.rfft(blocks, axis=1)[:, _LOWEST:_HIGHEST])
        found[start:stop] = np.log(power + 1e-3)
    return found


def _peaks(samples: npt.NDArray[np.int16] | Floats) -> tuple[Ints, Ints]:
    """Bins and frames of the strongest local maxima, by time; so many a second."""
    spectrum = _spectrogram(samples)
    if not len(spectrum):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    kernel = np.ones((_PEAK_FRAMES, _PEAK_BINS), np.uint8)
    top = np.asarray(cv2.dilate(spectrum, kernel), np.float32)
    # A peak stands out of what is around it; silence and steady noise have none.
    floor = np.asarray(cv2.blur(spectrum, (3 * _PEAK_BINS, 3 * _PEAK_FRAMES)), np.float32)
    frames, bins = np.nonzero((spectrum >= top) & (spectrum > floor + 1.0))
    height = (spectrum - floor)[frames, bins]
    second = (frames * FRAME_S).astype(int)
    order = np.lexsort((-height, second))
    first = np.r_[0, np.flatnonzero(np.diff(second[order])) + 1] if len(order) else np.empty(0, int)
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    kept = np.sort(order[rank < _PEAKS_A_SECOND])
    return bins[kept].astype(np.int64), frames[kept].astype(np.int64)


def _paired(bins: Ints, frames: Ints) -> Landmarks:
    """Each peak with the next few that are near it in time and in frequency."""
    hashes, times = [], []
    taken = np.zeros(len(bins), np.int64)
    for step in range(1, min(len(bins), 4 * _PEAKS_A_SECOND)):
        gap, rise = frames[step:] - frames[:-step], bins[step:] - bins[:-step]
        good = (gap >= 2) & (gap <= _MOST_FRAMES) & (np.abs(rise) <= _MOST_BINS) & (taken[:-step] < _FAN)
        taken[:-step] += good
        hashes.append((bins[:-step] << 13 | (rise + 64) << 6 | gap)[good])
        times.append(frames[:-step][good])
    if not hashes:
        return Landmarks(np.empty(0, np.int64), np.empty(0, np.int64))
    all_hashes, all_times = np.concatenate(hashes), np.concatenate(times)
    order = np.lexsort((all_hashes, all_times))
    return Landmarks(all_hashes[order], all_times[order])


def align(query: Landmarks, registered: Landmarks) -> TimeMap | None:
    """The offset that most landmarks of the query agree on; None where no more do than among strangers."""
    here, there = pairs(query.hashes, registered.hashes)
    if not len(here):
        return None
    offsets = np.sort(registered.frames[there] - query.frames[here])
    counts = np.searchsorted(offsets, offsets + 2 * _NEAR_FRAMES, side="right") - np.arange(len(offsets))
    start = int(np.argmax(counts))
    offset = float(np.median(offsets[start : start + int(counts[start])]))
    near = np.abs(registered.frames[there] - query.frames[here] - offset) <= _NEAR_FRAMES
    moments = np.unique(query.frames[here][near])
    agreeing = min(len(np.unique(here[near])), 2 * len(moments))
    if agreeing < MIN_AGREEING:
        return None
    return TimeMap(offset * FRAME_S, 1.0, agreeing, (float(moments[0]) * FRAME_S, float(moments[-1]) * FRAME_S))


def pairs(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """All pairs of places with equal values."""
    order = np.argsort(other, kind="stable")
    ranked = other[order]
    first, last = np.searchsorted(ranked, one), np.searchsorted(ranked, one, side="right")
    counts = last - first
    here = np.repeat(np.arange(len(one)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return here.astype(np.int64), order[np.repeat(first, counts) + within].astype(np.int64)


def of_values(values: Sequence[bytes]) -> Landmarks:
    """All values of one sound as one."""
    parts = [Landmarks.from_bytes(value) for value in values]
    return Landmarks(np.concatenate([p.hashes for p in parts]), np.concatenate([p.frames for p in parts]))
