"""How they play: the discriminators learn to tell, then the generator learns to pass, and to keep the mel bands."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch

from facevalue.lab.voices.vocoder.losses import discriminator_loss, generator_loss, matching_loss
from facevalue.lab.voices.vocoder.networks import Discriminators, Generator, MelLoss
from facevalue.lab.voices.vocoder.recipe import Recipe
from facevalue.lab.voices.vocoder.speech import Batch

MEASURES = ("mel", "adversarial", "matching", "discriminators")
BETAS = (0.8, 0.99)
LONGEST_GRADIENT = 10.0


@dataclass
class Players:
    """Everything that training changes. steps: taken so far."""

    generator: Generator
    discriminators: Discriminators
    average: Generator
    descent_g: torch.optim.AdamW
    descent_d: torch.optim.AdamW
    steps: int = 0

    @classmethod
    def new(cls, recipe: Recipe) -> Players:
        """Untrained ones, from the recipe's seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            generator, discriminators = Generator(recipe.channels, recipe.blocks), Discriminators()
        average = copy.deepcopy(generator).requires_grad_(False)
        own, theirs = (torch.optim.AdamW(n.parameters(), recipe.rate, BETAS) for n in (generator, discriminators))
        return cls(generator, discriminators, average, own, theirs)


def step(players: Players, recipe: Recipe, shown: Batch, mel: MelLoss) -> torch.Tensor:
    """One turn of each side; the discriminators' from step `alone` on. Returns MEASURES, float64 (4,), or NaN."""
    rate = recipe.rate * (0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, players.steps / recipe.steps))))
    for descent in (players.descent_g, players.descent_d):
        descent.param_groups[0]["lr"] = rate
    features = torch.cat([mel.log_mel(shown.real), shown.tones], dim=-1)
    made = players.generator(features, shown.pulses, shown.noise)
    measures = torch.full((len(MEASURES),), torch.nan, dtype=torch.float64)
    adversarial = players.steps >= recipe.alone
    if adversarial:
        measures[3] = _discriminators_turn(players, shown.real[:, shown.judged], made[:, shown.judged].detach())
    loss = mel(made, shown.real)
    measures[0] = loss.detach().double()
    total = recipe.mel * loss
    if adversarial:
        players.discriminators.requires_grad_(False)
        with torch.no_grad():
            real_maps = players.discriminators(shown.real[:, shown.judged])
        maps = players.discriminators(made[:, shown.judged])
        passed, matched = generator_loss(maps), matching_loss(real_maps, maps)
        total = total + passed + recipe.matching * matched
        measures[1], measures[2] = passed.detach().double(), matched.detach().double()
        players.discriminators.requires_grad_(True)
    _descend(players.descent_g, players.generator, total)
    _follow(players, 0.5 ** (1 / min(recipe.half_life, 1 + players.steps / 4)))
    players.steps += 1
    return measures


def _discriminators_turn(players: Players, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    loss = discriminator_loss(players.discriminators(real), players.discriminators(made))
    _descend(players.descent_d, players.discriminators, loss)
    return loss.detach().double()


def _descend(descent: torch.optim.AdamW, network: torch.nn.Module, loss: torch.Tensor) -> None:
    descent.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), LONGEST_GRADIENT)
    descent.step()


@torch.no_grad()
def _follow(players: Players, keep: float) -> None:
    for own, leading in zip(players.average.parameters(), players.generator.parameters(), strict=True):
        own.lerp_(leading, 1 - keep)
