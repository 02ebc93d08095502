"""The faces that `lab train face_blend` starts from: square crops with landmarks, cached in one file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces import crop_square, detect_faces
from facevalue.lab.blend import RealFace
from facevalue.lab.data import Sample
from facevalue.lab.features import read_rgb

BANK_MARGIN = 1.7
BANK_MAX_PX = 256


@dataclass(frozen=True, slots=True)
class BankFace:
    """A face crop (uint8 RGB, square), landmarks and box in its pixels, and the sample it came from."""

    face: RealFace
    box: tuple[float, float, float, float]
    source: str
    label: int
    pair: str
    key: str


def bank_face(sample: Sample) -> BankFace | None:
    """The largest face of a sample, or None when none is found."""
    pixels = read_rgb(sample.path)
    faces = detect_faces(pixels, max_faces=1)
    if not faces:
        return None
    x, y, w, h = faces[0].box
    height, width = pixels.shape[:2]
    side = min(max(w, h) * BANK_MARGIN, float(height), float(width))
    cx = float(np.clip(x + w / 2, side / 2, width - side / 2))
    cy = float(np.clip(y + h / 2, side / 2, height - side / 2))
    out = min(BANK_MAX_PX, round(side))
    left, top, scale = round(cx - side / 2), round(cy - side / 2), out / max(2, round(side))
    crop = crop_square(pixels, (cx, cy), side, out)
    landmarks = ((faces[0].landmarks - (left, top)) * scale).astype(np.float32)
    return BankFace(
        RealFace(crop, landmarks),
        ((x - left) * scale, (y - top) * scale, w * scale, h * scale),
        sample.source,
        sample.label,
        sample.pair,
        sample.key,
    )


def build(samples: Iterable[Sample], path: Path) -> list[BankFace]:
    """Load the bank from path, or make it from the samples and keep it there (lossless)."""
    if not path.is_file():
        found = [f for f in map(bank_face, samples) if f is not None]
        meta = [_record(f) for f in found]
        blobs: dict[str, npt.NDArray[np.uint8]] = {
            str(i): np.asarray(cv2.imencode(".png", f.face.pixels)[1]).ravel() for i, f in enumerate(found)
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")  # an interrupted build must not be taken for a bank
        np.savez(partial, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **blobs)  # type: ignore[arg-type]
        partial.replace(path)
    with np.load(path) as stored:
        meta = json.loads(bytes(stored["meta"]).decode())
        return [_restored(stored[str(i)], record) for i, record in enumerate(meta)]


def _record(face: BankFace) -> dict[str, Any]:
    kept = {"source": face.source, "label": face.label, "pair": face.pair, "key": face.key}
    return {"landmarks": face.face.landmarks.tolist(), "box": list(face.box), **kept}


def _restored(png: npt.NDArray[np.uint8], record: dict[str, Any]) -> BankFace:
    pixels = np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), np.uint8)
    x, y, w, h = record["box"]
    face = RealFace(pixels, np.array(record["landmarks"], np.float32))
    return BankFace(face, (x, y, w, h), record["source"], record["label"], record["pair"], record["key"])
