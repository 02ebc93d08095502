"""A support vector machine on statistics of spectra, beside the network: it learns from little, and fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from facevalue.examiners.voice.frontend import statistics
from facevalue.lab.voice_cache import VARIANTS, Bytes, Item, restored
from facevalue.lab.voice_data import balance

COST, REACH = 2.0, 0.3
LIMIT = 4.0


class SupportVectors(nn.Module):
    """The decision function of a trained machine: statistics (n, d) -> margin (n,), positive for synthetic."""

    mean: Tensor
    scale: Tensor
    vectors: Tensor
    weights: Tensor

    def __init__(self, mean: Any, scale: Any, vectors: Any, weights: Any, bias: float, gamma: float) -> None:
        super().__init__()
        for name, value in (("mean", mean), ("scale", scale), ("weights", weights)):
            self.register_buffer(name, torch.as_tensor(np.asarray(value, np.float32)))
        # Halves are as good here and half as large.
        self.register_buffer("vectors", torch.as_tensor(np.asarray(vectors, np.float16)))
        self.bias, self.gamma = bias, gamma

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        z = ((x - self.mean) / self.scale).clamp(-LIMIT, LIMIT)
        v = self.vectors.float()
        distance = (z * z).sum(1, keepdim=True) + (v * v).sum(1)[None] - 2.0 * z @ v.T
        out: Tensor = torch.exp(-self.gamma * distance.clamp(min=0.0)) @ self.weights + self.bias
        return out


def statistics_of(items: Sequence[Item], spectra: Bytes) -> npt.NDArray[np.float32]:
    """float32 (items, VARIANTS, STATISTICS)."""
    return np.stack([[statistics(restored(spectra[i, v])) for v in range(VARIANTS)] for i in range(len(items))])


def train(items: Sequence[Item], values: npt.NDArray[np.float32], use: Sequence[int]) -> SupportVectors:
    """Train on the clips among items[use] (splices take no part), with all their journeys, strata balanced."""
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    mine = [i for i in use if items[i].donor is None]
    weight = balance([items[i].clip for i in mine])
    x = values[mine].reshape(-1, values.shape[2])
    scaler = StandardScaler().fit(x)
    machine = SVC(C=COST, gamma=REACH / values.shape[2], cache_size=800)
    inputs = np.clip(scaler.transform(x), -LIMIT, LIMIT)
    labels = np.repeat([items[i].label for i in mine], VARIANTS)
    machine.fit(inputs, labels, sample_weight=np.repeat(weight / weight.mean(), VARIANTS))
    scale = np.maximum(scaler.scale_, 1e-6)
    gamma = REACH / values.shape[2]
    weights = machine.dual_coef_[0]
    return SupportVectors(
        scaler.mean_, scale, machine.support_vectors_, weights, float(machine.intercept_[0]), gamma
    ).eval()


@torch.no_grad()
def margins(machine: SupportVectors, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32 (...,) of statistics (..., d)."""
    flat = torch.from_numpy(values.reshape(-1, values.shape[-1]))
    return np.asarray(machine(flat).numpy().reshape(values.shape[:-1]), np.float32)
