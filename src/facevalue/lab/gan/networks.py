"""The two networks: a generator that draws pictures from noise, and a discriminator that scores them.

Both are the same modernised residual network, once upwards and once downwards (R3GAN, section 3.3 "Config E"): no
normalisation, no style modulation, no skip outputs. What keeps it stable without normalisation is the initialisation
of section 3.2 (fix-up: a block starts as the identity) and, in the loss, the gradient penalties.

Pictures are float (N, 3, S, S) in -1..1, RGB; latents float (N, latent), standard normal; scores float (N,).
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that torch's users know

from facevalue.lab.gan.recipe import BASE_SIDE_PX, Shape

SLOPE = 0.2
# A leaky ReLU makes a unit-variance signal this much smaller; He initialisation undoes it.
RELU_GAIN = math.sqrt(2 / (1 + SLOPE**2))


def convolution(into: int, out: int, kernel: int, groups: int = 1, gain: float = 1.0) -> nn.Conv2d:
    """A convolution without bias whose output has gain times the deviation of its input (He et al. 2015)."""
    layer = nn.Conv2d(into, out, kernel, padding=kernel // 2, groups=groups, bias=False)
    fan_in = into // groups * kernel**2
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(fan_in))
    return layer


class Bent(nn.Module):
    """Add a bias for each channel, then bend with a leaky ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the same shape."""
        return F.leaky_relu(x + self.bias, SLOPE)


class Block(nn.Module):
    """x + f(x); f widens by 1 x 1, mixes neighbours by a grouped 3 x 3, narrows by 1 x 1 (ResNeXt, inverted).

    The last convolution starts at zero and the others are scaled by the number of blocks (fix-up, Zhang et al. 2019):
    at the start the whole network is a chain of identities, however deep.
    """

    def __init__(self, channels: int, shape: Shape) -> None:
        super().__init__()
        inside = channels * shape.expansion
        gain = RELU_GAIN * (len(shape.sides) * shape.blocks) ** (-1 / 4)  # L^(-1/(2m-2)), m = 3 convolutions
        self.widen = convolution(channels, inside, 1, gain=gain)
        self.mix = convolution(inside, inside, 3, groups=inside // shape.group, gain=gain)
        self.narrow = convolution(inside, channels, 1, gain=0.0)
        self.first, self.second = Bent(inside), Bent(inside)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the same shape."""
        inside = self.second(self.mix(self.first(self.widen(x))))
        out: torch.Tensor = x + self.narrow(inside)
        return out


def _blocks(side_px: int, shape: Shape) -> list[nn.Module]:
    return [Block(shape.channels(side_px), shape) for _ in range(shape.blocks)]


class Generator(nn.Module):
    """Noise -> picture: a learned 4 x 4 picture is weighed by the noise, then grown stage by stage."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        base = shape.channels(BASE_SIDE_PX)
        self.basis = nn.Parameter(torch.randn(base, BASE_SIDE_PX, BASE_SIDE_PX))
        self.weigh = nn.Linear(shape.latent, base, bias=False)
        nn.init.normal_(self.weigh.weight, 0.0, 1 / math.sqrt(shape.latent))
        stages: list[nn.Module] = _blocks(BASE_SIDE_PX, shape)
        for before, side in zip(shape.sides, shape.sides[1:], strict=False):
            stages += [Grow(shape.channels(before), shape.channels(side)), *_blocks(side, shape)]
        self.stages = nn.Sequential(*stages)
        self.to_rgb = convolution(shape.channels(shape.side_px), 3, 1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(N, latent) -> (N, 3, S, S); values outside -1..1 are possible and are cut when a picture is written."""
        seed = self.weigh(latents)[:, :, None, None] * self.basis
        out: torch.Tensor = self.to_rgb(self.stages(seed))
        return out


class Discriminator(nn.Module):
    """Picture -> score, higher for more real: the generator's mirror image."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        base = shape.channels(BASE_SIDE_PX)
        self.from_rgb = convolution(3, shape.channels(shape.side_px), 1)
        stages: list[nn.Module] = _blocks(shape.side_px, shape)
        for side in shape.sides[-2::-1]:
            stages += [Shrink(shape.channels(2 * side), shape.channels(side)), *_blocks(side, shape)]
        self.stages = nn.Sequential(*stages)
        self.basis = nn.Parameter(torch.randn(base, BASE_SIDE_PX, BASE_SIDE_PX) / BASE_SIDE_PX)
        self.score = nn.Linear(base, 1, bias=False)
        nn.init.normal_(self.score.weight, 0.0, 1 / math.sqrt(base))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) -> (N,)."""
        seen = self.stages(self.from_rgb(pictures))
        out: torch.Tensor = self.score((seen * self.basis).sum(dim=(2, 3)))[:, 0]
        return out


class Grow(nn.Module):
    """Twice the side by bilinear interpolation, other channels by a 1 x 1 convolution (before it: fewer pixels)."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.change = convolution(into, out, 1) if into != out else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, into, H, W) -> (N, out, 2H, 2W)."""
        return F.interpolate(self.change(x), scale_factor=2.0, mode="bilinear", align_corners=False)


class Shrink(nn.Module):
    """Half the side by bilinear interpolation, which at a half is the mean of 2 x 2; then a 1 x 1 convolution."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.change = convolution(into, out, 1) if into != out else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, into, H, W) -> (N, out, H/2, W/2)."""
        out: torch.Tensor = self.change(F.avg_pool2d(x, 2))
        return out


def build(shape: Shape, seed: int) -> tuple[Generator, Discriminator]:
    """Both networks, initialised from a seed; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(shape), Discriminator(shape)
