"""How well `facevalue compare` shows edits, and how much it shows where there are none; not a test.

    python bench/compare.py FOLDER... [--pictures 40] [--seed 5] [--json FILE]

Of each picture six edits are made whose masks are known (a piece of another picture, copy-move, a smoothed-over object,
a flat patch, writing, a change of colour of a part), and each is sent through several codecs and geometries, beside the
picture without any edit. Given: intersection over union with the mask that was made (of what the suspect still shows),
the share of edits that are met at all (IoU >= 0.1), and the changed area that is claimed on copies without an edit.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.comparison.pictures import compare_pictures

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SIDE_PX = 480


def jpeg(rgb: Pixels, quality: int) -> Pixels:
    """Through a JPEG file."""
    data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def scaled(rgb: Pixels, factor: float) -> Pixels:
    """Resized by area."""
    return np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def turned(rgb: Pixels, degrees: float) -> Pixels:
    """Rotated about its middle."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def toned(rgb: Pixels) -> Pixels:
    """Brighter, warmer, more contrast."""
    return np.clip(255 * (rgb / 255.0) ** 0.85 * np.array([1.06, 1.0, 0.92]) + 3, 0, 255).astype(np.uint8)


TRIPS: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG q90": lambda p: jpeg(p, 90),
    "JPEG q50": lambda p: jpeg(p, 50),
    "JPEG q30": lambda p: jpeg(p, 30),
    "twice, off the grid": lambda p: jpeg(jpeg(p[3:, 5:], 60), 75),
    "70%, q80": lambda p: jpeg(scaled(p, 0.7), 80),
    "50%, q50": lambda p: jpeg(scaled(p, 0.5), 50),
    "crop, q70": lambda p: jpeg(p[p.shape[0] // 12 :, : -p.shape[1] // 12], 70),
    "mirror, q60": lambda p: jpeg(p[:, ::-1], 60),
    "rotate 3 degrees, q70": lambda p: jpeg(turned(p, 3), 70),
    "tone, q70": lambda p: jpeg(toned(p), 70),
}


def blob(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    """A filled shape of about 1 to 6% of a picture, not at its edge."""
    height, width = shape[:2]
    size = np.sqrt(rng.uniform(0.01, 0.06) * height * width / np.pi)
    centre = (int(rng.uniform(0.28, 0.72) * width), int(rng.uniform(0.28, 0.72) * height))
    ratio = rng.uniform(0.7, 1.4)
    out = np.zeros(shape[:2], np.uint8)
    cv2.ellipse(out, centre, (int(size * ratio), int(size / ratio)), float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return out > 0


def edits(rgb: Pixels, other: Pixels, rng: np.random.Generator) -> dict[str, tuple[Pixels, Mask]]:
    """Each edit with its mask: only pixels that were visibly changed (by 8 levels or more) count as changed."""
    mask = blob(rgb.shape, rng)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)[..., None]
    donor = np.asarray(cv2.resize(other, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_AREA), np.float32)
    shift = int(rng.choice([-1, 1]) * rgb.shape[1] * rng.uniform(0.2, 0.3))
    filled = cv2.inpaint(
        np.ascontiguousarray(rgb), cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))), 3, cv2.INPAINT_TELEA
    )
    written = rgb.copy()
    at = (int(0.2 * rgb.shape[1]), int(0.7 * rgb.shape[0]))
    cv2.putText(written, "NOT FOR SALE", at, cv2.FONT_HERSHEY_SIMPLEX, rgb.shape[1] / 400, (250, 250, 250), 3)
    tint = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV) + np.array([70, 0, 0], np.uint8), cv2.COLOR_HSV2RGB)
    made = {
        "splice": rgb * (1 - soft) + donor * soft,
        "copy-move": rgb * (1 - soft) + np.roll(rgb, shift, axis=1) * soft,
        "inpainted": rgb * (1 - soft) + filled * soft,
        "flat patch": rgb * (1 - soft) + np.float32([200, 40, 40]) * soft,
        "writing": written.astype(np.float32),
        "recoloured": rgb * (1 - soft) + tint * soft,
    }
    return {name: _visible(rgb, np.clip(np.rint(out), 0, 255).astype(np.uint8)) for name, out in made.items()}


def _visible(rgb: Pixels, out: Pixels) -> tuple[Pixels, Mask]:
    gap = np.abs(out.astype(np.int16) - rgb).max(axis=2).astype(np.uint8)
    changed = cv2.morphologyEx((gap >= 8).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return out, np.asarray(changed) > 0


def shown(outcome: Any, shape: tuple[int, ...]) -> Mask:
    """What of the original the suspect shows."""
    known = outcome.view.known.astype(np.uint8)
    return np.asarray(cv2.resize(known, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)) > 0


def iou(outcome: Any, mask: Mask) -> float:
    """Intersection over union within what is shown; 0 when the two were not matched."""
    if outcome is None:
        return 0.0
    wanted = mask & shown(outcome, mask.shape)
    union = int((outcome.mask | wanted).sum())
    return float((outcome.mask & wanted).sum() / union) if union else 1.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(asked.seed)
    drawn = drawn_from(asked.folders, asked.pictures + 1, rng)
    scores: dict[tuple[str, str], list[float]] = {}
    start = time.process_time()
    for rgb, other in itertools.pairwise(drawn):
        made = edits(rgb, other, rng)
        names = list(TRIPS)
        for name, trip in TRIPS.items():
            copy = compare_pictures(rgb, trip(rgb))
            scores.setdefault(("no edit", name), []).append(-1.0 if copy is None else copy.changed_share)
        for number, (edit, (out, mask)) in enumerate(made.items()):
            for name in (names[(number + int(rng.integers(10))) % 10], "JPEG q50"):
                scores.setdefault((edit, name), []).append(iou(compare_pictures(rgb, TRIPS[name](out)), mask))
        say(f"{len(scores[('no edit', 'JPEG q50')])} pictures, {time.process_time() - start:.0f} s of processor time")
    result = summed(scores)
    say(json.dumps(result, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def drawn_from(folders: list[Path], count: int, rng: np.random.Generator) -> list[Pixels]:
    """Pictures with a longer side of at most SIDE_PX."""
    paths = sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    found: list[Pixels] = []
    for place in rng.permutation(len(paths)):
        rgb = cv2.imread(str(paths[place]), cv2.IMREAD_COLOR)
        if rgb is not None and min(rgb.shape[:2]) >= 160 and len(found) < count:
            scale = min(1.0, SIDE_PX / max(rgb.shape[:2]))
            found.append(np.ascontiguousarray(scaled(rgb[..., ::-1], scale) if scale < 1 else rgb[..., ::-1]))
    return found


def summed(scores: dict[tuple[str, str], list[float]]) -> dict[str, Any]:
    """By edit and by trip."""
    edited = {key: v for key, v in scores.items() if key[0] != "no edit"}
    copies = {name: v for (edit, name), v in scores.items() if edit == "no edit"}
    by_edit = {e: [s for (edit, _), v in edited.items() for s in v if edit == e] for e in {k[0] for k in edited}}
    by_trip = {t: [s for (_, trip), v in edited.items() for s in v if trip == t] for t in {k[1] for k in edited}}
    return {
        "edits": {name: _line(v) for name, v in sorted(by_edit.items())},
        "trips": {name: _line(v) for name, v in sorted(by_trip.items())},
        "copies without an edit": {
            name: {
                "n": len(v),
                "not matched": sum(s < 0 for s in v),
                "with any change claimed": sum(s > 0 for s in v),
                "mean changed share": round(float(np.mean(np.maximum(v, 0))), 6),
                "largest": round(float(np.max(v)), 4),
            }
            for name, v in copies.items()
        },
    }


def _line(values: list[float]) -> dict[str, Any]:
    met = float(np.mean([v >= 0.1 for v in values]))
    return {
        "n": len(values),
        "mean IoU": round(float(np.mean(values)), 3),
        "median IoU": round(float(np.median(values)), 3),
        "met": round(met, 3),
    }


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
