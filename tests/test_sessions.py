"""What every network of the examiners rests on: sessions that compute the same on every processor."""

from pathlib import Path

import numpy as np
import pytest

from facevalue.sessions import session

onnx = pytest.importorskip("onnx")


def test_products_of_8_bit_numbers_are_exact(tmp_path: Path) -> None:
    """255 x 127 summed in pairs does not fit 16 bits: without VNNI the runtime's default answer is far off."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weight = np.full((64, 8), 127, np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "weight"], ["product"])],
        "product",
        [helper.make_tensor_value_info("a", onnx.TensorProto.UINT8, [4, 64])],
        [helper.make_tensor_value_info("product", onnx.TensorProto.INT32, [4, 8])],
        [numpy_helper.from_array(weight, "weight")],
    )
    path = tmp_path / "product.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    numbers = np.full((4, 64), 255, np.uint8)
    (product,) = session(path).run(None, {"a": numbers})
    assert product.tolist() == (numbers.astype(np.int32) @ weight.astype(np.int32)).tolist()
