"""From a loaded picture to upright 8-bit sRGB, strip by strip, so that 200 MP fit into the worker's memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from facevalue.media.decode_open import Opened

STRIP_PIXELS = 2_000_000
_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_PROFILE_NAME_CHARS = 120

# Exif orientation -> the turn that makes the stored picture upright (Exif 2.3, tag 0x0112).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass
class Upright:
    """pixels: uint8 (H, W, 3), upright, sRGB. icc_profile: the embedded profile's name, None without a usable one."""

    pixels: npt.NDArray[np.uint8]
    icc_profile: str | None = None
    notes: list[str] = field(default_factory=list)

    def facts(self, opened: Opened) -> dict[str, Any]:
        """What this step adds to the parent's Picture, JSON-ready; notes of both steps."""
        return {"icc_profile": self.icc_profile, "notes": [*opened.notes, *self.notes]}


def to_upright_rgb(opened: Opened) -> Upright:
    """Convert depth, inks, profile and transparency, and turn the picture upright. Raises MemoryError."""
    image = opened.image
    turned = opened.turn in (5, 6, 7, 8)
    shape = (image.width, image.height, 3) if turned else (image.height, image.width, 3)
    out = Upright(np.empty(shape, np.uint8))
    convert = _Converter(opened, out)
    for top, strip in _strips(image):
        rgb = convert(strip)
        if opened.turn in _TURNS:
            rgb = rgb.transpose(_TURNS[opened.turn])
        _place(out.pixels, np.asarray(rgb), opened.turn, top, strip.height)
    if convert.saw_alpha:
        out.notes.append("transparent parts are shown on white")
    return out


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    step = max(1, STRIP_PIXELS // image.width)
    if step >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, step):
        yield top, image.crop((0, top, image.width, min(top + step, image.height)))


def _place(pixels: npt.NDArray[np.uint8], strip: npt.NDArray[np.uint8], turn: int, top: int, rows: int) -> None:
    """Put a turned strip where its stored rows [top, top + rows) end up."""
    if turn in (1, 2):
        pixels[top : top + rows] = strip
    elif turn in (3, 4):
        pixels[pixels.shape[0] - top - rows : pixels.shape[0] - top] = strip
    elif turn in (5, 8):
        pixels[:, top : top + rows] = strip
    else:
        pixels[:, pixels.shape[1] - top - rows : pixels.shape[1] - top] = strip


class _Converter:
    """Strip by strip to RGB; what depends on the whole picture (range, profile) is worked out once."""

    def __init__(self, opened: Opened, out: Upright) -> None:
        image = opened.image
        self.saw_alpha = False
        self._invert = opened.inverted_cmyk
        self._keyed = _usable_transparency(image)
        self._scale = _deep_range(image, opened, out.notes) if image.mode in _DEEP_MODES else None
        self._transform: Any = None
        self._transform_mode = ""
        profile = image.info.get("icc_profile")
        if profile:
            self._use_profile(profile, _colour_mode(image.mode), out)
        elif image.mode == "LAB":
            self._use_profile(None, "LAB", out)

    def __call__(self, strip: Image.Image) -> Image.Image:
        alpha = None
        if self._scale is not None:
            strip = _to_eight_bits(strip, *self._scale)
        if strip.mode in ("La", "RGBa"):
            strip = strip.convert(strip.mode.upper())
        if strip.mode in _ALPHA_MODES or self._keyed:
            strip = strip.convert("LA" if strip.mode == "LA" else "RGBA")
            alpha = strip.getchannel("A")
            strip = strip.convert("L" if strip.mode == "LA" else "RGB")
        if self._invert and strip.mode == "CMYK":
            strip = ImageChops.invert(strip)
        rgb = self._to_srgb(strip)
        if alpha is None or alpha.getextrema()[0] == 255:
            return rgb
        self.saw_alpha = True
        on_white = Image.new("RGB", rgb.size, (255, 255, 255))
        on_white.paste(rgb, mask=alpha)
        return on_white

    def _to_srgb(self, strip: Image.Image) -> Image.Image:
        if self._transform is None:
            return strip if strip.mode == "RGB" else strip.convert("RGB")
        if strip.mode != self._transform_mode:
            strip = strip.convert(self._transform_mode)
        converted: Image.Image = self._transform.apply(strip)
        return converted

    def _use_profile(self, raw: bytes | None, colour_mode: str, out: Upright) -> None:
        """Prepare the conversion to sRGB; an unusable profile is a note and the pixels stay as they are."""
        from PIL import ImageCms

        try:
            source = ImageCms.createProfile("LAB") if raw is None else ImageCms.ImageCmsProfile(io.BytesIO(raw))
            mode = _profile_mode(source, colour_mode)
            if mode is None:
                out.notes.append("the colour profile is for another kind of picture and is ignored")
                return
            name = None if raw is None else _profile_name(ImageCms.getProfileDescription(source))
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
            out.icc_profile = name
            if mode != "RGB" or not _changes_nothing(transform):
                self._transform, self._transform_mode = transform, mode
        except MemoryError:
            raise
        except Exception:  # lcms and its wrapper refuse a broken profile in several ways
            out.notes.append("the colour profile is damaged and is ignored; colours are taken for sRGB")


def _colour_mode(mode: str) -> str:
    """What a picture of this mode is converted from: "L", "RGB", "CMYK" or "LAB"."""
    if mode in _DEEP_MODES or mode in ("1", "L", "LA", "La"):
        return "L"
    return mode if mode in ("CMYK", "LAB") else "RGB"


def _profile_mode(profile: Any, colour_mode: str) -> str | None:
    """The mode in which the profile can be applied to this picture; None when it cannot."""
    space = "LAB" if not hasattr(profile, "profile") else str(profile.profile.xcolor_space).strip()
    if space == "RGB" and colour_mode in ("RGB", "L"):
        return "RGB"
    if space == "GRAY" and colour_mode == "L":
        return "L"
    if space.upper() == colour_mode and colour_mode in ("CMYK", "LAB"):
        return colour_mode
    return None


def _profile_name(description: str) -> str:
    text = "".join(c for c in description if c.isprintable())
    return text.strip()[:_PROFILE_NAME_CHARS] or "unnamed"


def _changes_nothing(transform: Any) -> bool:
    """Whether a profile is sRGB by effect, not by name: no colour of a coarse cube moves by more than one level."""
    levels = np.arange(0, 256, 15).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(len(levels), -1, 3)
    after = np.asarray(transform.apply(Image.fromarray(cube)))
    return int(np.abs(after.astype(np.int16) - cube).max()) <= 1


def _usable_transparency(image: Image.Image) -> bool:
    """Whether a colour is marked as transparent (PNG tRNS, GIF) in a way that applies to 8-bit pixels."""
    key = image.info.get("transparency")
    if key is None or image.mode not in ("1", "L", "P", "RGB"):
        return False
    values = key if isinstance(key, tuple) else (key,)
    return all(isinstance(v, bytes) or (isinstance(v, int) and 0 <= v <= 255) for v in values)


def _deep_range(image: Image.Image, opened: Opened, notes: list[str]) -> tuple[float, float]:
    """The two stored values that become black and white in a picture of more than 8 bits per channel."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    low, high = _finite_extrema(image)
    nominal = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    for white in nominal:
        if low >= 0 and high <= white:
            return 0.0, white
    notes.append(f"values from {low:g} to {high:g} are scaled to black and white")
    return low, high if high > low else low + 1.0


def _finite_extrema(image: Image.Image) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for _, strip in _strips(image):
        values = np.asarray(strip)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _to_eight_bits(strip: Image.Image, low: float, high: float) -> Image.Image:
    values = np.asarray(strip).astype(np.float32)
    with np.errstate(all="ignore"):
        scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255.0 / (high - low))
    return Image.fromarray((np.clip(scaled, 0, 255) + 0.5).astype(np.uint8))
