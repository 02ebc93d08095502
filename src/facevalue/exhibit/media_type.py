"""Media types by content. See RFC 6838 for the names; the signatures are those of the formats' specifications."""

from __future__ import annotations

from collections.abc import Callable

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
    """Media type by content, never by name; UNKNOWN when nothing is recognised. The first MiB of a file is enough."""
    head = data[:64]
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            closer = _CLOSER.get(media_type)
            return closer(data) if closer else media_type
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
    for start, step in (
        (0, 188),
        (4, 192),
    ):  # bare packets, and those of cameras and discs with a time stamp before each
        syncs = data[start : start + 1], data[start + step : start + step + 1]
        if syncs == (b"G", b"G") and data[start + 2 * step : start + 2 * step + 1] in (b"G", b""):
            return "video/mp2t"
    return _sniff_text(data)


def _sniff_ebml(data: bytes) -> str:
    """WebM or Matroska, by DocType (RFC 8794, section 11.2.4)."""
    at = data.find(b"\x42\x82", 4, 4096)
    return "video/webm" if at > 0 and data[at + 3 : at + 7] == b"webm" else "video/x-matroska"


def _sniff_ogg(data: bytes) -> str:
    """By the codecs whose headers open the stream (RFC 3533: pages that begin a logical stream come first)."""
    at = 0
    while data[at : at + 4] == b"OggS" and len(data) >= at + 28 and data[at + 5] & 2:
        table = data[at + 27 : at + 27 + data[at + 26]]
        body = at + 27 + len(table)
        if data[body : body + 7] in (b"\x80theora",) or data[body : body + 5] in (b"OVP80", b"BBCD\0"):
            return "video/ogg"
        at = body + sum(table)
    return "audio/ogg"


def _sniff_id3(data: bytes) -> str:
    """What follows the tag (its size has 7 bits a byte, ID3v2.4, section 3.1); MPEG audio when that cannot be seen."""
    size = sum((b & 0x7F) << shift for b, shift in zip(data[6:10], (21, 14, 7, 0), strict=False))
    after = data[10 + size : 74 + size]
    if after[:4] == b"fLaC":
        return "audio/flac"
    if len(after) > 3 and after[0] == 0xFF and after[1] & 0xF6 == 0xF0:
        return "audio/aac"
    return "audio/mpeg"


def _sniff_form(data: bytes) -> str:
    return "audio/aiff" if data[8:12] in (b"AIFF", b"AIFC") else UNKNOWN


_CLOSER: dict[str, Callable[[bytes], str]] = {
    "video/x-matroska": _sniff_ebml,
    "audio/ogg": _sniff_ogg,
    "audio/mpeg": _sniff_id3,
    "audio/aiff": _sniff_form,
}


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
    (b"#!AMR-WB", "audio/amr-wb"),
    (b"#!AMR", "audio/amr"),
    (b"FORM", "audio/aiff"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
)


def is_clip_type(media_type: str) -> bool:
    """Whether the type is one of moving pictures or sound."""
    return media_type.startswith(("video/", "audio/"))
