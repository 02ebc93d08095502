"""Jumps: a single step of the picture that is much larger than its neighbours, inside one scene.

Frames that were taken out leave such a step. So does a recorder that dropped frames (then time stamps have a gap, see
timing), and a jump cut in an edited interview; a change of scene is larger still and is no jump.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facevalue.examiners.container.series import Array, Bools, Stretch

# A step is lone when it is this many times the largest of the two steps on either side.
LONE_RATIO = 2.0
# Grey levels below which a step is a key frame's change of texture, not movement.
MIN_STEP = 1.0
# A rhythm of large steps: this many standard deviations over 52 combinations of period and phase.
RHYTHM_STRENGTH = 3.4
# Thumbnails of two scenes: correlation below this, or a step above this many grey levels.
SCENE_CORRELATION = 0.6
SCENE_STEP = 25.0


@dataclass(frozen=True, slots=True)
class Jump:
    """The step from frame - 1 to frame. ratio: to the largest neighbouring step. step: grey levels."""

    frame: int
    ratio: float
    step: float


def lone_ratio(stretch: Stretch) -> Array:
    """How many times each step exceeds the largest of the two before and the two after it; 0 where that is unknown.

    A copy among the neighbours is passed over: where a frame is repeated, the next step makes up for it.
    """
    diff = np.where(stretch.copies, np.nan, stretch.diff)
    padded = np.pad(diff, 2, constant_values=np.nan)
    neighbours = np.stack([padded[i : i + len(diff)] for i in (0, 1, 3, 4)])
    known = np.isfinite(neighbours)
    largest = np.where(known, neighbours, 0.0).max(axis=0)
    # All that moved around it counts too, so that a still moment before a gesture is no measure.
    largest = np.maximum(largest, stretch.usual)
    valid = (known[:2].sum(axis=0) >= 1) & (known[2:].sum(axis=0) >= 1) & np.isfinite(diff)
    return np.where(valid, np.nan_to_num(diff) / np.maximum(largest, MIN_STEP / LONE_RATIO), 0.0)


def scene_changes(stretch: Stretch) -> Bools:
    """Frames that begin another scene."""
    thumbs = stretch.thumbs
    centred = thumbs - thumbs.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=1)) + 1e-6
    alike = (centred[1:] * centred[:-1]).sum(axis=1) / (size[1:] * size[:-1])
    out = np.zeros(len(stretch), np.bool_)
    lone = lone_ratio(stretch)[1:] > LONE_RATIO
    out[1:] = lone & ((alike < SCENE_CORRELATION) | (stretch.diff[1:] > SCENE_STEP))
    return out


@dataclass(frozen=True, slots=True)
class Drops:
    """A steady rhythm of large steps: one frame left out every so many, as a conversion from 30 to 25 frames does it.

    every: period in frames; phase: of the large steps. strength: standard deviations.
    """

    every: int
    phase: int
    strength: float


def drop_rhythm(stretch: Stretch) -> Drops | None:
    """The rhythm of frames that a lower frame rate leaves out; None without one."""
    diff = np.where(stretch.copies, np.nan, stretch.diff)
    level = np.log(np.maximum(diff, 0.05)) - np.log(np.maximum(stretch.usual, 0.05))
    level = np.clip(level - np.nanmedian(level), -1.5, 1.5) if np.isfinite(level).any() else level
    scale = float(np.nanstd(level)) if np.isfinite(level).sum() >= 40 else 0.0
    if scale < 1e-3:
        return None
    best = Drops(0, 0, 0.0)
    for every in range(3, 11):
        for phase in range(every):
            part = level[phase::every]
            part = part[np.isfinite(part)]
            strength = float(part.mean() * np.sqrt(part.size) / scale) if part.size >= 8 else 0.0
            if strength > best.strength:
                best = Drops(every, phase, round(strength, 2))
    return best if best.strength >= RHYTHM_STRENGTH else None


def jumps(stretch: Stretch, most: int = 12) -> list[Jump]:
    """Lone large steps inside a scene, the largest ratio first. After a copy a doubled step is expected: left out."""
    ratio = lone_ratio(stretch)
    rhythm = drop_rhythm(stretch)
    if rhythm is not None:
        ratio[rhythm.phase :: rhythm.every] = 0.0
    after_copy = np.concatenate([[False], stretch.copies[:-1]])
    before_copy = np.concatenate([stretch.copies[1:], [False]])
    usable = (np.nan_to_num(stretch.diff) > MIN_STEP) & ~scene_changes(stretch) & ~after_copy & ~before_copy
    places = np.flatnonzero(usable & (ratio > LONE_RATIO))
    places = places[np.argsort(-ratio[places])][:most]
    return [Jump(int(i), round(float(ratio[i]), 3), round(float(stretch.diff[i]), 3)) for i in places]


def flashes(stretch: Stretch) -> Bools:
    """Frames that differ from both neighbours, which resemble each other: a flash or an inserted frame, not a jump."""
    out = np.zeros(len(stretch), np.bool_)
    if len(stretch) > 2:
        across = np.abs(stretch.thumbs[2:] - stretch.thumbs[:-2]).mean(axis=1)
        steps = np.minimum(stretch.diff[1:-1], stretch.diff[2:])
        out[1:-1] = (steps > MIN_STEP) & (across < 0.5 * steps)
    return out
