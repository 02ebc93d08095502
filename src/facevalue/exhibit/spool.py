"""Files without a name: where an exhibit's bytes lie when they have no path, and how a child process gets them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO


class Keeper:
    """Keeps chunks in memory, or forgets them."""

    def __init__(self, wanted: bool) -> None:
        self.wanted, self.chunks = wanted, list[bytes]()
        self.spool: BinaryIO | None = None

    def __call__(self, chunk: bytes) -> None:
        """Take the next chunk."""
        if self.wanted:
            self.chunks.append(chunk)

    def joined(self) -> bytes:
        """What is kept in memory."""
        return b"".join(self.chunks)


class Spool(Keeper):
    """Keeps chunks in memory until they are many, then in a temporary file without a name."""

    def __init__(self, in_memory_bytes: int) -> None:
        super().__init__(True)
        self.most, self.total = in_memory_bytes, 0

    def __call__(self, chunk: bytes) -> None:
        """Take the next chunk. Raises OSError when there is no room for it."""
        self.total += len(chunk)
        if self.spool is not None:
            _write(self.spool, chunk)
        else:
            self.chunks.append(chunk)
            if self.total > self.most:
                self.spool = _temporary(self.chunks)
                self.chunks = []


def _temporary(chunks: list[bytes]) -> BinaryIO:
    spool: Any = tempfile.TemporaryFile("w+b", buffering=0, prefix="facevalue-")  # noqa: SIM115 - lives with the exhibit
    for chunk in chunks:
        _write(spool, chunk)
    return spool  # type: ignore[no-any-return]


def _write(stream: BinaryIO, chunk: bytes) -> None:
    """All of it: a file without a buffer may take less."""
    view = memoryview(chunk)
    while view:
        view = view[stream.write(view) :]


def nameless(data: bytes) -> BinaryIO:
    """The bytes as a file without a name: in memory where the platform can, sealed against writing."""
    make: Callable[..., int] | None = getattr(os, "memfd_create", None)
    if make is None:
        spool = _temporary([data])
        spool.seek(0)
        return spool
    import fcntl

    fd = make("exhibit", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    stream = os.fdopen(fd, "r+b", buffering=0)
    _write(stream, data)
    stream.seek(0)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return stream


def reopened(spool: BinaryIO) -> BinaryIO:
    """A read-only file on the same temporary file with a position of its own; elsewhere than on Linux it shares it."""
    try:
        return Path(f"/proc/self/fd/{spool.fileno()}").open("rb")
    except FileNotFoundError:
        stream = os.fdopen(os.dup(spool.fileno()), "rb")
        stream.seek(0)
        return stream
