"""What a latent picture goes through between encoder and decoder.

plain: as it is. vq: every place becomes the nearest of CODES vectors (van den Oord et al. 2017, arXiv:1711.00937),
which follow what they stand for by moving averages; vectors that nothing is near are put where something is. kl: every
place is a Gaussian, drawn from in training and read by its mean afterwards, kept near the unit Gaussian (Kingma and
Welling 2013, arXiv:1312.6114; weight as for latent diffusion, Rombach et al. 2022, arXiv:2112.10752).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

CODES = 256
COMMITMENT, DECAY, DEAD_BELOW = 0.25, 0.98, 0.05
KL_WEIGHT = 1e-4


@dataclass(frozen=True, slots=True)
class Squeezed:
    """code: what the decoder gets, (N, latent, h, w). loss: what the bottleneck adds, a scalar."""

    code: torch.Tensor
    loss: torch.Tensor


class Bottleneck(nn.Module):
    """Passes the latent on as it is. channels: what the encoder must give for a code of that many numbers."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.channels = latent

    def forward(self, z: torch.Tensor, chance: torch.Generator | None = None) -> Squeezed:
        """z: (N, channels, h, w). chance: given in training, None afterwards."""
        return Squeezed(z, z.new_zeros(()))


class VectorQuantised(Bottleneck):
    """The nearest of CODES vectors, with a straight-through gradient."""

    codes: torch.Tensor
    counts: torch.Tensor
    sums: torch.Tensor

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.register_buffer("codes", torch.randn(CODES, latent) * 0.5)
        self.register_buffer("counts", torch.ones(CODES))
        self.register_buffer("sums", self.codes.clone())

    def forward(self, z: torch.Tensor, chance: torch.Generator | None = None) -> Squeezed:
        """See Bottleneck."""
        flat = z.permute(0, 2, 3, 1).reshape(-1, self.channels)
        nearest = torch.cdist(flat, self.codes).argmin(dim=1)
        picked = self.codes[nearest]
        if chance is not None:
            self._follow(flat.detach(), nearest, chance)
        loss = COMMITMENT * (flat - picked.detach()).square().mean()
        through = flat + (picked - flat).detach()
        return Squeezed(through.view(z.shape[0], *z.shape[2:], -1).permute(0, 3, 1, 2), loss)

    @torch.no_grad()
    def _follow(self, flat: torch.Tensor, nearest: torch.Tensor, chance: torch.Generator) -> None:
        hits = torch.zeros_like(self.counts).index_add_(0, nearest, torch.ones_like(nearest, dtype=flat.dtype))
        total = torch.zeros_like(self.sums).index_add_(0, nearest, flat)
        self.counts.mul_(DECAY).add_(hits, alpha=1 - DECAY)
        self.sums.mul_(DECAY).add_(total, alpha=1 - DECAY)
        dead = self.counts < DEAD_BELOW
        drawn = flat[torch.randint(len(flat), (CODES,), generator=chance).to(flat.device)]
        self.sums[dead], self.counts[dead] = drawn[dead], 1.0
        self.codes.copy_(self.sums / self.counts[:, None])


class Gaussian(Bottleneck):
    """A mean and a spread at every place."""

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.channels = 2 * latent

    def forward(self, z: torch.Tensor, chance: torch.Generator | None = None) -> Squeezed:
        """See Bottleneck."""
        mean, log_variance = z.chunk(2, dim=1)
        if chance is None:
            return Squeezed(mean, z.new_zeros(()))
        log_variance = log_variance.clamp(-20, 10)
        noise = torch.randn(mean.shape, generator=chance).to(mean.device)
        away = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        return Squeezed(mean + (log_variance / 2).exp() * noise, KL_WEIGHT * away)


BOTTLENECKS: dict[str, Callable[[int], Bottleneck]] = {"plain": Bottleneck, "vq": VectorQuantised, "kl": Gaussian}

__all__ = ["BOTTLENECKS", "Bottleneck", "Squeezed"]
