"""What the tests of the GAN share: drawn pictures, and networks of a few thousand weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from facevalue.lab.gan.recipe import Recipe, Shape
from facevalue.lab.gan.run import Cadence

SHAPE = Shape(side_px=16, capacity=128, widest=16, latent=8, group=8)
RECIPE = Recipe(shape=SHAPE, images=128, batch=16, burn_in=96, seed=3)
CADENCE = Cadence(log=32, grid=64, measure=0, save=32, measured=0, keep=0)


def waves(number: int, height: int = 20, width: int = 24) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([127 + 100 * np.sin(rows / 4 + number), columns * 8, np.full_like(rows, number * 9)], axis=-1)
    return picture.clip(0, 255).astype(np.uint8)


def draw_folder(folder: Path, count: int = 24, height: int = 20, width: int = 24) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(waves(number, height, width)).save(folder / f"{number:02d}.png")
    return folder
