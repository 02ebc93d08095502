"""Generation records hidden in the lowest bits of the pixels ("stealth pnginfo").

Layout, as published with the WebUI extension of that name: pixels are read column by column; the alpha channel gives
one bit per pixel, or the colour channels give three (R, G, B); the bits spell a 15-byte signature, a 32-bit count of
payload bits, and the payload, most significant bit first, which is UTF-8 text or its gzip.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_PAYLOAD_BITS = (1 << 20) * 8
MAX_TEXT_BYTES = 1 << 20
_SIGNATURE_BYTES = 15
_HEADER_BITS = _SIGNATURE_BYTES * 8 + 32
_SIGNATURES = {
    "alpha": (b"stealth_pnginfo", b"stealth_pngcomp"),
    "rgb": (b"stealth_rgbinfo", b"stealth_rgbcomp"),
}


def read_stealth(image: Image.Image) -> dict[str, Any] | None:
    """The hidden record's channel, signature and text, or None. Raises ValueError when a signature has no payload."""
    modes = [("alpha", 1)] if image.mode == "RGBA" else []
    if image.mode in ("RGBA", "RGB"):
        modes.append(("rgb", 3))
    for channel, per_pixel in modes:
        head = _bits(image, channel, per_pixel, _HEADER_BITS)
        signature = np.packbits(head[: _SIGNATURE_BYTES * 8]).tobytes()
        if signature in _SIGNATURES[channel]:
            return _payload(image, channel, per_pixel, signature)
    return None


def _payload(image: Image.Image, channel: str, per_pixel: int, signature: bytes) -> dict[str, Any]:
    header = _bits(image, channel, per_pixel, _HEADER_BITS)
    count = int.from_bytes(np.packbits(header[_SIGNATURE_BYTES * 8 :]).tobytes(), "big")
    if not 8 <= count <= min(MAX_PAYLOAD_BITS, image.width * image.height * per_pixel - _HEADER_BITS):
        raise ValueError("a stealth signature without a payload that fits")
    raw = np.packbits(_bits(image, channel, per_pixel, _HEADER_BITS + count)[_HEADER_BITS:]).tobytes()[: count // 8]
    if signature.endswith(b"comp"):
        raw = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(raw, MAX_TEXT_BYTES)
    return {"channel": channel, "signature": signature.decode("ascii"), "text": raw.decode("utf-8", "replace")}


def _bits(image: Image.Image, channel: str, per_pixel: int, count: int) -> npt.NDArray[np.uint8]:
    """The first `count` hidden bits; only the columns that hold them are copied out of the picture."""
    columns = min(image.width, -(-count // (per_pixel * image.height)))
    strip = np.asarray(image.crop((0, 0, columns, image.height)), np.uint8)
    strip = strip[:, :, 3:4] if channel == "alpha" else strip[:, :, :3]
    return np.bitwise_and(strip.transpose(1, 0, 2).reshape(-1), np.uint8(1))[:count]
