"""What the tests of the corpus share: pictures of one face in many lights, and recipes over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facevalue.lab.corpus.recipe import Recipe, from_dict


def variation(portrait: np.ndarray, seed: int, side: int = 200) -> np.ndarray:
    """Another picture of the same face: cropped, lit and mirrored differently."""
    rng = np.random.default_rng(seed)
    top, left = (int(v) for v in rng.integers(0, 30, 2))
    cut = cv2.resize(portrait[top : top + 260, 90 + left : 350 + left], (side, side), interpolation=cv2.INTER_AREA)
    cut = cut[:, ::-1] if rng.random() < 0.5 else cut
    return np.clip(cut * rng.uniform(0.75, 1.2, 3) + rng.normal(0, 3, cut.shape), 0, 255).astype(np.uint8)


def draw(folder: Path, portrait: np.ndarray, count: int, first: int = 0, soft: float = 0.0, people: int = 0) -> Path:
    """count pictures, two of each person when people is given: in a folder of the person's name."""
    for i in range(count):
        pixels = variation(portrait, first + i)
        pixels = cv2.GaussianBlur(pixels, (0, 0), soft) if soft else pixels
        path = folder / (f"person{i % people}/{i:03d}.png" if people else f"{i:03d}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), pixels[..., ::-1])
    return folder


def texture(seed: int, sigma: float, side: int = 64) -> np.ndarray:
    """A coloured random field, as fine as sigma, with a little noise: a picture of nothing."""
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.normal(0, 1, (side, side, 3)), (0, 0), sigma) + 0.5 * cv2.GaussianBlur(
        rng.normal(0, 8, (side, side, 3)), (0, 0), 8
    )
    field = field / field.std() * 32 + rng.normal(0, 2, field.shape)
    return np.clip(128 + field, 0, 255).astype(np.uint8)


def draw_textures(folder: Path, count: int, sigma: float, first: int = 0) -> Path:
    """count textures as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        assert cv2.imwrite(str(folder / f"{i:03d}.png"), texture(first + i, sigma, 80))
    return folder


def recipe(folder: Path, **changes: Any) -> Recipe:
    """A recipe over one folder, person by person; changes replace its keys."""
    raw: dict[str, Any] = {
        "name": "small",
        "seed": 5,
        "shard_pairs": 3,
        "source": [{"name": "people", "folder": str(folder), "identity": "folder"}],
        "maker": [{"name": "self_blend"}, {"name": "composite"}, {"name": "copymove"}],
        "equalise": {"side_px": 64, "quality": [80, 90]},
        "launder": {"trips": ["none", "q70"]},
        "split": {"train": 0.5, "dev": 0.0, "test": 0.5},
    }
    return from_dict(raw | changes)
