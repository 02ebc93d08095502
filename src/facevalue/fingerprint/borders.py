"""What somebody put around a picture: letterboxes, a phone's bars, a band with a caption. Found, to be left off.

A border is a run of lines along an edge that are mostly of one colour and end in a line that is wholly of it: text on a
band does not hide the band, because a band's last line is free of it. Bands of several colours are taken off one by
one. What is cut off a plain background of the picture itself does no harm: the same is cut off its original.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

# Lines are judged at this size; a border thinner than a line of it is left alone.
_WORK_PX = 512
# A pixel is of the border's colour within this many levels in every channel: lossy coding moves them by less.
_LEVELS = 14
# Beside the picture's edge, lossy coding moves a few lines of the border further.
_RINGING, _RUNG_LEVELS = 6, 60
# A line that is wholly of one colour, and the mean over a band with text on it.
_PLAIN, _BAND = 0.97, 0.5
# No more than this share of a side is ever taken off in all: what is left must still be a picture.
_MOST = 0.7
_ROUNDS = 6


def trimmed(rgb: Pixels) -> Box:
    """The box (x, y, width, height), in pixels, of the picture without its borders; the whole when it has none."""
    height, width = rgb.shape[:2]
    scale = max(1.0, max(height, width) / _WORK_PX)
    small = rgb if scale == 1.0 else cv2.resize(rgb, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    plane = np.asarray(small, np.int16)
    top, left, bottom, right = 0, 0, plane.shape[0], plane.shape[1]
    rows, columns = ((1 - _MOST) * side for side in plane.shape[:2])
    for _ in range(_ROUNDS):
        before = (top, left, bottom, right)
        part = plane[top:bottom, left:right]
        top, bottom = top + _border(part), bottom - _border(part[::-1])
        # Borders found from two sides may meet, and then there is nothing left to look at.
        if bottom - top >= rows:
            part = plane[top:bottom, left:right].swapaxes(0, 1)
            left, right = left + _border(part), right - _border(part[::-1])
        if bottom - top < rows or right - left < columns:
            top, left, bottom, right = before
            break
        if (top, left, bottom, right) == before:
            break
    return _full_size((top, left, bottom, right), plane.shape[:2], (height, width))


def _border(plane: npt.NDArray[np.int16]) -> int:
    """How many lines at the top belong to a border."""
    if len(plane) < 8:
        return 0
    colour = np.median(plane[0], axis=0)
    reach = int(len(plane) * _MOST)
    same = np.asarray((np.abs(plane[:reach] - colour) <= _LEVELS).all(axis=2).mean(axis=1), np.float64)
    if same[0] < _PLAIN:
        return 0
    filled = np.cumsum(same) / np.arange(1, len(same) + 1)
    ends = np.flatnonzero((same >= _PLAIN) & (filled >= _BAND))
    last = int(ends[-1]) + 1
    # Where the colour runs through to the far side there is no band but a background: its first stretch is cut.
    last = last if last < reach else _first_stretch(same)
    return last + _rung(plane[last : last + _RINGING], colour) if last else 0


def _first_stretch(same: npt.NDArray[np.float64]) -> int:
    other = np.flatnonzero(same < _PLAIN)
    return int(other[0]) if len(other) else 0


def _rung(plane: npt.NDArray[np.int16], colour: npt.NDArray[np.float64]) -> int:
    """How many of the next lines are border too, disturbed by what coding spreads over from the picture."""
    near = (np.abs(plane - colour) <= _RUNG_LEVELS).all(axis=2).mean(axis=1) >= _PLAIN
    return int(np.argmin(np.r_[near, False]))


def _full_size(edges: tuple[int, int, int, int], small: tuple[int, ...], full: tuple[int, int]) -> Box:
    top, left, bottom, right = edges
    y_scale, x_scale = full[0] / small[0], full[1] / small[1]
    # A line that is half border is border: rounded inwards, unless there is none.
    y, x = (int(np.ceil(top * y_scale)), int(np.ceil(left * x_scale)))
    y_end = full[0] if bottom == small[0] else int(bottom * y_scale)
    x_end = full[1] if right == small[1] else int(right * x_scale)
    return (x, y, max(1, x_end - x), max(1, y_end - y))
