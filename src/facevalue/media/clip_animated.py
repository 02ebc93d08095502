"""Whether a picture moves: animated WebP, GIF and AVIF, told by content without decoding."""

from __future__ import annotations

from facevalue.exhibit import Exhibit
from facevalue.media.decode_frames import count_gif

ANIMATED_TYPES = frozenset({"image/webp", "image/gif", "image/avif"})
_MAX_CHUNKS = 100_000
# A frame that asks for this time or less is shown for SHOWN_MS, as browsers do.
SHORT_MS, SHOWN_MS = 10, 100


def is_animated(exhibit: Exhibit) -> bool:
    """Whether the exhibit is a picture of a type in ANIMATED_TYPES with more than one frame."""
    if exhibit.media_type == "image/gif":
        return count_gif(exhibit.data, 2) > 1
    if exhibit.media_type == "image/webp":
        return len(_webp_ms(exhibit.data, 2)) > 1
    return exhibit.media_type == "image/avif" and _avif_frames(exhibit.data) > 1


def animation_seconds(data: bytes, media_type: str) -> float:
    """Length of an animation as its frames declare it, seconds; 0.0 when they do not."""
    if media_type == "image/webp":
        times = _webp_ms(data, _MAX_CHUNKS)
    elif media_type == "image/gif":
        times = _gif_ms(data)
    else:
        return _avif_seconds(data)
    return sum(ms if ms > SHORT_MS else SHOWN_MS for ms in times) / 1000


def _webp_ms(data: bytes, most: int) -> list[int]:
    """Milliseconds of each frame, up to `most` of them (WebP container specification: ANMF chunks)."""
    at, times = 12, list[int]()
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data) or len(times) >= most:
            break
        if data[at : at + 4] == b"ANMF":
            times.append(int.from_bytes(data[at + 20 : at + 23], "little"))
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + (size & 1)
    return times


def _gif_ms(data: bytes) -> list[int]:
    """Milliseconds in each graphic control extension (GIF89a, section 23); blocks are found by their fixed frame."""
    at, times = 0, list[int]()
    while (at := data.find(b"\x21\xf9\x04", at)) >= 0 and len(times) < _MAX_CHUNKS:
        if data[at + 7 : at + 8] == b"\0":
            times.append(10 * int.from_bytes(data[at + 4 : at + 6], "little"))
        at += 3
    return times


def _avif_seconds(data: bytes) -> float:
    """Duration over time scale in the media header of the first track (ISO/IEC 14496-12, 8.4.2)."""
    box: tuple[int, int] | None = (0, len(data))
    for kind in (b"moov", b"trak", b"mdia", b"mdhd"):
        box = _box(data, box, kind) if box else None
    if box is None:
        return 0.0
    wide = data[box[0] : box[0] + 1] == b"\1"
    at, size = box[0] + (20 if wide else 12), 8 if wide else 4
    scale, length = int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 4 + size], "big")
    return length / scale if scale > 0 and length < scale * 1e6 else 0.0


def _avif_frames(data: bytes) -> int:
    """Samples of the first track of an image sequence (brand avis; ISO/IEC 14496-12, 8.7.3), 1 without a track."""
    box = (0, len(data))
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz"):
        found = _box(data, box, kind)
        if found is None:
            return 1
        box = found
    return int.from_bytes(data[box[0] + 8 : box[0] + 12], "big")


def _box(data: bytes, within: tuple[int, int], wanted: bytes) -> tuple[int, int] | None:
    """Body of the first box of that type in a range."""
    at, stop = within
    for _ in range(_MAX_CHUNKS):
        if at + 8 > stop:
            break
        size, body = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = min(at + size if size else stop, stop)
        if data[at + 4 : at + 8] == wanted:
            return body, end
        if end <= at:
            break
        at = end
    return None
