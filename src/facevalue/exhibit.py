"""An exhibit: a file exactly as received. It is read once, hashed while it is read, and never written to."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from facevalue.errors import UnreadableError

CHUNK_BYTES = 1 << 20
MAX_EXHIBIT_BYTES = 1 << 30

Source = str | os.PathLike[str] | bytes | BinaryIO


@dataclass(frozen=True, slots=True)
class Exhibit:
    """The bytes as received, with their sha256 (hex), name (no folders) and sniffed media type.

    media_type is decided by content, never by name: UNKNOWN ("application/octet-stream") when nothing is recognised.
    """

    name: str
    data: bytes = field(repr=False)
    sha256: str
    media_type: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    @classmethod
    def open(cls, source: Source, *, name: str | None = None, max_bytes: int = MAX_EXHIBIT_BYTES) -> Exhibit:
        """Read a path, bytes or a binary file object, hashing in the same pass.

        Raises UnreadableError when there is nothing to read or it is larger than max_bytes.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            data = bytes(source)
            if len(data) > max_bytes:
                raise UnreadableError(_too_large(name or "bytes", max_bytes))
            return cls._of(name or "bytes", data, hashlib.sha256(data).hexdigest())
        if isinstance(source, str | os.PathLike):
            path = Path(source)
            if path.is_dir():
                raise UnreadableError(f"{path.name or 'the path'} is a folder, not a file")
            try:
                with path.open("rb") as stream:
                    return cls._of(name or path.name, *_read(stream, path.name, max_bytes))
            except OSError as error:
                raise UnreadableError(f"cannot read {path.name}: {error.strerror or error}") from None
            except ValueError as error:  # an embedded NUL in the path
                raise UnreadableError(f"not a usable path: {error}") from None
        stream_name = name or Path(str(getattr(source, "name", "stream"))).name
        if not hasattr(source, "read"):
            raise UnreadableError(f"{type(source).__name__} is neither a path, nor bytes, nor a binary file object")
        try:
            return cls._of(stream_name, *_read(source, stream_name, max_bytes))
        except UnicodeDecodeError:
            raise UnreadableError(f"{stream_name} is a text stream; open it in binary mode") from None
        except (OSError, ValueError) as error:  # closed, detached, or failing underneath
            raise UnreadableError(f"cannot read {stream_name}: {getattr(error, 'strerror', None) or error}") from None

    @classmethod
    def _of(cls, name: str, data: bytes, sha256: str) -> Exhibit:
        return cls(name=name, data=data, sha256=sha256, media_type=sniff(data))


def _too_large(name: str, max_bytes: int) -> str:
    return f"{name} is larger than the limit of {max_bytes // (1 << 20)} MiB"


def _read(stream: BinaryIO, name: str, max_bytes: int) -> tuple[bytes, str]:
    digest, chunks, total = hashlib.sha256(), [], 0
    while chunk := stream.read(CHUNK_BYTES):
        if not isinstance(chunk, bytes):
            raise UnreadableError(f"{name} is a text stream; open it in binary mode")
        total += len(chunk)
        if total > max_bytes:
            raise UnreadableError(_too_large(name, max_bytes))
        digest.update(chunk)
        chunks.append(chunk)
    return b"".join(chunks), digest.hexdigest()


# ISO base-media brands (ISO/IEC 23008-12, registry at mp4ra.org). Anything else with an `ftyp` is taken for video.
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1", b"heif"}
_AVIF_BRANDS = {b"avif", b"avis"}
_VIDEO_BRANDS = {b"isom", b"iso2", b"mp41", b"mp42", b"M4V ", b"avc1", b"dash"}
_OTHER_BRANDS = {
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"crx ": "image/x-canon-cr3",
    b"jp2 ": "image/jp2",
    b"jpx ": "image/jp2",
}
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
# Sizes of the header that follows a BMP's first 14 bytes; two letters alone would make a BMP of many a text.
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
UNKNOWN = "application/octet-stream"


def sniff(data: bytes) -> str:
    """Media type by content (first bytes; ISO base-media brands), never by name; UNKNOWN when nothing is recognised."""
    head = data[:64]
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head[:4] in (b"RIFF", b"RF64") and len(head) >= 12:
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _sniff_iso(data)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip") and int.from_bytes(head[:4], "big") >= 8:
        return "video/quicktime"
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE0) and head[1] & 0x18 != 0x08:
        return _sniff_mpeg_audio(head)
    if data[188:189] == b"G" == data[:1] and data[376:377] in (b"G", b""):
        return "video/mp2t"
    return _sniff_text(data)


def _sniff_iso(data: bytes) -> str:
    size = min(max(int.from_bytes(data[:4], "big"), 16), 256)
    box = data[8:size]
    brands = [box[:4], *(box[i : i + 4] for i in range(8, len(box) - 3, 4))]
    if brands[0] in _OTHER_BRANDS:
        return _OTHER_BRANDS[brands[0]]
    if any(b in _AVIF_BRANDS for b in brands):
        return "image/avif"
    if brands[0] in _HEIF_BRANDS or (brands[0] not in _VIDEO_BRANDS and any(b in _HEIF_BRANDS for b in brands)):
        return "image/heic"
    return "video/3gpp" if brands[0][:2] == b"3g" else "video/mp4"


def _sniff_mpeg_audio(head: bytes) -> str:
    """A frame of MPEG audio, or ADTS; its bit rate and sampling rate must be ones that exist (ISO/IEC 11172-3)."""
    if head[1] & 0x06 == 0:
        return "audio/aac" if head[1] & 0xF0 == 0xF0 else UNKNOWN
    return UNKNOWN if head[2] & 0xF0 == 0xF0 or head[2] & 0x0C == 0x0C else "audio/mpeg"


def _sniff_text(data: bytes) -> str:
    """SVG, a web page, or plain text; anything with a NUL or a control character is unknown."""
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in start:
        return "image/svg+xml"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "text/html"
    try:
        text = data[:512].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < 500:  # not merely a character cut in two by our own window
            return UNKNOWN
        text = data[: error.start].decode("utf-8")
    return "text/plain" if text and all(c.isprintable() or c in "\t\r\n\f" for c in text) else UNKNOWN


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"%PDF-", "application/pdf"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"FLV\x01", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"FORM", "audio/aiff"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
)
