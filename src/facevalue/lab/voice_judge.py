"""What ships: networks and support vectors together, as one ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from facevalue.examiners.voice.frontend import BANDS, STATISTICS, WINDOW_FRAMES, network_inputs
from facevalue.lab.voice_net import VoiceNet
from facevalue.lab.voice_svm import SupportVectors


@dataclass(frozen=True, slots=True)
class Mixture:
    """logit = statistics x margin of the support vectors + network x logit of the networks + bias."""

    statistics: float
    network: float
    bias: float

    def logits(self, parts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32 (n, variants) of parts (n, 2, variants): margins, network logits."""
        return np.asarray(self.statistics * parts[:, 0] + self.network * parts[:, 1] + self.bias, np.float32)


class Judge(nn.Module):
    """bands (n, 1, 128, frames), statistics (n, 208) -> logit (n,) and local logits (n, ceil(frames / 16))."""

    def __init__(self, networks: Sequence[VoiceNet], machine: SupportVectors, mix: Mixture) -> None:
        super().__init__()
        self.networks, self.machine, self.mix = nn.ModuleList(networks), machine, mix

    def forward(self, bands: Tensor, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        outs = [network(bands) for network in self.networks]
        heard = torch.stack([o[0] for o in outs]).mean(0)
        logit = self.mix.statistics * self.machine(statistics) + self.mix.network * heard + self.mix.bias
        return logit, torch.stack([o[1] for o in outs]).mean(0)


@torch.no_grad()
def judged(judge: Judge, bands: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Logits, float32 (n,), of dB spectra (n, frames, 128)."""
    inputs = network_inputs(bands)
    out: npt.NDArray[np.float32] = judge(torch.from_numpy(inputs["bands"]), torch.from_numpy(inputs["statistics"]))[
        0
    ].numpy()
    return out


def export(judge: Judge, path: Path) -> Path:
    """Write it as ONNX: inputs "bands" and "statistics", outputs "logit" and "local"."""
    example = (torch.zeros(2, 1, BANDS, WINDOW_FRAMES), torch.zeros(2, STATISTICS))
    axes = {"bands": {0: "n", 3: "frames"}, "statistics": {0: "n"}, "logit": {0: "n"}, "local": {0: "n", 1: "steps"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            judge.eval(),
            example,
            str(path),
            input_names=["bands", "statistics"],
            output_names=["logit", "local"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
            do_constant_folding=False,  # the vectors stay halves in the file
        )
    return path
