"""What the tests of the duel share: a face, a data folder in which every side has enough names, and an examiner."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from facevalue.examiners.face_blend.crop import FACE_MARGIN, face_crop
from facevalue.lab.duel.head import Head


def portrait_of(portrait: np.ndarray, seed: int, side: int = 200) -> np.ndarray:
    """Another picture of the same face."""
    rng = np.random.default_rng(seed)
    top, left = (int(v) for v in rng.integers(0, 30, 2))
    cut = cv2.resize(portrait[top : top + 260, 90 + left : 350 + left], (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(cut * rng.uniform(0.75, 1.2, 3) + rng.normal(0, 2, cut.shape), 0, 255).astype(np.uint8)


def names(shape: str, wanted: Callable[[int], bool], count: int) -> list[str]:
    """The first count names whose key, `shape` with the name in it, has a hash that is wanted."""

    def found() -> Iterator[str]:
        for i in range(100_000):
            if wanted(zlib.crc32(shape.format(i).encode())):
                yield str(i)

    walk = found()
    return [next(walk) for _ in range(count)]


def draw_data(root: Path, portrait: np.ndarray) -> Path:
    """A data folder: 12 faces to learn from, 8 to guard, 4 bases, 3 + 4 swaps, 8 photographs to guard and 8 clean."""
    seed = iter(range(10_000))

    def write(path: Path, soft: float = 0.0) -> None:
        pixels = portrait_of(portrait, next(seed))
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = cv2.GaussianBlur(pixels, (0, 0), soft) if soft else pixels
        assert cv2.imwrite(str(path), pixels[..., ::-1])

    images, key = root / "images", "file/faces_real_people/0/{}.png"
    learn = names(key, lambda n: n % 5 != 0, 12)
    guard = names(key, lambda n: n % 10 == 5 and n // 10 % 2 == 1, 8)
    bases = names(key, lambda n: n % 10 == 5 and n // 10 % 2 == 0, 4)
    for name in (*learn, *guard, *bases):
        write(images / f"faces_real_people/{name}.png")
    clips = [*names("{}", lambda n: n % 5 != 0, 3), *names("{}", lambda n: n % 10 == 5, 4)]
    for name in clips:
        write(images / f"faces_dfdc224/real/{name}.png")
        write(images / f"faces_dfdc224/fake/{name}.png", soft=2.0)
    _table(images / "faces_dfdc224/pairs.tsv", [{"fake": f"fake/{n}.png", "real": f"real/{n}.png"} for n in clips])
    sources = [f"phone{names('phone{}', lambda n, k=k: n % 2 == k, 1)[0]}" for k in (0, 1)]
    rows = [{"file": f"{source}-{i}.png", "source": source} for source in sources for i in range(8)]
    for row in rows:
        write(images / "photos_wild_real/whole" / row["file"])
    _table(images / "photos_wild_real/index.tsv", rows)
    return root


def _table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)


class SharpnessExaminer:
    """Four measurements of a crop; the head that "ships" takes what is bright for forged, which says nothing."""

    name = "face_blend"
    forgers: tuple[str, ...] = ("redraw",)
    files: tuple[Path, ...] = ()

    def __init__(self) -> None:
        self.start = Head(np.array([1.0, 0.0, 0.0, 0.0]), 0.0)
        self.looks = 0

    def features(
        self, pictures: Sequence[np.ndarray], boxes: Sequence[tuple[float, ...]], thorough: bool
    ) -> np.ndarray:
        self.looks += len(pictures)
        rows = []
        for pixels, box in zip(pictures, boxes, strict=True):
            crop = face_crop(pixels, box, FACE_MARGIN).astype(np.float32)
            grey = crop.mean(axis=2) / 64
            edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
            rows.append(
                [grey.mean(), np.log(edges.mean() + 1e-3), np.log(edges[60:100, 60:100].mean() + 1e-3), grey.std()]
            )
        return np.array(rows, np.float32)

    def export(self, head: Head, folder: Path) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "head.npy", head.weight)
        return [folder / "head.npy"]
