"""Drawn mouths, a landmark network that sees how dark the middle of a crop is, and a judge that means nothing."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facevalue.examiners.lips.judge import CALIBRATION_FILE, NAMES, Judge
from facevalue.examiners.lips.mouth import POINTS, SHAPE_NAMES
from facevalue.examiners.lips.speech import EDGES_HZ
from facevalue.examiners.lips.sync import TAPS, Projection
from facevalue.opinion.calibrate import LogisticCalibration

NETWORK_FILE = "landmarks.onnx"
RATE_HZ = 25.0


def drawn(openings: np.ndarray) -> np.ndarray:
    """Mouths of these openings, 0..1, uint8 (n, 64, 64): lips with a dark inside."""
    out = np.full((len(openings), 64, 64), 170, np.uint8)
    for crop, opening in zip(out, openings, strict=True):
        crop += np.linspace(0, 20, 64).astype(np.uint8)[:, None]
        cv2.ellipse(crop, (32, 30), (15, 5 + round(9 * opening)), 0, 0, 360, 120, -1)
        cv2.ellipse(crop, (32, 30), (11, max(0, round(9 * opening))), 0, 0, 360, 20, -1)
    return out


def points(gap_px: float) -> np.ndarray:
    """Landmarks of a mouth in the middle of the crop, float32 (POINTS, 2)."""
    turn = np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)
    outer = np.stack([32 + 15 * np.cos(turn), 30 + (4 + gap_px / 2) * np.sin(turn)], axis=1)
    turn = np.linspace(np.pi, 3 * np.pi, 8, endpoint=False)
    inner = np.stack([32 + 11 * np.cos(turn), 30 + gap_px / 2 * np.sin(turn)], axis=1)
    return np.concatenate([outer, inner, [[32, 12], [32, 60]]]).astype(np.float32)


def network(path: Path) -> Path:
    """points = closed + darkness of the middle x (open - closed)."""
    closed, opened = points(0.5).ravel(), points(12.0).ravel()
    weights = {
        "start": np.array([24, 26], np.int64),
        "stop": np.array([36, 38], np.int64),
        "axes": np.array([2, 3], np.int64),
        "flat": np.array([-1, 1], np.int64),
        "form": np.array([-1, POINTS, 2], np.int64),
        "slope": (-0.4 * (opened - closed))[None].astype(np.float32),
        "closed": closed,
    }
    nodes = [
        helper.make_node("Slice", ["mouths", "start", "stop", "axes"], ["middle"]),
        helper.make_node("ReduceMean", ["middle"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "flat"], ["column"]),
        helper.make_node("MatMul", ["column", "slope"], ["moved"]),
        helper.make_node("Add", ["moved", "closed"], ["all"]),
        helper.make_node("Reshape", ["all", "form"], ["points"]),
    ]
    graph = helper.make_graph(
        nodes,
        "lips",
        [helper.make_tensor_value_info("mouths", TensorProto.FLOAT, ["n", 1, 64, 64])],
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["n", POINTS, 2])],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def projection() -> Projection:
    """The gap now against the level of the whole band now."""
    now, shapes, bands = len(TAPS) // 2, len(SHAPE_NAMES), len(EDGES_HZ)
    mouth, speech = np.zeros((len(TAPS) * shapes, 1)), np.zeros((len(TAPS) * bands, 1))
    mouth[now * shapes, 0] = speech[now * bands + bands - 1, 0] = 1.0
    return Projection(mouth, speech, np.ones(1))


def judge(still: float = 0.02) -> Judge:
    """log10 LR falls with the peak and with the margin."""
    values = dict.fromkeys(NAMES, 0.0) | {"peak": -4.0, "margin": -4.0}
    return Judge(projection(), LogisticCalibration(NAMES, tuple(values.values()), 2.0, -2.0, 2.0), still)


def install(folder: Path, still: float = 0.02) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    network(folder / NETWORK_FILE)
    (folder / CALIBRATION_FILE).write_text(json.dumps(judge(still).to_dict()), encoding="utf-8")
    return folder
