"""How they play: turn by turn, the discriminator learns to tell the pairs apart, then the generator learns to win.

One step, for a batch of real pictures x and noise z (R3GAN, section 2 and appendix; all of it is in `step`):

1. the discriminator sees x and G(z), both changed by DiffAugment, and descends its loss plus R1 and R2;
2. the generator draws from fresh noise, and descends its loss through the discriminator;
3. the average generator, the one that pictures are drawn from, moves a little towards the generator.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from facevalue.lab.gan import losses, networks
from facevalue.lab.gan.augment import Changes
from facevalue.lab.gan.draws import Draw, draw
from facevalue.lab.gan.ranks import Ranks
from facevalue.lab.gan.recipe import Recipe

MEASURES = ("loss_discriminator", "loss_generator", "r1", "r2", "score_real", "score_fake")


@dataclass
class Players:
    """Everything that training changes. images: real pictures shown so far, over all processes."""

    generator: networks.Generator
    discriminator: networks.Discriminator
    average: networks.Generator
    descent_g: torch.optim.Adam
    descent_d: torch.optim.Adam
    images: int = 0

    @classmethod
    def new(cls, recipe: Recipe, device: torch.device) -> Players:
        """Untrained ones, from the recipe's seed."""
        generator, discriminator = networks.build(recipe.shape, recipe.seed)
        generator, discriminator = generator.to(device), discriminator.to(device)
        average = copy.deepcopy(generator).requires_grad_(False)
        return cls(generator, discriminator, average, _adam(generator), _adam(discriminator))


def steps(
    players: Players, recipe: Recipe, pictures: npt.NDArray[np.uint8], where: Ranks
) -> Iterator[tuple[int, torch.Tensor]]:
    """Train to the recipe's number of images, yielding after each step: images so far, and its MEASURES, float64 (6,).

    pictures: uint8 (N, S, S, 3). The measures are this process's; penalties that were not taken are NaN.
    """
    mine = where.share(recipe.batch)
    while players.images < recipe.images:
        drawn = draw(recipe, players.images // recipe.batch, len(pictures))
        real = _picked(pictures, drawn, mine).to(where.device)
        measures = step(players, recipe, real, drawn, where)
        players.images += recipe.batch
        yield players.images, measures


def step(players: Players, recipe: Recipe, real: torch.Tensor, drawn: Draw, where: Ranks) -> torch.Tensor:
    """One turn of each. real: this process's pictures, float (B / processes, 3, S, S) in -1..1."""
    share = players.images / recipe.burn_in
    mine, device = where.share(recipe.batch), where.device
    for adam in (players.descent_g, players.descent_d):
        adam.param_groups[0].update(lr=recipe.rate.at(share), betas=(0.0, recipe.beta2.at(share)))
    every = recipe.penalty_every
    gamma = recipe.gamma.at(share) * every if players.images // recipe.batch % every == 0 else 0.0
    measures = torch.zeros(len(MEASURES), dtype=torch.float64)

    for part, weight in _pieces(len(real), recipe.pieces):
        latents, changes = _turn(drawn, 0, mine, part, device)
        seen = discriminator_turn(players, recipe, real[part], latents, changes, gamma, weight)
        measures[[0, 2, 3, 4, 5]] += seen * weight
    where.average(players.discriminator.parameters())
    players.descent_d.step()
    players.descent_d.zero_grad()

    players.discriminator.requires_grad_(False)
    for part, weight in _pieces(len(real), recipe.pieces):
        latents, changes = _turn(drawn, 1, mine, part, device)
        measures[1] += generator_turn(players, recipe, real[part], latents, changes, weight) * weight
    players.discriminator.requires_grad_(True)
    where.average(players.generator.parameters())
    players.descent_g.step()
    players.descent_g.zero_grad()

    follow(players.average, players.generator, 0.5 ** (recipe.batch / recipe.ema_half_life.at(share)))
    return measures


def discriminator_turn(
    players: Players,
    recipe: Recipe,
    real: torch.Tensor,
    latents: torch.Tensor,
    changes: tuple[Changes, Changes],
    gamma: float,
    weight: float = 1.0,
) -> torch.Tensor:
    """Add weight times the gradient of the discriminator's loss; without gamma the penalties are not taken.

    Returns loss, R1's and R2's mean squared gradient, and the mean scores of real and fake: float64 (5,).
    """
    with torch.no_grad(), _precision(recipe, real.device):
        fake = players.generator(latents)
    count = len(real)
    pictures = torch.cat([real, fake.float()]).requires_grad_(gamma > 0)
    with _precision(recipe, real.device):
        scores = players.discriminator(torch.cat([changes[0](pictures[:count]), changes[1](pictures[count:])]))
    loss = losses.discriminator_loss(scores[:count], scores[count:])
    total, r1, r2 = loss, torch.tensor(torch.nan), torch.tensor(torch.nan)
    if gamma:
        squared = losses.squared_gradients(scores, pictures)
        total = total + losses.penalty(squared[:count], gamma) + losses.penalty(squared[count:], gamma)
        r1, r2 = squared[:count].mean(), squared[count:].mean()
    (total * weight).backward()
    seen = (loss, r1, r2, scores[:count].float().mean(), scores[count:].float().mean())
    return torch.stack([value.detach().double().cpu() for value in seen])


def generator_turn(
    players: Players,
    recipe: Recipe,
    real: torch.Tensor,
    latents: torch.Tensor,
    changes: tuple[Changes, Changes],
    weight: float = 1.0,
) -> torch.Tensor:
    """Add weight times the gradient of the generator's loss, which is returned: float64 scalar."""
    with _precision(recipe, real.device):
        fake_scores = players.discriminator(changes[1](players.generator(latents)))
        with torch.no_grad():
            real_scores = players.discriminator(changes[0](real))
    loss = losses.generator_loss(real_scores, fake_scores)
    (loss * weight).backward()
    return loss.detach().double().cpu()


@torch.no_grad()
def follow(average: torch.nn.Module, leader: torch.nn.Module, keep: float) -> None:
    """average = keep * average + (1 - keep) * leader, weight by weight."""
    for own, theirs in zip(average.parameters(), leader.parameters(), strict=True):
        own.lerp_(theirs, 1 - keep)


def _adam(network: torch.nn.Module) -> torch.optim.Adam:
    """Adam without momentum; learning rate and second moment are set anew at every step."""
    return torch.optim.Adam(network.parameters(), lr=0.0, betas=(0.0, 0.9))


def _picked(pictures: npt.NDArray[np.uint8], drawn: Draw, mine: slice) -> torch.Tensor:
    """This process's real pictures of the step, mirrored as drawn: float32 (B / processes, 3, S, S) in -1..1."""
    rows = np.stack([pictures[row] for row in drawn.rows[mine]])
    batch = torch.from_numpy(rows).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
    return torch.where(drawn.flip[mine, None, None, None], batch.flip(3), batch)


def _pieces(count: int, pieces: int) -> Iterator[tuple[slice, float]]:
    """Equal cuts of a process's rows, each with its share of them, so that their mean is the whole's."""
    edges = [count * i // pieces for i in range(pieces + 1)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield slice(start, stop), (stop - start) / count


def _turn(
    drawn: Draw, turn: int, mine: slice, part: slice, device: torch.device
) -> tuple[torch.Tensor, tuple[Changes, Changes]]:
    """Noise and changes of one turn for a piece of this process's rows."""
    rows = slice(mine.start + part.start, mine.start + part.stop)
    of_real, of_fake = drawn.changes[turn]
    return drawn.latents[turn][rows].to(device), (of_real.part(rows).to(device), of_fake.part(rows).to(device))


def _precision(recipe: Recipe, device: torch.device) -> torch.autocast:
    """bfloat16 where it is safe, when the recipe asks for it; losses and penalties stay in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")
