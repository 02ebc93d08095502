"""Faces to learn lip landmarks from: squares of pictures and of frames of clips, kept on disk, with YuNet's points.

    faces.npy   uint8 (n, SIDE, SIDE, 3), RGB: MARGIN x the longer side of the detected box, read as a memory map
    faces.json  per face: "source", "name", and "points", YuNet's five landmarks in pixels of the square

Sources in HELD_OUT, and every fifth person of the pictures, are for measuring only.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces import crop_square, detect_faces
from facevalue.lab import data as layout

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Report = Callable[[str], None]

SIDE, MARGIN = 192, 1.8
# Pictures of each folder, and frames of each clip.
MAX_PICTURES = {"faces_real_ffhq256": 600, "faces_real_celeba109": 600}
SWAP_REALS, CLIP_FRAMES = 400, 12
SMALLEST_PX = 96
# Clips by the prefix of their names, whose people no network here learns from.
HELD_OUT = frozenset({"vox2", "vr", "hdtf"})


@dataclass(frozen=True, slots=True)
class Bank:
    """Faces on disk. squares: uint8 (n, SIDE, SIDE, 3), a memory map. points: float32 (n, 5, 2). held: bool (n,)."""

    squares: Pixels
    points: Points
    sources: tuple[str, ...]
    held: npt.NDArray[np.bool_]


def build(data: Path, cache: Path, report: Report = print) -> Bank:
    """The bank in cache, made from the data folder when it is not there yet."""
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / "faces.json").is_file():
        _write(data, cache, report)
    rows = json.loads((cache / "faces.json").read_text(encoding="utf-8"))
    squares = np.load(cache / "faces.npy", mmap_mode="r")[: len(rows)]
    held = np.array([_held(row["source"], row["name"]) for row in rows])
    points = np.array([row["points"] for row in rows], np.float32)
    return Bank(squares, points, tuple(row["source"] for row in rows), held)


def _held(source: str, name: str) -> bool:
    return source in HELD_OUT or ("_" in source and zlib.crc32(name.encode()) % 5 == 0)


def _write(data: Path, cache: Path, report: Report) -> None:
    found, total = list(_pictures(data)), 0
    clips = list(layout.real_clips(data))
    shape = (len(found) + CLIP_FRAMES * len(clips), SIDE, SIDE, 3)
    store = np.lib.format.open_memmap(cache / "faces.npy", "w+", np.uint8, shape)
    rows = []
    for source, name, pixels in _all(found, clips):
        face = next(iter(detect_faces(pixels, 1)), None)
        if face is not None:
            x, y, w, h = face.box
            side = max(2, round(max(w, h) * MARGIN))
            centre = (x + w / 2, y + h / 2)
            corner = np.array([round(c - side / 2) for c in centre])
            store[total] = crop_square(pixels, centre, side, SIDE, cv2.BORDER_CONSTANT)
            points = (face.landmarks - corner) * (SIDE / side)
            rows.append({"source": source, "name": name, "points": points.round(2).tolist()})
            total += 1
        if total % 500 == 499:
            report(f"{total} faces")
    store.flush()
    (cache / "faces.json").write_text(json.dumps(rows), encoding="utf-8")


def _pictures(data: Path) -> list[tuple[str, Path]]:
    out = []
    for folder, most in MAX_PICTURES.items():
        paths = sorted((data / "images" / folder).glob("*.jpg"))
        out += [(folder, path) for path in paths[:: max(1, len(paths) // most)][:most]]
    return out + [("faces_dfdc224", real.path) for _, real in list(layout.swap_pairs(data))[:SWAP_REALS]]


def _all(found: list[tuple[str, Path]], clips: list[layout.Sample]) -> Iterator[tuple[str, str, Pixels]]:
    for source, path in found:
        bgr = cv2.imread(str(path))
        if bgr is not None:
            if max(bgr.shape) < 2 * SMALLEST_PX:
                bgr = cv2.resize(bgr, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            yield source, path.name, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    for clip in clips:
        for pixels in layout.clip_frames(clip.path, CLIP_FRAMES):
            yield clip.source, clip.path.name, pixels
