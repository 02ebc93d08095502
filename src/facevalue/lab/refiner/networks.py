"""The two networks: a small U-Net that adds a correction inside the mask, and a critic that judges patches."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

MOST_CHANGE = 0.25  # of the range -1..1: the refiner corrects, it does not draw
WIDTH = 16


def _twice(given: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, out, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(out, out, 3, padding=1),
        nn.LeakyReLU(0.2),
    )


class Refiner(nn.Module):
    """U-Net (Ronneberger et al. 2015, arXiv:1505.04597) from picture and mask to the corrected picture.

    forward(x): float (n, 4, S, S), RGB in -1..1 and the share of the foreign face in 0..1; S divisible by 8. Returns
    RGB (n, 3, S, S); where the share is 0 it is the input's.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        sizes = (width, 2 * width, 3 * width, 4 * width)
        self.down = nn.ModuleList(_twice(a, b) for a, b in zip((4, *sizes), sizes, strict=False))
        self.up = nn.ModuleList(
            _twice(a + b, b) for a, b in ((sizes[3], sizes[2]), (sizes[2], sizes[1]), (sizes[1], sizes[0]))
        )
        self.last = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        kept: list[Tensor] = []
        h = x
        for i, block in enumerate(self.down):
            h = block(functional.avg_pool2d(h, 2) if i else h)
            kept.append(h)
        h = kept.pop()
        for block in self.up:
            grown = functional.interpolate(h, scale_factor=2.0, mode="bilinear", align_corners=False)
            h = block(torch.cat([grown, kept.pop()], dim=1))
        change = MOST_CHANGE * torch.tanh(self.last(h))
        return (x[:, :3] + change * x[:, 3:]).clamp(-1, 1)


class Critic(nn.Module):
    """PatchGAN (Isola et al. 2017, arXiv:1611.07004): one score for each place, from picture and mask together."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        sizes = (4, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(sizes):
            layers += [norm(nn.Conv2d(a, b, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, norm(nn.Conv2d(sizes[-1], 1, 3, padding=1)))

    def forward(self, pixels: Tensor, mask: Tensor) -> Tensor:
        """Scores (n, 1, S/8, S/8); pixels (n, 3, S, S) in -1..1, mask (n, 1, S, S)."""
        return torch.as_tensor(self.layers(torch.cat([pixels, mask], dim=1)))
