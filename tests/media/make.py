"""Pictures for tests, made in memory: every format, mode and kind of damage. Nothing is read from disk."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

RED, GREEN, BLUE, YELLOW = (200, 30, 40), (30, 170, 60), (40, 50, 190), (210, 200, 50)


def scene(width: int = 96, height: int = 64) -> Pixels:
    """Four flat quadrants: red, green over blue, yellow. Survives any codec and betrays any turn."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = YELLOW
    return pixels


def busy(width: int = 320, height: int = 240, seed: int = 7) -> Pixels:
    """Smooth random texture in which no row is constant."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def quadrants(pixels: Pixels) -> list[tuple[int, int, int]]:
    """Mean colours of the four quadrants' middles: top left, top right, bottom left, bottom right."""
    height, width = pixels.shape[:2]
    out = []
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            patch = pixels[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3)
            out.append(tuple(int(v) for v in patch.mean(axis=0).round()))
    return out


def save(image: Image.Image | Pixels, format: str, **options: Any) -> bytes:
    """A Pillow image or an array, written in a format."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def mpo(pixels: Pixels, second: Pixels) -> bytes:
    """Two JPEGs in one multi-picture file."""
    return save(pixels, "MPO", save_all=True, append_images=[Image.fromarray(second)], quality=95)


# name -> writer of an RGB array; every one of them decodes to roughly the same colours
WRITERS: dict[str, Callable[[Pixels], bytes]] = {
    "jpeg": lambda p: save(p, "JPEG", quality=92),
    "jpeg_progressive": lambda p: save(p, "JPEG", quality=92, progressive=True),
    "jpeg_444": lambda p: save(p, "JPEG", quality=92, subsampling=0),
    "jpeg_cmyk": lambda p: save(Image.fromarray(p).convert("CMYK"), "JPEG", quality=95),
    "mpo": lambda p: mpo(p, p[::-1]),
    "png": lambda p: save(p, "PNG"),
    "png_palette": lambda p: save(Image.fromarray(p).quantize(64), "PNG"),
    "png_alpha": lambda p: save(Image.fromarray(p).convert("RGBA"), "PNG"),
    "png_16bit": lambda p: png16(p.astype(np.uint16) * 257),
    "gif": lambda p: save(Image.fromarray(p).quantize(128), "GIF"),
    "bmp": lambda p: save(p, "BMP"),
    "tiff": lambda p: save(p, "TIFF"),
    "tiff_lzw": lambda p: save(p, "TIFF", compression="tiff_lzw"),
    "tiff_jpeg": lambda p: save(p, "TIFF", compression="jpeg", quality=95),
    "tiff_cmyk": lambda p: save(Image.fromarray(p).convert("CMYK"), "TIFF"),
    "tiff_tiled": lambda p: tiled_tiff(p),
    "webp": lambda p: save(p, "WEBP", quality=92),
    "webp_lossless": lambda p: save(p, "WEBP", lossless=True),
    "avif": lambda p: save(p, "AVIF", quality=92),
    "heic": lambda p: heic(p),
}


def heic(pixels: Pixels, **options: Any) -> bytes:
    """A HEIC still, see make_heic."""
    from make_heic import heic as write

    return write(pixels, **options)


# -- PNG by hand ---------------------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG from raw filtered rows (each preceded by its filter byte); extra chunks go before IDAT."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def png16(pixels: npt.NDArray[np.uint16]) -> bytes:
    """16 bits per channel: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA; Pillow itself writes only the first."""
    height, width = pixels.shape[:2]
    colour_type = 0 if pixels.ndim == 2 else {3: 2, 4: 6}[pixels.shape[2]]
    raw = pixels.astype(">u2").reshape(height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in raw)
    return png(width, height, 16, colour_type, rows)


def with_chunk(data: bytes, extra: bytes) -> bytes:
    """A PNG with a further chunk right after its header."""
    return data[:33] + extra + data[33:]


def text_bomb(megabytes: int = 200) -> bytes:
    """A zTXt chunk that inflates to many megabytes of spaces."""
    pack = zlib.compressobj(9)
    squeezed = b"".join(pack.compress(b" " * (1 << 20)) for _ in range(megabytes)) + pack.flush()
    return chunk(b"zTXt", b"Comment\0\0" + squeezed)


def profile_bomb(megabytes: int = 200) -> bytes:
    """An iCCP chunk that inflates to many megabytes."""
    pack = zlib.compressobj(9)
    squeezed = b"".join(pack.compress(bytes(1 << 20)) for _ in range(megabytes)) + pack.flush()
    return chunk(b"iCCP", b"profile\0\0" + squeezed)


def huge_png(side: int = 50_000) -> bytes:
    """A PNG of a few hundred bytes that declares side x side pixels."""
    return png(side, side, 8, 2, bytes(1000))


def huge_gif(width: int = 65_535, height: int = 65_535) -> bytes:
    """A GIF that declares the largest canvas there is, and holds one pixel."""
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02D\x01\x00;"


def huge_bmp(side: int = 60_000) -> bytes:
    """A BMP header that declares side x side pixels, without them."""
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info + bytes(64)


# -- TIFF by hand --------------------------------------------------------------------------------------------------


def tiff(entries: dict[int, tuple[int, list[int]]], pixels: bytes) -> bytes:
    """A little-endian TIFF of one directory. entries: tag -> (3 for SHORT or 4 for LONG, values).

    Offsets of strips or tiles are given relative to the start of `pixels`, which begins at byte 8.
    """
    pixels += b"\0" * (len(pixels) % 2)
    ifd_at = 8 + len(pixels)
    extra_at = ifd_at + 2 + 12 * len(entries) + 4
    ifd, extra = struct.pack("<H", len(entries)), b""
    for tag in sorted(entries):
        kind, values = entries[tag]
        if tag in (273, 324):
            values = [v + 8 for v in values]
        body = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(body) > 4:
            body, extra = struct.pack("<I", extra_at + len(extra)), extra + body + b"\0" * (len(body) % 2)
        ifd += struct.pack("<HHI", tag, kind, len(values)) + body.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", ifd_at) + pixels + ifd + bytes(4) + extra


def tiled_tiff(pixels: Pixels, side: int = 32) -> bytes:
    """An uncompressed RGB TIFF in square tiles; sides must be multiples of `side`."""
    height, width = pixels.shape[:2]
    tiles = [
        pixels[y : y + side, x : x + side].tobytes() for y in range(0, height, side) for x in range(0, width, side)
    ]
    size = side * side * 3
    return tiff(
        {
            256: (4, [width]),
            257: (4, [height]),
            258: (3, [8, 8, 8]),
            259: (3, [1]),
            262: (3, [2]),
            277: (3, [3]),
            322: (4, [side]),
            323: (4, [side]),
            324: (4, [i * size for i in range(len(tiles))]),
            325: (4, [size] * len(tiles)),
        },
        b"".join(tiles),
    )


def rgb16_tiff(pixels: npt.NDArray[np.uint16]) -> bytes:
    """An uncompressed TIFF of 16 bits per channel."""
    height, width = pixels.shape[:2]
    body = pixels.astype("<u2").tobytes()
    return tiff(
        {
            256: (4, [width]),
            257: (4, [height]),
            258: (3, [16, 16, 16]),
            259: (3, [1]),
            262: (3, [2]),
            273: (4, [0]),
            277: (3, [3]),
            278: (4, [height]),
            279: (4, [len(body)]),
        },
        body,
    )


# -- Exif and ICC --------------------------------------------------------------------------------------------------


def exif_with_orientation(value: int) -> Image.Exif:
    """An Exif block that holds only an orientation."""
    exif = Image.Exif()
    exif[274] = value
    return exif


def stored_for(upright: Pixels, orientation: int) -> Pixels:
    """The stored pixels that the given Exif orientation turns into `upright` (Exif 2.3, tag 0x0112)."""
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    return np.ascontiguousarray(stored)


# CIE XYZ (D50) of the primaries, as in the sRGB and Display P3 profiles
SRGB_PRIMARIES = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3_PRIMARIES = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def icc_profile(
    primaries: tuple[tuple[float, float, float], ...] = SRGB_PRIMARIES,
    gamma: float = 2.2,
    name: str = "test profile",
    space: bytes = b"RGB ",
) -> bytes:
    """A minimal matrix profile (ICC.1:2001): three colorants, one gamma; space b"GRAY" writes only a curve."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = name.encode("ascii") + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {
        b"desc": described + b"\0" * (-len(described) % 4),
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"cprt": b"text\0\0\0\0CC0\0",
    }
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        table += key + struct.pack(">II", at + len(body), len(value))
        body += value
    header = struct.pack(">I4sI4s4s4s", 128 + len(table) + len(body), b"none", 0x02100000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1.0, 0.8249))
    return header.ljust(128, b"\0") + table + body
