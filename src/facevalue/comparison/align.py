"""Laying a suspect picture over its original: a homography, found by features and refined to parts of a pixel.

Coarse: SIFT features, matched by their nearest neighbours with Lowe's ratio test, and a homography by MAGSAC++ (Barath
et al., CVPR 2020, as OpenCV has it), for the picture and for its mirror image. Fine: the enhanced correlation
coefficient (Evangelidis and Psarakis, PAMI 2008). A map that is a plain resize, crop or turn to within half a pixel is
taken to be exactly that, because software moves pictures by whole pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.fingerprint import picture

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_FEATURE_PX = 1000
_FEATURES = 3000
_RATIO = 0.8
_REPROJECTION_PX = 2.0
# Features that agree on one homography: two pictures of one street share some, strangers a handful.
MIN_INLIERS = 12
_ECC_PX = 700
_ECC_STEPS, _ECC_EPS = 40, 1e-5
_SNAP_PX = 0.6
_MOST_TILT = 0.6


@dataclass(frozen=True, slots=True)
class Alignment:
    """matrix: float64 (3, 3), from pixels of the suspect to pixels of the original (centres at whole numbers).

    inliers: features that agree with it; 0 when the pictures were matched as a whole (by PDQ). exact: the map is a
    plain resize, crop, turn or reflection, so that nothing is interpolated but by resizing.
    """

    matrix: Matrix
    inliers: int
    exact: bool

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged."""
        return bool(np.linalg.det(self.matrix[:2, :2]) < 0)

    @property
    def scale(self) -> float:
        """Pixels of the original for one of the suspect."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))

    @property
    def rotation_deg(self) -> float:
        """How far the suspect was turned counter-clockwise as seen, -180..180, mirroring apart."""
        a = self.matrix[:2, :2] @ np.diag([-1.0 if self.mirrored else 1.0, 1.0])
        return float(np.degrees(np.arctan2(a[1, 0] - a[0, 1], a[0, 0] + a[1, 1])))


def align(original: Pixels, suspect: Pixels) -> Alignment | None:
    """How the suspect lies on the original, both uint8 (h, w, 3); None when they show nothing in common."""
    found = _by_features(original, suspect) or _whole(original, suspect)
    if found is None:
        return None
    snapped = _snapped(found.matrix, original, suspect)
    if snapped is not None:
        return Alignment(snapped, found.inliers, True)
    fine = _refined(original, suspect, found.matrix)
    snapped = _snapped(fine, original, suspect)
    return Alignment(fine if snapped is None else snapped, found.inliers, snapped is not None)


def _by_features(original: Pixels, suspect: Pixels) -> Alignment | None:
    there, scale_there = _described(original)
    best: Alignment | None = None
    width = suspect.shape[1]
    for mirrored in (False, True):
        here, scale_here = _described(np.ascontiguousarray(suspect[:, ::-1]) if mirrored else suspect)
        found = _homography(here, there)
        if found is None:
            continue
        matrix, inliers = found
        matrix = np.diag([1 / scale_there, 1 / scale_there, 1]) @ matrix @ np.diag([scale_here, scale_here, 1])
        if mirrored:
            matrix = matrix @ np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
        if best is None or inliers > best.inliers:
            best = Alignment(matrix / matrix[2, 2], inliers, False)
        if not mirrored and inliers >= 4 * MIN_INLIERS:
            break
    return best


_Described = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def _described(rgb: Pixels) -> tuple[_Described, float]:
    scale = min(1.0, _FEATURE_PX / max(rgb.shape[:2]))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points, descriptors = cv2.SIFT_create(nfeatures=_FEATURES, contrastThreshold=0.015).detectAndCompute(grey, None)
    if descriptors is None or not len(points):
        return (np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)), scale
    at = np.array([p.pt for p in points], np.float32)
    root = np.sqrt(np.asarray(descriptors) / np.maximum(np.sum(descriptors, axis=1, keepdims=True), 1e-6))
    return (at, np.asarray(root, np.float32)), scale


def _homography(here: _Described, there: _Described) -> tuple[Matrix, int] | None:
    if len(here[0]) < 8 or len(there[0]) < 8:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(here[1], there[1], k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < _RATIO * p[1].distance]
    if len(good) < MIN_INLIERS:
        return None
    a, b = here[0][[m.queryIdx for m in good]], there[0][[m.trainIdx for m in good]]
    cv2.setRNGSeed(0)
    matrix, inside = cv2.findHomography(a, b, cv2.USAC_MAGSAC, _REPROJECTION_PX, maxIters=5000, confidence=0.9999)
    if matrix is None or not _sane(matrix, a):
        return None
    inliers = len({tuple(p) for p in b[np.asarray(inside).ravel() > 0].tolist()})
    return (np.asarray(matrix, np.float64), inliers) if inliers >= MIN_INLIERS else None


def _sane(matrix: Matrix, points: npt.NDArray[np.float32]) -> bool:
    """Whether a copy could look like that: no fold, no extreme squeeze or tilt."""
    low, high = points.min(axis=0), points.max(axis=0)
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]], np.float64)
    weights = np.c_[corners, np.ones(4)] @ matrix[2]
    if (weights <= 0).any() or weights.max() / weights.min() > 1 + _MOST_TILT:
        return False
    stretch = np.linalg.svd(matrix[:2, :2] / matrix[2, 2], compute_uv=False)
    return bool(stretch[1] > 0.02 and stretch[0] / stretch[1] < 2.5 and np.linalg.det(matrix[:2, :2]) > 0)


def _whole(original: Pixels, suspect: Pixels) -> Alignment | None:
    """Pictures with hardly a feature in them, matched as a whole in one of eight orientations."""
    own, turned = picture.pdq(original), picture.dihedral(suspect)
    if not own.usable:
        return None
    bits = [own.distance(other) for other in turned]
    best = int(np.argmin(bits))
    if bits[best] > picture.MAX_DISTANCE:
        return None
    return Alignment(_orientation(best, original, suspect), 0, True)


def _orientation(turn: int, original: Pixels, suspect: Pixels) -> Matrix:
    """The map of one of picture.dihedral's orientations, stretched to the original's size."""
    height, width = suspect.shape[:2]
    plane = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)[:: height - 1 or 1, :: width - 1 or 1]
    views = [np.rot90(plane, k) for k in range(4)]
    views += [plane[::-1], plane[:, ::-1], plane.transpose(1, 0, 2), plane[::-1, ::-1].transpose(1, 0, 2)]
    at = views[turn]
    h, w = original.shape[:2]
    flat = height if turn in (1, 3, 6, 7) else width
    tall = width if turn in (1, 3, 6, 7) else height
    x, y = (w / flat - 1) / 2, (h / tall - 1) / 2
    corners = np.array([[x, y], [w - 1 - x, y], [x, h - 1 - y]], np.float32)
    source = np.array([at[0, 0], at[0, -1], at[-1, 0]], np.float32)
    return np.vstack([cv2.getAffineTransform(source, corners), [0, 0, 1]])


def _snapped(matrix: Matrix, original: Pixels, suspect: Pixels) -> Matrix | None:
    """The exact map that this one is within half a pixel of: the whole picture in one orientation, or a plain crop."""
    height, width = suspect.shape[:2]
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64)
    near = _SNAP_PX * max(1.0, Alignment(matrix, 0, False).scale)
    candidates = [_orientation(turn, original, suspect) for turn in range(8)]
    rounded = np.eye(3)
    rounded[:2, :2] = np.rint(matrix[:2, :2] / matrix[2, 2])
    if abs(np.linalg.det(rounded)) == 1:
        rounded[:2, 2] = np.rint(apply(matrix, corners[:1])[0])
        candidates.append(rounded)
    away = [float(np.abs(apply(c, corners) - apply(matrix, corners)).max()) for c in candidates]
    best = int(np.argmin(away))
    return candidates[best] if away[best] <= near else None


def _refined(original: Pixels, suspect: Pixels, matrix: Matrix) -> Matrix:
    """The same map, so that brightness agrees best; unchanged where that does not converge."""
    scale = min(1.0, _ECC_PX / max(original.shape[:2]))
    shrink = np.diag([scale, scale, 1.0])
    size = (max(8, round(original.shape[1] * scale)), max(8, round(original.shape[0] * scale)))
    template = cv2.cvtColor(cv2.resize(original, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    laid = shrink @ matrix
    moving = cv2.cvtColor(warp(suspect, laid, size), cv2.COLOR_RGB2GRAY)
    known = covered(suspect.shape, laid, size)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_STEPS, _ECC_EPS)
    step = np.eye(3, dtype=np.float32)
    try:
        _, step = cv2.findTransformECC(
            moving, template, step, cv2.MOTION_HOMOGRAPHY, criteria, known.astype(np.uint8) * 255, 5
        )
    except cv2.error:
        return matrix
    fine = np.linalg.inv(shrink) @ np.asarray(step, np.float64) @ laid
    fine /= fine[2, 2]
    height, width = suspect.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    moved = np.abs(apply(fine, corners) - apply(matrix, corners)).max()
    return fine if moved < 0.02 * max(original.shape[:2]) else matrix


def apply(matrix: Matrix, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points, float64 (n, 2), through a homography."""
    laid = np.c_[points, np.ones(len(points))] @ matrix.T
    return np.asarray(laid[:, :2] / laid[:, 2:], np.float64)


def warp(rgb: Pixels, matrix: Matrix, size: tuple[int, int]) -> Pixels:
    """The picture laid by a map into a frame of (width, height); shrunk by area first where it is much larger."""
    scale = Alignment(matrix, 0, False).scale
    if scale < 0.7:
        small = max(scale, 1 / max(rgb.shape[:2]))
        reduced = cv2.resize(rgb, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
        ratio = np.array([reduced.shape[1] / rgb.shape[1], reduced.shape[0] / rgb.shape[0]])
        back = np.diag([1 / ratio[0], 1 / ratio[1], 1.0])
        back[:2, 2] = (1 / ratio - 1) / 2
        rgb, matrix = np.asarray(reduced, np.uint8), matrix @ back
    return np.asarray(
        cv2.warpPerspective(rgb, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def covered(shape: tuple[int, ...], matrix: Matrix, size: tuple[int, int]) -> Mask:
    """Which pixels of a frame of (width, height) a picture of that shape (h, w, ...) covers."""
    ones = np.ones(shape[:2], np.uint8)
    return np.asarray(cv2.warpPerspective(ones, matrix, size, flags=cv2.INTER_NEAREST)) > 0
