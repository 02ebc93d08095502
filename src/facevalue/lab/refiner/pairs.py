"""Self-supervised pairs: what the refiner is given, and what it should have been.

A copy of a real face is changed as another photograph would differ (colour, light from one side, sharpness, noise, a
slightly other place) and then swapped onto the real face by our own blending. The real face is the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UnreadableError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.lab.blend import shake_colour, shake_frequency
from facevalue.lab.swap.points import FacePoints, faces_by_size, points_of
from facevalue.lab.swap.refine import SIDE_PX
from facevalue.lab.swap.render import render
from facevalue.lab.swap.warp import window_of
from facevalue.media import decode

Pixels = npt.NDArray[np.uint8]
# Every n-th picture, by its sha256, is held out.
HELD_OUT = 8
_JITTER = 0.012  # of the span: how far points of two photographs of one face are apart


@dataclass(frozen=True)
class Pairs:
    """given, real: uint8 (n, S, S, 3). mask: uint8 (n, S, S). held_out: bool (n,), by picture, never by pair."""

    given: Pixels
    mask: Pixels
    real: Pixels
    held_out: npt.NDArray[np.bool_]

    def part(self, held_out: bool) -> Pairs:
        """Those to learn from, or those held out."""
        rows = self.held_out == held_out
        return Pairs(self.given[rows], self.mask[rows], self.real[rows], self.held_out[rows])


def build(paths: Sequence[Path], each: int, seed: int, store: Path, report: Callable[[int, int], None]) -> Pairs:
    """Pairs of every picture that shows a face, from the store where they are kept. Raises UsageError for too few."""
    if not store.is_file():
        rows = list(_made(paths, each, seed, report))
        held = {row[3] for row in rows}
        if len(rows) < 16 or held != {False, True}:
            raise UsageError(
                f"the refiner learns from 100 pictures with faces or more; of these, {len(rows)} pairs came"
            )
        columns = zip(*rows, strict=True)
        given, mask, real, held_out = (np.stack([np.asarray(v) for v in column]) for column in columns)
        partial = store.with_suffix(".partial.npz")
        np.savez_compressed(partial, given=given, mask=mask, real=real, held_out=held_out)
        partial.replace(store)
    with np.load(store, allow_pickle=False) as kept:
        return Pairs(kept["given"], kept["mask"], kept["real"], kept["held_out"])


def _made(
    paths: Sequence[Path], each: int, seed: int, report: Callable[[int, int], None]
) -> Iterator[tuple[Pixels, Pixels, Pixels, bool]]:
    for number, path in enumerate(paths):
        report(number, len(paths))
        try:
            exhibit = Exhibit.open(path)
            pixels = decode(exhibit).picture.pixels
        except (DecodeError, UnreadableError):
            continue
        faces = faces_by_size(pixels)
        if not faces:
            continue
        held_out = int(exhibit.sha256[:8], 16) % HELD_OUT == 0
        key = int(hashlib.sha256(f"{seed}/{exhibit.sha256}".encode()).hexdigest()[:12], 16)
        small, points = _reduced(pixels, points_of(pixels, faces[0]))
        for turn in range(each):
            pair = _pair(small, points, np.random.default_rng((key, turn)))
            if pair is not None:
                yield (*pair, held_out)


def _reduced(pixels: Pixels, points: FacePoints) -> tuple[Pixels, FacePoints]:
    """The picture at the size at which the face's window is as large as the networks'."""
    window = window_of(points, pixels.shape)
    factor = min(1.0, SIDE_PX / max(window.width, window.height, 1))
    size = (max(16, round(pixels.shape[1] * factor)), max(16, round(pixels.shape[0] * factor)))
    ratio = np.array([size[0] / pixels.shape[1], size[1] / pixels.shape[0]], np.float32)
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, FacePoints(points.five * ratio, points.mouth * ratio)


def _pair(pixels: Pixels, points: FacePoints, rng: np.random.Generator) -> tuple[Pixels, Pixels, Pixels] | None:
    changed = shake_frequency(_side_light(shake_colour(pixels, rng), points, rng), rng)
    noise = rng.normal(0, _JITTER * points.span, (27, 2)).astype(np.float32)
    moved = FacePoints(points.five + noise[:5], points.mouth + noise[5:])
    done = render(changed, moved, pixels, points, refine=False)
    if done is None or not done.mask.any():
        return None
    area = window_of(points, pixels.shape).slices
    given, real = (
        np.asarray(cv2.resize(p[area], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR), np.uint8)
        for p in (done.pixels, pixels)
    )
    share = cv2.resize(done.mask[area], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
    return given, np.round(share * 255).astype(np.uint8), real


def _side_light(pixels: Pixels, points: FacePoints, rng: np.random.Generator) -> Pixels:
    """A lamp from a side: a ramp of exposure across the face, of at most half a stop."""
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    angle, middle = rng.uniform(0, 2 * np.pi), points.five.mean(axis=0)
    across = (np.cos(angle) * (columns - middle[0]) + np.sin(angle) * (rows - middle[1])) / points.span
    gain = np.exp2(np.clip(across, -1, 1) * rng.uniform(-0.8, 0.8))
    return np.asarray(np.clip(pixels * gain[..., None], 0, 255), np.uint8)
