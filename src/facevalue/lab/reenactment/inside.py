"""What is seen in an open mouth: the driver's own, the portrait's own, or one that is painted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.examiners.lips.mouth import INNER_AT
from facevalue.lab.reenactment.moving import Window

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]

# Of an eye distance: below the first the lips touch, from the second on the inside is seen in full.
SEEN_FROM, SEEN_FULL = 0.015, 0.05
_TEETH, _BRIGHTEST = 0.105, 1.3
# Shares of the skin's colour: the cavity, the tongue; teeth are of the skin's lightness and nearly grey.
_WARM = 0.35
_LINE = 0.055
_CAVITY, _TONGUE = np.array([0.24, 0.11, 0.10]), np.array([0.62, 0.30, 0.30])


@dataclass(frozen=True, slots=True)
class Inside:
    """A mouth's inside as a camera saw it: pixels around it, uint8 (h, w, 3), and the inner contour in them, (8, 2).

    skin: mean colour of the skin around that mouth, (3,).
    """

    pixels: Pixels
    contour: Points
    skin: npt.NDArray[np.float32]


def skin_of(pixels: Pixels, five: Points) -> npt.NDArray[np.float32]:
    """Median colour of both cheeks beside the nose, float32 (3,)."""
    span = float(np.hypot(*(five[1] - five[0])))
    samples = []
    for eye in (0, 1):
        x, y = (five[2] + five[3 + eye]) / 2 + 0.12 * (five[eye] - five[1 - eye])
        reach = max(1, round(span * 0.07))
        rows = slice(max(0, round(float(y)) - reach), max(1, round(float(y)) + reach))
        columns = slice(max(0, round(float(x)) - reach), max(1, round(float(x)) + reach))
        samples.append(pixels[rows, columns].reshape(-1, 3))
    joined = np.concatenate(samples)
    return np.median(joined, axis=0).astype(np.float32) if len(joined) else np.full(3, 128, np.float32)


def seen(gap_eyes: float) -> float:
    """How much of the inside is seen at this gap, 0..1."""
    t = float(np.clip((gap_eyes - SEEN_FROM) / (SEEN_FULL - SEEN_FROM), 0, 1))
    return t * t * (3 - 2 * t)


def contour_mask(contour: Points, window: Window, span: float) -> Plane:
    """The inner contour's inside, soft by a hundredth of an eye distance, float32 (h, w), 0..1."""
    fine = _rounded(contour - (window.left, window.top))
    out = np.zeros((window.height, window.width), np.float32)
    cv2.fillPoly(out, [np.round(fine * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(cv2.GaussianBlur(out, (0, 0), max(0.5, 0.012 * span)), np.float32)


def _rounded(points: Points) -> npt.NDArray[np.float64]:
    """Corners cut twice (Chaikin), except at the mouth's own corners, which the contour's ends are."""
    out = points.astype(np.float64)
    for _ in range(2):
        following = np.roll(out, -1, axis=0)
        out = np.stack([0.75 * out + 0.25 * following, 0.25 * out + 0.75 * following], axis=1).reshape(-1, 2)
    return out


def borrowed(source: Inside, contour: Points, skin: npt.NDArray[np.float32], window: Window) -> Plane:
    """The driver's inside laid into another contour, its light matched by the skin around, float32 (h, w, 3)."""
    move = _affine(source.contour, contour - (window.left, window.top))
    size = (window.width, window.height)
    laid = cv2.warpAffine(source.pixels, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    gain = np.clip((skin + 8) / (source.skin + 8), 0.4, 2.5)
    # Teeth are no skin: they take the light's brightness in full and its colour by half.
    gain = 0.5 * gain + 0.5 * gain.mean()
    # Nor are they brighter than the skin beside them.
    inner = cv2.fillPoly(np.zeros(source.pixels.shape[:2], np.uint8), [np.round(source.contour).astype(np.int32)], 1)
    light = (source.pixels[inner > 0] * gain).mean(axis=1)
    if len(light):
        gain = gain * min(1.0, _BRIGHTEST * float(skin.mean()) / max(float(np.percentile(light, 97)), 1.0))
    gain = gain * (1 - _WARM + _WARM * skin / max(float(skin.mean()), 1.0))  # what skin throws on them
    return np.asarray(np.clip(laid.astype(np.float32) * gain, 0, 255), np.float32)


def _affine(src: Points, dst: Points) -> npt.NDArray[np.float64]:
    """Least squares, held near a similarity where the source is flat."""
    ones = np.column_stack([src, np.ones(len(src))]).astype(np.float64)
    weight = 1e-3 * float(np.ptp(src[:, 0])) ** 2
    pull = np.diag([weight, weight, 0.0])
    scale = float(np.ptp(dst[:, 0])) / max(float(np.ptp(src[:, 0])), 1e-3)
    prior = np.vstack([scale * np.eye(2), np.zeros((1, 2))])
    solved = np.linalg.solve(ones.T @ ones + pull + 1e-9 * np.eye(3), ones.T @ dst + pull @ prior)
    return np.asarray(solved.T, np.float64)


def painted(contour: Points, gap_eyes: float, span: float, skin: npt.NDArray[np.float32], window: Window) -> Plane:
    """A dark cavity with the upper teeth behind the upper lip and the tongue low in it, float32 (h, w, 3)."""
    y, x = np.mgrid[: window.height, : window.width].astype(np.float32)
    x, y = x + window.left, y + window.top
    left, right = contour[0], contour[4]
    across = (right - left) / max(float(np.hypot(*(right - left))), 1e-3)
    down = np.array([-across[1], across[0]])
    middle, half = (left + right) / 2, max(float(np.hypot(*(right - left))) / 2, 1.0)
    u = ((x - middle[0]) * across[0] + (y - middle[1]) * across[1]) / half
    v = (x - middle[0]) * down[0] + (y - middle[1]) * down[1]
    upper, lower = (_edge(contour, at, middle, across, down, half, u) for at in ((0, 1, 2, 3, 4), (0, 7, 6, 5, 4)))
    depth = np.maximum(lower - upper, 1e-3)
    deep = np.clip((v - upper) / depth, 0, 1)
    out = skin * _CAVITY * (1.15 - 0.5 * np.sin(np.pi * deep))[..., None]
    tongue = _step(deep, 0.55 + 0.25 * u**2, 0.16) * np.clip(1.2 - abs(u), 0, 1) * np.clip(gap_eyes / 0.2, 0, 1)
    out = out + tongue[..., None] * (skin * _TONGUE * (0.75 + 0.25 * (1 - deep))[..., None] - out)
    long = min(_TEETH, 0.6 * gap_eyes) * span * np.clip(1 - 0.55 * u**2, 0.2, 1)
    teeth = (1 - _step(v - upper, long, 0.02 * span + 0.4)) * np.clip((1.0 - abs(u)) / 0.25, 0, 1)
    shade = 0.78 * (1 - 0.35 * u**2) * (0.8 + 0.2 * np.clip((v - upper) / (0.05 * span + 1e-3), 0, 1))
    grey = 0.35 * skin + 0.65 * float(skin.mean()) * np.array([1.05, 1.0, 0.93])
    out = out + teeth[..., None] * (grey * 1.12 * shade[..., None] - out)
    return np.asarray(np.clip(out, 0, 255), np.float32)


def _edge(
    contour: Points, at: tuple[int, ...], middle: Points, across: Points, down: Points, half: float, u: Plane
) -> Plane:
    """How far down the contour runs at u, along its upper or lower points."""
    points = contour[list(at)] - middle
    along, deep = points @ across / half, points @ down
    order = np.argsort(along)
    return np.interp(u, along[order], deep[order]).astype(np.float32)


def _step(value: Plane, at: Plane | float, soft: float) -> Plane:
    t = np.clip((value - at) / soft + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def own_teeth(pixels: Pixels, own: Points, wanted: Points, window: Window, span: float) -> tuple[Plane, Plane]:
    """The portrait's own open mouth, moved with the upper lip, float32 (h, w, 3), and where it is seen, (h, w)."""
    before, after = own[INNER_AT], wanted[INNER_AT]
    up = slice(1, 4)
    move = np.array([after[[0, 4], 0].mean() - before[[0, 4], 0].mean(), after[up, 1].mean() - before[up, 1].mean()])
    matrix = np.array([[1, 0, move[0] - window.left], [0, 1, move[1] - window.top]], np.float64)
    size = (window.width, window.height)
    laid = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    inner = before + move
    middle = inner.mean(axis=0)
    # Not to the very edge: there lip and teeth are mixed.
    kept = contour_mask((middle + (inner - middle) * (0.97, 0.9)).astype(np.float32), window, span)
    return np.asarray(laid, np.float32), kept


def lip_line(pixels: Pixels, own: Points, contour: Points, window: Window, span: float) -> tuple[Plane, Plane]:
    """Lips that meet where teeth were seen before: their colour, darker where they touch, and how much, (h, w)."""
    pairs = ((2, 13), (3, 14), (4, 15), (8, 17), (9, 18), (10, 19))
    places = np.round(np.stack([(own[a] + own[b]) / 2 for a, b in pairs])).astype(int)
    x, y = (np.clip(places[:, i], 0, pixels.shape[1 - i] - 1) for i in (0, 1))
    colour = np.median(pixels[y, x].astype(np.float32), axis=0)
    upper, lower = contour[[0, 1, 2, 3, 4]], contour[[0, 7, 6, 5, 4]]
    middle = (upper + lower) / 2 - (window.left, window.top)
    middle = middle.mean(axis=0) + 0.92 * (middle - middle.mean(axis=0))  # corners keep what they have
    line = np.zeros((window.height, window.width), np.float32)
    thick = max(1, round(_LINE * span))
    cv2.polylines(line, [np.round(middle * 16).astype(np.int32)], False, 1.0, thick, cv2.LINE_AA, 4)
    thin = np.zeros_like(line)
    cv2.polylines(thin, [np.round(middle * 16).astype(np.int32)], False, 1.0, 1, cv2.LINE_AA, 4)
    alpha = np.clip(1.4 * cv2.GaussianBlur(line, (0, 0), max(0.6, 0.02 * span)), 0, 1)
    touch = np.clip(1.5 * cv2.GaussianBlur(thin, (0, 0), max(0.7, 0.012 * span)), 0, 1)
    return np.asarray(colour * (1 - 0.25 * touch[..., None]), np.float32), np.asarray(alpha, np.float32)


__all__ = ["Inside", "borrowed", "contour_mask", "lip_line", "own_teeth", "painted", "seen", "skin_of"]
