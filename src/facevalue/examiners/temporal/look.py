"""What is read of one burst of a track: traits that a swap changes, and conditions that change them without one.

Every trait is a logarithm of a ratio or a correlation. It compares an area of the face with its surroundings in the
same frames, or the face's motion with the head's; conditions are read outside of the face, or from geometry alone, so
that a swap does not change them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.examiners.temporal import flicker, motion
from facevalue.examiners.temporal.areas import Areas, areas
from facevalue.examiners.temporal.drift import Drift, drift_near
from facevalue.faces import Burst, Track
from facevalue.faces.track import BURST_MARGIN

Floats = npt.NDArray[np.float64]

MIN_FACE_PX = 48.0
MIN_FRAMES = 5
# Frames further apart than this show no flicker that could be told from movement: slow animations, slide shows.
MAX_STEP_S = 0.125
# Mean change below which a frame is the last one shown again, grey levels.
SAME_FRAME = 0.02

TRAITS = (
    "ring flicker",
    "skin flicker",
    "ring slow flicker",
    "skin slow flicker",
    "ring colour flicker",
    "skin colour flicker",
    "skin mean tremble",
    "ring comes back",
    "skin comes back",
    "face tremble",
    "ring tremble",
    "skin ripple",
    "ring ripple",
    "skin ripple turns back",
    "ring ripple turns back",
    "landmark tremble",
    "landmark shape",
    "identity drift",
    "identity jumps",
)
CONDITIONS = ("face size", "noise", "head speed", "head tremble", "frame step", "turning")


@dataclass(frozen=True, slots=True)
class BurstLook:
    """One burst. traits: float64 (len(TRAITS),), NaN where one could not be read. conditions: (len(CONDITIONS),)."""

    time_s: float
    traits: Floats
    conditions: Floats


def face_px(burst: Burst) -> float:
    """Longer side of the face in pixels of the frame."""
    return burst.box[2] / BURST_MARGIN


def unfit(burst: Burst) -> str | None:
    """Why a burst cannot be judged, in a few words; None when it can."""
    if face_px(burst) < MIN_FACE_PX:
        return f"the face is {face_px(burst):.0f} px wide, below {MIN_FACE_PX:.0f} px"
    if len(burst.time_s) < MIN_FRAMES:
        return f"it was seen in fewer than {MIN_FRAMES} frames in a row"
    if float(np.median(np.diff(burst.time_s))) > MAX_STEP_S:
        return "the clip shows fewer than 8 frames a second"
    return None


def distinct(burst: Burst) -> list[int]:
    """Indices of the frames that are not the one before shown again."""
    keep = [0]
    for i in range(1, len(burst.crops)):
        if float(cv2.absdiff(burst.crops[i], burst.crops[keep[-1]]).mean()) > SAME_FRAME:
            keep.append(i)
    return keep


def look_at_burst(track: Track, burst: Burst) -> BurstLook | str:
    """Read one burst, or say in a few words why that is not possible."""
    if (why := unfit(burst)) is not None:
        return why
    keep = distinct(burst)
    if len(keep) < MIN_FRAMES:
        return "the picture stands still"
    side = burst.crops.shape[1]
    marks = ((burst.landmarks[keep] - np.array(burst.box[:2], np.float32)) * (side / burst.box[2])).astype(np.float32)
    where = areas(np.median(marks, axis=0).astype(np.float32), side)
    if where is None:
        return "the face leaves too little of itself or of its surroundings to compare"
    crops = [np.ascontiguousarray(burst.crops[i]) for i in keep]
    ycc = np.stack([np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb), np.uint8) for crop in crops])
    drift = drift_near(track, float(burst.time_s.mean()))
    traits, outside = _traits(ycc, marks, where, drift)
    step = float(np.median(np.diff(burst.time_s[keep])))
    geometry = [np.log2(face_px(burst) / 100.0), *outside, np.log2(max(step, 1e-3) * 25.0), drift.turning]
    return BurstLook(float(burst.time_s[0]), traits, np.array(geometry, np.float64))


def _traits(
    ycc: npt.NDArray[np.uint8], marks: npt.NDArray[np.float32], where: Areas, drift: Drift
) -> tuple[Floats, list[float]]:
    """All traits, and the conditions that are read of pixels: noise, the head's speed, and its trembling."""
    grey = np.ascontiguousarray(ycc[..., 0])
    flow, texture = motion.flows(grey), motion.texture_of(grey)
    skin, ring, outside = (
        motion.area_motion(flow, area, texture, where.unit) for area in (where.skin, where.ring, where.outside)
    )
    points = motion.landmark_motion(marks, where.unit)
    found = flicker.residuals(ycc, flow)
    head = motion.tremble(outside.steps)
    energies = (flicker.fine_energy, flicker.coarse_energy, flicker.colour_energy)
    rows = [e(found, area) - e(found, where.outside) for e in energies for area in (where.ring, where.skin)]
    rows.append(flicker.mean_tremble(ycc, where.skin) - flicker.mean_tremble(ycc, where.outside))
    rows += [flicker.comes_back(found, a) - flicker.comes_back(found, where.outside) for a in (where.ring, where.skin)]
    rows += [motion.tremble(skin.steps) - motion.speed(skin.steps), motion.tremble(ring.steps - skin.steps)]
    ripples = motion.rest_change(outside.rest, where.unit)
    rows += [motion.rest_change(part.rest, where.unit) - ripples for part in (skin, ring)]
    rows += [motion.turns_back(part.rest) - motion.turns_back(outside.rest) for part in (skin, ring)]
    rows += [motion.tremble(points.steps - skin.steps), points.shape, drift.distance, drift.jump]
    speed = motion.speed(points.steps)
    return np.array(rows, np.float64), [flicker.noise(found, where), speed, head]
