"""Where the samples of a sound gather while it is read: in memory, and beyond a bound in a file without a name."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

IN_MEMORY_BYTES = 64 << 20


class SampleStore:
    """Takes int16 samples as bytes, in order; gives them back as one read-only array."""

    def __init__(self, in_memory_bytes: int = IN_MEMORY_BYTES) -> None:
        self._most = in_memory_bytes
        self._parts: list[bytearray] = []
        self._file: Any = None
        self.bytes = 0

    def add(self, part: bytearray) -> None:
        """Keep samples. OSError when the temporary folder is full."""
        self.bytes += len(part)
        if self._file is not None:
            self._file.write(part)
            return
        self._parts.append(part)
        if self.bytes > self._most:
            self._file = tempfile.TemporaryFile(prefix="facevalue-")  # noqa: SIM115 - lives as long as its memory map
            self._file.writelines(self._parts)
            self._parts = []

    def samples(self) -> npt.NDArray[np.int16]:
        """int16 (n,), read-only: an array, or a memory map of the file."""
        if self._file is not None:
            self._file.flush()
            mapped: npt.NDArray[np.int16] = np.memmap(self._file, "<i2", mode="r")
            return mapped
        out = np.frombuffer(b"".join(self._parts), "<i2")
        self._parts = []
        return out
