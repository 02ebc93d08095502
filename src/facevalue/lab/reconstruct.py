"""Reconstructions: a real picture sent through a small autoencoder is a fake with the same content, size and codec.

What remains between the two is what a decoder leaves behind: the pattern of its up-sampler and its smooth fill-in
of fine texture (the idea of B-Free, arXiv:2412.17671, and of AEROBLADE, arXiv:2401.17879, here with autoencoders
trained on the spot). Each member of the ZOO up-samples in another way or has another bottleneck.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facevalue.lab.zoo.bottlenecks import BOTTLENECKS, Squeezed
from facevalue.lab.zoo.members import UPSAMPLERS, ZOO, Member

Pixels = npt.NDArray[np.uint8]
Report = Callable[[str], None]

WIDTHS = (24, 48, 64)
# A picture is redrawn in tiles: no pixel of a tile's core sees further than the margin.
CORE_PX, MARGIN_PX = 448, 64
_BINOMIAL = (1.0, 5.0, 10.0, 10.0, 5.0, 1.0)


class _Smoothed(nn.Module):
    """Zeros between the pixels, then a fixed binomial low-pass filter: up-sampling that (almost) does not alias.

    The counterpart of blur-pooling (Zhang 2019, arXiv:1904.11486), as StyleGAN2's decoder has it.
    """

    kernel: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor(_BINOMIAL) / sum(_BINOMIAL) * 2
        self.register_buffer("kernel", torch.outer(row, row)[None, None].repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
        # With one more pixel on each side two more are cut off the result.
        return nn.functional.conv_transpose2d(padded, self.kernel, stride=2, padding=4, groups=x.shape[1])


class _Up(nn.Module):
    def __init__(self, kind: str, cin: int, cout: int) -> None:
        super().__init__()
        if kind == "transposed":
            self.body: nn.Module = nn.ConvTranspose2d(cin, cout, 4, 2, 1)
        elif kind == "pixelshuffle":
            self.body = nn.Sequential(nn.Conv2d(cin, cout * 4, 3, padding=1), nn.PixelShuffle(2))
        elif kind == "antialiased":
            self.body = nn.Sequential(_Smoothed(cin), nn.Conv2d(cin, cout, 3, padding=1))
        else:
            align = None if kind == "nearest" else False
            self.body = nn.Sequential(
                nn.Upsample(scale_factor=2, mode=kind, align_corners=align), nn.Conv2d(cin, cout, 3, padding=1)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.body(x))


class Autoencoder(nn.Module):
    """Pixels in [-1, 1], (N, 3, H, W) with H and W multiples of 8, to their reconstruction of the same shape."""

    def __init__(self, upsampler: str, latent: int = 12, downs: int = 3, bottleneck: str = "plain") -> None:
        super().__init__()
        widths = WIDTHS[:downs]
        squeeze = BOTTLENECKS[bottleneck](latent)
        layers: list[nn.Module] = []
        cin = 3
        for width in widths:
            layers += [nn.Conv2d(cin, width, 4, 2, 1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU()]
            cin = width
        self.encoder = nn.Sequential(*layers, nn.Conv2d(cin, squeeze.channels, 1))
        self.squeeze = squeeze
        layers, cin = [nn.Conv2d(latent, widths[-1], 3, padding=1), nn.SiLU()], widths[-1]
        for width in reversed([16, *widths[:-1]]):
            layers += [_Up(upsampler, cin, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU()]
            cin = width
        self.decoder = nn.Sequential(*layers, nn.Conv2d(cin, 3, 3, padding=1))

    @classmethod
    def of(cls, member: Member) -> Autoencoder:
        """The network of a member of the zoo, with fresh weights."""
        return cls(member.upsampler, member.latent, member.downs, member.bottleneck)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.as_tensor(self.decoder(self.squeeze(self.encoder(x)).code))

    def learn(self, x: torch.Tensor, chance: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """In training: the reconstruction, and what the bottleneck adds to the loss. chance: its random numbers."""
        squeezed: Squeezed = self.squeeze(self.encoder(x), chance)
        return torch.as_tensor(self.decoder(squeezed.code)), squeezed.loss


def train_zoo(
    pictures: Sequence[Pixels], out: Path, steps: int = 700, seed: int = 5, report: Report = print
) -> list[Autoencoder]:
    """Train (or load from out/, or go on with) every member of the zoo on 64 px crops of the pictures, uint8 RGB.

    On a GPU where there is one; what comes back is on the CPU, where one picture at a time is reconstructed.
    """
    from facevalue.lab.zoo.train import ZooRecipe, train_member

    recipe = ZooRecipe(steps=steps, seed=seed)
    return [train_member(member, pictures, out, recipe, report) for member in ZOO.values()]


def reconstruct(net: Autoencoder, pixels: Pixels) -> Pixels:
    """The picture as the autoencoder sees it, uint8 RGB; sides are trimmed to multiples of 8."""
    height, width = pixels.shape[0] // 8 * 8, pixels.shape[1] // 8 * 8
    x = torch.from_numpy((pixels[:height, :width].transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32))
    with torch.inference_mode():
        y = net(x)[0].clamp(-1, 1).numpy()
    return np.asarray(np.round((y.transpose(1, 2, 0) + 1) * 127.5), np.uint8)


def redrawn(net: Autoencoder, pixels: Pixels) -> Pixels:
    """A picture of any size as the autoencoder draws it, uint8 RGB of the same size, tile by tile."""
    height, width = pixels.shape[:2]
    rest = [-side % 8 for side in (height, width)]
    # The grid of the up-sampler must run on over the tiles: cores and margins are multiples of 8.
    framed = np.pad(
        pixels, ((MARGIN_PX, MARGIN_PX + rest[0]), (MARGIN_PX, MARGIN_PX + rest[1]), (0, 0)), mode="symmetric"
    )
    out = np.empty((height + rest[0], width + rest[1], 3), np.uint8)
    for y in range(0, height, CORE_PX):
        for x in range(0, width, CORE_PX):
            h, w = min(CORE_PX, out.shape[0] - y), min(CORE_PX, out.shape[1] - x)
            tile = reconstruct(net, framed[y : y + h + 2 * MARGIN_PX, x : x + w + 2 * MARGIN_PX])
            out[y : y + h, x : x + w] = tile[MARGIN_PX : MARGIN_PX + h, MARGIN_PX : MARGIN_PX + w]
    return out[:height, :width]


__all__ = ["UPSAMPLERS", "ZOO", "Autoencoder", "Member", "reconstruct", "redrawn", "train_zoo"]
