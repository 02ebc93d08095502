"""How the face moves from frame to frame against the head around it: dense flow, rigid fits, landmarks. Pure functions.

Flow is by dense inverse search (Kroeger et al. 2016, arXiv:1603.03590). The face that a camera records moves with the
head and changes smoothly; one that is put in anew in every frame trembles: its accelerations are large for its speed,
and what moves one way in one frame comes back in the next.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.examiners.temporal.areas import Bools
from facevalue.faces import similarity

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Planes = npt.NDArray[np.float32]

# Flow is exact to about a twentieth of a pixel of the crop; in units of the template that is about this.
LEAST = 7e-4
HUBER_PX, FIT_STEPS = 0.5, 3
# Grey levels per pixel at which texture counts half for where it moves.
TEXTURE = 4.0


def flows(grey: Pixels) -> Planes:
    """Flow from each frame, uint8 (n, side, side), to the next, in pixels: float32 (n - 1, side, side, 2)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    pairs = itertools.pairwise(grey)
    return np.stack([np.asarray(search.calc(a, b, None), np.float32) for a, b in pairs])


def rigid(flow: Planes, area: Bools, texture: Planes, unit: float) -> tuple[Floats, Planes]:
    """The similarity motion of an area between two frames, and what it leaves.

    flow: float32 (side, side, 2), pixels. texture: float32 (side, side), weights. Returns (shift x, shift y, growth,
    turn), float64 (4,), shifts in units of the template, and the remaining flow of the area's pixels, float32 (k, 2),
    in pixels. Iteratively reweighted by Huber's weights, so that what moves of itself does not decide.
    """
    y, x = np.nonzero(area)
    moved = flow[y, x].astype(np.float64)
    weight = texture[y, x].astype(np.float64)
    px, py = (x - x.mean()) / unit, (y - y.mean()) / unit
    one, zero = np.ones_like(px), np.zeros_like(px)
    design = np.concatenate([np.stack([one, zero, px, -py], 1), np.stack([zero, one, py, px], 1)])
    target = np.concatenate([moved[:, 0], moved[:, 1]]) / unit
    robust: Floats = np.ones(len(px))
    fit: Floats = np.zeros(4)
    for _ in range(FIT_STEPS):
        w = np.tile(weight * robust, 2)
        normal = design.T @ (design * w[:, None]) + 1e-9 * np.eye(4)
        fit = np.asarray(np.linalg.solve(normal, design.T @ (w * target)), np.float64)
        off = (target - design @ fit).reshape(2, -1)
        distance = np.hypot(off[0], off[1]) * unit
        robust = np.asarray(np.minimum(1.0, HUBER_PX / np.maximum(distance, 1e-9)), np.float64)
    return np.asarray(fit, np.float64), np.asarray(off.T * unit, np.float32)


@dataclass(frozen=True, slots=True)
class Motion:
    """Rigid motion of one area between frames, float64 (n - 1, 4), and the rest, float32 (n - 1, k, 2), pixels."""

    steps: Floats
    rest: Planes


def area_motion(flow: Planes, area: Bools, texture: Planes, unit: float) -> Motion:
    """The motion of one area over a burst, read at every second pixel of every second row: flow is smooth."""
    thinned = np.zeros_like(area)
    thinned[::2, ::2] = area[::2, ::2]
    fits = [rigid(f, thinned, texture, unit) for f in flow]
    return Motion(np.stack([f for f, _ in fits]), np.stack([rest for _, rest in fits]))


def texture_of(grey: Pixels) -> Planes:
    """Where flow can be trusted, float32 (side, side), 0..1: by the gradients of the burst's mean frame."""
    mean = cv2.GaussianBlur(grey.mean(axis=0, dtype=np.float32), (0, 0), 0.8)
    gx, gy = cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=0.125)
    energy = cv2.GaussianBlur(gx * gx + gy * gy, (0, 0), 1.5)
    return np.asarray(energy / (energy + TEXTURE**2), np.float32)


def tremble(steps: Floats) -> float:
    """log10 of the root mean square change of successive motions: accelerations, in units of the template."""
    change = np.diff(steps, axis=0) * np.array([1.0, 1.0, 0.4, 0.4])
    return float(np.log10(np.sqrt((change**2).sum(axis=1).mean()) + LEAST))


def speed(steps: Floats) -> float:
    """log10 of the length of the mean motion: what of it goes on, in units of the template per frame."""
    mean = steps.mean(axis=0) * np.array([1.0, 1.0, 0.4, 0.4])
    return float(np.log10(np.sqrt((mean**2).sum()) + LEAST))


def rest_change(rest: Planes, unit: float) -> float:
    """log10 of the root mean square change of the remaining flow from frame to frame, in units of the template."""
    change = np.diff(rest, axis=0)
    return float(np.log10(np.sqrt((change**2).sum(axis=2).mean()) / unit + LEAST))


def turns_back(rest: Planes) -> float:
    """How far the remaining flow of one frame is taken back by the next, -1..1: their correlation, negated.

    About 0.5 where each frame errs on its own, negative where movements go on.
    """
    a, b = rest[:-1].astype(np.float64), rest[1:].astype(np.float64)
    return -float((a * b).sum() / max((a * a).sum() * (b * b).sum(), 1e-12) ** 0.5)


@dataclass(frozen=True, slots=True)
class LandmarkMotion:
    """Similarity motion of the landmarks between frames, float64 (n - 1, 4), as of an area; shape: their trembling
    after that motion is taken out, log10 of units of the template.
    """

    steps: Floats
    shape: float


def landmark_motion(landmarks: npt.NDArray[np.float32], unit: float) -> LandmarkMotion:
    """Of the landmarks of a burst, float32 (n, 5, 2)."""
    mean = landmarks.mean(axis=0)
    steps, shapes = [], []
    for one, following in itertools.pairwise(landmarks):
        warp = similarity(one, following)
        centre = one.mean(axis=0)
        shift = (warp[:, :2] @ centre + warp[:, 2] - centre) / unit
        steps.append([shift[0], shift[1], np.hypot(warp[0, 0], warp[1, 0]) - 1.0, np.arctan2(warp[1, 0], warp[0, 0])])
    for one in landmarks:
        warp = similarity(one, mean)
        shapes.append((one @ warp[:, :2].T + warp[:, 2] - mean) / unit)
    change = np.diff(np.stack(shapes), n=2, axis=0)
    return LandmarkMotion(np.array(steps, np.float64), float(np.log10(np.sqrt((change**2).mean()) + LEAST)))
