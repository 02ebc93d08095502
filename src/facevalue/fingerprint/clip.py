"""A clip's fingerprint: PDQ once a second, with its time; and where in another clip it lies.

    value    "fc" 0x01 count(1) first(4) step(2)  then `count` times  bits(32), big endian; first and step in ms

A clip is found by any second of it. What aligns two clips is voted for: every pair of alike frames says "this moment
there is that moment here", at one of a few speeds, and the offset that most of the frames agree on wins.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.fingerprint.picture import MAX_DISTANCE, MIN_QUALITY, Pixels, pdq

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]

STEP_S = 1.0
MAX_FRAMES = 127
# The most values that one clip is registered with: half an hour.
MAX_VALUES = 15
# So many different moments must agree; a clip of fewer must agree in all that it has, and those must be two at least.
MIN_AGREEING = 3
SPEEDS = (1.0, 0.8, 0.9, 0.96, 1.0427, 1.1, 1.25)
_HEADER = struct.Struct(">2sBBIH")
_MAGIC, _VERSION = b"fc", 1
_NEAR_S = 0.75


@dataclass(frozen=True, slots=True)
class Moments:
    """PDQ at regular times. times: float64 (n,), seconds. bits: uint64 (n, 4)."""

    times: Floats
    bits: Bits

    def __len__(self) -> int:
        return len(self.times)

    def to_values(self) -> tuple[bytes, ...]:
        """The values that a registry keeps, at most 4,074 bytes each, earliest first; at most MAX_VALUES."""
        starts = range(0, len(self), MAX_FRAMES)
        return tuple(self._packed(start) for start in starts)[:MAX_VALUES]

    def _packed(self, start: int) -> bytes:
        times, bits = self.times[start : start + MAX_FRAMES], self.bits[start : start + MAX_FRAMES]
        head = _HEADER.pack(_MAGIC, _VERSION, len(times), round(times[0] * 1000), round(STEP_S * 1000))
        places = np.rint((times - times[0]) / STEP_S).astype(int)
        rows = np.zeros((min(MAX_FRAMES, int(places[-1]) + 1), 4), np.uint64)
        keep = places < len(rows)
        rows[places[keep]] = bits[keep]
        return head[:3] + bytes([len(rows)]) + head[4:] + rows.tobytes()

    @classmethod
    def from_bytes(cls, value: bytes) -> Moments:
        """Read one of the values. Raises ValueError for anything else."""
        if len(value) < _HEADER.size:
            raise ValueError("a clip's fingerprint is cut off")
        magic, version, count, first, step = _HEADER.unpack_from(value)
        if magic != _MAGIC or version != _VERSION or not count or not step:
            raise ValueError("this is no clip's fingerprint of this version")
        if len(value) != _HEADER.size + 32 * count:
            raise ValueError("a clip's fingerprint has another length than it says")
        bits = np.frombuffer(value, np.uint64, offset=_HEADER.size).reshape(-1, 4)
        there = bits.any(axis=1)
        return cls((first + step * np.arange(count))[there] / 1000, bits[there].copy())


def moments(frames: Iterable[tuple[float, Pixels]]) -> Moments:
    """From (time in seconds, uint8 (h, w, 3)) in order: the first frame of every second that has enough detail."""
    times: list[float] = []
    bits: list[bytes] = []
    for time_s, rgb in frames:
        slot = np.floor(time_s / STEP_S)
        if times and slot <= np.floor(times[-1] / STEP_S):
            continue
        found = pdq(rgb)
        if found.quality >= MIN_QUALITY:
            times.append(float(time_s))
            bits.append(found.bits)
    return Moments(np.array(times, np.float64), np.frombuffer(b"".join(bits), np.uint64).reshape(-1, 4))


@dataclass(frozen=True, slots=True)
class TimeMap:
    """Where a clip or a sound lies within another: time there = offset_s + speed * time here.

    agreeing: moments (or landmarks) that agree. span_s: the first and last of them, in the time here.
    """

    offset_s: float
    speed: float
    agreeing: int
    span_s: tuple[float, float]


def align(query: Moments, registered: Moments) -> TimeMap | None:
    """The offset and the speed that most moments of the query agree on; None where too few do."""
    if not len(query) or not len(registered):
        return None
    bits = np.bitwise_count(query.bits[:, None, :] ^ registered.bits[None, :, :]).sum(axis=2, dtype=np.int64)
    here, there = np.nonzero(bits <= MAX_DISTANCE)
    if not len(here):
        return None
    t, u = query.times[here], registered.times[there]
    found = [_voted(t, u, here, speed) for speed in SPEEDS]
    best = max(found, key=lambda m: m.agreeing)
    needed = min(MIN_AGREEING, len(query))
    return best if best.agreeing >= max(needed, 1) else None


def _voted(t: Floats, u: Floats, here: npt.NDArray[np.int64], speed: float) -> TimeMap:
    offsets = u - speed * t
    order = np.argsort(offsets)
    ranked = offsets[order]
    counts = np.searchsorted(ranked, ranked + 2 * _NEAR_S, side="right") - np.arange(len(ranked))
    start = int(np.argmax(counts))
    chosen = order[start : start + int(counts[start])]
    span = (float(t[chosen].min()), float(t[chosen].max()))
    return TimeMap(float(np.median(offsets[chosen])), speed, len(np.unique(here[chosen])), span)


def words(bits: Bits) -> npt.NDArray[np.int64]:
    """What frames are looked up by: each of their 16 bands of 16 bits, with its number."""
    bands = np.ascontiguousarray(bits).view(">u2").astype(np.int64)
    return np.unique(bands | np.arange(16, dtype=np.int64) << 16)


def of_values(values: Sequence[bytes]) -> Moments:
    """All values of one clip as one."""
    parts = [Moments.from_bytes(value) for value in values]
    return Moments(np.concatenate([p.times for p in parts]), np.concatenate([p.bits for p in parts]))
