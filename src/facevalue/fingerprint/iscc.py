"""ISCC (ISO 24138:2024), the identifier that other systems compute too: pictures by content, any file by its bytes.

The Image-Code is a 64-bit perceptual hash that anybody's ISCC software gives for the same picture; the Instance-Code is
a checksum. Audio- and Video-Codes need a Chromaprint and an MPEG-7 signature, which no library here computes: clips and
sounds get Data- and Instance-Codes alone.
"""

from __future__ import annotations

import base64
import io
from typing import BinaryIO

import cv2
import iscc_lib
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

BITS = 64
_SIDE = 32


def image_code(rgb: Pixels) -> str:
    """The ISCC Image-Code of a picture, uint8 (h, w, 3): "ISCC:..." (ISO 24138, section 6.3)."""
    grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), np.uint8)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return str(iscc_lib.gen_image_code_v0(np.asarray(small, np.uint8).tobytes(), BITS)["iscc"])


def data_code(data: bytes | BinaryIO) -> str:
    """The ISCC Data-Code of a file's bytes: alike for files that share most of their bytes (section 6.6)."""
    return str(iscc_lib.gen_data_code_v0(_stream(data), BITS)["iscc"])


def instance_code(data: bytes | BinaryIO) -> str:
    """The ISCC Instance-Code of a file's bytes, a BLAKE3 checksum (section 6.7)."""
    return str(iscc_lib.gen_instance_code_v0(_stream(data), BITS)["iscc"])


def composite(codes: list[str]) -> str:
    """The ISCC-CODE of units; at least a Data- and an Instance-Code (section 6.8)."""
    return str(iscc_lib.gen_iscc_code_v0(codes)["iscc"])


def to_bytes(code: str) -> bytes:
    """A code's header and body, as a registry keeps them. Raises ValueError for what is no ISCC."""
    text = code.removeprefix("ISCC:")
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        raise ValueError(f"{code!r:.60} is no ISCC") from None


def to_text(value: bytes) -> str:
    """The code's text from those bytes."""
    return "ISCC:" + base64.b32encode(value).decode("ascii").rstrip("=")


def _stream(data: bytes | BinaryIO) -> BinaryIO:
    return io.BytesIO(data) if isinstance(data, bytes) else data
