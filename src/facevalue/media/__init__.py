"""Decoding: from an exhibit's bytes to an upright sRGB picture and facts on the file, in a limited worker process."""

from facevalue.media.decode import decode
from facevalue.media.picture import Limits, Media, Picture, PictureQuality
from facevalue.media.quality import picture_quality

__all__ = ["Limits", "Media", "Picture", "PictureQuality", "decode", "picture_quality"]
