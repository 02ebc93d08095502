"""From a decoded frame to upright sRGB: matrix and range, HDR, the aspect of samples, rotation; and its thumbnail.

Runs in the worker. What the stream leaves open is filled in as players do: BT.709 from 720 lines up, BT.601 below;
limited range unless the format says otherwise. SDR transfer curves and the primaries of BT.601 are taken for sRGB's.
PQ and HLG (ITU-R BT.2100) are mapped to SDR: 203 cd/m2 is white (ITU-R BT.2408), highlights are compressed smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.media.clip import THUMB_PX, Pixels

Floats = npt.NDArray[np.float32]
MAX_ASPECT = 4
PQ, HLG = 16, 18  # AVColorTransferCharacteristic (ITU-T H.273, table 3)
WIDE_PRIMARIES = 9  # BT.2020 (H.273, table 2)
_FULL = 2  # AVCOL_RANGE_JPEG
# AVColorSpace (H.273, table 4) -> the names that swscale's matrices have in PyAV
_MATRICES = {1: "ITU709", 4: "FCC", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020", 10: "BT2020"}
_HD_LINES = 720
WHITE_NITS = 203.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How frames are brought upright: stored size, size before turning (aspect applied), and the turn.

    turns: quarter turns counter-clockwise; mirrored: left and right are swapped before turning.
    """

    stored: tuple[int, int]
    scaled: tuple[int, int]
    turns: int = 0
    mirrored: bool = False

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as shown."""
        return self.scaled if self.turns % 2 == 0 else (self.scaled[1], self.scaled[0])

    @property
    def rotation(self) -> int:
        """Degrees clockwise that are applied."""
        return (-90 * self.turns) % 360

    def upright(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A frame or thumbnail (H, W, ...), turned; contiguous."""
        out = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(np.rot90(out, self.turns))


def shape_of(frame: Any, aspect: Fraction | None) -> Shape:
    """The shape that a clip's first frame gives to all of them. aspect: width to height of a stored sample."""
    width, height = frame.width, frame.height
    scaled = (width, height)
    if aspect and Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT and abs(float(aspect) - 1) > 0.01:
        # The shorter direction is stretched, so that no stored pixel is lost.
        scaled = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    turns, mirrored = _display_matrix(frame)
    return Shape((width, height), scaled, turns, mirrored)


def _display_matrix(frame: Any) -> tuple[int, bool]:
    """(quarter turns counter-clockwise, mirrored) nearest to the matrix of ISO/IEC 14496-12, 8.3.2 (row vectors)."""
    data = frame.side_data.get("DISPLAYMATRIX")
    raw = bytes(data) if data is not None else b""
    if len(raw) < 20:
        return 0, False
    a, b, _, c, d = (float(v) for v in np.frombuffer(raw[:20], "<i4"))
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    # x' = a x + c y, y' = b x + d y with y downwards: a turn by (a, b) runs clockwise on the screen.
    return int(-np.round(np.degrees(np.arctan2(b, a)) / 90)) % 4, mirrored


class Painter:
    """Turns frames of one clip into upright sRGB (H, W, 3) and thumbnails (THUMB_PX, THUMB_PX), uint8 both."""

    def __init__(self, shape: Shape) -> None:
        from av.video.reformatter import VideoReformatter

        self.shape = shape
        self._rgb: Any = VideoReformatter()
        self._deep: Any = VideoReformatter()
        self._grey: Any = VideoReformatter()
        self._luma: Any = VideoReformatter()

    def paint(self, frame: Any) -> Pixels:
        """The frame as shown. Frames of another size than the first are scaled to it."""
        width, height = self.shape.scaled
        how = {"src_colorspace": _matrix(frame), "src_color_range": _range(frame), "dst_color_range": "JPEG"}
        if frame.color_trc in (PQ, HLG):
            deep = self._deep.reformat(frame, width, height, "rgb48le", interpolation="BILINEAR", **how)
            pixels = tone_mapped(deep.to_ndarray(), frame.color_trc, frame.color_primaries in (WIDE_PRIMARIES, 2))
        else:
            pixels = self._rgb.reformat(frame, width, height, "rgb24", interpolation="BILINEAR", **how).to_ndarray()
        return self.shape.upright(pixels)

    def luma(self, frame: Any) -> Pixels:
        """Luma of the upright frame, full range, uint8 (H, W), at the size it is shown with."""
        width, height = self.shape.scaled
        how = {"src_color_range": _range(frame), "dst_color_range": "JPEG"}
        return self.shape.upright(self._luma.reformat(frame, width, height, "gray", **how).to_ndarray())

    def thumb(self, frame: Any) -> Pixels:
        """Luma of the upright frame, full range, reduced by area."""
        small = self._grey.reformat(
            frame,
            THUMB_PX,
            THUMB_PX,
            "gray",
            interpolation="AREA",
            src_color_range=_range(frame),
            dst_color_range="JPEG",
        )
        return self.shape.upright(small.to_ndarray())


def _matrix(frame: Any) -> str:
    return _MATRICES.get(int(frame.colorspace), "ITU709" if frame.height >= _HD_LINES else "ITU601")


def _range(frame: Any) -> str:
    return "JPEG" if frame.color_range == _FULL or frame.format.name.startswith("yuvj") else "MPEG"


def tone_mapped(deep: npt.NDArray[np.uint16], transfer: int, wide: bool) -> Pixels:
    """uint16 (H, W, 3) PQ or HLG to uint8 sRGB. wide: its primaries are BT.2020's, else BT.709's."""
    light = np.take(_linear(transfer), deep >> 4)  # 12 bits are all that HDR video carries
    if transfer == HLG:  # the system gamma of a display of 1000 cd/m2 (BT.2100, table 5)
        luma = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= (np.maximum(luma, 1e-6) ** 0.2)[..., None] * np.float32(1000.0 / WHITE_NITS)
    if wide:
        light = light @ _BT2020_TO_709.T
    peak = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    light = np.clip(light * (_compressed(peak) / peak), 0, 1)
    out: Pixels = np.take(_to_srgb(), (light * 4095 + 0.5).astype(np.int32))
    return out


def _compressed(peak: Floats) -> Floats:
    """Identity up to 0.75, then a smooth shoulder that tends to 1 (white and brighter)."""
    over = np.maximum(peak - 0.75, 0)
    return np.where(peak <= 0.75, peak, 0.75 + 0.25 * over / (over + 0.25))


# ITU-R BT.2087: from linear BT.2020 to linear BT.709.
_BT2020_TO_709: Floats = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


@cache
def _linear(transfer: int) -> Floats:
    """4096 code values to light: PQ to multiples of WHITE_NITS, HLG to scene light 0..1 (BT.2100, tables 4 and 5)."""
    e = np.arange(4096) / 4095
    if transfer == PQ:
        p = e ** (1 / 78.84375)
        ratio = np.maximum(p - 0.8359375, 0) / (18.8515625 - 18.6875 * p)
        return (10_000 / WHITE_NITS * ratio ** (1 / 0.1593017578125)).astype(np.float32)
    return np.where(e <= 0.5, e * e / 3, (np.exp((e - 0.55991073) / 0.17883277) + 0.28466892) / 12).astype(np.float32)


@cache
def _to_srgb() -> npt.NDArray[np.uint8]:
    v = np.arange(4096) / 4095
    coded = np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)
    return np.round(coded * 255).astype(np.uint8)
