"""The frames that travel between the workbench and a worker process: a JSON header, then raw bytes.

Layout of a frame: length of the header (4 bytes, big-endian), length of the payload (8 bytes, big-endian), the
header as UTF-8 JSON, the payload. Nothing is ever unpickled, so a process taken over by a hostile file can answer
nonsense but cannot make its parent run anything.
"""

from __future__ import annotations

import json
import os
import signal
import struct
from typing import Any, BinaryIO

PREFIX = struct.Struct(">IQ")
MAX_HEADER_BYTES = 32 << 20
# Exit status by which a worker says that the memory limit left it no room even to answer.
EXIT_NO_MEMORY = 77


def pack(header: dict[str, Any], payload_bytes: int = 0) -> bytes:
    """Prefix and header of a frame whose payload, payload_bytes long, is written next."""
    body = json.dumps(header, separators=(",", ":")).encode("ascii")
    return PREFIX.pack(len(body), payload_bytes) + body


def unpack_header(body: bytes | bytearray | memoryview) -> dict[str, Any]:
    """The header of a frame; ValueError when it is not a JSON object."""
    header = json.loads(bytes(body))
    if not isinstance(header, dict):
        raise ValueError("a frame's header must be a JSON object")
    return header


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next frame of a blocking stream; None at its end. MemoryError when the payload does not fit."""
    prefix = stream.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    header_bytes, payload_bytes = PREFIX.unpack(prefix)
    header = unpack_header(stream.read(header_bytes))
    payload = stream.read(payload_bytes)
    return (header, payload) if len(payload) == payload_bytes else None


def send(stream: BinaryIO, header: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write one frame to an unbuffered stream."""
    for part in (memoryview(pack(header, len(payload))), memoryview(payload)):
        view = part
        while view:
            view = view[stream.write(view) :]


def take_over_stdio(*, errors: bool = False) -> tuple[BinaryIO, BinaryIO]:
    """Private copies of stdin and stdout, as (requests, answers); for the first lines of a worker.

    What a native library prints afterwards goes nowhere instead of into a frame; errors: what it prints on stderr too.
    Ctrl-C is left to the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb", buffering=1 << 16), os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2) if errors else (0, 1):
        os.dup2(null, fd)
    return requests, answers


def memory_sentence(memory_bytes: int) -> str:
    """What a LimitError says when decoding ran out of its memory limit."""
    return f"decoding needs more memory than the limit of {memory_bytes / (1 << 20):,.0f} MiB"
