"""What single looks and pairs of looks measure: fine texture, and what stays of it once motion is taken out.

A synthesised head takes its texture from one picture. A decoder fills it in more smoothly at the finest scales than a
camera and its noise would; and what there is moves with the face (or boils) where real skin folds and turns. Bands are
differences of Gaussians (Burt and Adelson 1983); motion between two looks is dense inverse search flow (Kroeger et al.
2016, arXiv:1603.03590). All values are log10 of ratios of energies, so that contrast and exposure cancel.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.examiners.reenactment.geometry import FACE_PX, PARTS, REGIONS, Aligned, Mask, Plane, region

Flow = npt.NDArray[np.float32]

# Standard deviations of the Gaussians, in pixels of the template.
SIGMAS = (0.7, 1.4, 2.8, 5.6)
# Energies below this, in squared grey levels, are quantisation and not texture.
FLOOR = 0.02
MIN_LOG = 1e-4

VIEW_NAMES = (
    *(f"{part} slope {k}" for part in PARTS for k in range(3)),
    *(f"{part} against eyes" for part in ("skin", "mouth", "outer")),
    "fine colour",
)
PAIR_NAMES = (
    *(f"{part} residual {k}" for part in PARTS for k in range(4)),
    "motion",
    "non-rigid motion",
    "mouth's share of motion",
    "eyes' share of motion",
    "roughness of motion",
)


def log10(value: float) -> float:
    """log10, with values below MIN_LOG taken for it."""
    return float(np.log10(max(float(value), MIN_LOG)))


def bands(luma: Plane) -> list[Plane]:
    """Band-passed copies of a plane, fine to coarse, float32 (4, H, W)."""
    out, above = [], luma
    for sigma in SIGMAS:
        below = np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), np.float32)
        out.append(above - below)
        above = below
    return out


def _energy(plane: Plane, mask: Mask) -> float:
    return float((plane[mask] ** 2).mean())


def view_row(face: Aligned) -> list[float]:
    """The values of one look, in the order of VIEW_NAMES."""
    split = bands(face.luma)
    levels = {}
    row = []
    for part in PARTS:
        mask = region(part, face.inside)
        logs = [log10(_energy(band, mask) + FLOOR) for band in split]
        row += [logs[k] - logs[k + 1] for k in range(3)]
        levels[part] = logs[1]
    row += [levels[part] - levels["eyes"] for part in ("skin", "mouth", "outer")]
    colour = np.asarray(cv2.cvtColor(face.pixels, cv2.COLOR_RGB2YCrCb), np.float32)
    fine = colour - cv2.GaussianBlur(colour, (0, 0), SIGMAS[1])
    mask = region("face", face.inside)
    row.append(log10(_energy(fine[..., 1:], mask) + FLOOR) - log10(_energy(fine[..., 0], mask) + FLOOR))
    return row


_Y, _X = np.mgrid[:FACE_PX, :FACE_PX].astype(np.float32)


def flow(first: Plane, second: Plane) -> Flow:
    """Where each pixel of first lies in second: float32 (128, 128, 2), pixels."""
    start = np.zeros((*first.shape, 2), np.float32)
    # One object a call: it keeps buffers, which threads must not share.
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(search.calc(first.astype(np.uint8), second.astype(np.uint8), start), np.float32)


def pulled(plane: Plane, field: Flow) -> Plane:
    """The plane fetched along the flow, so that it lies on the look the flow starts from."""
    x, y = _X + field[..., 0], _Y + field[..., 1]
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)


def pair_row(first: Aligned, second: Aligned, field: Flow) -> list[float]:
    """The values of two looks at one face, in the order of PAIR_NAMES; field: flow from the first to the second."""
    inside = first.inside & second.inside
    moved = pulled(second.luma, field)
    ones, twos, rests = bands(first.luma), bands(moved), bands(first.luma - moved)
    row = []
    for part in PARTS:
        mask = region(part, inside)
        for one, two, rest in zip(ones, twos, rests, strict=True):
            power = (_energy(one, mask) + _energy(two, mask)) / 2
            row.append(log10(_energy(rest, mask) / (power + FLOOR)))
    return row + _motion(field, region("face", inside))


def _motion(field: Flow, face: Mask) -> list[float]:
    """How much the face moved, and how: beyond an affine motion, at mouth and eyes, and how unevenly."""
    where = np.stack([_X[face], _Y[face], np.ones(int(face.sum()), np.float32)], axis=1)
    affine, *_ = np.linalg.lstsq(where, field[face], rcond=None)
    rest = np.zeros(field.shape[:2], np.float32)
    rest[face] = ((field[face] - where @ affine) ** 2).sum(axis=1)
    free = float(rest[face].mean())
    curved = np.asarray(cv2.Laplacian(field, cv2.CV_32F), np.float32)
    return [
        log10(float((field[face] ** 2).sum(axis=1).mean())),
        log10(free),
        log10(float(rest[REGIONS["mouth"]].mean()) / (free + 0.01)),
        log10(float(rest[REGIONS["eyes"]].mean()) / (free + 0.01)),
        log10(float((curved[face] ** 2).sum(axis=1).mean()) / (free + 0.01)),
    ]


__all__ = ["PAIR_NAMES", "VIEW_NAMES", "bands", "flow", "log10", "pair_row", "pulled", "view_row"]
