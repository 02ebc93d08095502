"""The forgers: each turns a real face and a set of parameters into a forged one with its mask.

    blend      the face joined with a changed copy of itself (after Shiohara and Yamasaki 2022, arXiv:2204.08376)
    composite  regions of another face, aligned, colour-matched, alpha or Poisson blended
    redraw     the face drawn anew from fewer samples, as a decoder of low resolution does
    retouch    skin, eyes, shape or spots, as beauty filters do (lab.edits)
    repaint    as redraw, but the whole picture: against the examiner of generated pictures

All end with the same finish (resize, blur, noise, JPEG), whose numbers they tune as well. The real face beside the
forged one gets the same finish, so that an examiner cannot learn the finish. A forgery must be one: what changes
hardly anything inside its mask does not count as having slipped through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.faces.align import TEMPLATE, similarity
from facevalue.lab.blend import OUTLINES, PARTS, WHOLE, RealFace, match_colour
from facevalue.lab.duel.space import Choice, Number, Params, Rng, Space
from facevalue.lab.launder import through_codec

Pixels = npt.NDArray[np.uint8]
Alpha = npt.NDArray[np.float32]

LEAST_CHANGE = 4.0  # grey levels, mean over the mask
LEAST_SHARE = 0.01  # of the picture
FINISH: Space = {
    "scale": Number(0.55, 1.0),
    "blur": Number(0.0, 0.9),
    "noise": Number(0.0, 3.0),
    "quality": Number(55, 95),
}
REGIONS = (*WHOLE, *PARTS)


@dataclass(frozen=True, slots=True)
class Forged:
    """A forged face before its finish: uint8 (H, W, 3), and the share of foreign pixels, float32 (H, W) in 0..1."""

    pixels: Pixels
    mask: Alpha


Make = Callable[[RealFace, RealFace, Params, Rng], Forged]


@dataclass(frozen=True, slots=True)
class Forger:
    """A name, what may be tuned (the finish included), and how it forges: (face, donor, parameters, rng)."""

    name: str
    space: Space
    make: Make


def finish(pixels: Pixels, params: Params, seed: int) -> Pixels:
    """The way from the editor to the examiner: shrink, blur, noise, JPEG; the same seed gives the same noise."""
    height, width = pixels.shape[:2]
    if params["scale"] < 0.98:
        size = (max(48, round(width * params["scale"])), max(48, round(height * params["scale"])))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    out = pixels.astype(np.float32)
    if params["blur"] > 0.2:
        out = cv2.GaussianBlur(out, (0, 0), float(params["blur"]))
    if params["noise"] > 0.2:
        out = out + np.random.default_rng(seed).normal(0, params["noise"], out.shape).astype(np.float32)
    done = through_codec(np.clip(out, 0, 255).astype(np.uint8), "JPEG", round(params["quality"]))
    return np.asarray(cv2.resize(done, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def is_forgery(face: RealFace, forged: Forged) -> bool:
    """Whether enough was changed in a large enough place."""
    inside = forged.mask > 0.3
    if inside.mean() < LEAST_SHARE:
        return False
    return float(cv2.absdiff(forged.pixels, face.pixels)[inside].mean()) >= LEAST_CHANGE


def outline(face: RealFace, region: str, feather: float) -> Alpha:
    """The region of the face, with an edge whose sigma is `feather` of the distance between the eyes."""
    warp = similarity(TEMPLATE, face.landmarks)
    points = np.array(OUTLINES[region], np.float32) @ warp[:, :2].T + warp[:, 2]
    hard = np.zeros(face.pixels.shape[:2], np.uint8)
    cv2.fillPoly(hard, [np.round(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    sigma = max(0.4, feather * _span(face))
    return np.asarray(cv2.GaussianBlur(hard.astype(np.float32) / 255, (0, 0), sigma), np.float32)


def _span(face: RealFace) -> float:
    return float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))


def _softer(pixels: Pixels, factor: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    return np.asarray(
        cv2.resize(
            cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), (width, height), interpolation=cv2.INTER_CUBIC
        ),
        np.uint8,
    )


def _mixed(base: Pixels, over: npt.NDArray[np.floating] | Pixels, mask: Alpha) -> Pixels:
    alpha = mask[..., None]
    return np.clip(np.round(base * (1 - alpha) + np.asarray(over, np.float32) * alpha), 0, 255).astype(np.uint8)


def _blend(face: RealFace, donor: RealFace, params: Params, rng: Rng) -> Forged:
    height, width = face.pixels.shape[:2]
    mask = outline(face, params["region"], params["feather"]) * np.float32(params["opacity"])
    changed = _softer(face.pixels, params["softness"]).astype(np.float32)
    changed += rng.normal(0, params["colour"], 3).astype(np.float32)
    centre = face.landmarks.mean(axis=0)
    turn = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), float(rng.normal(0, params["turn"])), 1.0)
    turn[:, 2] += rng.normal(0, params["shift"] * _span(face), 2)
    moved = cv2.warpAffine(changed, turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return Forged(_mixed(face.pixels, np.asarray(moved), mask), mask)


def _composite(face: RealFace, donor: RealFace, params: Params, rng: Rng) -> Forged:
    height, width = face.pixels.shape[:2]
    warp = similarity(donor.landmarks, face.landmarks)
    source = _softer(donor.pixels, params["softness"])
    moved = np.asarray(cv2.warpAffine(source, warp, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8)
    mask = outline(face, params["region"], params["feather"])
    matched = match_colour(moved, face.pixels, mask)
    moved = _mixed(moved, matched, np.full((height, width), params["match"], np.float32))
    if params["join"] == "poisson":
        hard = (mask > 0.5).astype(np.uint8) * 255
        hard[:2] = hard[-2:] = 0
        hard[:, :2] = hard[:, -2:] = 0
        x, y, w, h = cv2.boundingRect(hard)
        if w > 8 and h > 8:
            # The clone writes into the mask that it is given, hence the copy.
            out = cv2.seamlessClone(moved, face.pixels, hard.copy(), (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
            # It reaches one pixel beyond that mask.
            inside = np.where(hard[..., None] > 0, out, face.pixels)
            return Forged(np.asarray(inside, np.uint8), (hard / 255).astype(np.float32))
    return Forged(_mixed(face.pixels, moved, mask), mask)


_KERNELS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


def _redraw(face: RealFace, donor: RealFace, params: Params, rng: Rng) -> Forged:
    mask = outline(face, params["region"], params["feather"])
    return Forged(_mixed(face.pixels, _drawn(face.pixels, params), mask), mask)


def _repaint(face: RealFace, donor: RealFace, params: Params, rng: Rng) -> Forged:
    return Forged(_drawn(face.pixels, params), np.ones(face.pixels.shape[:2], np.float32))


def _drawn(pixels: Pixels, params: Params) -> Pixels:
    height, width = pixels.shape[:2]
    size = (max(8, round(width / params["factor"])), max(8, round(height / params["factor"])))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    grown = np.asarray(cv2.resize(small, (width, height), interpolation=_KERNELS[params["kernel"]]), np.uint8)
    if params["smooth"] > 2:
        grown = np.asarray(cv2.bilateralFilter(grown, 5, float(params["smooth"]), 3), np.uint8)
    crisp = cv2.addWeighted(grown, 1 + params["sharpen"], cv2.GaussianBlur(grown, (0, 0), 1.4), -params["sharpen"], 0)
    return np.asarray(crisp, np.uint8)


def _retouch(face: RealFace, donor: RealFace, params: Params, rng: Rng) -> Forged:
    from facevalue.lab.edits import retouch

    try:
        made = retouch(face.pixels, rng, [params["step"]])
    except UsageError:  # no face that it could work on
        return Forged(face.pixels, np.zeros(face.pixels.shape[:2], np.float32))
    return Forged(made.pixels, made.mask.astype(np.float32))


_FEATHER = Number(0.01, 0.2)
_DRAWN: Space = {
    "factor": Number(1.6, 4.0),
    "kernel": Choice(tuple(_KERNELS)),
    "smooth": Number(0.0, 40.0),
    "sharpen": Number(0.0, 0.8),
}
FORGERS: dict[str, Forger] = {
    forger.name: forger
    for forger in (
        Forger(
            "blend",
            {
                "region": Choice(REGIONS),
                "feather": _FEATHER,
                "opacity": Number(0.5, 1.0),
                "softness": Number(0.3, 1.0),
                "colour": Number(0.0, 14.0),
                "turn": Number(0.0, 2.5),
                "shift": Number(0.0, 0.06),
                **FINISH,
            },
            _blend,
        ),
        Forger(
            "composite",
            {
                "region": Choice(REGIONS),
                "feather": _FEATHER,
                "softness": Number(0.3, 1.0),
                "match": Number(0.0, 1.0),
                "join": Choice(("alpha", "poisson")),
                **FINISH,
            },
            _composite,
        ),
        Forger(
            "redraw",
            {"region": Choice(WHOLE), "feather": _FEATHER, **_DRAWN, **FINISH},
            _redraw,
        ),
        Forger("repaint", {**_DRAWN, **FINISH}, _repaint),
        Forger("retouch", {"step": Choice(("smooth", "brighten", "liquify", "spots")), **FINISH}, _retouch),
    )
}
