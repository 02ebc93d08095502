"""The voice network: a light residual network over linear bands with squeeze-and-excitation and attentive pooling.

After the light ResNets of ASVspoof (Alzantot, Wang and Srivastava 2019), squeeze-and-excitation (Hu, Shen and Sun
2018), attentive statistics pooling (Okabe, Koshinaka and Shinoda 2018). A second output says for every 160 ms how it
looks locally, so that a spliced stretch can be learned and found.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facevalue.examiners.voice.frontend import BANDS

WIDTHS = (16, 24, 48, 80)
HEAD = 96
LOCAL_FRAMES = 16


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, gated by what the block's channels hold on average."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.gate = nn.Sequential(nn.Linear(outside, 16), nn.ReLU(), nn.Linear(16, outside), nn.Sigmoid())
        self.shortcut = nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(inside, outside, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, bands, frames) -> (N, outside, bands / stride, frames / stride)."""
        h = self.norm2(self.second(torch.relu(self.norm1(self.first(x)))))
        h = h * self.gate(h.mean(dim=(2, 3)))[:, :, None, None]
        out: Tensor = torch.relu(h + self.shortcut(x))
        return out


class VoiceNet(nn.Module):
    """float32 (N, 1, 128, frames) -> logit (N,) of "synthetic", and local logits (N, ceil(frames / 16))."""

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.stem = nn.Sequential(nn.Conv2d(1, a, (5, 7), (2, 4), (2, 3), bias=False), nn.BatchNorm2d(a), nn.ReLU())
        self.blocks = nn.Sequential(Block(a, b, (2, 2)), Block(b, c, (2, 2)), Block(c, d, (2, 1)))
        self.squeeze = nn.Sequential(nn.Conv1d(d * BANDS // 16, HEAD, 1, bias=False), nn.BatchNorm1d(HEAD), nn.ReLU())
        self.attention = nn.Sequential(nn.Conv1d(HEAD, 32, 1), nn.Tanh(), nn.Conv1d(32, 1, 1))
        self.local = nn.Conv1d(HEAD, 1, 1)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(2 * HEAD, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        h = self.squeeze(self.drop(self.blocks(self.stem(x)).flatten(1, 2)))
        weight = torch.softmax(self.attention(h), dim=2)
        mean = (weight * h).sum(dim=2)
        spread = ((weight * h * h).sum(dim=2) - mean * mean).clamp(min=1e-5).sqrt()
        logit = self.out(self.drop(torch.cat([mean, spread], dim=1)))[:, 0]
        return logit, self.local(h)[:, 0]
