"""A tiny stand-in for the network of `face_blend`: the right names and shapes, and an answer that the test chooses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facevalue.examiners.face_blend.examiner import CALIBRATION_FILE, NETWORK_FILES, QUALITY_NAMES
from facevalue.opinion.calibrate import LogisticCalibration


def network(path: Path, bias: float = 0.0, slope: float = 0.0) -> Path:
    """logit = slope x mean of the crop + bias; mask = the crop's grey level at stride 8, through a sigmoid."""
    nodes = [
        helper.make_node("ReduceMean", ["faces"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "slope"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logit"]),
        helper.make_node("ReduceMean", ["faces"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Squeeze", ["pooled", "axis"], ["plane"]),
        helper.make_node("Sigmoid", ["plane"], ["mask"]),
    ]
    weights = {
        "slope": np.array([slope], np.float32),
        "bias": np.array([bias], np.float32),
        "axis": np.array([1], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "stand_in",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["n", "mh", "mw"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def install(folder: Path, bias: float = 0.0, slope: float = 0.0) -> Path:
    """Both files of the examiner; the calibration passes the logit through as a log10 LR."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NETWORK_FILES:
        network(folder / name, bias, slope)
    face = LogisticCalibration(QUALITY_NAMES, (1.0, *[0.0] * (len(QUALITY_NAMES) - 1)), 0.0, -5.0, 5.0)
    (folder / CALIBRATION_FILE).write_text(json.dumps({"face": face.to_dict()}), encoding="utf-8")
    return folder
