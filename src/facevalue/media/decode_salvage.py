"""Making a damaged file readable: a PNG without its extras, a WebP filled up to the length it declares."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"tRNS"})
_PROFILE_CHUNKS = frozenset({b"iCCP", b"eXIf"})
# Filling up adds at most this much to a WebP, whatever its header claims.
MAX_WEBP_FILL = 64 << 20


def rebuilt_png(data: bytes, *, keep_profile: bool, mend: bool = False) -> bytes:
    """The PNG with only the chunks that its pixels need, and with keep_profile also iCCP and eXIf.

    mend: checksums are computed afresh, so that a damaged chunk is decoded as far as it goes. Without it a chunk that
    is cut off or has a wrong checksum stays as it is, for a strict decoder to refuse.
    """
    wanted = _PIXEL_CHUNKS | _PROFILE_CHUNKS if keep_profile else _PIXEL_CHUNKS
    parts = [_PNG_SIGNATURE]
    for kind, body, checksum in _chunks(data):
        if kind not in wanted:
            continue
        if mend or (checksum is None and kind != b"IDAT"):
            checksum = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        parts += [struct.pack(">I", len(body)), kind, body, checksum or b"\0\0\0\0"]
    parts += [b"\0\0\0\0IEND\xaeB`\x82"]
    return b"".join(parts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes | None]]:
    """Kind, body and checksum of each chunk; the checksum is None where the chunk is cut off."""
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if kind == b"IEND" or not kind.isalpha():
            return
        yield kind, data[at + 8 : end], data[end : end + 4] if end + 4 <= len(data) else None
        at = end + 4


def padded_webp(data: bytes) -> tuple[bytes, float] | None:
    """A cut-off lossy WebP filled with zeros to the length its header declares, and the share of its rows that is real.

    None when nothing is missing or it is not lossy. libwebp refuses short data outright, but its arithmetic decoder
    reads zeros without complaint; the rows decoded from them are the caller's to blank. The share supposes that rows
    cost equally many bytes (RFC 6386, section 9.5: the first partition holds modes, the others the coefficients).
    """
    start = data.find(b"VP8 ", 12, 4096) + 8
    if start < 20 or len(data) < start + 10:
        return None
    declared = int.from_bytes(data[4:8], "little") + 8
    missing = declared - len(data)
    if not 0 < missing <= min(MAX_WEBP_FILL, 200 * len(data)):
        return None
    coefficients = start + 10 + (int.from_bytes(data[start : start + 3], "little") >> 5)
    if coefficients >= min(declared, len(data)):
        return None
    return data + bytes(missing), (len(data) - coefficients) / (declared - coefficients)


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a WebP declares in its first chunk (RFC 9649, sections 2.5 to 2.7); None when unclear."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None
