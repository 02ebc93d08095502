"""A portrait's pixels pulled to where lips and chin should be: thin plates between points, still at the window's edge.

Bookstein 1989, doi:10.1109/34.24792. The map is taken from where pixels end up back to where they come from, on a
coarse grid, and read with cubic interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.reenactment.mouths import CHIN, LIPS

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]

_GRID = 48
_STIFF = 1e-3


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a frame that is changed: left, top, width, height in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """Of the frame."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Of the frame."""
        return slice(self.left, self.left + self.width)

    @classmethod
    def around(cls, five: Points, chin: Points, size: tuple[int, int]) -> Window:
        """From under the eyes to below the chin, an eye distance to each side of the mouth, inside the frame."""
        span = float(np.hypot(*(five[1] - five[0])))
        middle = five[3:].mean(axis=0)
        x0, x1 = float(middle[0] - 1.15 * span), float(middle[0] + 1.15 * span)
        y0 = float(five[:2, 1].mean() + 0.2 * span)
        y1 = float(max(chin[1] + 0.55 * span, middle[1] + 0.9 * span))
        left, top = int(np.clip(x0, 0, size[0] - 2)), int(np.clip(y0, 0, size[1] - 2))
        right, bottom = int(np.clip(x1, left + 2, size[0])), int(np.clip(y1, top + 2, size[1]))
        return cls(left, top, right - left, bottom - top)


def pulled(pixels: Pixels, own: Points, wanted: Points, five: Points, window: Window) -> tuple[Plane, Plane]:
    """The window with lips and chin moved from own to wanted, float32 (h, w, 3), and how far each pixel moved (h, w).

    own, wanted: float32 (22, 2), frame pixels.
    """
    span = float(np.hypot(*(five[1] - five[0])))
    places, moves = _handles(own, wanted, five, window, span)
    field = _field(places, moves, window) * _still(window)[..., None]
    y, x = np.mgrid[: window.height, : window.width].astype(np.float32)
    at_x, at_y = x + window.left - field[..., 0], y + window.top - field[..., 1]
    out = cv2.remap(pixels, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.float32), np.asarray(np.hypot(field[..., 0], field[..., 1]), np.float32)


def _handles(own: Points, wanted: Points, five: Points, window: Window, span: float) -> tuple[Points, Points]:
    """Where the field is known: lips and chin move, nose, cheeks and the window's edge do not."""
    drop = wanted[CHIN] - own[CHIN]
    across = (five[1] - five[0]) / span
    down = np.array([-across[1], across[0]], np.float32)
    mouth = own[LIPS].mean(axis=0)
    jaw = np.stack([own[CHIN] + side * 0.45 * span * across - 0.1 * span * down for side in (-1.0, 1.0)])
    nose = np.stack([five[2] + a * 0.22 * span * across for a in (-1.0, 0.0, 1.0)])
    cheeks = np.stack([mouth + s * 0.95 * span * across + a * span * down for s in (-1, 1) for a in (-0.3, 0.25)])
    t = np.linspace(0, 1, 5, dtype=np.float32)
    left, top, right, low = window.left, window.top, window.left + window.width, window.top + window.height
    edge = [(left + (right - left) * u, v) for u in t for v in (top, low)]
    edge += [(u, top + (low - top) * v) for v in t[1:-1] for u in (left, right)]
    places = [wanted[LIPS], wanted[CHIN][None], jaw + 0.7 * drop, nose, cheeks, np.array(edge, np.float32)]
    moves = [wanted[LIPS] - own[LIPS], drop[None], np.repeat(0.7 * drop[None], 2, 0)]
    still = sum(len(p) for p in places[3:])
    return np.concatenate(places).astype(np.float32), np.concatenate([*moves, np.zeros((still, 2))]).astype(np.float32)


def _field(places: Points, moves: Points, window: Window) -> Plane:
    """The thin-plate field over the window, float32 (h, w, 2)."""
    unit = float(max(window.width, window.height))
    p = (places.astype(np.float64) - (window.left, window.top)) / unit
    n = len(p)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _plate(((p[:, None] - p[None]) ** 2).sum(axis=2)) + _STIFF * np.eye(n)
    system[:n, n:] = np.column_stack([np.ones(n), p])
    system[n:, :n] = system[:n, n:].T
    solved = np.linalg.lstsq(system, np.vstack([moves, np.zeros((3, 2))]), rcond=None)[0]
    gx, gy = np.meshgrid(np.linspace(0, window.width / unit, _GRID), np.linspace(0, window.height / unit, _GRID))
    grid = np.stack([gx, gy], axis=-1).reshape(-1, 2)
    values = _plate(((grid[:, None] - p[None]) ** 2).sum(axis=2)) @ solved[:n] + solved[n] + grid @ solved[n + 1 :]
    coarse = values.reshape(_GRID, _GRID, 2).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (window.width, window.height), interpolation=cv2.INTER_CUBIC), np.float32)


def _plate(squared: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-12)), np.float64)


def _still(window: Window) -> Plane:
    """1 inside, falling smoothly to 0 at the window's edge."""
    ramps = []
    for side in (window.height, window.width):
        t = np.minimum(np.arange(side), side - 1 - np.arange(side)) / max(1.0, 0.14 * side)
        t = np.clip(t, 0, 1)
        ramps.append(t * t * (3 - 2 * t))
    return np.asarray(np.outer(*ramps), np.float32)


__all__ = ["Window", "pulled"]
