"""Cropping and aligning faces. One geometry serves training and examination, so that they cannot drift apart."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

# Five points of the usual 112 px alignment (Deng et al., ArcFace, arXiv:1801.07698), here for a unit square.
TEMPLATE = (
    np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
    )
    / 112.0
)


def similarity(src: Points, dst: Points) -> npt.NDArray[np.float64]:
    """The 2x3 similarity (rotation, uniform scale, shift) that takes src to dst, least squares (Umeyama 1991)."""
    src_mean, dst_mean = src.mean(axis=0), dst.mean(axis=0)
    src_c, dst_c = (src - src_mean).astype(np.float64), (dst - dst_mean).astype(np.float64)
    u, s, vt = np.linalg.svd(dst_c.T @ src_c / len(src))
    d = np.array([1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    rotation = u @ np.diag(d) @ vt
    scale = float((s * d).sum() / max((src_c**2).sum() / len(src), 1e-12))
    shift = dst_mean - scale * rotation @ src_mean
    return np.hstack([scale * rotation, shift[:, None]])


def crop_square(
    pixels: Pixels, centre: tuple[float, float], side: float, out_px: int, border: int = cv2.BORDER_REFLECT_101
) -> Pixels:
    """The upright square around centre (x, y), side in picture pixels, resampled to out_px; the outside is mirrored."""
    left, top = round(centre[0] - side / 2), round(centre[1] - side / 2)
    size = max(2, round(side))
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + size), min(height, top + size)
    if x1 <= x0 or y1 <= y0:
        return np.zeros((out_px, out_px, 3), np.uint8)
    inner = pixels[y0:y1, x0:x1]
    pads = (y0 - top, top + size - y1, x0 - left, left + size - x1)
    if any(pads):
        # Mirroring cannot reach further than the picture itself; beyond that the edge is repeated.
        mode = border if max(pads[:2]) < inner.shape[0] and max(pads[2:]) < inner.shape[1] else cv2.BORDER_REPLICATE
        inner = cv2.copyMakeBorder(np.ascontiguousarray(inner), *pads, mode)
    interpolation = cv2.INTER_AREA if size > out_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(inner), (out_px, out_px), interpolation=interpolation), np.uint8)


def crop_face(pixels: Pixels, box: tuple[float, float, float, float], margin: float, out_px: int) -> Pixels:
    """The square of margin x the longer side of the box around its centre, uint8 (out_px, out_px, 3).

    It is shrunk and moved to stay inside the picture: mirrored borders would be seams of our own making.
    """
    x, y, w, h = box
    height, width = pixels.shape[:2]
    side = min(max(w, h) * margin, float(height), float(width))
    cx = min(max(x + w / 2, side / 2), width - side / 2)
    cy = min(max(y + h / 2, side / 2), height - side / 2)
    return crop_square(pixels, (cx, cy), side, out_px)


def portrait_square(box: tuple[float, float, float, float], landmarks: Points) -> tuple[tuple[float, float], float]:
    """Centre and side of the portrait framing of FFHQ (Karras et al. 2019): the crop most face generators draw."""
    eye = landmarks[:2].mean(axis=0)
    mouth = landmarks[3:].mean(axis=0)
    span = max(float(np.hypot(*(landmarks[1] - landmarks[0]))) * 4.0, float(np.hypot(*(mouth - eye))) * 3.6)
    centre = eye + 0.1 * (mouth - eye)
    return (float(centre[0]), float(centre[1])), span
