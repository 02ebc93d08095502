"""Laundered copies on disk. A trip strips every label, so the copy of what declared itself is labelled anew.

What declares nothing, neither in its metadata nor by its watermark, becomes a plain copy.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from facevalue.errors import DecodeError
from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.lab import sound_trips
from facevalue.lab.labels import TRAINED_TYPE, Made, declared_type, put, write_clip, write_picture, write_sound
from facevalue.lab.launder import launder
from facevalue.lab.launder_moving import after_trip
from facevalue.marking import read_file
from facevalue.media import decode
from facevalue.signing.identity import Identity


def launder_copy(path: Path, out: Path, preset: str, seed: int, who: Identity | None = None) -> Path:
    """Write the copy of one exhibit into out/: PNG for a picture, MP4 for a clip, M4A for a recording; its path.

    who: signs labels in place of the lab's own identity. Raises DecodeError, UnreadableError, and UsageError for a
    trip that the exhibit cannot take.
    """
    exhibit = Exhibit.open(path)
    if not is_clip_type(exhibit.media_type):
        return _picture(exhibit, path, out / f"{path.stem}-{preset}.png", preset, seed, who)
    sound = exhibit.media_type.startswith("audio/")
    target = out / f"{path.stem}-{preset}{'.m4a' if sound else '.mp4'}"
    data, stated = after_trip(exhibit, preset, seed)
    declared = stated or _by_watermark(path)
    if declared is None:
        put(target, data)
        return target
    made = _made(path, preset, declared, seed)
    if sound:
        return write_sound(sound_trips.decode(data), sound_trips.RATE_HZ, target, made, who=who).path
    with tempfile.TemporaryDirectory(prefix="facevalue-lab-") as folder:
        draft = Path(folder) / "draft.mp4"
        draft.write_bytes(data)
        return write_clip(draft, target, made, who=who).path


def _picture(exhibit: Exhibit, path: Path, target: Path, preset: str, seed: int, who: Identity | None) -> Path:
    media = decode(exhibit)
    copy = launder(media.picture.pixels, preset, seed)
    declared = declared_type(media.facts) or _by_watermark(path)
    if declared is not None:
        return write_picture(copy, target, _made(path, preset, declared, seed), who=who).path
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(copy, np.uint8)).save(buffer, "PNG")
    put(target, buffer.getvalue())
    return target


def _by_watermark(path: Path) -> str | None:
    """What a mark in it declares."""
    try:
        found = read_file(path)
    except DecodeError:
        return None
    return TRAINED_TYPE if found is not None and found.payload.synthetic else None


def _made(path: Path, preset: str, declared: str, seed: int) -> Made:
    return Made(f"facevalue lab: {preset}", declared, (path,), {"preset": preset}, seed)
