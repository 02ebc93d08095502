"""Filling a hole with the picture's own patches, coarse to fine: what fills it is real texture.

The fill is the picture in which every patch that touches the hole looks like some patch outside it (Wexler, Shechtman
and Irani 2007, doi:10.1109/TPAMI.2007.60). Nearest patches are found by PatchMatch (Barnes et al. 2009,
doi:10.1145/1531326.1531330): a good match of one pixel, moved along, is a good guess for its neighbour. Here all pixels
take a step at once, so that numpy does the work.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.edits.edit import Mask, Pixels, Plane, Rng, box_around, confined

Places = npt.NDArray[np.int64]

HALF = 3
PATCH = 2 * HALF + 1
# A larger hole is filled at a smaller size; its matches are then brought up and its full-size pixels copied.
MOST_HOLE = 6_000
SMALLEST_HOLE_PX = 9
# Pixels of a picture whose patches are all kept: 40 MB.
MOST_KNOWN = 70_000
ROUNDS = (8, 4, 2)
_CHUNK = 4096
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_OFFSETS = np.array([(dy, dx) for dy in range(-HALF, HALF + 1) for dx in range(-HALF, HALF + 1)], np.int64)


@dataclass(slots=True)
class _Level:
    """One size of the picture, with HALF pixels of mirrored border. picture: float32 (H, W, 3), the hole filled in.

    hole: what to fill. valid: centres of patches without hole or border. targets: (n, 2), centres of patches to match.
    own: the targets' patches, float32 (n, PATCH * PATCH * 3). known: those around all valid centres, in order, where
    memory allows; row: of a place of the picture in known.
    """

    picture: Plane
    hole: Mask
    valid: Mask
    targets: Places
    own: Plane = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    known: Plane | None = None
    row: Places = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, pixels: Plane, hole: Mask) -> _Level:
        """Raises UsageError when no whole patch lies outside the hole."""
        picture = cv2.copyMakeBorder(pixels, HALF, HALF, HALF, HALF, cv2.BORDER_REFLECT_101)
        inner = np.pad(hole, HALF)
        square = np.ones((PATCH, PATCH), np.uint8)
        touched = np.asarray(cv2.dilate(inner.astype(np.uint8), square), np.bool_)
        border = np.pad(np.zeros_like(hole), HALF, constant_values=True)
        valid = ~touched & ~np.asarray(cv2.dilate(border.astype(np.uint8), square), np.bool_)
        if not valid.any():
            raise UsageError("the hole leaves no whole patch of the picture to fill it with")
        touched[:HALF] = touched[-HALF:] = False
        touched[:, :HALF] = touched[:, -HALF:] = False
        return cls(np.asarray(picture, np.float32), inner, valid, np.argwhere(touched))

    @property
    def width(self) -> int:
        """Of a row, in pixels."""
        return int(self.picture.shape[1])

    def drawn(self, count: int, rng: Rng) -> Places:
        """Centres of whole patches, drawn."""
        places = np.argwhere(self.valid)
        return np.asarray(places[rng.integers(len(places), size=count)], np.int64)

    def look(self) -> None:
        """Read the targets' patches anew: after the hole's pixels have changed."""
        self.own = self._patches(self.targets)
        if self.known is None and self.valid.size <= MOST_KNOWN:
            self.known = self._patches(np.argwhere(self.valid))
            self.row = np.cumsum(self.valid.ravel()) - 1

    def distances(self, rows: Places, candidates: Places) -> npt.NDArray[np.float32]:
        """Mean squared difference of the patches around targets[rows] and around the candidates, float32 (n,).

        The targets' patches are those of the last look; whole patches outside the hole never change.
        """
        out = np.empty(len(rows), np.float32)
        for i in range(0, len(rows), _CHUNK):
            part = slice(i, i + _CHUNK)
            other = candidates[part]
            if self.known is not None:
                found = self.known[self.row[other[:, 0] * self.width + other[:, 1]]]
            else:
                found = self._patches(other)
            found -= self.own[rows[part]]
            out[part] = np.einsum("ij,ij->i", found, found) / np.float32(found.shape[1])
        return out

    def _patches(self, centres: Places) -> Plane:
        """float32 (n, PATCH * PATCH * 3)."""
        flat = self.picture.reshape(-1, 3)
        at = (centres @ np.array([self.width, 1]))[:, None] + _OFFSETS @ np.array([self.width, 1])
        return np.asarray(flat[at].reshape(len(centres), -1), np.float32)


def fill(pixels: Pixels, hole: Mask, rng: Rng) -> Pixels:
    """The picture uint8 (H, W, 3) with the hole filled from what is around it; the rest is left as it is.

    Raises UsageError when too little is left to fill it from.
    """
    sides = [s.stop - s.start for s in box_around(hole)]
    near = box_around(hole, max(48, max(sides)))
    out = pixels.copy()
    out[near] = _filled(pixels[near], hole[near], rng)
    return confined(pixels, out, hole)


def _filled(pixels: Pixels, hole: Mask, rng: Rng) -> Pixels:
    count = int(hole.sum())
    factor = min(1.0, float(np.sqrt(MOST_HOLE / count)))
    full = pixels.astype(np.float32)
    if factor == 1.0:
        level, matches = _pyramid(full, hole, rng)
        return confined(pixels, level.picture[HALF:-HALF, HALF:-HALF], hole)
    small, small_hole = _shrunk(full, hole, factor)
    level, matches = _pyramid(small, small_hole, rng)
    return _brought_up(pixels, hole, level, matches, rng)


def _shrunk(picture: Plane, hole: Mask, factor: float) -> tuple[Plane, Mask]:
    """At another size; a pixel that any hole pixel reaches into is hole, and lends no colour to the others."""
    size = (max(PATCH + 1, round(hole.shape[1] * factor)), max(PATCH + 1, round(hole.shape[0] * factor)))
    kept = (~hole).astype(np.float32)
    weight = cv2.resize(kept, size, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(np.asarray(picture * kept[..., None], np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(colour / np.maximum(weight, 1e-3)[..., None], np.float32), np.asarray(weight < 0.999, np.bool_)


def _pyramid(picture: Plane, hole: Mask, rng: Rng) -> tuple[_Level, Places]:
    """The filled picture at this size and the matches of its targets, found at half the size first."""
    sides = [s.stop - s.start for s in box_around(hole)]
    half, half_hole = _shrunk(picture, hole, 0.5)
    if min(sides) <= SMALLEST_HOLE_PX or min(half.shape[:2]) < 4 * PATCH or not _has_patches(half_hole):
        level = _Level.of(_first_guess(picture, hole), hole)
        return _settled(level, level.drawn(len(level.targets), rng), rng, ROUNDS[0])
    coarse, matches = _pyramid(half, half_hole, rng)
    grown = cv2.resize(
        coarse.picture[HALF:-HALF, HALF:-HALF], (hole.shape[1], hole.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    level = _Level.of(np.where(hole[..., None], grown, picture).astype(np.float32), hole)
    start = _carried(coarse, matches, level, rng)
    return _settled(level, start, rng, ROUNDS[1] if len(level.targets) < 4000 else ROUNDS[2])


def _has_patches(hole: Mask) -> bool:
    if min(hole.shape) <= 2 * PATCH:
        return False
    touched = cv2.dilate(hole.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8))
    return bool((touched[PATCH:-PATCH, PATCH:-PATCH] == 0).sum() > PATCH * PATCH)


def _first_guess(picture: Plane, hole: Mask) -> Plane:
    whole = np.clip(picture, 0, 255).astype(np.uint8)
    return np.asarray(cv2.inpaint(whole, hole.astype(np.uint8), 3, cv2.INPAINT_TELEA), np.float32)


def _carried(coarse: _Level, matches: Places, level: _Level, rng: Rng) -> Places:
    """The coarse matches as a start for the finer level: the same move, scaled."""
    moves = np.zeros((*coarse.hole.shape, 2), np.float32)
    moves[tuple(coarse.targets.T)] = matches - coarse.targets
    scale = (np.array(level.hole.shape) - 2 * HALF) / (np.array(coarse.hole.shape) - 2 * HALF)
    at = np.floor((level.targets - HALF + 0.5) / scale).astype(np.int64) + HALF
    at = np.clip(at, 0, np.array(coarse.hole.shape) - 1)
    start = level.targets + np.round(moves[tuple(at.T)] * scale).astype(np.int64)
    return _repaired(start, level, rng)


def _repaired(places: Places, level: _Level, rng: Rng) -> Places:
    """Places that are no centre of a whole patch are drawn anew."""
    inside = np.clip(places, 0, np.array(level.valid.shape) - 1)
    bad = ~level.valid[tuple(inside.T)] | (inside != places).any(axis=1)
    inside[bad] = level.drawn(int(bad.sum()), rng)
    return inside


def _settled(level: _Level, matches: Places, rng: Rng, rounds: int) -> tuple[_Level, Places]:
    """Matching and voting in turn."""
    sharp = False
    for i in range(rounds):
        matches, apart = _matched(level, matches, rng)
        sharp = i == rounds - 1
        _vote(level, matches, apart, sharp)
    return level, matches


def _matched(level: _Level, matches: Places, rng: Rng, passes: int = 2) -> tuple[Places, npt.NDArray[np.float32]]:
    """Better matches: the neighbours' moved along, then places drawn ever nearer to one's own."""
    rows = np.full(level.hole.shape, -1, np.int64)
    rows[tuple(level.targets.T)] = np.arange(len(level.targets))
    level.look()
    apart = level.distances(np.arange(len(matches)), matches)
    reach = max(level.hole.shape)
    for _ in range(passes):
        for step in (4, 1):
            for direction in _STEPS:
                move = np.array(direction) * step
                beside = level.targets + move
                beside = np.clip(beside, 0, np.array(rows.shape) - 1)
                neighbour = rows[tuple(beside.T)]
                candidate = np.where((neighbour >= 0)[:, None], matches[neighbour] - move, -1)
                _take_better(level, matches, apart, candidate)
        radius = float(reach) / 2
        while radius >= 1:
            candidate = matches + np.round(rng.uniform(-radius, radius, matches.shape)).astype(np.int64)
            _take_better(level, matches, apart, candidate)
            radius /= 4
    return matches, apart


def _take_better(level: _Level, matches: Places, apart: npt.NDArray[np.float32], candidate: Places) -> None:
    inside = np.clip(candidate, 0, np.array(level.valid.shape) - 1)
    fit = level.valid[tuple(inside.T)] & (inside == candidate).all(axis=1) & (inside != matches).any(axis=1)
    rows = np.flatnonzero(fit)
    if not len(rows):
        return
    found = level.distances(rows, inside[rows])
    better = found < apart[rows]
    matches[rows[better]], apart[rows[better]] = inside[rows[better]], found[better]


def _vote(level: _Level, matches: Places, apart: npt.NDArray[np.float32], sharp: bool) -> None:
    """Every pixel of the hole becomes the mean of what the patches over it say; when sharp, of the best few."""
    spread = float(np.percentile(apart, 15 if sharp else 75)) + 1.0
    inward = cv2.distanceTransform(level.hole.astype(np.uint8), cv2.DIST_L2, 3)[tuple(level.targets.T)]
    # Near the hole's edge more is known: those patches speak louder (Wexler et al. 2007).
    weight = np.exp(-apart / spread) * 1.3 ** -np.minimum(inward, 40.0) + 1e-12
    if sharp:
        weight **= 3
    move = np.zeros((*level.hole.shape, 2), np.int64)
    loud = np.zeros(level.hole.shape, np.float64)
    move[tuple(level.targets.T)], loud[tuple(level.targets.T)] = matches - level.targets, weight
    places = np.argwhere(level.hole)
    total, summed = np.zeros(len(places)), np.zeros((len(places), 3))
    source = level.picture.copy()
    for offset in _OFFSETS:
        centre = places + offset
        said = loud[tuple(centre.T)]
        from_where = np.clip(places + move[tuple(centre.T)], 0, np.array(level.hole.shape) - 1)
        total += said
        summed += said[:, None] * source[tuple(from_where.T)]
    level.picture[tuple(places.T)] = (summed / np.maximum(total, 1e-300)[:, None]).astype(np.float32)


def _brought_up(pixels: Pixels, hole: Mask, small: _Level, matches: Places, rng: Rng) -> Pixels:
    """Full-size pixels copied by the small picture's matches, where patches of full size agree best."""
    grown = cv2.resize(
        small.picture[HALF:-HALF, HALF:-HALF], (hole.shape[1], hole.shape[0]), interpolation=cv2.INTER_CUBIC
    )
    level = _Level.of(np.where(hole[..., None], grown, pixels).astype(np.float32), hole)
    start = _carried(small, matches, level, rng)
    level.look()
    apart = level.distances(np.arange(len(start)), start)
    _vote(level, start, apart, sharp=False)
    level.look()
    apart = level.distances(np.arange(len(start)), start)
    for direction in _STEPS:
        _propagate(level, start, apart, np.array(direction))
    _vote(level, start, apart, sharp=True)
    return confined(pixels, level.picture[HALF:-HALF, HALF:-HALF], hole)


def _propagate(level: _Level, matches: Places, apart: npt.NDArray[np.float32], move: Places) -> None:
    rows = np.full(level.hole.shape, -1, np.int64)
    rows[tuple(level.targets.T)] = np.arange(len(level.targets))
    beside = np.clip(level.targets + move, 0, np.array(rows.shape) - 1)
    neighbour = rows[tuple(beside.T)]
    candidate = np.where((neighbour >= 0)[:, None], matches[neighbour] - move, -1)
    _take_better(level, matches, apart, candidate)


__all__ = ["fill"]
