"""The voice machines: kernel machines on families of statistics, and the one ONNX file that they ship as.

Regularised least squares with a Gaussian kernel (Rifkin, Yeo and Poggio 2003): one linear system instead of a
network's thousands of steps, so that leaving pages out in turn costs seconds. Several heads look at several families
and scales; their margins are averaged.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from facevalue.examiners.voice.statistics import FAMILIES, SIZE, columns

LIMIT = 4.0
# Standardised statistics are kept as bytes, 1/32 a step: as good here as floats, and a quarter of their size.
STEP = 1.0 / 32.0
BLOCK = 512

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """A kernel machine on some families. reach: the kernel's exponent for a mean squared distance of 1. ridge: of the
    least squares, in units of a sample of weight 1."""

    families: tuple[str, ...]
    reach: float
    ridge: float


BANDS_ALONE = ("movement", "structure")
HEADS = (
    Head(tuple(FAMILIES), 0.3, 0.3),
    Head(BANDS_ALONE, 0.3, 0.3),
    Head(tuple(name for name in FAMILIES if name not in BANDS_ALONE), 0.3, 0.3),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What training made. mean, scale: of the statistics. vectors: the training samples, int8 (m, SIZE). weights:
    (m, heads) and biases (heads,), of the heads in their order."""

    mean: Floats
    scale: Floats
    vectors: npt.NDArray[np.int8]
    weights: Floats
    biases: Floats
    heads: tuple[Head, ...]

    def margins(self, values: Floats) -> Floats:
        """float32 (n,): the mean of the heads' margins, positive for synthetic, of statistics (n, SIZE)."""
        seen, known = _bytes(values, self.mean, self.scale) * np.float32(STEP), self.vectors * np.float32(STEP)
        out = np.zeros(len(values), np.float32)
        for number, head in enumerate(self.heads):
            mine = columns(head.families)
            theirs = np.ascontiguousarray(known[:, mine])
            for start in range(0, len(values), BLOCK):
                near = _kernel(seen[start : start + BLOCK][:, mine], theirs, head.reach)
                out[start : start + BLOCK] += near @ self.weights[:, number] + self.biases[number]
        return out / np.float32(len(self.heads))


def train(values: Floats, labels: npt.NDArray[np.int64], weight: Floats, heads: Sequence[Head] = HEADS) -> Machine:
    """values: float32 (m, SIZE). labels: 0 bona fide, 1 spoof, (m,). weight: positive, (m,), of mean 1."""
    mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-3)
    vectors = _bytes(values, mean, scale)
    known = vectors * np.float32(STEP)
    target = np.where(labels == 1, 1.0, -1.0)
    bias = float((weight * target).sum() / weight.sum())
    weights = []
    for head in heads:
        mine = np.ascontiguousarray(known[:, columns(head.families)])
        near = _kernel(mine, mine, head.reach)
        near[np.diag_indices(len(near))] += head.ridge / np.maximum(weight, 1e-3)
        weights.append(np.linalg.solve(near, (target - bias).astype(np.float32)))
    made = np.stack(weights, axis=1).astype(np.float32)
    biases = np.full(len(heads), bias, np.float32)
    return Machine(mean, scale, vectors, made, biases, tuple(heads))


def _bytes(values: Floats, mean: Floats, scale: Floats) -> npt.NDArray[np.int8]:
    return np.asarray(np.round(np.clip((values - mean) / scale, -LIMIT, LIMIT - STEP) / STEP), np.int8)


def _kernel(a: Floats, b: Floats, reach: float) -> Floats:
    square = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2.0 * (a @ b.T)
    return np.asarray(np.exp(np.float32(-reach / a.shape[1]) * np.maximum(square, 0.0)), np.float32)


class Judge(nn.Module):
    """statistics (n, SIZE) -> logit (n,) = gain x margin + offset: what ships."""

    mean: Tensor
    scale: Tensor
    vectors: Tensor
    weights: Tensor
    biases: Tensor

    def __init__(self, machine: Machine, gain: float, offset: float) -> None:
        super().__init__()
        for name in ("mean", "scale", "vectors", "weights", "biases"):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(getattr(machine, name))))
        for number, head in enumerate(machine.heads):
            self.register_buffer(f"columns{number}", torch.from_numpy(columns(head.families)))
        self.heads, self.gain, self.offset = machine.heads, gain, offset

    def forward(self, statistics: Tensor) -> Tensor:
        """See the class."""
        z = torch.round(((statistics - self.mean) / self.scale).clamp(-LIMIT, LIMIT - STEP) / STEP) * STEP
        known = self.vectors.float() * STEP
        total = torch.zeros_like(z[:, 0])
        for number, head in enumerate(self.heads):
            mine = getattr(self, f"columns{number}")
            a, b = z.index_select(1, mine), known.index_select(1, mine)
            square = (a * a).sum(1, keepdim=True) + (b * b).sum(1)[None] - 2.0 * a @ b.T
            near = torch.exp(-head.reach / len(mine) * square.clamp(min=0.0))
            total = total + near @ self.weights[:, number] + self.biases[number]
        return self.gain * total / len(self.heads) + self.offset


def export(judge: Judge, path: Path) -> Path:
    """Write it as ONNX: input "statistics", output "logit"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            judge.eval(),
            (torch.zeros(2, SIZE),),
            str(path),
            input_names=["statistics"],
            output_names=["logit"],
            dynamic_axes={"statistics": {0: "n"}, "logit": {0: "n"}},
            opset_version=17,
            dynamo=False,
            do_constant_folding=False,  # the vectors stay bytes in the file
        )
    return path
