"""Asking a pinned ONNX file for outputs that it does not name, and the features made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from facevalue.examiners.generated.embed import LAYERS, WIDTH, ClipEmbedder, with_outputs
from facevalue.examiners.generated.views import to_clip_input, whole_view

onnx = pytest.importorskip("onnx", reason="needs onnx, to build stand-in models")
from facevalue.examiners.generated.tests import stand_in  # noqa: E402

HIDDEN = "/vision_model/encoder/layers.3/Add_1_output_0"


def test_appended_outputs_are_given_and_change_nothing_else(tmp_path: Path) -> None:
    raw = stand_in.clip(tmp_path / "clip.onnx").read_bytes()
    longer = with_outputs(raw, [HIDDEN, "mean"])
    assert longer.startswith(raw)
    onnx.load_from_string(longer)
    before = ort.InferenceSession(raw, providers=["CPUExecutionProvider"])
    after = ort.InferenceSession(longer, providers=["CPUExecutionProvider"])
    names = [o.name for o in before.get_outputs()]
    assert [o.name for o in after.get_outputs()] == [*names, HIDDEN, "mean"]
    feed = {"pixel_values": np.random.default_rng(0).normal(0, 1, (1, 3, 224, 224)).astype(np.float32)}
    assert np.array_equal(before.run(names, feed)[0], after.run(names, feed)[0])
    hidden, mean = after.run([HIDDEN, "mean"], feed)
    assert np.asarray(hidden).shape == (1, stand_in.TOKENS, WIDTH)
    assert np.asarray(mean).shape == (1, WIDTH)


def test_nothing_to_append_is_the_same_graph(tmp_path: Path) -> None:
    raw = stand_in.clip(tmp_path / "clip.onnx").read_bytes()
    assert onnx.load_from_string(with_outputs(raw, [])).graph.output == onnx.load_from_string(raw).graph.output


def test_an_output_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    raw = stand_in.clip(tmp_path / "clip.onnx").read_bytes()
    with pytest.raises(Exception, match="nowhere"):
        ort.InferenceSession(with_outputs(raw, ["nowhere"]), providers=["CPUExecutionProvider"])


def test_a_name_longer_than_127_bytes_is_written_right(tmp_path: Path) -> None:
    name = "long/" * 60
    output = onnx.load_from_string(with_outputs(b"", [name])).graph.output[0]
    assert output.name == name
    assert output.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_every_block_is_read(tmp_path: Path, portrait: np.ndarray) -> None:
    embed = ClipEmbedder(stand_in.clip(tmp_path / "clip.onnx"), threads=1)
    features = embed(to_clip_input(whole_view(portrait)))
    assert features["cls"].shape == features["patch"].shape == (LAYERS, WIDTH)
    assert features["embed"].shape == (stand_in.EMBED,)
    assert {v.dtype for v in features.values()} == {np.dtype(np.float32)}
    assert len({row.tobytes() for row in features["cls"]}) == LAYERS
    again = embed(to_clip_input(whole_view(portrait)))
    assert all(np.array_equal(features[name], again[name]) for name in features)


def test_views_read_together_are_read_as_one_by_one(tmp_path: Path, portrait: np.ndarray) -> None:
    embed = ClipEmbedder(stand_in.clip(tmp_path / "clip.onnx"), threads=2)
    inputs = [to_clip_input(whole_view(np.ascontiguousarray(np.roll(portrait, 40 * i, axis=1)))) for i in range(5)]
    for alone, together in zip(map(embed, inputs), embed.several(inputs), strict=True):
        assert all(np.array_equal(alone[name], together[name]) for name in alone)
