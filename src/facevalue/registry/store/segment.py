"""An index over fingerprints that were registered one after the other: immutable, in memory or mapped from a file.

It holds, for each of the 16 bands, the fingerprints sorted by that band's 16 bits, and where each of the 65,536 values
begins in that order. A lookup reads 272 runs of places, fetches those fingerprints and compares them. Where the runs
are so long that comparing everything is cheaper, as for a million copies of one fingerprint, it does that: either way
the answer is exact, and the time is bounded by a pass over all of them.

The file is derived from the table `bindings` and holds nothing else: it may be deleted at any time. Little-endian:

    magic        16 bytes
    header       7 x int64: algorithm, after, last, count, CRC-32 of the rest, 0, 0
    entries      int64 (count,): the leaf of the claim that each fingerprint belongs to
    rows         count x 32 bytes: the fingerprints
    starts       uint32 (16, 65537)
    order        uint32 (16, count)
"""

from __future__ import annotations

import mmap
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.registry.files import write_durably
from facevalue.registry.store.bands import (
    BAND_BITS,
    BANDS,
    MAX_DISTANCE,
    VALUE_BYTES,
    Rows,
    band_words,
    distances,
    probe_words,
)

MAGIC = b"facevalue bands1"
SUFFIX = ".bands"
_HEADER = struct.Struct("<16s7q")
_VALUES = 1 << BAND_BITS
# Fetching a candidate costs about as much as passing this many fingerprints by.
_FETCH_COST = 6
_BAND = np.arange(BANDS)[:, None]


class BadSegment(Exception):
    """A file of the index that is not what it must be; it is made anew then."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The fingerprints of the rows of `bindings` whose id is in (after, last], all of one algorithm.

    entries: int64 (n,). rows: uint64 (n, 4). starts: uint32 (16, 65537). order: uint32 (16, n).
    """

    after: int
    last: int
    entries: npt.NDArray[np.int64]
    rows: Rows
    starts: npt.NDArray[np.uint32]
    order: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.entries)

    @classmethod
    def build(cls, after: int, last: int, entries: npt.NDArray[np.int64], rows: Rows) -> Segment:
        """Sort fingerprints: rows uint64 (n, 4), n < 2^32, with their entries, in the order of their ids."""
        order = np.empty((BANDS, len(rows)), np.uint32)
        starts = np.zeros((BANDS, _VALUES + 1), np.uint32)
        for band, words in enumerate(band_words(rows)):
            order[band] = np.argsort(words, kind="stable")  # a radix sort
            starts[band, 1:] = np.cumsum(np.bincount(words, minlength=_VALUES))
        return cls(after, last, entries, rows, starts, order)

    def near(self, value: bytes, distance: int = MAX_DISTANCE) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """The entries of the fingerprints within 0..31 bits of one of 32 bytes, and how far each is; with repeats."""
        places = self._candidates(value)
        bits = distances(value, self.rows if places is None else self.rows[places])
        hits = np.flatnonzero(bits <= min(distance, MAX_DISTANCE))
        return self.entries[hits if places is None else places[hits]], bits[hits]

    def _candidates(self, value: bytes) -> npt.NDArray[np.uint32] | None:
        """The places of what the probes meet, with repeats; None when that is as much as everything."""
        probes = probe_words(value)
        begin = self.starts[_BAND, probes].astype(np.int64)
        lengths = (self.starts[_BAND, probes + 1] - begin).ravel()
        total = int(lengths.sum())
        if total * _FETCH_COST >= len(self):
            return None
        first = (begin + _BAND * len(self)).ravel() - (np.cumsum(lengths) - lengths)
        return self.order.reshape(-1)[np.repeat(first, lengths) + np.arange(total)]

    # -- as a file

    def save(self, folder: Path, algorithm: int) -> Path:
        """Write the file, all or nothing. Raises OSError, or RegistryError when the disk is full."""
        parts = [np.ascontiguousarray(part).reshape(-1).view(np.uint8).data for part in self._parts()]
        check = 0
        for part in parts:
            check = zlib.crc32(part, check)
        head = _HEADER.pack(MAGIC, algorithm, self.after, self.last, len(self), check, 0, 0)
        path = folder / f"{algorithm}-{self.after}-{self.last}{SUFFIX}"
        write_durably(path, b"".join((head, *parts)))
        return path

    def _parts(self) -> tuple[npt.NDArray[np.generic], ...]:
        little = (("<i8", self.entries), ("<u8", self.rows), ("<u4", self.starts), ("<u4", self.order))
        # Fingerprints are bytes, whose order is kept; numbers are stored little-endian.
        return tuple(part if part is self.rows else part.astype(kind, copy=False) for kind, part in little)

    @classmethod
    def load(cls, path: Path, algorithm: int) -> Segment:
        """Map a file that save wrote. Raises BadSegment, OSError."""
        with path.open("rb") as stream:
            try:
                mapped = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError:
                raise BadSegment("the file is empty") from None
        if len(mapped) < _HEADER.size:
            raise BadSegment("the file is cut off")
        magic, number, after, last, count, check, *_ = _HEADER.unpack_from(mapped)
        sizes = (8 * count, VALUE_BYTES * count, 4 * BANDS * (_VALUES + 1), 4 * BANDS * count)
        if magic != MAGIC or number != algorithm or count < 1 or len(mapped) != _HEADER.size + sum(sizes):
            raise BadSegment("the file is of another kind or size")
        if zlib.crc32(mapped[_HEADER.size :]) != check:
            raise BadSegment("the file is damaged")
        entries, rows, starts, order = _cut(mapped[_HEADER.size :], sizes)
        return cls(
            after,
            last,
            np.frombuffer(entries, "<i8"),
            np.frombuffer(rows, np.uint64).reshape(-1, 4),
            np.frombuffer(starts, "<u4").reshape(BANDS, -1),
            np.frombuffer(order, "<u4").reshape(BANDS, -1),
        )


def _cut(data: memoryview, sizes: tuple[int, ...]) -> list[memoryview]:
    ends = np.cumsum(sizes).tolist()
    return [data[end - size : end] for size, end in zip(sizes, ends, strict=True)]
