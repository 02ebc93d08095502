"""Reenactments made from real takes: the same content, size and encoder, synthesised from one picture.

Three families, after how talking heads are made, each with settings drawn at random: `warp`, one source frame moved by
a smooth dense flow to each frame of the clip, with a decoder's coarse fill-in where the flow cannot reach (the scheme
of the First Order Motion Model and its heirs, Siarohin et al. 2019, arXiv:2003.00196); `lowrank`, the aligned face
as a few numbers a frame, with the fine texture of one frame; `decoded`, each frame through a small picture and up
again, sharpened, with slowly boiling detail, over a still background. They are made in memory, for training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces.align import similarity
from facevalue.lab.reenact_takes import TAKE_PX, Take

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Rng = np.random.Generator

SQUARE = (TAKE_PX, TAKE_PX)
_Y, _X = np.mgrid[:TAKE_PX, :TAKE_PX].astype(np.float32)
# Difference of coarse grey levels at which the fill-in begins and is complete.
FILL_FROM, FILL_OVER = 6.0, 14.0
BACKGROUNDS = ("still", "warp", "real")
UP = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


@dataclass(frozen=True, slots=True)
class Decoder:
    """How a family's pictures come out: through net_px pixels and up again by one of UP, then sharpened."""

    net_px: int
    up: int
    sharpening: float

    @classmethod
    def drawn(cls, rng: Rng, sizes: tuple[int, ...]) -> Decoder:
        """Settings drawn at random."""
        return cls(int(rng.choice(sizes)), int(rng.choice(UP)), float(rng.uniform(0.0, 0.9)))

    def __call__(self, picture: Plane) -> Plane:
        """float32 (TAKE_PX, TAKE_PX, 3) to the same."""
        out = _up(_down(picture, self.net_px), self.up) if self.net_px < TAKE_PX else picture
        return np.asarray(out + self.sharpening * (out - cv2.GaussianBlur(out, (0, 0), 1.5)), np.float32)


def _down(picture: Plane, side: int) -> Plane:
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _up(picture: Plane, way: int = cv2.INTER_CUBIC) -> Plane:
    return np.asarray(cv2.resize(picture, SQUARE, interpolation=way), np.float32)


def head(cut: Take, index: int) -> Plane:
    """A soft mask of the head in one frame, float32 (TAKE_PX, TAKE_PX, 1), 0..1."""
    points = cut.landmarks[index]
    x, y = points[:3].mean(axis=0)
    unit = float(np.linalg.norm(points[1] - points[0])) + 1e-3
    far = np.sqrt(((_X - x) / (1.75 * unit)) ** 2 + ((_Y - y + 0.1 * unit) / (2.2 * unit)) ** 2)
    return np.asarray(np.clip((1.25 - far) / 0.35, 0, 1)[..., None], np.float32)


def _placed(cut: Take, source: int, index: int, picture: Plane, background: str) -> Pixels:
    """The picture on its background: the still one of the source frame, the clip's own, or none."""
    if background != "warp":
        mask = head(cut, index)
        behind = cut.frames[index]
        if background == "still":
            mask, behind = np.maximum(mask, head(cut, source)), cut.frames[source]
        picture = mask * picture + (1 - mask) * behind.astype(np.float32)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def warp(cut: Take, rng: Rng) -> list[Pixels]:
    """One frame, moved to all the others by a smooth flow."""
    source = int(rng.integers(len(cut.frames)))
    background = str(rng.choice(BACKGROUNDS))
    smooth, blend, coarse_px = float(rng.uniform(3, 9)), float(rng.uniform(0, 0.3)), int(rng.choice([48, 64, 96]))
    decoder = Decoder.drawn(rng, (112, 128, 192, TAKE_PX, TAKE_PX))
    texture = cut.frames[source].astype(np.float32)
    out = []
    for index, frame in enumerate(cut.frames):
        moved = _moved(cut, source, index, texture, smooth)
        coarse, own = (_up(_down(x, coarse_px)) for x in (frame.astype(np.float32), moved))
        off = cv2.GaussianBlur(np.abs(coarse - own).mean(axis=2), (0, 0), 3)
        fill = np.maximum(np.clip((off - FILL_FROM) / FILL_OVER, 0, 1), blend)[..., None]
        picture = (1 - fill) * moved + fill * (coarse + (1 - fill) * (moved - own))
        out.append(_placed(cut, source, index, decoder(np.asarray(picture, np.float32)), background))
    return out


def _moved(cut: Take, source: int, index: int, texture: Plane, smooth: float) -> Plane:
    """The source's texture where the flow, on top of the landmarks' similarity, puts it in another frame."""
    move = similarity(cut.landmarks[source], cut.landmarks[index])
    grey = cv2.cvtColor(cut.frames[source], cv2.COLOR_RGB2GRAY)
    guess = cv2.warpAffine(grey, move, SQUARE, borderMode=cv2.BORDER_REPLICATE)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    start = np.zeros((*SQUARE, 2), np.float32)
    target = cv2.cvtColor(cut.frames[index], cv2.COLOR_RGB2GRAY)
    field = cv2.GaussianBlur(search.calc(target, guess, start), (0, 0), smooth)
    back = cv2.invertAffineTransform(move).astype(np.float32)
    x, y = _X + field[..., 0], _Y + field[..., 1]
    at_x, at_y = (back[i, 0] * x + back[i, 1] * y + back[i, 2] for i in (0, 1))
    return np.asarray(cv2.remap(texture, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def lowrank(cut: Take, rng: Rng) -> list[Pixels]:
    """The aligned face in a subspace of a few dimensions, with one frame's fine texture."""
    source, rank = int(rng.integers(len(cut.frames))), int(rng.integers(3, 9))
    amount, background = float(rng.uniform(0.3, 1.0)), str(rng.choice(("still", "real")))
    middle = np.median(cut.landmarks, axis=0).astype(np.float32)
    moves = [similarity(points, middle) for points in cut.landmarks]
    way = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT}
    still = [cv2.warpAffine(f, m, SQUARE, **way) for f, m in zip(cut.frames, moves, strict=True)]
    flat = np.stack(still).astype(np.float32).reshape(len(still), -1)
    mean = flat.mean(axis=0)
    flat -= mean
    _, vectors = np.linalg.eigh(flat @ flat.T)
    top = vectors[:, -rank:].astype(np.float32)
    codes = top.T @ flat
    fine = still[source].astype(np.float32)
    fine = amount * (fine - cv2.GaussianBlur(fine, (0, 0), 2.0))
    out = []
    for index, move in enumerate(moves):
        face = (top[index] @ codes + mean).reshape(*SQUARE, 3)
        face = cv2.GaussianBlur(face, (0, 0), 1.2) + fine
        picture = cv2.warpAffine(face, cv2.invertAffineTransform(move), SQUARE, **way)
        out.append(_placed(cut, source, index, picture, background))
    return out


def decoded(cut: Take, rng: Rng) -> list[Pixels]:
    """Every frame through a small picture and up again, with detail that boils slowly."""
    source, background = int(rng.integers(len(cut.frames))), str(rng.choice(("still", "real")))
    decoder, boil, smooths = Decoder.drawn(rng, (96, 112, 128, 160)), float(rng.uniform(0, 1.2)), rng.random() < 0.5
    field = np.zeros(SQUARE, np.float32)
    out = []
    for index, frame in enumerate(cut.frames):
        fresh = cv2.GaussianBlur(rng.normal(0, 5, SQUARE).astype(np.float32), (0, 0), 1.5)
        field = np.asarray(0.8 * field + 0.6 * fresh, np.float32)
        picture = cv2.bilateralFilter(frame, 5, 18, 3) if smooths else frame
        made = decoder(picture.astype(np.float32)) + boil * field[..., None]
        out.append(_placed(cut, source, index, made, background))
    return out


FAMILIES: dict[str, Callable[[Take, Rng], list[Pixels]]] = {"warp": warp, "lowrank": lowrank, "decoded": decoded}

__all__ = ["FAMILIES", "Decoder", "decoded", "head", "lowrank", "warp"]
