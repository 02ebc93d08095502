"""A tiny stand-in for the voice network: the right names and shapes, and weights that mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facevalue.examiners.voice.examiner import CALIBRATION_FILE, NETWORK_FILE
from facevalue.examiners.voice.frontend import BANDS, QUALITY_NAMES, STATISTICS
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import FEATURE, TrackModel


def network(path: Path, bias: float, gain: float) -> Path:
    """logit = bias + gain x (mean square of the input - 0.5): louder movement of the bands gives a higher logit."""
    nodes = [
        helper.make_node("Mul", ["bands", "bands"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["mean", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logit"]),
    ]
    weights = {"half": 0.5, "gain": gain, "bias": bias}
    graph = helper.make_graph(
        nodes,
        "voice",
        [
            helper.make_tensor_value_info("bands", TensorProto.FLOAT, ["n", 1, BANDS, "frames"]),
            helper.make_tensor_value_info("statistics", TensorProto.FLOAT, ["n", STATISTICS]),
        ],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.array([v], np.float32), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def calibration(bound: float = 3.0) -> dict[str, object]:
    segment = LogisticCalibration(QUALITY_NAMES, (1.0, 0.0, 0.0, 0.0), 0.0, -bound, bound)
    plain = LogisticCalibration((FEATURE,), (1.0,), 0.0, -bound, bound)
    return {"segment": segment.to_dict(), "whole": TrackModel(-1.0, 1.0, 0.8, 0.5, 5.0, plain).to_dict()}


def install(folder: Path, bias: float = 0.0, gain: float = 0.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    network(folder / NETWORK_FILE, bias, gain)
    (folder / CALIBRATION_FILE).write_text(json.dumps(calibration()), encoding="utf-8")
    return folder
