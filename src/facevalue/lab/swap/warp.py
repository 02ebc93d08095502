"""Bringing the source's face into the target's shape: a smoothed thin-plate spline through their matched points."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.swap.points import FacePoints

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

# Stiffness of the spline, in units of the face: points of the two faces need not meet exactly.
STIFFNESS = 2e-3
_STEP_PX = 4
# Below this factor the source is reduced by areas first: interpolation alone would skip pixels.
_REDUCE_BELOW = 0.7


@dataclass(frozen=True)
class Window:
    """The part of the target picture that a face can change: left, top, width and height in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def window_of(points: FacePoints, shape: tuple[int, ...], margin: float = 0.15) -> Window:
    """The box around a face's outline, a margin of its span wider, inside a picture of this shape."""
    reach = margin * points.span
    low = np.floor(points.anchors.min(axis=0) - reach).astype(int)
    high = np.ceil(points.anchors.max(axis=0) + reach).astype(int)
    left, top = (int(max(0, v)) for v in low)
    right, bottom = int(min(shape[1], high[0])), int(min(shape[0], high[1]))
    return Window(left, top, max(0, right - left), max(0, bottom - top))


def warped(source: Pixels, have: FacePoints, want: FacePoints, window: Window) -> tuple[Pixels, Plane]:
    """The source's face as the target's points have it, uint8 (h, w, 3) of the window; and where the source has pixels.

    have: the points in the source, want: those in the target. The second, float32 (h, w), is 0 or 1.
    """
    factor = want.span / have.span
    pixels, scale = source, 1.0
    if factor < _REDUCE_BELOW:
        scale = factor / _REDUCE_BELOW
        size = (max(1, round(source.shape[1] * scale)), max(1, round(source.shape[0] * scale)))
        pixels = np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_AREA), np.uint8)
    places = _places(want.anchors, have.anchors * np.float32(scale), window, want.span)
    out = cv2.remap(pixels, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    height, width = pixels.shape[:2]
    inside = ((places >= 0) & (places <= (width - 1, height - 1))).all(axis=2)
    return np.asarray(out, np.uint8), np.asarray(inside, np.float32)


def _places(at: Plane, goal: Plane, window: Window, span: float) -> Plane:
    """Where each pixel of the window comes from: float32 (h, w, 2)."""
    spline = _Spline((at - (window.left, window.top)) / span, goal)
    columns, rows = (
        np.arange(0, size + _STEP_PX, _STEP_PX, dtype=np.float64) for size in (window.width, window.height)
    )
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    coarse = spline(grid / span).reshape(len(rows), len(columns), 2).astype(np.float32)
    # Sampled between grid points, so that pixel 0 is at the first of them.
    y, x = (np.arange(size, dtype=np.float32) / _STEP_PX for size in (window.height, window.width))
    grid_x, grid_y = np.meshgrid(x, y)
    return np.asarray(cv2.remap(coarse, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


class _Spline:
    """Thin-plate spline (Bookstein 1989, doi:10.1109/34.24792) from points (n, 2) to values (n, 2), smoothed."""

    def __init__(self, points: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> None:
        self._points = np.asarray(points, np.float64)
        n = len(self._points)
        kernel = _kernel(self._points, self._points) + STIFFNESS * np.eye(n)
        affine = np.column_stack([np.ones(n), self._points])
        system = np.block([[kernel, affine], [affine.T, np.zeros((3, 3))]])
        # Two points in one place make the system singular; the least squares solution is then the smooth one.
        self._weights = np.linalg.lstsq(system, np.vstack([values, np.zeros((3, 2))]), rcond=None)[0]

    def __call__(self, places: Floats) -> Floats:
        affine = np.column_stack([np.ones(len(places)), places])
        return np.asarray(np.column_stack([_kernel(places, self._points), affine]) @ self._weights, np.float64)


def _kernel(a: Floats, b: Floats) -> Floats:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.asarray(0.5 * squared * np.log(squared + 1e-12), np.float64)
