"""What a container holds, before anything is interpreted: the raw metadata blocks and where each was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

MAX_BLOCK = 8 << 20
MAX_TEXTS = 200


@dataclass(slots=True)
class Blocks:
    """Raw metadata blocks of one file.

    exif: a TIFF structure, without the "Exif\\0\\0" prefix. xmp: (where, packet). irb: Photoshop image resources.
    iim: a bare IPTC-IIM stream. texts: (where, keyword, text), such as PNG text chunks and comments.
    c2pa: where a manifest store lies. errors: what could not be read, one plain line each.
    """

    exif: bytes | None = None
    exif_where: str = ""
    xmp: list[tuple[str, bytes]] = field(default_factory=list)
    irb: bytes | None = None
    iim: bytes | None = None
    icc: bytes | None = None
    texts: list[tuple[str, str, str]] = field(default_factory=list)
    c2pa: str | None = None
    errors: list[str] = field(default_factory=list)

    def add_text(self, where: str, keyword: str, text: str) -> None:
        """Keep a text, up to MAX_TEXTS of them."""
        if len(self.texts) < MAX_TEXTS:
            self.texts.append((where, keyword, text))

    def add_exif(self, where: str, raw: bytes) -> None:
        """Keep the first EXIF block; later ones are rare and often leftovers."""
        if self.exif is None and raw:
            self.exif = raw[6:] if raw[:6] in (b"Exif\0\0", b"Exif\0\xff") else raw
            self.exif_where = where

    def add_xmp(self, where: str, raw: bytes) -> None:
        """Keep an XMP packet, up to eight of them, none larger than MAX_BLOCK."""
        if raw and len(self.xmp) < 8:
            if len(raw) > MAX_BLOCK:
                self.errors.append(f"xmp: the packet in {where} is too large to read")
                return
            self.xmp.append((where, raw))


def guard(errors: list[str], block: str, default: T, read: Callable[[], T]) -> T:
    """What `read` returns; when it fails, the default, and one line about the failure in `errors`.

    Everything is caught on purpose: the bytes are hostile, and one broken block must cost only that block.
    """
    try:
        return read()
    except Exception as error:
        if len(errors) < 40:
            errors.append(f"{block}: {type(error).__name__}: {str(error)[:160]}")
        return default
