"""The re-encodings that robustness is measured under: fixed, few and the same for every exhibit of a kind.

They are not the lab's random trips, so that no detector was trained on exactly these. Metadata is dropped, as
sites do. Clips and recordings have steps of their own (robust_clip, robust_sound).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from facevalue.bench.robust_clip import CLIP_STEPS, relaunder_clip
from facevalue.bench.robust_sound import SOUND_STEPS, relaunder_sound
from facevalue.bench.sets import CLIP, PICTURE, SOUND
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


# The steps of each kind of exhibit, by name.
STEP_NAMES: dict[str, tuple[str, ...]] = {PICTURE: tuple(STEPS), CLIP: tuple(CLIP_STEPS), SOUND: tuple(SOUND_STEPS)}


def known_steps() -> tuple[str, ...]:
    """Every step's name."""
    return tuple(name for names in STEP_NAMES.values() for name in names)


def relaunder(path: Path, step: str) -> tuple[str, bytes]:
    """An exhibit after one step: (file name, encoded bytes). The same exhibit and step give the same bytes.

    Raises UsageError for a step that no kind of exhibit has, DecodeError for an exhibit that cannot be read.
    """
    if step in CLIP_STEPS:
        return relaunder_clip(path, step)
    if step in SOUND_STEPS:
        return relaunder_sound(path, step)
    if step not in STEPS:
        raise UsageError(f"no laundering step {step}; there are {', '.join(known_steps())}")
    suffix, encode = STEPS[step]
    out = io.BytesIO()
    try:
        with Image.open(path) as picture:
            encode(ImageOps.exif_transpose(picture).convert("RGB"), out)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise DecodeError(f"{path.name} cannot be re-encoded: {error}") from None
    return f"{path.stem}{suffix}", out.getvalue()
