"""What can be signed, and how: the formats that the engine writes, and verification reads."""

from __future__ import annotations

from dataclasses import dataclass

from facevalue.signing.errors import SigningError


@dataclass(frozen=True, slots=True)
class Format:
    """media_type: as it is sniffed. engine: what the engine calls it. kind: "image", "video", "audio", "document".

    boxes: made of ISO base-media boxes, for which C2PA has a hash of its own. suffixes: the first is the usual one.
    """

    media_type: str
    engine: str
    kind: str
    boxes: bool
    suffixes: tuple[str, ...]


_TABLE = (
    ("image/jpeg", "image/jpeg", "image", False, (".jpg", ".jpeg", ".jpe")),
    ("image/png", "image/png", "image", False, (".png",)),
    ("image/webp", "image/webp", "image", False, (".webp",)),
    ("image/gif", "image/gif", "image", False, (".gif",)),
    ("image/avif", "image/avif", "image", True, (".avif",)),
    ("image/heic", "image/heic", "image", True, (".heic", ".heif")),
    ("image/tiff", "image/tiff", "image", False, (".tif", ".tiff", ".dng")),
    ("image/svg+xml", "image/svg+xml", "document", False, (".svg",)),
    ("video/mp4", "video/mp4", "video", True, (".mp4", ".m4v")),
    ("video/3gpp", "video/mp4", "video", True, (".3gp",)),
    ("video/quicktime", "video/quicktime", "video", True, (".mov", ".qt")),
    ("video/x-msvideo", "video/x-msvideo", "video", False, (".avi",)),
    ("audio/wav", "audio/wav", "audio", False, (".wav",)),
    ("audio/mpeg", "audio/mpeg", "audio", False, (".mp3",)),
    ("audio/flac", "audio/flac", "audio", False, (".flac",)),
    ("audio/mp4", "audio/mp4", "audio", True, (".m4a", ".m4b")),
    ("application/pdf", "application/pdf", "document", False, (".pdf",)),
)
FORMATS = {row[0]: Format(*row) for row in _TABLE}


def format_of(media_type: str) -> Format:
    """The format of that media type. Raises SigningError when it cannot be signed."""
    found = FORMATS.get(media_type)
    if found is None:
        known = ", ".join(sorted({f.suffixes[0].lstrip(".") for f in FORMATS.values()}))
        raise SigningError(f"files of the type {media_type} cannot be signed; what can: {known}")
    return found
