"""One step of each side, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facevalue.lab.refiner.networks import Critic, Refiner
from facevalue.lab.refiner.pairs import Pairs

# Weights of the losses: absolute difference, difference of edges, the critic's word.
NEAR, EDGES, FOOL = 10.0, 10.0, 0.1
AVERAGE = 0.995


@dataclass
class Players:
    """The two sides, their descents, and the running average of the refiner that is used in the end."""

    refiner: Refiner
    average: Refiner
    critic: Critic
    descent_r: torch.optim.Adam
    descent_c: torch.optim.Adam
    steps: int = 0

    @classmethod
    def fresh(cls, seed: int, rate: float) -> Players:
        """New networks, by seed."""
        torch.manual_seed(seed)
        refiner, critic, average = Refiner(), Critic(), Refiner()
        average.load_state_dict(refiner.state_dict())
        betas = (0.5, 0.99)
        return cls(
            refiner,
            average,
            critic,
            torch.optim.Adam(refiner.parameters(), rate, betas=betas),
            torch.optim.Adam(critic.parameters(), 2 * rate, betas=betas),
        )

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        parts = ("refiner", "average", "critic", "descent_r", "descent_c")
        return {"steps": self.steps, **{name: getattr(self, name).state_dict() for name in parts}}

    def restore(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.steps = int(state["steps"])
        for name in ("refiner", "average", "critic", "descent_r", "descent_c"):
            getattr(self, name).load_state_dict(state[name])


def batch(pairs: Pairs, rows: np.ndarray[Any, Any], mirrored: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor]:
    """What the refiner is given, (n, 4, S, S), and the real pictures, (n, 3, S, S) in -1..1."""

    def pixels(values: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(values[rows].astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1

    mask = torch.from_numpy(pairs.mask[rows].astype(np.float32))[:, None] / 255
    x, y = torch.cat([pixels(pairs.given), mask], dim=1), pixels(pairs.real)
    flip = torch.from_numpy(mirrored)[:, None, None, None]
    return torch.where(flip, x.flip(3), x), torch.where(flip, y.flip(3), y)


def step(players: Players, x: Tensor, real: Tensor) -> tuple[float, float, float]:
    """One step of the critic, one of the refiner; hinge loss (Lim and Ye 2017, arXiv:1705.02894).

    Returns the critic's loss, the refiner's difference, and how well it fools.
    """
    mask = x[:, 3:]
    with torch.no_grad():
        made = players.refiner(x)
    # Outside the mask both pictures are one: the critic sees real pixels there in either.
    loss_c = (
        functional.relu(1 - players.critic(real, mask)).mean() + functional.relu(1 + players.critic(made, mask)).mean()
    )
    players.descent_c.zero_grad()
    loss_c.backward()
    players.descent_c.step()
    made = players.refiner(x)
    near, edges = difference(made, real, mask)
    fool = -players.critic(made, mask).mean()
    players.descent_r.zero_grad()
    (NEAR * near + EDGES * edges + FOOL * fool).backward()
    players.descent_r.step()
    with torch.no_grad():
        for kept, new in zip(players.average.parameters(), players.refiner.parameters(), strict=True):
            kept.lerp_(new, 1 - AVERAGE)
    players.steps += 1
    return float(loss_c.detach()), float(near.detach()), float(fool.detach())


def difference(made: Tensor, real: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute difference inside the mask, of pixels and of their steps to the right and below; range -1..1."""
    apart = (made - real) * mask
    area = mask.sum() * 3 + 1
    steps = (apart.diff(dim=2).abs().sum() + apart.diff(dim=3).abs().sum()) / area
    return apart.abs().sum() / area, steps


@torch.no_grad()
def measured(refiner: Refiner, pairs: Pairs) -> dict[str, float]:
    """On pairs held out: mean absolute difference inside the mask in grey levels, before and after the refiner."""
    totals = np.zeros(4)
    for start in range(0, len(pairs.given), 16):
        rows = np.arange(start, min(start + 16, len(pairs.given)))
        x, real = batch(pairs, rows, np.zeros(len(rows), np.bool_))
        for i, made in enumerate((x[:, :3], refiner(x))):
            near, edges = difference(made, real, x[:, 3:])
            totals[2 * i : 2 * i + 2] += np.array([float(near), float(edges)]) * len(rows) * 127.5 / len(pairs.given)
    names = ("before", "edges_before", "after", "edges_after")
    return {name: round(float(value), 4) for name, value in zip(names, totals, strict=True)}
