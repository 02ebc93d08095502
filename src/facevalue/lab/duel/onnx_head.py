"""The last linear layer of a shipped network: what goes into it, and the same network with other weights there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import MissingExtraError, ModelError
from facevalue.examiners.generated.embed import with_outputs

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LastLayer:
    """features: the name of what goes into it, (N, d). weight: float64 (d, k), bias (k,): of its k outputs."""

    features: str
    weight: Floats
    bias: Floats


def last_layer(path: Path) -> LastLayer:
    """Of an ONNX file with one Gemm. Raises ModelError when it has none, or several."""
    model = _load(path)
    gemm = _gemm(model, path)
    stored = _weights(model)
    weight, bias = stored[gemm.input[1]], stored[gemm.input[2]]
    transposed = any(a.name == "transB" and a.i for a in gemm.attribute)
    return LastLayer(str(gemm.input[0]), np.asarray(weight.T if transposed else weight, np.float64), bias)


def with_features(path: Path) -> tuple[bytes, str]:
    """The serialised network with the last layer's input as a further output, and that output's name."""
    name = last_layer(path).features
    return with_outputs(path.read_bytes(), [name]), name


def with_last_layer(path: Path, weight: Floats, bias: Floats) -> bytes:
    """The serialised network with another last layer; weight (d, k) and bias (k,) as LastLayer has them."""
    from onnx import numpy_helper

    model = _load(path)
    gemm = _gemm(model, path)
    transposed = any(a.name == "transB" and a.i for a in gemm.attribute)
    new = {gemm.input[1]: weight.T if transposed else weight, gemm.input[2]: bias}
    for held in model.graph.initializer:
        if held.name in new:
            held.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(new[held.name], np.float32), held.name))
    return bytes(model.SerializeToString())


def _load(path: Path) -> Any:
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("lab duel", "lab") from None
    return onnx.load(str(path))


def _gemm(model: Any, path: Path) -> Any:
    found = [node for node in model.graph.node if node.op_type == "Gemm"]
    if len(found) != 1:
        raise ModelError(f"{path.name} has {len(found)} last linear layers where one is expected")
    return found[0]


def _weights(model: Any) -> dict[str, Floats]:
    from onnx import numpy_helper

    return {held.name: np.asarray(numpy_helper.to_array(held), np.float64) for held in model.graph.initializer}
