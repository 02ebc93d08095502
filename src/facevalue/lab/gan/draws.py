"""All the chance in training: what step n draws is a function of the seed and n, and of nothing else.

So a run that was stopped goes on with the very numbers it would have drawn, the order of the data included, and
several processes draw the same whole batch and take their own rows of it: two processes train what one would have.
The numbers are made on the CPU, for they must not depend on the device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from facevalue.lab.gan.augment import NUMBERS, Changes
from facevalue.lab.gan.recipe import Recipe

_ORDER, _STEP, _LOOK = 1, 2, 3  # purposes, so that no two draws share a stream


@dataclass(frozen=True, slots=True)
class Draw:
    """What one step draws, for the whole batch of B.

    rows: int64 (B,), which pictures. flip: bool (B,). latents: one float32 (B, latent) for each of the two turns.
    changes: for each turn, of the real pictures and of the fakes.
    """

    rows: npt.NDArray[np.int64]
    flip: torch.Tensor
    latents: tuple[torch.Tensor, torch.Tensor]
    changes: tuple[tuple[Changes, Changes], tuple[Changes, Changes]]


def draw(recipe: Recipe, step: int, pictures: int) -> Draw:
    """The draw of a step, counted from 0, of a run on that many pictures."""
    chance = torch.Generator().manual_seed(_seed(recipe.seed, _STEP, step))
    batch, latent = recipe.batch, recipe.shape.latent
    flip = torch.rand(batch, generator=chance) < (0.5 if recipe.flip else 0.0)
    latents = [torch.randn(batch, latent, generator=chance) for _ in range(2)]
    numbers = [Changes(torch.rand(batch, NUMBERS, generator=chance), recipe.augment) for _ in range(4)]
    return Draw(
        order(recipe.seed, step * batch, batch, pictures),
        flip,
        (latents[0], latents[1]),
        ((numbers[0], numbers[1]), (numbers[2], numbers[3])),
    )


def order(seed: int, start: int, count: int, pictures: int) -> npt.NDArray[np.int64]:
    """Rows start .. start + count of the endless order of the data: every pass is a new shuffle of all pictures."""
    rows: list[npt.NDArray[np.int64]] = []
    while count > 0:
        turn, offset = divmod(start, pictures)
        shuffled = np.random.default_rng((seed, _ORDER, turn)).permutation(pictures)
        rows.append(shuffled[offset : offset + count].astype(np.int64))
        start, count = start + len(rows[-1]), count - len(rows[-1])
    return np.concatenate(rows) if rows else np.zeros(0, np.int64)


def looks(seed: int, count: int, latent: int) -> torch.Tensor:
    """Latents for looking at a generator, float32 (count, latent): the first of more are the same."""
    chance = torch.Generator().manual_seed(_seed(seed, _LOOK, 0))
    return torch.stack([torch.randn(latent, generator=chance) for _ in range(count)])


def _seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
