"""A tiny data folder in the documented layout, cut from photographs that ship inside packages."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def lab_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The lab's identity is made in a FACEVALUE_HOME of the tests' own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVALUE_HOME", str(home))
        yield home


def write(path: Path, pixels: np.ndarray, quality: int = 95) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])


def table(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)


def variation(pixels: np.ndarray, seed: int, side: int) -> np.ndarray:
    """Another picture of the same thing: cropped, lit and mirrored differently."""
    rng = np.random.default_rng(seed)
    top, left = (int(rng.integers(0, 40)) for _ in range(2))
    cut = pixels[top : top + pixels.shape[0] - 40, left : left + pixels.shape[1] - 40]
    cut = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    return np.clip(cut * rng.uniform(0.8, 1.15) + rng.normal(0, 2, cut.shape), 0, 255).astype(np.uint8)


def smoothed(pixels: np.ndarray) -> np.ndarray:
    """A crude fake: what an up-sampler leaves."""
    small = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_NEAREST)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray, scene: np.ndarray) -> Path:
    root = tmp_path_factory.mktemp("data")
    images = root / "images"
    # Sources c, e and f are among those that the residual network holds out; the others teach it.
    rows = []
    for s, source in enumerate(("a", "b", "c", "d", "e", "f")):
        for i in range(4):
            for kind in ("real", "fake"):
                name = f"{source}-{kind}-{i}.jpg"
                picture = variation(scene if (s + i) % 2 else portrait, 100 * s + i, 248)
                picture = smoothed(picture) if kind == "fake" else picture
                write(images / "matched/whole" / name, picture)
                write(images / "matched/native" / name, np.ascontiguousarray(picture[:240, :240]))
                rows.append(
                    {"file": name, "set": source, "class": kind, "generator": "-" if kind == "real" else "blocks"}
                )
    table(images / "matched/index.tsv", rows)
    rows = []
    for i in range(8):
        name = f"wild-{i}.jpg"
        picture = variation(scene if i % 2 else portrait, 900 + i, 248)
        write(images / "photos_wild_real/whole" / name, picture)
        write(images / "photos_wild_real/native" / name, np.ascontiguousarray(picture[:240, :240]))
        rows.append({"file": name, "source": f"phone{i % 3}"})
    table(images / "photos_wild_real/index.tsv", rows)
    for i in range(12):
        face = variation(portrait[:300, 60:360], 500 + i, 256)
        write(images / f"faces_real_people/{i}.jpg", face)
        write(images / f"faces_gan_one/{i}.jpg", smoothed(face))
        write(images / f"faces_diffusion_two/{i}.jpg", cv2.GaussianBlur(face, (0, 0), 2))
    write(images / "faces_masks_other/0.jpg", face)
    rows = []
    for i in range(10):
        face = variation(portrait[:300, 60:360], 700 + i, 224)
        write(images / f"faces_dfdc224/real/{i}.jpg", face)
        write(images / f"faces_dfdc224/fake/{i}.jpg", smoothed(face))
        rows.append({"fake": f"fake/{i}.jpg", "real": f"real/{i}.jpg"})
    table(images / "faces_dfdc224/pairs.tsv", rows)
    for i in range(3):
        write(images / f"photos_real_trips/{i}.jpg", scene[: 300 + 20 * i])
    return root
