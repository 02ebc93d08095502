"""Drawing pictures from a trained generator, each labelled, with a grid of them and a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facevalue.lab.gan import checkpoint
from facevalue.lab.gan.draws import looks
from facevalue.lab.gan.networks import Generator
from facevalue.lab.gan.sheet import grid
from facevalue.lab.labels import MANIFEST, TRAINED_TYPE, Made, notes, write_picture
from facevalue.signing.identity import Identity

Pixels = npt.NDArray[np.uint8]
BATCH = 64
GRID = "grid.jpg"
GRID_QUALITY = 88
MOST_IN_GRID = 400
TOOL = "facevalue lab: gan"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line of the manifest: what was drawn from which weights. number: which of the seed's latents.

    content_sha256: of the file without its credential; the same weights and seed give the same one.
    """

    file: str
    method: str
    seed: int
    number: int
    run: str
    images: int
    weights_sha256: str
    sha256: str
    content_sha256: str


def save_grid(pictures: Pixels, path: Path, columns: int = 0, seed: int = 0, who: Identity | None = None) -> None:
    """Write pictures uint8 (N, S, S, 3) as one labelled sheet, .jpg."""
    made = Made(TOOL, TRAINED_TYPE, parameters={"pictures": len(pictures)}, seed=seed)
    write_picture(grid(pictures, columns), path, made, quality=GRID_QUALITY, who=who)


@torch.no_grad()
def drawn(generator: Generator, latents: torch.Tensor) -> Pixels:
    """Pictures uint8 (N, S, S, 3) from latents (N, latent), in batches of BATCH; values outside -1..1 are cut."""
    device = next(generator.parameters()).device
    parts = [generator(part.to(device)).float().cpu() for part in latents.split(BATCH)]
    pixels = torch.cat(parts).add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())


def sample(weights: Path, out: Path, count: int, seed: int, who: Identity | None = None) -> Iterator[Path]:
    """Write count labelled pictures, grid.jpg of the first MOST_IN_GRID, and manifest.jsonl into out/; yields paths.

    The same weights and seed give the same pixels, and picture k does not depend on count. who: signs in place of the
    lab's own identity. Raises ModelError for a checkpoint that does not load.
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
            said = {"number": number, "run": run, "images": images, "weights_sha256": digest}
            path = out / f"gan-{seed}-{number:05d}.png"
            file = write_picture(pixels, path, Made(TOOL, TRAINED_TYPE, parameters=said, seed=seed), who=who)
            lines.append(Drawn(path.name, "gan", seed, number, run, images, digest, file.sha256, file.content_sha256))
            if len(sheet) < MOST_IN_GRID:
                sheet.append(pixels)
            yield path
        notes(out, map(asdict, lines))
    save_grid(np.stack(sheet), out / GRID, seed=seed, who=who)
    yield out / GRID
    yield out / MANIFEST
