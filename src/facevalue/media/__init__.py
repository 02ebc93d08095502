"""Decoding: from an exhibit's bytes to pictures, frames, sound and facts on the file, in limited worker processes."""

from facevalue.media.clip_animated import is_animated
from facevalue.media.clip_plan import ClipLimits, ReadPlan
from facevalue.media.clip_reader import ClipReader, open_clip
from facevalue.media.decode import decode
from facevalue.media.picture import Limits, Media, Picture, PictureQuality
from facevalue.media.quality import picture_quality

__all__ = [
    "ClipLimits",
    "ClipReader",
    "Limits",
    "Media",
    "Picture",
    "PictureQuality",
    "ReadPlan",
    "decode",
    "is_animated",
    "open_clip",
    "picture_quality",
]
