"""Tiny stand-ins for the learned models of `generated`: the right names and shapes, and weights that mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facevalue.examiners.generated.examiner import CALIBRATION_FILE, HEADS_FILE, RESIDUAL_FILE
from facevalue.examiners.generated.heads import FACE_NAMES, FEATURES, PHOTO_NAMES, PHOTO_WHOLE, PHOTO_WINDOW, Combiner
from facevalue.opinion.calibrate import LogisticCalibration

WIDTH, EMBED, LAYERS, TOKENS = 768, 512, 12, 16
FAMILIES = ("family_a", "family_b")


def save(path: Path, nodes: list, inputs: list, outputs: list, weights: dict[str, np.ndarray], **meta: str) -> Path:
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, meta)
    onnx.save(model, str(path))
    return path


def clip(path: Path) -> Path:
    """Twelve "blocks" over sixteen patches of a picture; only the last one is a named output, as in the real file."""
    rng = np.random.default_rng(3)
    names = [f"/vision_model/encoder/layers.{i}/Add_1_output_0" for i in range(LAYERS - 1)] + ["onnx::Gather_1524"]
    nodes = [
        helper.make_node("AveragePool", ["pixel_values"], ["pooled"], kernel_shape=[56, 56], strides=[56, 56]),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["tokens", "lift"], ["hidden"]),
    ]
    before = "hidden"
    for i, name in enumerate(names):
        nodes += [
            helper.make_node("Add", [before, f"bias{i}"], [f"sum{i}"]),
            helper.make_node("Tanh", [f"sum{i}"], [name]),
        ]
        before = name
    nodes += [
        helper.make_node("ReduceMean", [before], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "project"], ["image_embeds"]),
    ]
    weights = {
        "shape": np.array([1, 3, TOKENS], np.int64),
        "lift": rng.normal(0, 1, (3, WIDTH)).astype(np.float32),
        "project": rng.normal(0, 0.1, (WIDTH, EMBED)).astype(np.float32),
        **{f"bias{i}": rng.normal(0, 0.5, WIDTH).astype(np.float32) for i in range(LAYERS)},
    }
    outputs = [("image_embeds", [1, EMBED]), ("onnx::Gather_1524", [1, TOKENS, WIDTH])]
    return save(path, nodes, [("pixel_values", [1, 3, 224, 224])], outputs, weights)


def heads(path: Path, bias: float = 0.0) -> Path:
    """Every head answers bias plus a little that depends on the picture."""
    names = (PHOTO_WHOLE, PHOTO_WINDOW, *FAMILIES)
    weight = np.random.default_rng(4).normal(0, 1e-3, (FEATURES, len(names))).astype(np.float32)
    nodes = [helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"])]
    weights = {"weight": weight, "bias": np.full(len(names), bias, np.float32)}
    places = [("features", ["n", FEATURES])], [("logits", ["n", len(names)])]
    return save(path, nodes, *places, weights, heads=",".join(names))


def residual(path: Path, bias: float = 0.0) -> Path:
    nodes = [
        helper.make_node("ReduceMean", ["windows"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "bias"], ["logit"]),
    ]
    weights = {"zero": np.array([1e-3], np.float32), "bias": np.array([bias], np.float32)}
    return save(path, nodes, [("windows", ["n", 3, "h", "w"])], [("logit", ["n"])], weights)


def combiner(bound: float | None = 4.0) -> Combiner:
    low = None if bound is None else -bound

    def linear(names: tuple[str, ...], *slopes: float) -> LogisticCalibration:
        return LogisticCalibration(names, slopes, 0.0, low, bound)

    return Combiner(
        linear(("whole", "windows", "residual"), 0.5, 0.3, 0.2),
        linear(("whole",), 0.8),
        {name: linear(("logit",), 1.0) for name in FAMILIES},
        linear(FACE_NAMES, 0.2, 0.3, 0.5, -0.3, -0.2),
        linear(PHOTO_NAMES, 1.0, -0.5, -0.4),
    )


def write_calibration(path: Path, made: Combiner) -> Path:
    path.write_text(json.dumps(made.to_dict()), encoding="utf-8")
    return path


def install(folder: Path, bias: float = 0.0) -> Path:
    """All three files of the examiner, in its own names."""
    folder.mkdir(parents=True, exist_ok=True)
    heads(folder / HEADS_FILE, bias)
    residual(folder / RESIDUAL_FILE, bias)
    write_calibration(folder / CALIBRATION_FILE, combiner())
    return folder
