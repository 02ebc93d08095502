"""read_file: the mark in a picture, in the frames of a clip, in its sound; decoded in limited worker processes."""

from __future__ import annotations

import numpy as np

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit, Source
from facevalue.exhibit.media_type import is_clip_type
from facevalue.media import ReadPlan, decode, is_animated, open_clip
from facevalue.media.clip import SAMPLE_RATE_HZ, Sound
from facevalue.watermark import Reading, picture, speech, video

# Two looks a second, at most so many frames: a mark that needs more was lost.
MOST_FRAMES = 64
_PLAN = ReadPlan(look_hz=2.0, burst_frames=0, whole_up_to_s=60.0)


def read_file(source: Source) -> Reading | None:
    """The mark in a file, pictures before sound; None where none is read above chance or it is too small to hold one.

    Raises UnreadableError and DecodeError for what cannot be opened or decoded.
    """
    exhibit = Exhibit.open(source)
    if is_clip_type(exhibit.media_type) or is_animated(exhibit):
        return _in_clip(exhibit)
    try:
        return picture.read(np.ascontiguousarray(decode(exhibit).picture.pixels))
    except UsageError:
        return None


def _in_clip(exhibit: Exhibit) -> Reading | None:
    listener = video.Listener()
    with open_clip(exhibit, plan=_PLAN) as clip:
        for frame in clip:
            if frame.look and listener.frames < MOST_FRAMES and min(frame.pixels.shape[:2]) >= picture.MIN_READ_PX:
                listener.add(frame.pixels)
        sound = clip.end().sound
    found = listener.reading() if listener.frames else None
    return found or (in_sound(sound) if sound is not None else None)


def in_sound(sound: Sound) -> Reading | None:
    """The mark in a decoded sound; None also where it is too short to hold one."""
    try:
        return speech.read(sound.samples, SAMPLE_RATE_HZ)
    except UsageError:
        return None
