"""Reconstructions: a real picture sent through a small autoencoder is a fake with the same content, size and codec.

What remains between the two is what a decoder leaves behind: the pattern of its up-sampler and its smooth fill-in
of fine texture (the idea of B-Free, arXiv:2412.17671, and of AEROBLADE, arXiv:2401.17879, here with autoencoders
trained on the spot). Each member of the zoo up-samples in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

Pixels = npt.NDArray[np.uint8]
UPSAMPLERS = ("nearest", "bilinear", "transposed", "pixelshuffle")


class _Up(nn.Module):
    def __init__(self, kind: str, cin: int, cout: int) -> None:
        super().__init__()
        if kind == "transposed":
            self.body: nn.Module = nn.ConvTranspose2d(cin, cout, 4, 2, 1)
        elif kind == "pixelshuffle":
            self.body = nn.Sequential(nn.Conv2d(cin, cout * 4, 3, padding=1), nn.PixelShuffle(2))
        else:
            align = None if kind == "nearest" else False
            self.body = nn.Sequential(
                nn.Upsample(scale_factor=2, mode=kind, align_corners=align), nn.Conv2d(cin, cout, 3, padding=1)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.body(x))


class Autoencoder(nn.Module):
    """Pixels in [-1, 1], (N, 3, H, W) with H and W multiples of 8, to their reconstruction of the same shape."""

    def __init__(self, upsampler: str, latent: int = 12, downs: int = 3) -> None:
        super().__init__()
        widths = [24, 48, 64][:downs]
        layers: list[nn.Module] = []
        cin = 3
        for width in widths:
            layers += [nn.Conv2d(cin, width, 4, 2, 1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU()]
            cin = width
        self.encoder = nn.Sequential(*layers, nn.Conv2d(cin, latent, 1))
        layers, cin = [nn.Conv2d(latent, widths[-1], 3, padding=1), nn.SiLU()], widths[-1]
        for width in reversed([16, *widths[:-1]]):
            layers += [_Up(upsampler, cin, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU()]
            cin = width
        self.decoder = nn.Sequential(*layers, nn.Conv2d(cin, 3, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.as_tensor(self.decoder(self.encoder(x)))


def train_zoo(
    pictures: Sequence[Pixels], out: Path, steps: int = 700, seed: int = 5, report: Callable[[str], None] = print
) -> list[Autoencoder]:
    """Train (or load from out/) one autoencoder per up-sampler on 64 px crops of the pictures, uint8 RGB.

    On a GPU where there is one; what comes back is on the CPU, where one picture at a time is reconstructed.
    """
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    zoo = []
    for i, kind in enumerate(UPSAMPLERS):
        torch.manual_seed(seed + i)
        rng = np.random.default_rng(seed + i)
        # Two compression rates: like the latent of diffusion models (8 x), and a lighter one whose traces are finer.
        net = Autoencoder(kind, latent=16 if i % 2 else 8, downs=3 if i % 2 else 2)
        path = out / f"autoencoder_{kind}.pt"
        if path.is_file():
            net.load_state_dict(torch.load(path, weights_only=True))
        else:
            net.to(device)
            optimiser = torch.optim.AdamW(net.parameters(), 2e-3)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
            for step in range(steps):
                x = torch.from_numpy(_crops(pictures, rng, 16, 64)).to(device)
                y = net(x)
                loss = (y - x).abs().mean() + 0.5 * (_edges(y) - _edges(x)).abs().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                if step % 200 == 199:
                    report(f"autoencoder {kind}: step {step + 1}/{steps} loss {float(loss.detach()):.4f}")
            torch.save(net.cpu().state_dict(), path)
        zoo.append(net.eval())
    return zoo


def _edges(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([(x[..., 1:] - x[..., :-1]).flatten(1), (x[..., 1:, :] - x[..., :-1, :]).flatten(1)], dim=1)


def _crops(pictures: Sequence[Pixels], rng: np.random.Generator, count: int, side: int) -> npt.NDArray[np.float32]:
    cuts = []
    for i in rng.integers(len(pictures), size=count):
        picture = pictures[int(i)]
        y, x = (int(rng.integers(0, s - side + 1)) for s in picture.shape[:2])
        cuts.append(picture[y : y + side, x : x + side])
    return (np.stack(cuts).transpose(0, 3, 1, 2) / 127.5 - 1).astype(np.float32)


def reconstruct(net: Autoencoder, pixels: Pixels) -> Pixels:
    """The picture as the autoencoder sees it, uint8 RGB; sides are trimmed to multiples of 8."""
    height, width = pixels.shape[0] // 8 * 8, pixels.shape[1] // 8 * 8
    x = torch.from_numpy((pixels[:height, :width].transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32))
    with torch.inference_mode():
        y = net(x)[0].clamp(-1, 1).numpy()
    return np.asarray(np.round((y.transpose(1, 2, 0) + 1) * 127.5), np.uint8)
