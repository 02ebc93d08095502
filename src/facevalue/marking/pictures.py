"""Marking pictures: the mark is computed on the upright 8-bit picture and added to what is stored, at its own depth.

JPEG keeps its quantisation tables, its sampling of colour and its metadata; PNG its depth, alpha and ancillary chunks.
Credentials (C2PA) are not carried over: they would not hold for the changed pixels.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin, features

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.marking import segments
from facevalue.marking.marked import MarkedFile
from facevalue.watermark import PICTURE_ALGORITHM, Payload, picture

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/avif"})
MAX_PIXELS = 200_000_000
# Lossy formats that do not tell the quality they were written with are written with this one.
_QUALITY = 92
_ORIENTATION, _BITS_TAG = 274, 258
# EXIF orientation -> (quarter turns anticlockwise, mirrored first) that make the stored pixels upright.
_TURNS = {1: (0, 0), 2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (1, 1), 6: (3, 0), 7: (3, 1), 8: (1, 0)}
_DIRECT = {"RGB", "RGBA", "L", "LA", "I;16"}

Values = npt.NDArray[Any]


def mark_picture(exhibit: Exhibit, out: Path, payload: Payload) -> MarkedFile:
    """Write a marked copy. Raises UsageError for animated, CMYK and 16-bit colour pictures other than PNG."""
    notes: list[str] = []
    if exhibit.media_type == "image/png" and segments.png_depth(exhibit.data) == (16, True):
        values = segments.png16(exhibit.data)
        marked, psnr = _marked(values, _orientation(Image.open(io.BytesIO(exhibit.data))), payload)
        out.write_bytes(segments.png_with_chunks(segments.png16_bytes(marked), exhibit.data))
    else:
        image = _opened(exhibit, notes)
        marked, psnr = _marked(np.asarray(image), _orientation(image), payload)
        out.write_bytes(_written(exhibit, image, Image.fromarray(marked), notes))
    return MarkedFile(out, exhibit.media_type, PICTURE_ALGORITHM, payload, psnr, notes=tuple(notes))


def _opened(exhibit: Exhibit, notes: list[str]) -> Image.Image:
    image = Image.open(io.BytesIO(exhibit.data))
    if image.width * image.height > MAX_PIXELS:
        raise UsageError(f"the picture has more than {MAX_PIXELS:,} pixels")
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format != "MPO":
        raise UsageError(f"the file holds {count} pictures; only a single picture is marked")
    if count > 1:
        notes.append("the file held further pictures (MPO); the copy holds the first one")
    bits = getattr(image, "tag_v2", {}).get(_BITS_TAG, (8,))
    if image.mode != "I;16" and max(bits) > 8:
        raise UsageError("TIFF pictures of 16 bits a colour are not marked: convert to 8 bits, or to PNG, first")
    if image.mode in _DIRECT:
        image.load()
        return image
    if image.mode not in {"1", "P", "PA"}:
        raise UsageError(f"pictures stored as {image.mode} are not marked: convert to 8-bit RGB first")
    clear = "transparency" in image.info or image.mode == "PA"
    notes.append("the picture's palette was replaced by full colour")
    full = image.convert("RGBA" if clear else "RGB")
    full.info, full.format = dict(image.info), image.format
    full.info.pop("transparency", None)
    return full


def _orientation(image: Image.Image) -> int:
    try:
        stated = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF: the pixels are then shown as they are stored
        return 1
    return stated if stated in _TURNS and image.format != "AVIF" else 1


def _marked(values: Values, orientation: int, payload: Payload) -> tuple[Values, float]:
    """The stored values with the mark in them, and its PSNR. values: (h, w) or (h, w, channels), uint8 or uint16."""
    colours = values.shape[2] - (values.shape[2] in (2, 4)) if values.ndim == 3 else 1
    step = 257 if values.dtype == np.uint16 else 1
    shown = values.reshape(*values.shape[:2], -1)[:, :, :colours]
    eight = np.asarray(shown // step, np.uint8)
    rgb = eight if colours == 3 else np.repeat(eight[:, :, :1], 3, axis=2)
    turns, mirrored = _TURNS[orientation]
    upright = np.ascontiguousarray(np.rot90(rgb[:, ::-1] if mirrored else rgb, turns))
    found = picture.embed(upright, payload)
    change = np.rot90(found.rgb.astype(np.int16) - upright, -turns)
    change = (change[:, ::-1] if mirrored else change)[:, :, :colours].astype(np.int32) * step
    out = np.array(values).reshape(*values.shape[:2], -1)
    out[:, :, :colours] = np.clip(shown.astype(np.int32) + change, 0, 255 * step)
    return out.reshape(values.shape), found.psnr_db


def _written(exhibit: Exhibit, source: Image.Image, marked: Image.Image, notes: list[str]) -> bytes:
    if exhibit.media_type == "image/jpeg":
        return _jpeg(exhibit.data, source, marked)
    kept = {key: source.info[key] for key in ("exif", "icc_profile", "xmp", "dpi") if source.info.get(key)}
    if exhibit.media_type == "image/png":
        return segments.png_with_chunks(_saved(marked, "PNG"), exhibit.data)
    if exhibit.media_type == "image/webp":
        lossless = b"VP8L" in exhibit.data[:64]
        return _saved(marked, "WEBP", lossless=lossless, quality=_QUALITY, exact=True, **kept)
    if exhibit.media_type == "image/tiff":
        return _tiff(source, marked, kept)
    if exhibit.media_type == "image/avif":
        if not features.check("avif"):
            raise UsageError("this installation of Pillow cannot write AVIF")
        notes.append(f"the copy was compressed as AVIF quality {_QUALITY}")
        return _saved(marked, "AVIF", quality=_QUALITY, **kept)
    return _saved(marked, "BMP")


def _jpeg(data: bytes, source: Image.Image, marked: Image.Image) -> bytes:
    tables = getattr(source, "quantization", None)
    sampling = JpegImagePlugin.get_sampling(source)
    options: dict[str, Any] = {"qtables": tables} if tables else {"quality": _QUALITY}
    options["subsampling"] = sampling if sampling >= 0 else 0
    options["progressive"] = bool(source.info.get("progressive") or source.info.get("progression"))
    return segments.jpeg_with_segments(_saved(marked, "JPEG", **options), data)


def _tiff(source: Image.Image, marked: Image.Image, kept: dict[str, Any]) -> bytes:
    compression = source.info.get("compression", "raw")
    if compression in {"jpeg", "tiff_jpeg", "webp", "group3", "group4", "tiff_ccitt"}:
        compression = "tiff_lzw"
    return _saved(marked, "TIFF", compression=None if compression == "raw" else compression, **kept)


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
