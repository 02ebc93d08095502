"""What bursts of consecutive frames and the course of landmarks measure: how the head, the face and the rest move."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.examiners.reenactment.geometry import MIN_REGION_PX, REGIONS, aligned
from facevalue.examiners.reenactment.texture import PAIR_NAMES, flow, log10, pair_row
from facevalue.faces import Burst, Track

Floats = npt.NDArray[np.float64]

# Frames of a burst are compared at about this distance in time, so that the clip's frame rate does not matter.
STEP_S = 0.09
BURST_NAMES = (
    *PAIR_NAMES,
    "motion outside the face",
    "motion outside against inside",
    "jerk of the head",
    "speed of the head",
    "jerk of the features",
    "tremor of the features",
)
COURSE_NAMES = (
    "spread across",
    "spread up and down",
    "spread of roll",
    "spread of distance",
    "spread of yaw",
    "spread of pitch",
    "likeness of the face to itself",
    "least likeness of the face to itself",
)


def burst_row(burst: Burst) -> list[float]:
    """The values of one burst, in the order of BURST_NAMES; NaN where they cannot be had.

    All its frames are moved alike, by their mean landmarks, so that the motion stays in them.
    """
    step = max(1, round(STEP_S / max(float(np.median(np.diff(burst.time_s))), 1e-3)))
    marks = (burst.landmarks - np.array(burst.box[:2], np.float32)) * (burst.crops.shape[1] / burst.box[2])
    middle = marks.mean(axis=0)
    faces = [aligned(crop, middle) for crop in burst.crops]
    rows = []
    for one, two in zip(faces[:-step:step], faces[step::step], strict=False):
        field = flow(one.luma, two.luma)
        outer = REGIONS["outer"] & one.inside
        around = log10(float((field[outer] ** 2).sum(axis=1).mean())) if outer.sum() >= MIN_REGION_PX else np.nan
        row = pair_row(one, two, field)
        rows.append([*row, around, around - row[PAIR_NAMES.index("motion")]])
    if not rows:
        return [np.nan] * len(BURST_NAMES)
    return [*np.median(rows, axis=0).tolist(), *_course_of_burst(marks, burst.time_s)]


def _course_of_burst(marks: npt.NDArray[np.float32], times: Floats) -> list[float]:
    """Jerk and speed in eye distances: of the middle of the landmarks, and of the landmarks about it."""
    unit = float(np.linalg.norm(marks[:, 1] - marks[:, 0], axis=1).mean()) or 1.0
    scaled = marks.astype(np.float64) / unit
    middle = scaled.mean(axis=1)
    about = scaled - middle[:, None]
    speed, jerk = (float((np.diff(middle, n, axis=0) ** 2).mean()) for n in (1, 2))
    change, tremor = (float((np.diff(about, n, axis=0) ** 2).mean()) for n in (1, 2))
    seconds = max(float(np.median(np.diff(times))), 1e-3)
    return [
        log10(jerk / (speed + 1e-7)),
        log10(speed / seconds**2 * 100.0),
        log10(tremor / (change + 1e-7)),
        log10(tremor * 1e4),
    ]


def course_row(track: Track) -> list[float]:
    """How far the head wanders over the track, and how like itself the face stays; in the order of COURSE_NAMES."""
    marks = track.landmarks.astype(np.float64)
    eyes = marks[:, 1] - marks[:, 0]
    spans = np.maximum(np.linalg.norm(eyes, axis=1), 1e-6)
    unit = float(np.median(spans))
    middle = marks.mean(axis=1) / unit
    brow, mouth = marks[:, :2].mean(axis=1), marks[:, 3:].mean(axis=1)
    yaw = ((marks[:, 2] - brow) * eyes).sum(axis=1) / spans**2
    pitch = np.linalg.norm(marks[:, 2] - brow, axis=1) / np.maximum(np.linalg.norm(mouth - brow, axis=1), 1e-6)
    roll = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    spreads = (10 * middle[:, 0], 10 * middle[:, 1], roll, 100 * spans / unit, 100 * yaw, 100 * pitch)
    return [*(log10(float(np.median(np.abs(x - np.median(x))))) for x in spreads), *_likeness(track)]


def _likeness(track: Track) -> list[float]:
    if len(track.embeddings) < 4:
        return [np.nan, np.nan]
    cosines = track.embeddings.astype(np.float64) @ track.embeddings.T.astype(np.float64)
    pairs = cosines[np.triu_indices(len(cosines), 1)]
    return [float(pairs.mean()), float(np.quantile(pairs, 0.1))]


__all__ = ["BURST_NAMES", "COURSE_NAMES", "burst_row", "course_row"]
