"""DiffAugment (Zhao et al. 2020, arXiv:2006.10738): what the judge may see when pictures are few.

With few pictures the discriminator learns them by heart. So it is shown changed ones, real and fake alike, and the
changes are differentiable, so that the generator learns through them and does not learn to draw them. Three families:
colour (brightness, saturation, contrast), translation (up to an eighth of the side) and cutout (a square of half the
side). Each is applied to a picture with a chance, as in ADA (Karras et al. 2020), so that 0 is plain training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

NUMBERS = 10  # random numbers that one picture takes


@dataclass(frozen=True, slots=True)
class Changes:
    """How each of N pictures is changed, from uniform numbers 0..1, float32 (N, NUMBERS); chance: of each family."""

    numbers: torch.Tensor
    chance: float

    def part(self, rows: slice) -> Changes:
        """Those of some of the pictures."""
        return Changes(self.numbers[rows], self.chance)

    def to(self, device: torch.device) -> Changes:
        """The same on another device."""
        return Changes(self.numbers.to(device), self.chance)

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) in -1..1 -> the same shape, differentiable in the pictures."""
        if self.chance <= 0:
            return pictures
        colour, move, cut = (self.numbers[:, i] < self.chance for i in (0, 4, 7))
        pictures = _where(colour, _coloured(pictures, self.numbers[:, 1:4]), pictures)
        pictures = _where(move, _moved(pictures, self.numbers[:, 5:7]), pictures)
        return _where(cut, _cut(pictures, self.numbers[:, 8:10]), pictures)


def _where(chosen: torch.Tensor, changed: torch.Tensor, as_it_was: torch.Tensor) -> torch.Tensor:
    return torch.where(chosen[:, None, None, None], changed, as_it_was)


def _coloured(x: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Brightness by -0.5..0.5, saturation by 0..2, contrast by 0.5..1.5, in this order, as published."""
    brightness, saturation, contrast = (n[:, None, None, None] for n in numbers.unbind(1))
    x = x + (brightness - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * (2 * saturation)
    level = x.mean(dim=(1, 2, 3), keepdim=True)
    return level + (x - level) * (contrast + 0.5)


def _moved(x: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Shifted by whole pixels, up to an eighth of the side each way; what comes in from outside is zero (grey)."""
    side = x.shape[-1]
    reach = max(1, round(side / 8))
    shift = (numbers * (2 * reach + 1)).floor().long().clamp_(0, 2 * reach) - reach
    at = torch.arange(side, device=x.device)
    rows, columns = (at[None, :] - shift[:, i, None] for i in (0, 1))  # where each pixel comes from
    x = x.gather(2, _index(rows, side)[:, None, :, None].expand_as(x))
    x = x.gather(3, _index(columns, side)[:, None, None, :].expand_as(x))
    return x * (_inside(rows, side)[:, None, :, None] * _inside(columns, side)[:, None, None, :]).to(x.dtype)


def _index(source: torch.Tensor, side: int) -> torch.Tensor:
    return source.clamp(0, side - 1)


def _inside(source: torch.Tensor, side: int) -> torch.Tensor:
    return (source >= 0) & (source < side)


def _cut(x: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """A square of half the side becomes zero (grey); its centre may lie anywhere, so part of it may be outside."""
    side = x.shape[-1]
    centre = (numbers * (side + 1)).floor()
    at = torch.arange(side, device=x.device)
    rows, columns = ((at[None, :] - centre[:, i, None]).add(0.5).abs() < side / 4 for i in (0, 1))
    return x * (~(rows[:, None, :, None] & columns[:, None, None, :])).to(x.dtype)
