"""Opening a picture inside the worker: the right plugin for its content, the pixel limit first, salvage if broken."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from facevalue.media.decode_frames import count_frames
from facevalue.media.decode_salvage import padded_webp, rebuilt_png, webp_size

# Below this share of rows a cut-off picture is not a picture.
LEAST_FRACTION = 0.01
ORIENTATION_TAG = 274
SUBFILE_TAG, WIDTH_TAG, HEIGHT_TAG = 254, 256, 257
MAX_FRAMES_COUNTED = 10_000

_PLUGINS = {
    "image/jpeg": ("PIL.JpegImagePlugin", "JPEG"),
    "image/png": ("PIL.PngImagePlugin", "PNG"),
    "image/gif": ("PIL.GifImagePlugin", "GIF"),
    "image/bmp": ("PIL.BmpImagePlugin", "BMP"),
    "image/tiff": ("PIL.TiffImagePlugin", "TIFF"),
    "image/webp": ("PIL.WebPImagePlugin", "WEBP"),
    "image/avif": ("PIL.AvifImagePlugin", "AVIF"),
    "image/heic": ("pi_heif", "HEIF"),
}
_prepared: set[str] = set()


class Undecodable(Exception):
    """The bytes do not decode; its text is one plain sentence. out_of_memory: a library ran into the memory limit."""

    def __init__(self, message: str, out_of_memory: bool = False) -> None:
        super().__init__(message)
        self.out_of_memory = out_of_memory


class TooLarge(Exception):
    """The header declares more pixels than the limit allows."""


@dataclass
class Opened:
    """A picture whose pixels are loaded, as stored: not yet turned upright, converted or composited.

    orientation: as the file states it; turn: what is still to be applied (some decoders turn by themselves).
    """

    image: Image.Image
    format: str
    mode: str
    stored_size: tuple[int, int]
    orientation: int = 1
    turn: int = 1
    frames: int = 1
    truncated: bool = False
    decoded_fraction: float = 1.0
    inverted_cmyk: bool = False
    interlaced: bool = False
    bottom_up: bool = False
    notes: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """What the parent's Picture is made of, JSON-ready, except what the conversion of colours adds."""
        return {
            "format": self.format,
            "mode": self.mode,
            "stored_size": self.stored_size,
            "orientation": self.orientation,
            "frames": self.frames,
            "truncated": self.truncated,
            "decoded_fraction": round(self.decoded_fraction, 4),
        }


@dataclass(frozen=True)
class _Attempt:
    """One way to read the bytes: known_share is the share of the coded data that is really there, if known."""

    data: bytes
    lenient: bool = False
    truncated: bool = False
    note: str | None = None
    known_share: float | None = None


def open_picture(data: bytes, media_type: str, max_pixels: int, memory_bytes: int) -> Opened:
    """Open and load a picture of a known type, as strictly as it allows. memory_bytes: the limit the worker runs under.

    Raises TooLarge before any pixel is decoded, Undecodable, or MemoryError.
    """
    prepare(media_type)
    module, name = _PLUGINS[media_type]
    if name not in Image.OPEN:
        raise Undecodable(f"{name} pictures need the package {module}, which is not installed")
    factory: Callable[..., Any]
    factory = _open_jpeg if media_type == "image/jpeg" else Image.OPEN[name][0]
    size: tuple[int, int] | None = None
    if media_type == "image/webp" and (size := webp_size(data)) is not None:
        _check_size(size, max_pixels)  # its decoder makes room for the whole canvas as soon as it is opened
    first_error: Exception | None = None
    for attempt in _attempts(data, media_type):
        try:
            image = _open(attempt, factory, max_pixels)
            size = image.size
            if name == "HEIF" and _needed_bytes(size) > memory_bytes:
                raise MemoryError  # libheif ends the process when it runs out, instead of saying so
            return _load(attempt, image, name, max_pixels)
        except (MemoryError, TooLarge, Undecodable):
            raise
        except Image.DecompressionBombError as error:
            raise TooLarge(_first_sentence(error)) from None
        except Exception as error:  # a hostile file provokes anything in a parser: IndexError, struct.error, ...
            first_error = first_error or error
    assert first_error is not None
    if name in ("WEBP", "AVIF") and size is not None and _needed_bytes(size) > memory_bytes:
        raise MemoryError  # their libraries name no reason when they fail
    raise _undecodable(first_error, name)


def _needed_bytes(size: tuple[int, int]) -> int:
    """A generous guess of what a library for modern codecs needs, pixels on their way out included."""
    return 16 * size[0] * size[1] + (16 << 20)


def _attempts(data: bytes, media_type: str) -> Iterator[_Attempt]:
    """Strictly first; then without damaged extras; then leniently, which fills what is missing with blank rows."""
    yield _Attempt(data)
    if media_type == "image/png":
        skipped = "a damaged or oversized part outside the pixel data was skipped"
        yield _Attempt(rebuilt_png(data, keep_profile=True), note=skipped)
        yield _Attempt(rebuilt_png(data, keep_profile=False), note=f"{skipped}, the colour profile with it")
        yield _Attempt(rebuilt_png(data, keep_profile=True, mend=True), lenient=True, truncated=True)
        yield _Attempt(rebuilt_png(data, keep_profile=False, mend=True), lenient=True, truncated=True)
    elif media_type == "image/webp":
        padded = padded_webp(data)
        if padded is not None:
            yield _Attempt(padded[0], truncated=True, known_share=padded[1])
    else:
        yield _Attempt(data, lenient=True, truncated=True)


def _open(attempt: _Attempt, factory: Callable[..., Any], max_pixels: int) -> Image.Image:
    """The header only."""
    ImageFile.LOAD_TRUNCATED_IMAGES = attempt.lenient
    try:
        image: Image.Image = factory(io.BytesIO(attempt.data), "")
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    _check_size(image.size, max_pixels)
    return image


def _load(attempt: _Attempt, image: Image.Image, name: str, max_pixels: int) -> Opened:
    ImageFile.LOAD_TRUNCATED_IMAGES = attempt.lenient
    try:
        opened = Opened(image=image, format=name, mode=image.mode, stored_size=image.size)
        _before_loading(opened)
        image.load()
        _check_size(image.size, max_pixels)  # some decoders learn the true size only now
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    _after_loading(opened, attempt.data)
    if attempt.note:
        opened.notes.append(attempt.note)
    if attempt.truncated:
        _judge_truncation(opened, attempt.known_share)
    return opened


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooLarge(f"the picture declares {_pixels(width * height)}, more than the limit of {_pixels(max_pixels)}")
    if width < 1 or height < 1:
        raise ValueError("the picture declares no pixels")


def _pixels(count: int) -> str:
    """900 MP, 2.5 MP, 400 pixels."""
    if count < 100_000:
        return f"{count:,} pixels"
    megapixels = count / 1e6
    return f"{megapixels:,.0f} MP" if megapixels >= 10 else f"{megapixels:.1f} MP"


def _before_loading(opened: Opened) -> None:
    """What loading makes Pillow forget: how rows are laid out, and a TIFF's orientation, which it applies itself."""
    tile = getattr(opened.image, "tile", None) or [None]
    if opened.format == "PNG":
        opened.interlaced = bool(opened.image.info.get("interlace"))
    elif opened.format == "GIF" and tile[0] is not None:
        opened.interlaced = bool(tile[0][3][1])
    elif opened.format == "BMP" and tile[0] is not None:
        opened.bottom_up = tile[0][3][-1] == -1
    elif opened.format == "TIFF":
        _read_tiff_tags(opened)


def _read_tiff_tags(opened: Opened) -> None:
    tags = opened.image.tag_v2  # type: ignore[attr-defined]
    opened.orientation = _valid_orientation(tags.get(ORIENTATION_TAG, 1), opened.notes)
    opened.stored_size = (int(tags[WIDTH_TAG]), int(tags[HEIGHT_TAG]))
    subfile = tags.get(SUBFILE_TAG, 0)
    if isinstance(subfile, int) and subfile & 1:
        opened.notes.append("the first picture in this TIFF is marked as a reduced preview; only it is examined")


def _after_loading(opened: Opened, data: bytes) -> None:
    image = opened.image
    if opened.format == "JPEG":
        # Pillow takes every CMYK JPEG for Adobe's inverted kind; without Adobe's marker inks are stored as they are.
        opened.inverted_cmyk = image.mode == "CMYK" and "adobe" not in image.info
    if opened.format not in ("TIFF", "HEIF"):  # libheif applies its own rotation, and Exif has no say there
        opened.orientation = opened.turn = _exif_orientation(image, opened.notes)
    opened.frames = count_frames(image, data, MAX_FRAMES_COUNTED)
    if opened.frames > 1:
        opened.notes.append(f"the file holds {opened.frames} pictures; the first is examined")


def _exif_orientation(image: Image.Image, notes: list[str]) -> int:
    """From Exif only: Pillow's own getexif() also believes an orientation in XMP, which no viewer honours."""
    raw = image.info.get("exif")
    if not raw and "Raw profile type exif" in image.info:
        lines = str(image.info["Raw profile type exif"]).split("\n")[3:]
        try:
            raw = bytes.fromhex("".join(lines))
        except ValueError:
            raw = None
    if not isinstance(raw, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(raw)
        value = exif.get(ORIENTATION_TAG, 1)
    except MemoryError:
        raise
    except Exception:
        notes.append("the Exif data is damaged; an orientation in it, if any, is not applied")
        return 1
    return _valid_orientation(value, notes)


def _valid_orientation(value: object, notes: list[str]) -> int:
    if isinstance(value, int) and 1 <= value <= 8:
        return value
    if value not in (0, None):
        notes.append("the stated orientation is not one of the eight that exist and is ignored")
    return 1


def _judge_truncation(opened: Opened, known_share: float | None) -> None:
    if known_share is not None:
        fraction = _blank_below(opened.image, known_share)
    elif opened.interlaced:
        fraction = 1 - _blank_share(opened.image)
    else:
        fraction = 1 - _blank_rows(opened.image, opened.bottom_up) / opened.image.height
    if fraction < LEAST_FRACTION:
        raise ValueError("the file is cut off or damaged before any of the picture")
    opened.truncated = True
    opened.decoded_fraction = fraction
    percent = min(99, max(1, round(100 * fraction)))
    if fraction < 1:
        opened.notes.append(f"the file is cut off or damaged: about {percent}% of the rows decode, the rest is blank")
    else:
        opened.notes.append("the file is cut off or damaged: every row decodes, but some of its detail may be missing")


def _blank_below(image: Image.Image, share: float) -> float:
    """Paint over the rows that were decoded from filling instead of data; the share of rows left."""
    kept = int(image.height * max(0.0, min(share, 1.0))) // 16 * 16  # whole rows of macroblocks
    image.paste((128,) * len(image.getbands()), (0, kept, image.width, image.height))
    return kept / image.height


def _blank_rows(image: Image.Image, bottom_up: bool) -> int:
    """Rows that all hold the one value of the pixel decoded last: what a decoder leaves where data ran out.

    They are counted from the end at which the stored picture ends: the bottom, or the top of a bottom-up BMP.
    """
    rows, last = 0, None
    for strip in _strips_from_the_end(image, bottom_up):
        last = strip[0, 0] if last is None else last
        differs = (strip != last).reshape(strip.shape[0], -1).any(axis=1)
        if differs.any():
            return rows + int(np.argmax(differs))
        rows += strip.shape[0]
    return rows


def _blank_share(image: Image.Image) -> float:
    """Share of pixels that hold the last one's value; in an interlaced picture missing rows lie between the others."""
    blank, last = 0, None
    for strip in _strips_from_the_end(image, bottom_up=False):
        last = strip[0, 0] if last is None else last
        blank += int((strip == last).reshape(strip.shape[0], strip.shape[1], -1).all(axis=2).sum())
    return blank / (image.width * image.height)


def _strips_from_the_end(image: Image.Image, bottom_up: bool) -> Iterator[npt.NDArray[Any]]:
    """The picture in strips, each turned so that its first row, first pixel is the one decoded last."""
    step = max(1, 2_000_000 // image.width)
    for done in range(0, image.height, step):
        rows = min(step, image.height - done)
        top = done if bottom_up else image.height - done - rows
        strip = np.asarray(image.crop((0, top, image.width, top + rows)))
        yield strip if bottom_up else strip[::-1, ::-1]


# -- plugins and errors --------------------------------------------------------------------------------------------


def prepare(media_type: str) -> None:
    """Import what a type needs, once. Image.open() would instead import and try every plugin there is."""
    if media_type not in _PLUGINS or media_type in _prepared:
        return
    for module in ("PIL.ImageCms", _PLUGINS[media_type][0]):
        try:
            imported: Any = importlib.import_module(module)
        except ImportError:  # said when it is needed
            return
    if media_type == "image/avif":
        imported.DEFAULT_MAX_THREADS = 1
    if media_type == "image/heic":
        imported.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    if media_type == "image/jpeg":
        importlib.import_module("PIL.MpoImagePlugin")
    _prepared.add(media_type)


def _open_jpeg(stream: io.BytesIO, filename: str) -> Any:
    """A JPEG, as an MPO where its index of pictures is sound; a broken index must not cost the first picture."""
    from PIL import JpegImagePlugin

    try:
        return JpegImagePlugin.jpeg_factory(stream, filename)
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        stream.seek(0)
        return JpegImagePlugin.JpegImageFile(stream, filename)


def _undecodable(error: Exception, name: str) -> Undecodable:
    if isinstance(error, Undecodable):
        return error
    text = _first_sentence(error)
    memory = bool(re.search(r"out of memory|memory error|memory alloc|bad_alloc|insufficient memory", text, re.I))
    return Undecodable(f"the {name} data does not decode: {text}", out_of_memory=memory)


def _first_sentence(error: Exception) -> str:
    """An error's text, printable, on one line, without memory addresses, which would differ from run to run."""
    text = re.sub(r"<[^<>]* at 0x[0-9a-fA-F]+>", "the data", str(error))
    text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:200] or type(error).__name__
