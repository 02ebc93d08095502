"""A run's average generator as ONNX, weights as float16: input "features", output "filters" (networks.Filters)."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import torch

from facevalue.lab.voices.neural import BANDS, CARD, HOP, MEL_FFT, MODEL, N_FFT, RATE_HZ
from facevalue.lab.voices.vocoder.checkpoint import load

MOST_BYTES = 10_000_000
# Smaller constants are left as they are: they would gain nothing.
_LARGE = 1_024


def export(checkpoint: Path, out: Path) -> list[Path]:
    """Write vocoder.onnx and vocoder.json (what it is, how it was made) into a folder; returns both paths."""
    recipe, players, data = load(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    model, card = out / MODEL, out / CARD
    half = model.with_name(f".{MODEL}.partial")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            players.average.filters.eval(),
            (torch.zeros(1, 40, BANDS + 2),),
            str(half),
            input_names=["features"],
            output_names=["filters"],
            dynamic_axes={"features": {1: "t"}, "filters": {1: "t"}},
            opset_version=17,
            dynamo=False,
        )
    _halve(half)
    half.replace(model)
    facts = {
        "name": "vocoder",
        "what": "source-filter GAN vocoder: log mel bands and pitch -> filters for pulses and noise -> inverse STFT",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "bytes": model.stat().st_size,
        "input": {"rate_hz": RATE_HZ, "mel_bands": BANDS, "mel_window": MEL_FFT, "hop": HOP, "window": N_FFT},
        "recipe": recipe.to_dict(),
        "steps": players.steps,
        "speech_sha256": data,
    }
    card.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return [model, card]


def _halve(path: Path) -> None:
    """Large constants as float16, cast back where they are used: half the bytes, the same arithmetic."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= _LARGE:
            short = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half")
            graph.initializer.remove(tensor)
            graph.initializer.append(short)
            casts.append(helper.make_node("Cast", [short.name], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
