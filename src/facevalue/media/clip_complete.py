"""Whether a clip was read to the end that it declares. Runs in the worker."""

from __future__ import annotations

import os

from facevalue.media.clip import SAMPLE_RATE_HZ
from facevalue.media.clip_open import Opened
from facevalue.media.clip_pictures import PicturesRead
from facevalue.media.clip_sound import SoundRead

# Containers round lengths, and tracks of one clip end at slightly different times.
SLACK_S, SLACK_SHARE = 0.5, 0.03


def completeness(
    opened: Opened | None, pictures: PicturesRead | None, sound: SoundRead | None, kept: float = 1.0
) -> tuple[float, bool, str | None]:
    """(decoded fraction, truncated, a sentence when it is). Fractions are of the picture track, else of the sound.

    kept: see kept_share().
    """
    if pictures is None and sound is None:
        return 1.0, False, None
    fraction, broken = (pictures.decoded_fraction, pictures.truncated) if pictures else (1.0, False)
    heard_s = sound_end(sound)
    declared_s = opened.duration_s if opened else 0.0
    short = declared_s - max(SLACK_S, SLACK_SHARE * declared_s)
    if pictures is None and sound is not None:
        broken = sound.broken
        fraction = min(heard_s / declared_s, 1.0) if declared_s and heard_s < short else 1.0
    elif opened is not None and not opened.is_mov and not broken and heard_s >= short:
        fraction = 1.0  # the container declares one length for all tracks, and the sound has it
    if sound is not None and sound.broken and heard_s < short:
        broken = True
    fraction, broken = min(fraction, kept), broken or kept < 1.0
    if fraction >= 1.0 and not broken:
        return 1.0, False, None
    return fraction, True, _sentence(fraction, pictures, heard_s)


_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def kept_share(fd: int, media_type: str) -> float:
    """Share of the bytes that a container's header declares and that are there; 1.0 where none are declared.

    RIFF and IFF: the size of the outermost chunk. ASF: File Properties Object, File Size (specification, 3.2).
    """
    head, size, declared = os.pread(fd, 1 << 16, 0), os.fstat(fd).st_size, 0
    if media_type in ("audio/wav", "video/x-msvideo") and head[:4] == b"RIFF":
        declared = int.from_bytes(head[4:8], "little") + 8
    elif media_type == "audio/aiff":
        declared = int.from_bytes(head[4:8], "big") + 8
    elif media_type == "video/x-ms-asf":
        at = head.find(_ASF_PROPERTIES)
        declared = int.from_bytes(head[at + 40 : at + 48], "little") if at > 0 else 0
    # The largest size stands for "unknown": it was written before the length was known.
    if declared <= size + 1 or declared >= (1 << 32) or not size:
        return 1.0
    return max(size / declared, 0.001)


def sound_end(sound: SoundRead | None) -> float:
    """When the sound that was read ends, seconds; 0.0 without any."""
    if sound is None or sound.start_s is None:
        return 0.0
    return sound.start_s + sound.samples / SAMPLE_RATE_HZ


def _sentence(fraction: float, pictures: PicturesRead | None, heard_s: float) -> str:
    end_s = pictures.end_s if pictures else heard_s
    if fraction >= 0.995:
        return f"the file is damaged near its end, after {end_s:.1f} s; what could be decoded was examined"
    return f"the file is cut off or damaged: {fraction:.0%} of it decodes (up to {end_s:.1f} s), and that was examined"
