"""The decoded view of an exhibit that holds a picture, and the limits under which it was decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Limits:
    """What decoding one exhibit may cost: pixels, bytes of memory of the worker process, seconds."""

    pixels: int = 200_000_000
    memory_bytes: int = 2 << 30
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright (EXIF orientation applied) and in sRGB (ICC profile applied).

    pixels: uint8 (H, W, 3), read-only. stored_size: width and height as stored, before orientation.
    format: "JPEG", "PNG", ... mode: the stored mode ("RGB", "CMYK", "I;16", "P", ...). frames: pictures in the file;
    the first one is examined. decoded_fraction: share of rows that decoded, 1.0 unless truncated.
    notes: plain sentences on what decoding met (truncation, an unusable profile, alpha composited on white).
    """

    pixels: Pixels
    format: str
    mode: str
    stored_size: tuple[int, int]
    orientation: int = 1
    frames: int = 1
    icc_profile: str | None = None
    truncated: bool = False
    decoded_fraction: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Pixels, upright."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels, upright."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class PictureQuality:
    """What conditions how far pixel evidence may be trusted.

    short_side: pixels. jpeg_quality: 1..100 estimated from the quantisation tables, None when the file is not a
    JPEG. blockiness: strength of an 8 px grid against its neighbours, about 1 when there is none.
    sharpness: log10 of the variance of the Laplacian of the luma at short side 512 or less.
    """

    short_side: int
    jpeg_quality: int | None
    blockiness: float
    sharpness: float

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON-ready, rounded."""
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Media:
    """Everything decoding yields: the picture, and JSON-ready facts read from the bytes (see facevalue.media.facts)."""

    picture: Picture
    facts: Mapping[str, Any] = field(default_factory=dict)
