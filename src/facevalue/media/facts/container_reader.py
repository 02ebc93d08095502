"""Bounded reading of a container's bytes, and the collection that its parsers fill.

A container may be terabytes long and lie about every size in it. Parsers never see a stream: they ask a Window, which
counts bytes and reads and refuses when a budget is spent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from facevalue.media.facts.text import clean, decode

MAX_BYTES = 6 << 20
MAX_READS = 12_000
MAX_STRINGS = 120
MAX_ODDITIES = 30
# Keys and values that tell where something was recorded. That such a field is there matters here; the place does not.
_LOCATION_KEY = re.compile(r"location|gps|©xyz|^loci$|geo|latitude|longitude|iso6709", re.IGNORECASE)
_LOCATION_VALUE = re.compile(r"^\s*[+-]\d{1,3}(?:\.\d+)?[+-]\d{1,3}(?:\.\d+)?(?:[+-]\d+(?:\.\d+)?)?(?:CRS\w+)?/?\s*$")
MAC_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)


class FactsError(ValueError):
    """The bytes cannot be followed any further; its text is one plain sentence. Never leaves this package."""


class Window:
    """Random access to a stream with a budget of bytes and of reads.

    size: length of the stream in bytes. spent: bytes read so far. Raises FactsError when the stream cannot seek.
    """

    def __init__(self, stream: BinaryIO, max_bytes: int = MAX_BYTES, max_reads: int = MAX_READS) -> None:
        self._stream, self._bytes_left, self._reads_left = stream, max_bytes, max_reads
        self.spent = 0
        try:
            self.size = stream.seek(0, 2)
        except (OSError, ValueError, AttributeError):
            raise FactsError("the stream cannot be read at a chosen place") from None

    def read(self, position: int, count: int) -> bytes:
        """At most `count` bytes from `position`; fewer at the end of the stream. Raises FactsError over budget."""
        count = max(0, min(count, self.size - position))
        if position < 0 or count == 0:
            return b""
        self._reads_left -= 1
        if count > self._bytes_left or self._reads_left < 0:
            raise FactsError("the container's structure is larger than what is read of it")
        try:
            self._stream.seek(position)
            data = self._stream.read(count) or b""
        except (OSError, ValueError, OverflowError):
            raise FactsError("the stream could not be read") from None
        self._bytes_left -= len(data)
        self.spent += len(data)
        return data

    def exactly(self, position: int, count: int) -> bytes:
        """`count` bytes from `position`. Raises FactsError when there are fewer."""
        data = self.read(position, count)
        if len(data) < count:
            raise FactsError("the file ends inside its own structure")
        return data


@dataclass(slots=True)
class Found:
    """What the parsers of one file have gathered so far; it survives a parser that fails.

    facts: JSON-ready. strings: {"where", "key", "value"} of every text field. samples: places (offset, bytes, what)
    where coded pictures or sound begin, for the search of encoders' own marks. extras: raw bytes that may hold such
    marks.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    strings: list[dict[str, str]] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    samples: list[tuple[int, int, str]] = field(default_factory=list)
    extras: list[tuple[bytes, str]] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    location: bool = False

    def say(self, where: str, key: str, value: bytes | str) -> None:
        """Keep a text field, at most MAX_STRINGS of them; of a place only that it is there."""
        text = clean(decode(value) if isinstance(value, bytes) else value, 600)
        if not text or len(self.strings) >= MAX_STRINGS:
            return
        if _LOCATION_KEY.search(key) or _LOCATION_VALUE.match(text):
            self.location, text = True, "present"
        entry = {"where": where, "key": clean(key, 80), "value": text}
        if entry not in self.strings:
            self.strings.append(entry)

    def odd(self, sentence: str) -> None:
        """Note something that does not fit in the structure, at most MAX_ODDITIES of them, each once."""
        if sentence not in self.oddities and len(self.oddities) < MAX_ODDITIES:
            self.oddities.append(clean(sentence, 200))


def fourcc(raw: bytes) -> str:
    """A four-character code as text; MacRoman's copyright sign (0xA9) is written as ©."""
    return "".join("©" if b == 0xA9 else chr(b) if 32 <= b < 127 else "?" for b in raw)


def mac_time(seconds: int) -> str | None:
    """Seconds since 1904 (ISO/IEC 14496-12, QuickTime) as ISO 8601 in UTC; None for 0 (not set) and for nonsense."""
    if seconds <= 0:
        return None
    try:
        return (MAC_EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return None


def mostly_text(raw: bytes) -> bool:
    """Whether bytes read as a short text: at least three printable characters and hardly anything else."""
    head = raw.split(b"\0", 1)[0][:400]
    if len(head) < 3:
        return False
    text = decode(head)
    return sum(c.isprintable() or c in "\r\n\t" for c in text) >= 0.95 * len(text)
