"""An exhibit: a file exactly as received. It is read once, hashed while it is read, and never written to.

Pictures and everything small stay in memory. Clips and sounds do not: a film given as a path is hashed in one pass
without being kept, and one that arrives as a stream is spooled into a temporary file without a name once it is large.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from facevalue.errors import UnreadableError
from facevalue.exhibit.media_type import UNKNOWN, is_clip_type, sniff
from facevalue.exhibit.spool import Keeper, Spool, nameless, reopened

CHUNK_BYTES = 1 << 20
MAX_EXHIBIT_BYTES = 1 << 30
MAX_CLIP_BYTES = 64 << 30
# A clip or sound that does not come from a file is kept in memory up to here, and spooled beyond.
MAX_CLIP_IN_MEMORY = 64 << 20

Source = str | os.PathLike[str] | bytes | BinaryIO


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the bytes of an exhibit lie that are not kept in memory: a path, or a temporary file without a name.

    state: device, inode, size and time of change when they were hashed; None for a temporary file.
    """

    size: int
    path: Path | None = None
    spool: BinaryIO | None = None
    state: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Exhibit:
    """The bytes as received, with their sha256 (hex), name (no folders) and sniffed media type.

    media_type is decided by content, never by name: UNKNOWN ("application/octet-stream") when nothing is recognised.
    data: the bytes; empty for a clip or sound that is `stored` elsewhere. open_binary() and head() serve both.
    """

    name: str
    data: bytes = field(repr=False, compare=False)
    sha256: str
    media_type: str
    stored: Stored | None = field(default=None, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data) if self.stored is None else self.stored.size

    @classmethod
    def open(cls, source: Source, *, name: str | None = None, max_bytes: int | None = None) -> Exhibit:
        """Read a path, bytes or a binary file object, hashing in the same pass.

        max_bytes: by default MAX_CLIP_BYTES for clips and sounds, MAX_EXHIBIT_BYTES for all else.
        Raises UnreadableError when there is nothing to read or it is larger than max_bytes.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return _of_bytes(bytes(source), name or "bytes", max_bytes)
        if isinstance(source, str | os.PathLike):
            return _of_path(Path(source), name, max_bytes)
        stream_name = name or Path(str(getattr(source, "name", "stream"))).name
        if not hasattr(source, "read"):
            raise UnreadableError(f"{type(source).__name__} is neither a path, nor bytes, nor a binary file object")
        try:
            return _read(source, stream_name, max_bytes, None)
        except UnicodeDecodeError:
            raise UnreadableError(f"{stream_name} is a text stream; open it in binary mode") from None
        except (OSError, ValueError) as error:  # closed, detached, or failing underneath
            raise UnreadableError(f"cannot read {stream_name}: {getattr(error, 'strerror', None) or error}") from None

    @classmethod
    def unread(cls, source: Source, *, name: str | None = None) -> Exhibit:
        """Stands for a source that could not be read: its name, no bytes, no sha256."""
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(name or "bytes", b"", "", UNKNOWN)
        given = str(getattr(source, "name", source)).replace("\0", "")
        return cls(name or Path(given).name or "exhibit", b"", "", UNKNOWN)

    @contextlib.contextmanager
    def open_binary(self) -> Iterator[BinaryIO]:
        """A seekable, read-only binary file at its start; it has a descriptor, which a child process may inherit.

        Each call gives a file with a position of its own. Raises UnreadableError when a path cannot be opened any more.
        """
        with self._opened() as stream:
            yield stream

    def head(self, count: int) -> bytes:
        """The first `count` bytes, fewer when there are no more. Raises UnreadableError as open_binary() does."""
        if self.stored is None:
            return self.data[:count]
        with self.open_binary() as stream:
            return stream.read(count)

    def change_note(self) -> str | None:
        """A sentence when the file is no longer the one that was hashed, None when it is (as far as its dates tell)."""
        if self.stored is None or self.stored.path is None:
            return None
        try:
            if _state(os.stat(self.stored.path)) == self.stored.state:  # noqa: PTH116 - stat of a Path, spelled as fstat is
                return None
        except OSError:
            return "the file is no longer where it was when it was hashed"
        return "the file changed after it was hashed: what was examined need not be what the sha256 names"

    def _opened(self) -> BinaryIO:
        try:
            if self.stored is None:
                return nameless(self.data)
            if self.stored.path is not None:
                return self.stored.path.open("rb")
            assert self.stored.spool is not None
            return reopened(self.stored.spool)
        except OSError as error:
            raise UnreadableError(f"cannot read {self.name}: {error.strerror or error}") from None


def _of_bytes(data: bytes, name: str, max_bytes: int | None) -> Exhibit:
    media_type = sniff(data)
    limit = _limit(media_type, max_bytes)
    if len(data) > limit:
        raise UnreadableError(_too_large(name, limit))
    return Exhibit(name, data, hashlib.sha256(data).hexdigest(), media_type)


def _of_path(path: Path, name: str | None, max_bytes: int | None) -> Exhibit:
    if path.is_dir():
        raise UnreadableError(f"{path.name or 'the path'} is a folder, not a file")
    try:
        with path.open("rb") as stream:
            return _read(stream, name or path.name, max_bytes, path)
    except OSError as error:
        raise UnreadableError(f"cannot read {path.name}: {error.strerror or error}") from None
    except ValueError as error:  # an embedded NUL in the path
        raise UnreadableError(f"not a usable path: {error}") from None


def _read(stream: BinaryIO, name: str, max_bytes: int | None, path: Path | None) -> Exhibit:
    """One pass: sniff the head, then hash and keep, hash and spool, or only hash."""
    before = os.fstat(stream.fileno()) if path is not None else None
    head = _head(stream, name)
    media_type = sniff(head)
    limit = _limit(media_type, max_bytes)
    regular = before is not None and stat.S_ISREG(before.st_mode)
    clip = is_clip_type(media_type)
    keep = Spool(MAX_CLIP_IN_MEMORY) if clip and not regular else Keeper(not clip)
    digest, total, chunk = hashlib.sha256(), 0, head
    while chunk:
        total += len(chunk)
        if total > limit:
            raise UnreadableError(_too_large(name, limit))
        digest.update(chunk)
        keep(chunk)
        chunk = stream.read(CHUNK_BYTES)
    if not clip or not (regular or keep.spool):
        return Exhibit(name, keep.joined(), digest.hexdigest(), media_type)
    # The path is made absolute: the exhibit may be opened again after a change of folder.
    where = Stored(total, path.absolute(), None, _state(before)) if regular and path and before else None
    return Exhibit(name, b"", digest.hexdigest(), media_type, where or Stored(total, None, keep.spool))


def _head(stream: BinaryIO, name: str) -> bytes:
    """The first CHUNK_BYTES: a pipe may give them in pieces."""
    head = b""
    while len(head) < CHUNK_BYTES and (chunk := stream.read(CHUNK_BYTES - len(head))):
        if not isinstance(chunk, bytes):
            raise UnreadableError(f"{name} is a text stream; open it in binary mode")
        head += chunk
    return head


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _limit(media_type: str, max_bytes: int | None) -> int:
    if max_bytes is not None:
        return max_bytes
    return MAX_CLIP_BYTES if is_clip_type(media_type) else MAX_EXHIBIT_BYTES


def _too_large(name: str, max_bytes: int) -> str:
    return f"{name} is larger than the limit of {max_bytes // (1 << 20)} MiB"


__all__ = ["UNKNOWN", "Exhibit", "Source", "Stored", "is_clip_type", "sniff"]
