"""Lids that close: when they do, and skin drawn over an eye, continued from around it, with the lashes below."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.edits.edit import Mask, Pixels, Plane, Rng, confined
from facevalue.lab.edits.seamless import membrane

Points = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float32]

# People blink every few seconds; a blink closes in some 80 ms and opens in twice that.
PAUSE_S, CLOSING_S, SHUT_S, OPENING_S = (1.8, 5.5), 0.08, 0.04, 0.16
# A driver's eye is shut where it looks this much less like itself open.
_SHUT_AT, _SHUT_FULL = 0.12, 0.35
# Half the eye's width, eye distances; how dark lashes and the lid's fold are.
_HALF, _LASHES, _FOLD = 0.2, 0.5, 0.12


def drawn_blinks(time_s: npt.NDArray[np.float64], rng: Rng) -> Floats:
    """How far lids are closed at each time, 0..1: blinks as people have them."""
    out = np.zeros(len(time_s), np.float32)
    at = float(rng.uniform(0.4, PAUSE_S[1] / 2))
    while len(time_s) and at < time_s[-1]:
        out = np.maximum(out, _pulse(time_s - at))
        at += float(rng.uniform(*PAUSE_S))
    return out


def _pulse(t: npt.NDArray[np.float64]) -> Floats:
    down = np.clip(t / CLOSING_S, 0, 1)
    up = np.clip((t - CLOSING_S - SHUT_S) / OPENING_S, 0, 1)
    return np.asarray(np.clip(_eased(down) - _eased(up), 0, 1), np.float32)


def _eased(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(t * t * (3 - 2 * t), np.float64)


def seen_blinks(eyes: npt.NDArray[np.uint8], fps: int) -> Floats:
    """How far a driver's lids are closed, float32 (n,), from its eyes, uint8 (n, 2, h, w).

    An eye that suddenly looks unlike what it looked like in the second around is shut. Turning heads change more
    slowly.
    """
    flat = eyes.reshape(len(eyes), 2, -1).astype(np.float32)
    flat = (flat - flat.mean(axis=2, keepdims=True)) / (flat.std(axis=2, keepdims=True) + 4.0)
    reach = max(2, fps)
    unlike = np.empty(len(flat), np.float32)
    for i in range(len(flat)):
        usual = np.median(flat[max(0, i - reach) : i + reach + 1], axis=0)
        usual /= usual.std(axis=1, keepdims=True) + 1e-6
        unlike[i] = 1 - float((usual * flat[i]).mean(axis=1).min())
    unlike -= np.median(unlike)
    return np.asarray(np.clip((unlike - _SHUT_AT) / (_SHUT_FULL - _SHUT_AT), 0, 1), np.float32)


def lids_closed(pixels: Pixels, five: Points, amount: float) -> tuple[Pixels, Mask]:
    """The picture with both eyes closed by that amount, 0..1, and the pixels that it changes, bool (H, W)."""
    out, mask = pixels, np.zeros(pixels.shape[:2], np.bool_)
    if amount < 0.02:
        return out, mask
    for which in (0, 1):
        lid = _lid(pixels, five, which, amount)
        at = (lid.rows, lid.columns)
        part = out[at].astype(np.float32)
        skin = membrane(part, lid.eye) if lid.eye.any() else part
        drawn = part + lid.seen[..., None] * (skin * (1 - _FOLD * lid.fold[..., None]) - part)
        drawn = drawn * (1 - _LASHES * lid.lashes[..., None])
        region = (lid.seen > 0.01) | (lid.lashes > 0.02)
        changed = confined(out[at], np.asarray(drawn, np.float32), region)
        out = out.copy()
        out[at] = changed
        mask[at] |= region
    return out, mask


@dataclass(frozen=True, slots=True)
class _Lid:
    """One lid in a part of the picture. eye: what its skin is drawn across. seen, fold, lashes: how much of each."""

    rows: slice
    columns: slice
    eye: Mask
    seen: Plane
    fold: Plane
    lashes: Plane


def _lid(pixels: Pixels, five: Points, which: int, amount: float) -> _Lid:
    across = five[1] - five[0]
    span = max(float(np.hypot(*across)), 1.0)
    right = across / span
    down = np.array([-right[1], right[0]], np.float32)
    eye = five[which]
    reach = 0.36 * span
    top, left = (max(0, int(eye[i] - reach)) for i in (1, 0))
    rows = slice(top, max(top + 1, min(pixels.shape[0], int(eye[1] + reach))))
    columns = slice(left, max(left + 1, min(pixels.shape[1], int(eye[0] + reach))))
    y, x = np.mgrid[rows, columns].astype(np.float32)
    u = ((x - eye[0]) * right[0] + (y - eye[1]) * right[1]) / span
    v = ((x - eye[0]) * down[0] + (y - eye[1]) * down[1]) / span
    above, below = _opening(pixels, eye, right, down, span)
    arch = np.clip(1 - (u / _HALF) ** 2, 0, 1)
    corner = (below - above) * 0.25
    upper, lower = corner - (above + corner) * arch, corner + (below - corner) * arch
    # Lashes and the shade of the lid's rim are no skin: what is drawn across reaches a little over them.
    wide = np.clip(1 - (u / (_HALF * 1.12)) ** 2, 0, 1)
    inner = (v > upper - 0.045 * wide) & (v < lower + 0.03 * wide) & (wide > 0)
    edge = upper + amount * (lower + 0.008 - upper)
    soft = np.asarray(cv2.GaussianBlur(inner.astype(np.float32), (0, 0), max(0.5, 0.012 * span)), np.float32) * inner
    seen = np.clip((edge - v) / 0.02 + 0.5, 0, 1) * soft * min(1.0, 4 * amount)
    fold = np.exp(-(((v - upper + 0.02) / 0.014) ** 2)) * np.clip(arch / 0.3, 0, 1)
    lashes = np.exp(-(((v - edge) / 0.011) ** 2)) * np.clip(arch / 0.3, 0, 1) * min(1.0, 3 * amount)
    return _Lid(rows, columns, np.asarray(inner, np.bool_), *(np.asarray(p, np.float32) for p in (seen, fold, lashes)))


def _opening(pixels: Pixels, eye: Points, right: Points, down: Points, span: float) -> tuple[float, float]:
    """How far above and below its middle the eye is open, eye distances, both positive.

    From the dark of iris and lashes to where the skin is nearly reached, up and down; median of five strips.
    """
    steps = np.arange(-0.16, 0.161, 0.005, dtype=np.float32)
    found = []
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    for u in (-0.06, -0.03, 0.0, 0.03, 0.06):
        places = eye + span * (u * right + steps[:, None] * down)
        at_x, at_y = (np.ascontiguousarray(places[:, i : i + 1], np.float32) for i in (0, 1))
        line = cv2.remap(grey, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        luma = cv2.GaussianBlur(line.astype(np.float32), (1, 7), 0)[:, 0]
        middle = len(luma) // 2
        found.append((_reach(luma[middle::-1]), _reach(luma[middle:])))
    above, below = (float(np.median([f[i] for f in found])) for i in (0, 1))
    return float(np.clip(above, 0.03, 0.085)), float(np.clip(below, 0.03, 0.075))


def _reach(luma: Floats) -> float:
    """From the eye's middle outwards, in steps of 0.005: where the skin begins."""
    darkest = int(np.argmin(luma[:16]))
    brightest = darkest + int(np.argmax(luma[darkest:]))
    level = luma[darkest] + 0.7 * (luma[brightest] - luma[darkest])
    return 0.005 * (darkest + int(np.argmax(luma[darkest:] >= level)))


__all__ = ["drawn_blinks", "lids_closed", "seen_blinks"]
