"""The worker's answers on their way to the reader: written by a thread of their own, with a bound on what may wait."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import Any, BinaryIO

from facevalue.sandbox.frames import pack

_QUEUED_BYTES = 48 << 20


class Outbox:
    """Answers on their way to the reader. blocked_s: how long decoding has waited for it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._room = threading.Condition()
        self._held = 0
        self._queue: queue.SimpleQueue[tuple[bytes, memoryview] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self.blocked_s = 0.0
        self._thread.start()

    def put(self, header: dict[str, Any], payload: memoryview | None = None) -> None:
        """Send a frame; waits while too much is on its way. The payload must not change afterwards."""
        body = payload if payload is not None else memoryview(b"")
        head = pack(header, body.nbytes)
        start = time.monotonic()
        with self._room:
            self._room.wait_for(lambda: self._held == 0 or self._held + body.nbytes <= _QUEUED_BYTES)
            self._held += body.nbytes
        self.blocked_s += time.monotonic() - start
        self._queue.put((head, body))

    def close(self) -> None:
        """Wait until everything is written."""
        self._queue.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                for part in item:
                    view = part if isinstance(part, memoryview) else memoryview(part)
                    while view:
                        view = view[self._stream.write(view) :]
            except OSError:  # the reader is gone: nobody wants the rest
                os._exit(0)
            with self._room:
                self._held -= item[1].nbytes
                self._room.notify()
