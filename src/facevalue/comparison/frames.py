"""Comparing the frames of two clips: an alignment in time, what lies between, and what was changed within frames.

Frames are aligned by dynamic programming over their hashes (as Needleman and Wunsch, 1970, align sequences), so that
any number of cuts, insertions and changes of speed are followed, in order. Hashes are compared in the orientation and
after the cropping that a first pair of frames shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.comparison.align import Alignment, align, covered, warp
from facevalue.comparison.pictures import Outcome, compare_pictures
from facevalue.comparison.record import Change, View
from facevalue.comparison.timeline import Stretch, changed_share, gaps
from facevalue.comparison.watch import Look, Watched
from facevalue.fingerprint import local, picture
from facevalue.fingerprint.agree import MIN_INLIERS, agreement

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Frames this many bits apart are as likely the same as not: the score of a pair is 0 there.
_EVEN_BITS = 70
_GAP = 0.15
# A shared stretch is at least so many looks long, unless a clip has no more.
_LEAST_LOOKS = 2
MOMENTS = 6
_COMPARED = 16
_ANCHORS = 5
_SAME_IOU, _SINGLE_STRENGTH = 0.3, 25.0


@dataclass(frozen=True, slots=True)
class Seen:
    """stretches: what both have, in order. changes: spans, then regions of key moments."""

    stretches: tuple[Stretch, ...]
    step_s: float
    changes: tuple[Change, ...]
    changed_share: float
    whole: tuple[str, ...]
    moments: tuple[View, ...]


def compare_frames(there: Watched, here: Watched) -> Seen | None:
    """What was done to the pictures of a clip; None when no moment of the one occurs in the other."""
    laid = _geometry(there.looks, here.looks)
    own = _hashes([look.hash for look in there.looks])
    other = _hashes(_laid_hashes(here.looks, there.looks, laid))
    pairs = _path(_scores(own, other))
    runs = _runs(pairs, min(_LEAST_LOOKS, len(there.looks), len(here.looks)))
    if not runs:
        return None
    step = max(there.step_s, here.step_s)
    stretches = tuple(_stretch(run, there, here) for run in runs)
    lengths = (_end(there), _end(here))
    spans = gaps(stretches, lengths, 1.5 * step, "pictures") if max(len(there.looks), len(here.looks)) > 1 else []
    within = _within(there, here, [pair for run in runs for pair in run], laid)
    regions = _regions(within)
    inside = float(np.mean([found.changed_share for _, _, found in within])) if within else 0.0
    views = sorted(within, key=lambda row: -row[2].changed_share)[:MOMENTS]
    return Seen(
        stretches,
        step,
        (*spans, *regions),
        min(1.0, changed_share(spans, lengths) + inside),
        _whole(within, spans, there, here),
        tuple(_view(found, a, b) for a, b, found in sorted(views, key=lambda row: row[0].time_s)),
    )


# -- in time -------------------------------------------------------------------------------------------------------


def _hashes(found: list[picture.Pdq]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(h.bits for h in found), np.uint64).reshape(-1, 4)


def _scores(own: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> Floats:
    """(n, m): 1 for equal frames, 0 where nothing is known, below for others."""
    bits = np.stack([np.bitwise_count(own ^ row).sum(axis=1) for row in other], axis=1).astype(np.float32)
    return np.maximum((_EVEN_BITS - bits) / _EVEN_BITS, -1).astype(np.float32)


def _path(scores: Floats) -> list[tuple[int, int]]:
    """The pairs of the best alignment in order."""
    n, m = scores.shape
    place = np.arange(m + 1, dtype=np.float32) * np.float32(_GAP)
    row = -place
    moves = np.zeros((n + 1, m + 1), np.int8)
    moves[0, 1:] = 2
    for i in range(n):
        best = np.full(m + 1, -np.inf, np.float32)
        best[1:] = row[:-1] + scores[i]
        move = np.zeros(m + 1, np.int8)
        up = row - np.float32(_GAP)
        move[up > best] = 1
        best = np.maximum(best, up)
        # A step along the row costs _GAP: the best place to have come from is a running maximum.
        reached = np.maximum.accumulate(best + place) - place
        move[reached > best + 1e-6] = 2
        row, moves[i + 1] = reached.astype(np.float32), move
    return _traced(moves, scores)


def _traced(moves: npt.NDArray[np.int8], scores: Floats) -> list[tuple[int, int]]:
    i, j = moves.shape[0] - 1, moves.shape[1] - 1
    pairs = []
    while i > 0 and j > 0:
        if moves[i, j] == 0:
            i, j = i - 1, j - 1
            if scores[i, j] > 0:
                pairs.append((i, j))
        elif moves[i, j] == 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _runs(pairs: list[tuple[int, int]], least: int) -> list[list[tuple[int, int]]]:
    """Pairs without a gap of more than one look between them, long enough to be no chance."""
    runs: list[list[tuple[int, int]]] = []
    for pair in pairs:
        if runs and pair[0] - runs[-1][-1][0] <= 2 and pair[1] - runs[-1][-1][1] <= 2:
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return [run for run in runs if len(run) >= least]


def _stretch(run: list[tuple[int, int]], there: Watched, here: Watched) -> Stretch:
    (a, b), (c, d) = run[0], run[-1]
    return Stretch(
        (there.looks[a].time_s, min(there.looks[c].time_s + there.step_s, _end(there))),
        (here.looks[b].time_s, min(here.looks[d].time_s + here.step_s, _end(here))),
    )


def _end(watched: Watched) -> float:
    """When the pictures end."""
    return watched.looks[-1].time_s + watched.step_s


# -- within frames -------------------------------------------------------------------------------------------------


def _geometry(there: tuple[Look, ...], here: tuple[Look, ...]) -> Alignment | None:
    """How frames of the suspect lie on the original's, from the pair that agrees best; None when that is not known."""
    best: tuple[int, int, int] | None = None
    own = [(n, local.features(there[n].pixels())) for n in _spread(len(there), 3 * _ANCHORS)]
    for j in _spread(len(here), _ANCHORS):
        other = local.features(here[j].pixels())
        for i, seen in own:
            found = agreement(other, seen)
            if found is not None and found.inliers >= MIN_INLIERS and (best is None or found.inliers > best[0]):
                best = (found.inliers, i, j)
    return align(there[best[1]].pixels(), here[best[2]].pixels()) if best else None


def _spread(count: int, most: int) -> list[int]:
    return sorted({int(v) for v in np.linspace(0, count - 1, min(count, most)).round()})


def _laid_hashes(here: tuple[Look, ...], there: tuple[Look, ...], laid: Alignment | None) -> list[picture.Pdq]:
    """Hashes of the suspect's frames as they lie on the original's."""
    if laid is None or _plain(laid, here[0], there[0]):
        return [look.hash for look in here]
    frame = there[0].pixels()
    size = (frame.shape[1], frame.shape[0])
    return [picture.pdq(warp(look.pixels(), laid.matrix, size)) for look in here]


def _plain(laid: Alignment, here: Look, there: Look) -> bool:
    """Whether the whole frame lies on the whole frame."""
    small, frame = here.pixels(), there.pixels()
    known = covered(small.shape, laid.matrix, (frame.shape[1], frame.shape[0]))
    back = covered(frame.shape, np.asarray(np.linalg.inv(laid.matrix), np.float64), (small.shape[1], small.shape[0]))
    return laid.exact and not laid.mirrored and bool(known.mean() > 0.97 and back.mean() > 0.97)


def _within(
    there: Watched, here: Watched, pairs: list[tuple[int, int]], laid: Alignment | None
) -> list[tuple[Look, Look, Outcome]]:
    """Some pairs of frames compared, spread over the clip, each pair the most alike around it."""
    chosen = [pairs[n] for n in _spread(len(pairs), _COMPARED)]
    found = []
    for i, j in chosen:
        i = min(range(max(0, i - 1), min(len(there.looks), i + 2)), key=lambda n: _apart(there.looks[n], here.looks[j]))
        outcome = compare_pictures(there.looks[i].pixels(), here.looks[j].pixels(), laid=laid)
        if outcome is not None:
            found.append((there.looks[i], here.looks[j], outcome))
    return found


def _apart(one: Look, other: Look) -> float:
    return abs(one.time_s - other.time_s) * 1e-6 + one.hash.distance(other.hash)


def _regions(within: list[tuple[Look, Look, Outcome]]) -> list[Change]:
    """Regions that lie in about the same place in one compared frame after the other, as one change each.

    A region of a single frame must be strong: two looks are never at quite the same moment, and things move.
    """
    tracks: list[list[tuple[int, Look, Look, Change]]] = []
    for number, (a, b, found) in enumerate(within):
        for change in found.changes:
            track = next((t for t in tracks if t[-1][0] == number - 1 and _overlap(t[-1][3], change) > _SAME_IOU), None)
            if track is None:
                tracks.append([(number, a, b, change)])
            else:
                track.append((number, a, b, change))
    single = len(within) == 1
    kept = [t for t in tracks if single or len(t) > 1 or (t[0][3].strength or 0) >= _SINGLE_STRENGTH]
    return [_region(track) for track in kept]


def _region(track: list[tuple[int, Look, Look, Change]]) -> Change:
    _, first, here, _ = track[0]
    _, last, there, _ = track[-1]
    best = max((row[3] for row in track), key=lambda change: change.share or 0.0)
    when = f"At {first.time_s:.1f} s" if len(track) == 1 else f"From {first.time_s:.1f} to {last.time_s:.1f} s"
    what = f"{when}, within the frame: {best.what[0].lower()}{best.what[1:]}"
    span, other = (first.time_s, last.time_s), (here.time_s, there.time_s)
    return Change("region", what, best.box, span, other, best.share, best.strength)


def _overlap(one: Change, other: Change) -> float:
    if one.box is None or other.box is None:
        return 0.0
    (x, y, w, h), (u, v, p, q) = one.box, other.box
    both = max(0, min(x + w, u + p) - max(x, u)) * max(0, min(y + h, v + q) - max(y, v))
    return both / max(w * h + p * q - both, 1)


def _view(found: Outcome, a: Look, b: Look) -> View:
    v = found.view
    return View(v.original, v.suspect, v.known, v.mask, v.scale, (a.time_s, b.time_s))


def _whole(
    within: list[tuple[Look, Look, Outcome]], spans: list[Change], there: Watched, here: Watched
) -> tuple[str, ...]:
    out = []
    if within:
        # What is said of most of the frames holds for the clip.
        said = [line for _, _, found in within for line in found.whole if "re-encoded" not in line]
        out += [line for line in dict.fromkeys(said) if 2 * said.count(line) > len(within)]
    if there.size != here.size and 0 not in (*there.size, *here.size):
        out.append(
            f"The frames are {here.size[0]} x {here.size[1]} pixels; the original's are "
            f"{there.size[0]} x {there.size[1]}."
        )
    if not spans and len(there.looks) > 1:
        out.append("Every moment of the original is there, in order.")
    return tuple(out)
