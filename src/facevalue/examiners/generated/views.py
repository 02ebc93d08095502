"""What the generated examiner looks at. Training and examination use these functions, so that they see the same.

Every view is brought to one size and passed once through JPEG at a fixed quality before it is embedded: otherwise
the codec a picture last went through would speak louder than how it was made.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces import Face, crop_square, portrait_square

Pixels = npt.NDArray[np.uint8]

WHOLE_SIDE_PX = 248
WHOLE_JPEG_QUALITY = 74
WINDOW_PX = 240
WINDOW_JPEG_QUALITY = 88
INPUT_PX = 224
MIN_PORTRAIT_PX = 96
MIN_TEXTURE = 0.8
# Below this a picture's own resolution is somebody's thumbnail: its windows repeat the whole view, with less in them.
# Nearly all windows that the heads learned from were cut from larger pictures.
MIN_NATIVE_SIDE_PX = 400

# CLIP's normalisation (Radford et al. 2021, arXiv:2103.00020).
CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
CLIP_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def jpeg_round(pixels: Pixels, quality: int) -> Pixels:
    """One trip through JPEG (4:2:0), uint8 RGB (H, W, 3) in and out."""
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError("the view could not be encoded")
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def short_side_to(pixels: Pixels, side: int) -> Pixels:
    """Resample so that the shorter side is `side` pixels, keeping the aspect ratio."""
    height, width = pixels.shape[:2]
    scale = side / min(height, width)
    if scale == 1.0:
        return pixels
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    return np.asarray(
        cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8
    )


def whole_view(pixels: Pixels) -> Pixels:
    """The whole picture at short side 248 px, through JPEG q74."""
    height, width = pixels.shape[:2]
    if max(height, width) > 4 * min(height, width):  # a panorama would be embedded by its middle alone
        side = 4 * min(height, width)
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        pixels = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return jpeg_round(short_side_to(pixels, WHOLE_SIDE_PX), WHOLE_JPEG_QUALITY)


def portrait_view(pixels: Pixels, face: Face) -> Pixels | None:
    """The face in portrait framing, as whole_view; None when it is smaller than 96 px.

    The crop is moved and shrunk to stay inside the picture: mirrored borders would be a trace of our own.
    """
    (cx, cy), side = portrait_square(face.box, face.landmarks)
    height, width = pixels.shape[:2]
    side = min(side, height, width)
    if side < MIN_PORTRAIT_PX:
        return None
    cx = min(max(cx, side / 2), width - side / 2)
    cy = min(max(cy, side / 2), height - side / 2)
    return jpeg_round(crop_square(pixels, (cx, cy), side, WHOLE_SIDE_PX), WHOLE_JPEG_QUALITY)


def window_views(pixels: Pixels, count: int) -> list[Pixels]:
    """Up to count windows of 240 px at native resolution, through JPEG q88, spread over the picture.

    They are the middles of a grid's cells, less those without texture (clear sky, studio ground), which say nothing;
    every other cell comes first, so that the first half is spread over the picture as well.
    A picture whose shorter side is below 400 px gives none.
    """
    return [
        jpeg_round(np.ascontiguousarray(pixels[y : y + WINDOW_PX, x : x + WINDOW_PX]), WINDOW_JPEG_QUALITY)
        for y, x in _corners(pixels, count)
    ]


def window_boxes(pixels: Pixels, count: int) -> list[tuple[float, float, float, float]]:
    """Where window_views looked: x, y, width, height."""
    return [(float(x), float(y), float(WINDOW_PX), float(WINDOW_PX)) for y, x in _corners(pixels, count)]


def _corners(pixels: Pixels, count: int) -> list[tuple[int, int]]:
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_NATIVE_SIDE_PX or count < 1:
        return []
    columns = max(1, min(width // WINDOW_PX, count, round((count * width / height) ** 0.5)))
    rows = max(1, min(height // WINDOW_PX, count // columns))
    ys = [(2 * r + 1) * height // (2 * rows) - WINDOW_PX // 2 for r in range(rows)]
    xs = [(2 * c + 1) * width // (2 * columns) - WINDOW_PX // 2 for c in range(columns)]
    cells = sorted(((r, c) for r in range(rows) for c in range(columns)), key=lambda cell: sum(cell) % 2)
    corners = [(ys[r], xs[c]) for r, c in cells]
    textured = [
        (y, x) for y, x in corners if _texture(pixels[y : y + WINDOW_PX : 2, x : x + WINDOW_PX : 2, 1]) >= MIN_TEXTURE
    ]
    return textured or corners


def _texture(channel: npt.NDArray[np.uint8]) -> float:
    """Mean absolute step between neighbours, in grey levels."""
    return float(np.abs(np.diff(channel.astype(np.int16), axis=0)).mean())


def to_clip_input(view: Pixels, place: float = 0.5) -> npt.NDArray[np.float32]:
    """CLIP input, float32 (1, 3, 224, 224): short side to 224 (windows are cut instead), square crop, normalised.

    place: where on the longer side the square lies, 0 (left or top) .. 1 (right or bottom).
    """
    if view.shape[:2] != (WINDOW_PX, WINDOW_PX):
        view = short_side_to(view, INPUT_PX)
    windowed = view.shape[:2] == (WINDOW_PX, WINDOW_PX)
    top, left = (int((side - INPUT_PX) * (0.5 if windowed else place)) for side in view.shape[:2])
    cut = view[top : top + INPUT_PX, left : left + INPUT_PX].astype(np.float32) / 255.0
    return np.ascontiguousarray(((cut - CLIP_MEAN) / CLIP_STD).transpose(2, 0, 1)[None])


def whole_inputs(view: Pixels) -> list[npt.NDArray[np.float32]]:
    """CLIP inputs of the whole view: its two end squares, or the middle one when it is nearly square.

    The middle alone would leave the ends of a landscape unseen; the mean over both ends also ranks better on sources
    that were left out.
    """
    long, short = max(view.shape[:2]), min(view.shape[:2])
    return [to_clip_input(view, place) for place in ((0.0, 1.0) if long > 1.1 * short else (0.5,))]
