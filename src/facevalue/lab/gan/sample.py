"""Drawing pictures from a trained generator, each labelled, with a grid of them and a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facevalue.lab.forge import MANIFEST
from facevalue.lab.gan import checkpoint, labels
from facevalue.lab.gan.credential import Signer
from facevalue.lab.gan.draws import looks
from facevalue.lab.gan.networks import Generator

Pixels = npt.NDArray[np.uint8]
BATCH = 64
GRID = "grid.jpg"
MOST_IN_GRID = 400


@torch.no_grad()
def drawn(generator: Generator, latents: torch.Tensor) -> Pixels:
    """Pictures uint8 (N, S, S, 3) from latents (N, latent), in batches of BATCH; values outside -1..1 are cut."""
    device = next(generator.parameters()).device
    parts = [generator(part.to(device)).float().cpu() for part in latents.split(BATCH)]
    pixels = torch.cat(parts).add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())


def sample(weights: Path, out: Path, count: int, seed: int, signer: Signer | None = None) -> Iterator[Path]:
    """Write count labelled pictures, grid.jpg of the first MOST_IN_GRID, and manifest.jsonl into out/; yields paths.

    The same weights and seed give the same pixels, and picture k does not depend on count. Raises ModelError for a
    checkpoint that does not load.
    """
    recipe, generator, images = checkpoint.load_average(weights)
    run, digest = weights.resolve().parent.parent.name, weights.stem.partition("-")[2]
    latents = looks(seed, count, recipe.shape.latent)
    out.mkdir(parents=True, exist_ok=True)
    sheet: list[Pixels] = []
    for start in range(0, count, BATCH):
        lines = []
        for offset, pixels in enumerate(drawn(generator, latents[start : start + BATCH])):
            number = start + offset
            path = out / f"gan-{seed}-{number:05d}.png"
            written = labels.save(pixels, path, signer)
            lines.append(labels.Drawn(path.name, "gan", seed, number, run, images, digest, written, signer is not None))
            if len(sheet) < MOST_IN_GRID:
                sheet.append(pixels)
            yield path
        labels.note(out, lines)
    labels.save(labels.grid(np.stack(sheet)), out / GRID, signer)
    yield out / GRID
    yield out / MANIFEST
