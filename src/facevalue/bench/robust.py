"""The re-encodings that robustness is measured under: fixed, few and the same for every picture.

They are not the lab's random trips, so that no detector was trained on exactly these. Metadata is dropped, as
sites do.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from facevalue.errors import DecodeError, UsageError

AS_IS = "none"
Step = Callable[[Image.Image, io.BytesIO], None]


def _half(picture: Image.Image) -> Image.Image:
    size = (max(1, picture.width // 2), max(1, picture.height // 2))
    return picture.resize(size, Image.Resampling.BICUBIC)


STEPS: dict[str, tuple[str, Step]] = {
    "q70": (".jpg", lambda picture, out: picture.save(out, "JPEG", quality=70)),
    "q50": (".jpg", lambda picture, out: picture.save(out, "JPEG", quality=50)),
    "half": (".jpg", lambda picture, out: _half(picture).save(out, "JPEG", quality=90)),
    "webp": (".webp", lambda picture, out: picture.save(out, "WEBP", quality=75)),
}


def relaunder(path: Path, step: str) -> tuple[str, bytes]:
    """A picture after one step: (file name, encoded bytes). The same picture and step give the same bytes.

    Raises UsageError for a step that is not in STEPS, DecodeError for a picture that Pillow cannot read.
    """
    if step not in STEPS:
        raise UsageError(f"no laundering step {step}; there are {', '.join(STEPS)}")
    suffix, encode = STEPS[step]
    out = io.BytesIO()
    try:
        with Image.open(path) as picture:
            encode(ImageOps.exif_transpose(picture).convert("RGB"), out)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise DecodeError(f"{path.name} cannot be re-encoded: {error}") from None
    return f"{path.stem}{suffix}", out.getvalue()
