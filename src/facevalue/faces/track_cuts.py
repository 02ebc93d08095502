"""Where one shot ends and the next begins, from thumbnails alone. Pure functions over arrays.

Twin comparison in the sense of Zhang, Kankanhalli and Smoliar (1993): a hard cut is one large step among small ones
that lasts; a flash is one that goes back; a dissolve is a slow change along the straight line between two pictures,
which tells it from a moving camera; a fade is judged by what lies on either side of the blank.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Thumbs = npt.NDArray[np.uint8]

THUMB_PX = 32
HISTOGRAM_BINS = 16
# A picture with less contrast than this (standard deviation in grey levels) shows nothing to compare.
BLANK_STD = 5.0
# Frames further apart than this lie in different segments: what happened between them is not known.
MAX_GAP_S = 1.5
FLASH_S = 0.4
FADE_S = 3.0
# A step counts as a cut from this change on, and only when it is this many times what its surroundings do, and what
# the steps right beside it do: a head that is thrown back changes the picture over several frames.
HARD_CHANGE, HARD_RATIO, NEXT_RATIO = 0.12, 3.0, 2.0
SURROUNDINGS_S = 0.5
LASTING_CHANGE = 0.2
DISSOLVE_HALF_S = (0.25, 0.5, 1.0)
DISSOLVE_RESIDUAL = 0.25
# A dissolve changes at least this share of the picture by more than so many grey levels; a head that moves does not.
CHANGED_SHARE, CHANGED_LEVELS = 0.5, 12.0
# A middle of the one picture that is found in the other this well has only moved.
MOVED_LIKENESS = 0.8
DISSOLVE_STEP_S = 0.1


def thumbnail(pixels: Pixels) -> Thumbs:
    """The luma of an RGB picture, uint8 (H, W, 3), reduced by area to uint8 (THUMB_PX, THUMB_PX)."""
    step = max(1, min(pixels.shape[:2]) // (4 * THUMB_PX))
    luma = cv2.cvtColor(np.ascontiguousarray(pixels[::step, ::step]), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(luma, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA), np.uint8)


def change(a: Thumbs, b: Thumbs) -> Floats:
    """How different two (stacks of) thumbnails are, 0 (equal) .. about 1, float64 (n,).

    a and b: uint8 (n, S, S). The mean of the drop in correlation, which exposure does not touch, and the L1 distance
    of luma histograms, which motion does not touch.
    """
    flat_a, flat_b = (x.reshape(len(x), -1).astype(np.float32) for x in (a, b))
    centred_a, centred_b = (x - x.mean(axis=1, keepdims=True) for x in (flat_a, flat_b))
    norms = np.sqrt((centred_a**2).sum(axis=1) * (centred_b**2).sum(axis=1))
    correlation = (centred_a * centred_b).sum(axis=1) / np.maximum(norms, 1e-6)
    spread = np.abs(_histograms(a) - _histograms(b)).sum(axis=1) / 2
    return np.asarray(0.5 * np.clip(1.0 - correlation, 0.0, 1.0) + 0.5 * spread, np.float64)


def _histograms(thumbs: Thumbs) -> Floats:
    bins = (thumbs.reshape(len(thumbs), -1) // (256 // HISTOGRAM_BINS)).astype(np.int64)
    offset = np.arange(len(bins))[:, None] * HISTOGRAM_BINS
    counts = np.bincount((bins + offset).ravel(), minlength=len(bins) * HISTOGRAM_BINS)
    return counts.reshape(len(bins), HISTOGRAM_BINS) / max(1, bins.shape[1])


def blank(thumbs: Thumbs) -> npt.NDArray[np.bool_]:
    """Which thumbnails, uint8 (n, S, S), show next to nothing (black, white, one colour)."""
    return np.asarray(thumbs.reshape(len(thumbs), -1).std(axis=1) < BLANK_STD)


def scene_cuts(thumbs: Thumbs, times: Floats) -> Floats:
    """Times (s) at which a new shot begins, float64 (k,), rising.

    thumbs: uint8 (n, S, S), luma of the frames in presentation order. times: float64 (n,), seconds. A jump in time
    of more than 1.5 s is a gap between segments and not a cut. Flashes, and fades that return to the same picture,
    are none either; a dissolve is one cut in its middle.
    """
    if len(thumbs) < 2:
        return np.zeros(0)
    empty = blank(thumbs)
    steps = _steps(thumbs, times, empty)
    hard = [i for i in _candidates(steps, times) if _lasts(thumbs, times, empty, i, float(steps[i]))]
    found = sorted({*(float(times[i]) for i in hard), *_through_blanks(thumbs, times, empty)})
    soft = [t for t in _dissolves(thumbs, times, empty) if all(abs(t - other) > FADE_S / 3 for other in found)]
    return np.array(sorted([*found, *soft]), np.float64)


def _steps(thumbs: Thumbs, times: Floats, empty: npt.NDArray[np.bool_]) -> Floats:
    """Change from each frame to the next, 0 where it is not known; steps[0] is 0."""
    out = np.zeros(len(thumbs))
    for first in range(1, len(thumbs), 4096):
        last = min(len(thumbs), first + 4096)
        out[first:last] = change(thumbs[first - 1 : last - 1], thumbs[first:last])
    out[1:][(np.diff(times) > MAX_GAP_S) | empty[1:] | empty[:-1]] = 0.0
    return out


def _candidates(steps: Floats, times: Floats) -> list[int]:
    out = []
    for i in np.flatnonzero(steps > HARD_CHANGE):
        low, high = np.searchsorted(times, (times[i] - SURROUNDINGS_S, times[i] + SURROUNDINGS_S + 1e-9))
        around = np.concatenate([steps[low : i - 1], steps[i + 2 : high]])
        usual = float(np.percentile(around, 80)) if around.size else 0.0
        beside = max([*steps[max(0, i - 2) : i], *steps[i + 1 : i + 3]], default=0.0)
        if steps[i] > HARD_RATIO * usual and steps[i] > NEXT_RATIO * beside:
            out.append(int(i))
    return out


def _lasts(thumbs: Thumbs, times: Floats, empty: npt.NDArray[np.bool_], i: int, step: float) -> bool:
    """Whether the pictures on either side of step i stay apart; a flash goes back within FLASH_S."""
    after = np.arange(i + 1, np.searchsorted(times, times[i] + FLASH_S, side="right"))
    before = np.arange(np.searchsorted(times, times[i - 1] - FLASH_S), i - 1)
    for others, anchor in ((after, i - 1), (before, i)):
        others = others[~empty[others]]
        if others.size:
            anchors = np.repeat(thumbs[anchor][None], len(others), axis=0)
            if change(anchors, thumbs[others]).min() < 0.5 * step:
                return False
    return True


def _through_blanks(thumbs: Thumbs, times: Floats, empty: npt.NDArray[np.bool_]) -> list[float]:
    """Cuts hidden in a run of blank frames: what is before differs from what is after."""
    out = []
    shown = np.flatnonzero(~empty)
    for a, b in itertools.pairwise(shown):
        if b - a > 1 and times[b] - times[a] <= FADE_S:
            # Fading changes exposure: it is made equal first. One frame further out shows more, where there is one.
            before = int(a) - 1 if a > 0 and not empty[a - 1] else int(a)
            after = int(b) + 1 if b + 1 < len(thumbs) and not empty[b + 1] else int(b)
            pair = _stretched(np.stack([thumbs[before], thumbs[after]]))
            if float(change(pair[:1], pair[1:])[0]) > LASTING_CHANGE:
                out.append(float(times[b]))
    return out


def _stretched(thumbs: Thumbs) -> Thumbs:
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    scaled = (flat - flat.mean(axis=1, keepdims=True)) / np.maximum(flat.std(axis=1, keepdims=True), 1e-3)
    return np.asarray(np.clip(scaled * 48 + 128, 0, 255).astype(np.uint8).reshape(thumbs.shape))


def _dissolves(thumbs: Thumbs, times: Floats, empty: npt.NDArray[np.bool_]) -> list[float]:
    """Middles of slow changes along the straight line between two different pictures."""
    if len(times) < 5:
        return []
    middles = np.searchsorted(times, np.arange(times[0], times[-1], DISSOLVE_STEP_S))
    hits: list[tuple[float, float]] = []
    for half in DISSOLVE_HALF_S:
        first = np.searchsorted(times, times[middles] - half)
        last = np.minimum(np.searchsorted(times, times[middles] + half), len(times) - 1)
        spans = times[last] - times[first]
        usable = (spans > 1.4 * half) & (spans < 2.6 * half) & ~empty[first] & ~empty[last] & (last - first >= 4)
        for a, m, b in zip(first[usable], middles[usable], last[usable], strict=True):
            if _is_blend(thumbs, int(a), int(m), int(b)):
                hits.append((float(times[m]), half))
    return _grouped([t for t, _ in sorted(hits)])


def _is_blend(thumbs: Thumbs, a: int, m: int, b: int) -> bool:
    if float(change(thumbs[a : a + 1], thumbs[b : b + 1])[0]) < LASTING_CHANGE:
        return False
    if _moved(thumbs[a], thumbs[b]):
        return False
    start, end = thumbs[a].astype(np.float32).ravel(), thumbs[b].astype(np.float32).ravel()
    line = end - start
    if float((np.abs(line) > CHANGED_LEVELS).mean()) < CHANGED_SHARE:
        return False
    length = float(line @ line)
    shares = []
    for i in ((a + m) // 2, m, (m + b) // 2):
        middle = thumbs[i].astype(np.float32).ravel() - start
        share = float(middle @ line) / length
        residual = float(np.linalg.norm(middle - share * line)) / length**0.5
        if residual > DISSOLVE_RESIDUAL:
            return False
        shares.append(share)
    # All three lie between the ends, in order: a real mixture and not a step somewhere.
    return 0.05 < shares[0] < shares[1] - 0.05 and shares[1] + 0.05 < shares[2] < 0.95 and 0.25 < shares[1] < 0.75


def _moved(a: Thumbs, b: Thumbs) -> bool:
    """Whether b shows the middle of a, elsewhere: a turning camera changes smooth pictures nearly as blending does."""
    edge = a.shape[0] // 4
    middle = np.ascontiguousarray(a[edge:-edge, edge:-edge])
    found = cv2.matchTemplate(np.ascontiguousarray(b), middle, cv2.TM_CCOEFF_NORMED)
    return bool(float(found.max()) > MOVED_LIKENESS)


def _grouped(times: list[float]) -> list[float]:
    groups: list[list[float]] = []
    for t in times:
        if groups and t - groups[-1][-1] <= 0.5:
            groups[-1].append(t)
        else:
            groups.append([t])
    return [float(np.median(group)) for group in groups]
