"""A tiny stand-in for the voice machines: the right names and shapes, and weights that mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facevalue.examiners.voice.examiner import CALIBRATION_FILE, NETWORK_FILE
from facevalue.examiners.voice.frontend import CLOSE_NAMES, QUALITY_NAMES
from facevalue.examiners.voice.statistics import SIZE
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import FEATURE, TrackModel

# The first statistic is the log spread of the first cepstrum: how much the level moves.
FIRST, MIDDLE = 0, 4.5


def network(path: Path, bias: float, gain: float) -> Path:
    """logit = bias + gain x (first statistic - MIDDLE): a level that moves more gives a higher logit."""
    nodes = [
        helper.make_node("Gather", ["statistics", "first"], ["moved"], axis=1),
        helper.make_node("Sub", ["moved", "middle"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logit"]),
    ]
    weights = {"middle": MIDDLE, "gain": gain, "bias": bias}
    graph = helper.make_graph(
        nodes,
        "voice",
        [helper.make_tensor_value_info("statistics", TensorProto.FLOAT, ["n", SIZE])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])],
        [
            *(numpy_helper.from_array(np.array([v], np.float32), k) for k, v in weights.items()),
            numpy_helper.from_array(np.array(FIRST, np.int64), "first"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def calibration(bound: float = 3.0) -> dict[str, object]:
    segment = LogisticCalibration(QUALITY_NAMES, (1.0, 0.0, 0.0, 0.0), 0.0, -bound, bound)
    close = LogisticCalibration(CLOSE_NAMES, (1.0, 0.0), 0.0, -bound, bound)
    plain = LogisticCalibration((FEATURE,), (1.0,), 0.0, -bound, bound)
    whole = TrackModel(-1.0, 1.0, 0.8, 0.5, 5.0, plain)
    return {"segment": segment.to_dict(), "whole": whole.to_dict(), "close": close.to_dict()}


def install(folder: Path, bias: float = 0.0, gain: float = 0.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    network(folder / NETWORK_FILE, bias, gain)
    (folder / CALIBRATION_FILE).write_text(json.dumps(calibration()), encoding="utf-8")
    return folder
