"""Counting the pictures in a file without decoding them, and without letting the count run away."""

from __future__ import annotations

from typing import Any

from PIL import Image


def count_frames(image: Image.Image, data: bytes, most: int) -> int:
    """Pictures in the file: 1 or more, counting stops at `most`. Pillow's own count of GIFs and TIFFs has no bound."""
    if image.format == "GIF":
        count = count_gif(data, most)
    elif image.format == "TIFF":
        count = count_tiff(data, most)
    else:
        count = _declared(image)
    return min(max(count, 1), most)


def _declared(image: Any) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except (TypeError, ValueError, EOFError, OSError, SyntaxError):
        return 1


def count_gif(data: bytes, most: int) -> int:
    """Image descriptors in a GIF's chain of blocks (GIF89a specification, appendix A)."""
    if len(data) < 13:
        return 0
    at, frames = 13 + _palette_bytes(data[10]), 0
    while at < len(data) and frames < most:
        kind = data[at]
        if kind == 0x2C and at + 10 <= len(data):
            frames += 1
            at = _after_sub_blocks(data, at + 11 + _palette_bytes(data[at + 9]))
        elif kind == 0x21:
            at = _after_sub_blocks(data, at + 2)
        elif kind == 0:  # a stray terminator, which every decoder skips
            at += 1
        else:
            break
    return frames


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def count_tiff(data: bytes, most: int) -> int:
    """Directories in a TIFF's or BigTIFF's chain; a chain that bites its tail ends there (TIFF 6.0, section 2)."""
    order: Any = "little" if data[:2] == b"II" else "big"
    big = int.from_bytes(data[2:4], order) == 43
    offset_bytes, count_bytes, entry_bytes = (8, 8, 20) if big else (4, 2, 12)
    at = int.from_bytes(data[8:16] if big else data[4:8], order)
    seen: set[int] = set()
    while at and at not in seen and at + count_bytes <= len(data) and len(seen) < most:
        seen.add(at)
        entries = int.from_bytes(data[at : at + count_bytes], order)
        link = at + count_bytes + entries * entry_bytes
        at = int.from_bytes(data[link : link + offset_bytes], order)
    return len(seen)
