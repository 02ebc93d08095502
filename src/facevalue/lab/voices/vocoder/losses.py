"""What each side wants: least squares (Mao et al. 2017), and that the discriminators see the same inside (matching)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from facevalue.lab.voices.vocoder.networks import Maps


def discriminator_loss(real: Maps, made: Maps) -> Tensor:
    """Real waves should score 1, made ones 0; mean over the discriminators."""
    parts = [((r[-1] - 1) ** 2).mean() + (m[-1] ** 2).mean() for r, m in zip(real, made, strict=True)]
    return torch.stack(parts).mean()


def generator_loss(made: Maps) -> Tensor:
    """Made waves should score 1; mean over the discriminators."""
    return torch.stack([((m[-1] - 1) ** 2).mean() for m in made]).mean()


def matching_loss(real: Maps, made: Maps) -> Tensor:
    """Mean absolute difference of all inner maps, each relative to the size of the real one's (Larsen et al. 2016)."""
    parts = [
        F.l1_loss(m, r.detach()) / (r.detach().abs().mean() + 1e-4)
        for reals, mades in zip(real, made, strict=True)
        for r, m in zip(reals[:-1], mades[:-1], strict=True)
    ]
    return torch.stack(parts).mean()
