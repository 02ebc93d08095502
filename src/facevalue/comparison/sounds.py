"""Comparing two sounds: stretches that agree on an offset in time, what lies between, and what differs within."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.comparison.record import Change
from facevalue.comparison.timeline import Stretch, changed_share, gaps
from facevalue.fingerprint import sound
from facevalue.fingerprint.sound import FRAME_S, RATE_HZ, Landmarks, landmarks

Samples = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

# An offset is one that so many landmarks agree on; two offsets nearer than this are one.
_LEAST_LANDMARKS = 6
_NEAR_FRAMES = 2
_MOST_OFFSETS = 24
# Landmarks of one stretch that are further apart than this are of two.
_BREAK_S = 1.2
_LEAST_GAP_S = 0.25
# Bands of spectra that are compared within a stretch, and the windows in which they are.
_BAND_HZ = (250, 3400)
_BANDS = 20
_WINDOW_S = 0.2
_ALIKE = 0.45
_LEAST_ODD_S = 0.15
# Two spans that differ with less than 0.3 s between them are one: a word that was replaced shares a sound by chance.
_JOIN_FRAMES = 19
_QUIET_DB = 25.0


@dataclass(frozen=True, slots=True)
class Heard:
    """stretches: what both have, in order."""

    stretches: tuple[Stretch, ...]
    changes: tuple[Change, ...]
    changed_share: float
    whole: tuple[str, ...]


def compare_sounds(there: Samples, here: Samples) -> Heard | None:
    """What was done to a sound, both int16 mono at 16 kHz; None when no stretch of the one occurs in the other."""
    lengths = (len(there) / RATE_HZ, len(here) / RATE_HZ)
    one, other = _profile(there), _profile(here)
    runs = _stretches(landmarks(there), landmarks(here), one, other)
    if not runs:
        return None
    spans = gaps(runs, lengths, _LEAST_GAP_S, "sound")
    spans = [
        Change(
            c.kind, c.what.replace("sound of this span were", "sound of this span was"), None, c.span, c.suspect_span
        )
        for c in spans
    ]
    odd = [change for run in runs for change in _odd(run, one, other)]
    found = sorted([*spans, *odd], key=lambda c: (c.span or c.suspect_span or (0.0, 0.0))[0])
    whole = ("Every moment of the original's sound is there, in order.",) if not spans else ()
    return Heard(tuple(runs), tuple(found), changed_share(found, lengths), whole)


def _stretches(one: Landmarks, other: Landmarks, a: Floats, b: Floats) -> list[Stretch]:
    """Stretches with one offset each, ascending in both; the ends are moved to where the spectra part."""
    there, here = sound.pairs(one.hashes, other.hashes)
    if not len(there):
        return []
    at_there, at_here = one.frames[there], other.frames[here]
    found: list[tuple[int, int, int]] = []  # first and last frame here, offset
    free = np.ones(len(at_here), np.bool_)
    for _ in range(_MOST_OFFSETS):
        offset, chosen = _best_offset(at_there - at_here, free)
        if len(chosen) < _LEAST_LANDMARKS:
            break
        free[np.abs(at_there - at_here - offset) <= _NEAR_FRAMES] = False
        found += [(s, e, offset) for s, e in _clusters(at_here[chosen])]
    return _grown(_ordered(found), a, b)


def _best_offset(offsets: Ints, free: npt.NDArray[np.bool_]) -> tuple[int, Ints]:
    places = np.flatnonzero(free)
    if not len(places):
        return 0, places
    ranked = np.sort(offsets[places])
    counts = np.searchsorted(ranked, ranked + _NEAR_FRAMES, side="right") - np.arange(len(ranked))
    start = int(np.argmax(counts))
    offset = int(np.median(ranked[start : start + int(counts[start])]))
    return offset, places[np.abs(offsets[places] - offset) <= _NEAR_FRAMES]


def _clusters(frames: Ints) -> list[tuple[int, int]]:
    """Runs of landmarks without a long break, each with enough of them."""
    ranked = np.sort(frames)
    parts = np.split(ranked, np.flatnonzero(np.diff(ranked) > _BREAK_S / FRAME_S) + 1)
    return [(int(p[0]), int(p[-1])) for p in parts if len(p) >= _LEAST_LANDMARKS]


def _ordered(found: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The longest chain of stretches that ascend in both recordings (weighted by length)."""
    found = sorted(found)
    best = [end - start + 1 for start, end, _ in found]
    back = [-1] * len(found)
    for n, (start, end, offset) in enumerate(found):
        for m, (_, e, o) in enumerate(found[:n]):
            if e <= start + 2 and e + o <= start + offset + 2 and best[m] + end - start + 1 > best[n]:
                best[n], back[n] = best[m] + end - start + 1, m
    chain, at = [], int(np.argmax(best)) if best else -1
    while at >= 0:
        chain.append(found[at])
        at = back[at]
    return chain[::-1]


def _grown(chain: list[tuple[int, int, int]], a: Floats, b: Floats) -> list[Stretch]:
    """Stretches of one offset joined, and each end moved outwards as long as the spectra agree."""
    joined: list[list[int]] = []
    for start, end, offset in chain:
        if joined and abs(joined[-1][2] - offset) <= _NEAR_FRAMES:
            joined[-1][1] = end
        else:
            joined.append([start, end, offset])
    out = []
    for n, (start, end, offset) in enumerate(joined):
        low = (
            max(0, -offset, *(v for p in joined[n - 1 : n] for v in (p[1], p[1] + p[2] - offset)))
            if n
            else max(0, -offset)
        )
        high = min(len(b) - 1, len(a) - 1 - offset)
        if n + 1 < len(joined):
            high = min(high, joined[n + 1][0], joined[n + 1][0] + joined[n + 1][2] - offset)
        alike = _alike(a, b, offset)
        first, last = _reach(alike, start, low, -1), _reach(alike, end, high, 1)
        joined[n][0], joined[n][1] = first, last
        out.append(
            Stretch(
                ((first + offset) * FRAME_S, (last + offset + 1) * FRAME_S), (first * FRAME_S, (last + 1) * FRAME_S)
            )
        )
    return out


def _reach(alike: npt.NDArray[np.bool_], start: int, limit: int, step: int) -> int:
    """From a frame outwards while frames agree; short dissents are passed over."""
    last, misses = start, 0
    for frame in range(start, limit + step, step):
        if frame < 0 or frame >= len(alike):
            break
        if alike[frame]:
            last, misses = frame, 0
        else:
            misses += 1
            if misses * FRAME_S > 0.25:
                break
    return last


def _profile(samples: Samples) -> Floats:
    """log power in bands of the telephone's range, float32 (frames, bands), each frame 16 ms."""
    count = max(0, (len(samples) - 512) // 256 + 1)
    found = np.zeros((count, _BANDS), np.float32)
    edges = np.geomspace(*_BAND_HZ, _BANDS + 1) / (RATE_HZ / 512)
    cuts = np.unique(np.rint(edges).astype(int))
    window = np.hanning(512).astype(np.float32)
    for start in range(0, count, 4096):
        stop = min(count, start + 4096)
        piece = np.asarray(samples[start * 256 : (stop - 1) * 256 + 512], np.float32)
        blocks = np.lib.stride_tricks.sliding_window_view(piece, 512)[::256] * window
        power = np.square(np.abs(np.fft.rfft(blocks, axis=1)))
        sums = np.add.reduceat(power[:, : cuts[-1]], cuts[:-1], axis=1)
        found[start:stop, : sums.shape[1]] = np.log10(sums + 1e3)
    return found


def _alike(a: Floats, b: Floats, offset: int) -> npt.NDArray[np.bool_]:
    """Per frame of the suspect: whether its spectrum follows the original's at that offset, over a window."""
    frames = np.arange(len(b))
    inside = (frames + offset >= 0) & (frames + offset < len(a))
    there = np.zeros_like(b)
    there[inside] = a[frames[inside] + offset]
    score = _correlation(there, b)
    loud = np.maximum(there.mean(axis=1), b.mean(axis=1))
    quiet = loud < np.percentile(loud, 95) - _QUIET_DB / 10
    return np.asarray(inside & ((score >= _ALIKE) | quiet), np.bool_)


def _correlation(a: Floats, b: Floats) -> Floats:
    """The correlation of two spectrograms over a window in time, their long-time averages and levels apart."""
    size = (1, max(3, round(_WINDOW_S / FRAME_S)))
    x, y = a - a.mean(axis=0), b - b.mean(axis=0)
    x, y = x - x.mean(axis=1, keepdims=True) * 0.5, y - y.mean(axis=1, keepdims=True) * 0.5

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values.mean(axis=1, keepdims=True), size), np.float32)[:, 0]

    mx, my = mean(x), mean(y)
    spread = np.sqrt(np.maximum((mean(x * x) - mx * mx) * (mean(y * y) - my * my), 1e-8))
    return np.asarray((mean(x * y) - mx * my) / spread, np.float32)


def _odd(run: Stretch, a: Floats, b: Floats) -> list[Change]:
    """Spans within a stretch where the spectra do not follow one another: something was put in its place."""
    first, last = round(run.suspect[0] / FRAME_S), round(run.suspect[1] / FRAME_S)
    offset = round((run.original[0] - run.suspect[0]) / FRAME_S)
    differs = ~_alike(a, b, offset)[first:last]
    joined = cv2.morphologyEx(differs.astype(np.uint8)[None], cv2.MORPH_CLOSE, np.ones((1, _JOIN_FRAMES), np.uint8))[0]
    edges = np.flatnonzero(np.diff(np.r_[0, joined.astype(np.int8), 0])).tolist()
    found = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if (stop - start) * FRAME_S >= _LEAST_ODD_S:
            here = ((first + start) * FRAME_S, (first + stop) * FRAME_S)
            there = (here[0] + offset * FRAME_S, here[1] + offset * FRAME_S)
            found.append(Change("replaced", "The sound of this span was replaced.", None, there, here))
    return found
