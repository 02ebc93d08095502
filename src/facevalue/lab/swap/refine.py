"""The learned refiner at work, without torch: a small correction inside the mask, learned against a critic.

`facevalue lab refiner` makes refiner.onnx (lab.refiner); the file beside this one is used unless there is none.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.sessions import open_session

Plane = npt.NDArray[np.float32]

FILE = "refiner.onnx"
SIDE_PX = 128


def available() -> bool:
    """Whether the network's weights are installed."""
    return _path().is_file()


def refined(pixels: Plane, alpha: Plane) -> Plane:
    """The joined window with the correction added, RGB 0..255, float32 (h, w, 3).

    pixels: the window, source and target already mixed. alpha: the share of the source, float32 (h, w); where it is 0
    nothing changes. The network sees the window at SIDE_PX; what it adds is enlarged.
    """
    small = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    share = cv2.resize(alpha, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    x = np.concatenate([np.asarray(small, np.float32) / 127.5 - 1, np.asarray(share, np.float32)[..., None]], axis=2)
    made = np.asarray(_network().run(None, {"picture": x.transpose(2, 0, 1)[None]})[0], np.float32)[0]
    change = (made.transpose(1, 2, 0) - x[..., :3]) * 127.5
    grown = cv2.resize(change, alpha.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(pixels + np.where(alpha[..., None] > 0, grown, 0), np.float32)


def _path() -> Path:
    return Path(__file__).parent / FILE


@functools.cache
def _network() -> ort.InferenceSession:
    return open_session(_path().read_bytes())
