"""The fingerprints of a registry, kept in a form that is searched within milliseconds; the table stays the truth.

What is registered is a row of `bindings`, in SQLite or in PostgreSQL. Beside the database, this process keeps an exact
index of those rows: segments, which are immutable files in the registry's folder that all processes map, and a tail,
the newest rows, which are compared one by one. Every lookup first reads what was added since the last, so that it sees
what its transaction sees. Rows are never changed nor deleted, and their ids grow with time, because writers take turns.

When the tail is long enough, it becomes a segment in the background, together with segments before it that are not
much larger: their number grows as the logarithm of the registry, and each fingerprint is sorted that often.
A file that is missing, damaged, or of another database is made anew from the table.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, CursorResult, text

from facevalue.registry.errors import RegistryError
from facevalue.registry.files import locked
from facevalue.registry.store.bands import MAX_DISTANCE, Rows, as_rows, distances
from facevalue.registry.store.segment import SUFFIX, BadSegment, Segment

Numbers = npt.NDArray[np.int64]

FOLDER = "fingerprints"
# So many rows are compared in about 0.2 ms, and read from the database in 50 ms by a process that only just began.
TAIL_ROWS = 32_768
# Sorting takes about 0.5 s a million; larger ones are not merged any further, so that no merge takes minutes.
MAX_SEGMENT_ROWS = 1 << 23
_RETRY_S = 5.0
_FETCH = 65_536

# "+ 0" keeps both planners from using the index on (algorithm, value), which would read all of it every time.
_NEWER = text(
    "SELECT id, entry, value FROM bindings WHERE id > :last AND id <= :top AND algorithm + 0 = :algorithm "
    "ORDER BY id LIMIT :limit"
)
_TOP = text("SELECT max(id) FROM bindings")
_ROW = text("SELECT entry, value FROM bindings WHERE id = :id AND algorithm + 0 = :algorithm")


@dataclass(frozen=True, slots=True)
class _State:
    """What is indexed: the segments, one after the other, and the tail after them: ids, entries, rows.

    seen: the newest id that was looked at, of whatever algorithm.
    """

    segments: tuple[Segment, ...]
    ids: Numbers
    entries: Numbers
    rows: Rows
    seen: int

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> _State:
        nothing, end = np.empty(0, np.int64), segments[-1].last if segments else 0
        return cls(tuple(segments), nothing, nothing, np.empty((0, 4), np.uint64), end)

    @property
    def end(self) -> int:
        """The newest id within segments."""
        return self.segments[-1].last if self.segments else 0

    @property
    def last(self) -> int:
        """The newest id."""
        return int(self.ids[-1]) if len(self.ids) else self.end

    @classmethod
    def joined(cls, segments: tuple[Segment, ...], parts: Sequence[tuple[Numbers, Numbers, Rows]], seen: int) -> _State:
        """Segments, and a tail of parts that follow one another."""
        ids, entries, rows = zip(*parts, strict=True)
        return cls(segments, np.concatenate(ids), np.concatenate(entries), np.concatenate(rows), seen)

    def over(self, segments: Sequence[Segment]) -> _State:
        """With those segments, and of the tail what is newer."""
        end = segments[-1].last
        done = int(np.searchsorted(self.ids, end, side="right"))
        return _State(tuple(segments), self.ids[done:], self.entries[done:], self.rows[done:], max(self.seen, end))


class FingerprintIndex:
    """The fingerprints of one algorithm. Safe to use from many threads, and beside other processes."""

    def __init__(self, folder: Path, algorithm: int) -> None:
        self.folder = folder
        self.algorithm = algorithm
        self._state: _State | None = None
        self._lock = threading.Lock()
        self._work: threading.Thread | None = None
        self._again = 0.0

    def near(self, connection: Connection, value: bytes, distance: int = MAX_DISTANCE) -> dict[int, int | None]:
        """Every entry with a fingerprint (32 bytes) within 0..31 bits, and the smallest distance of each.

        Exact: all that the connection's transaction sees are found, and no other (see bands).
        """
        state = self.refresh(connection)
        limit = min(distance, MAX_DISTANCE)
        parts = [segment.near(value, limit) for segment in state.segments]
        bits = distances(value, state.rows)
        hits = np.flatnonzero(bits <= limit)
        parts.append((state.entries[hits], bits[hits]))
        found: dict[int, int | None] = {}
        for entries, far in parts:
            for entry, here in zip(entries.tolist(), far.tolist(), strict=True):
                before = found.get(entry)
                found[entry] = here if before is None else min(here, before)
        return found

    def refresh(self, connection: Connection) -> _State:
        """Take in what was added since; what there is to search then."""
        with self._lock:
            state = self._state if self._state is not None else self._adopted(connection)
            self._state = state = self._grown_by(connection, state)
            if len(state.rows) >= TAIL_ROWS and self._work is None and time.monotonic() >= self._again:
                # No daemon: a process that ends waits for it, or the next one would have to begin anew.
                self._work = threading.Thread(target=self._grow, name="facevalue fingerprints")
                self._work.start()
        return state

    def close(self) -> None:
        """Wait for what is being sorted."""
        work = self._work
        if work is not None:
            work.join()

    # -- from the database and from files

    def _grown_by(self, connection: Connection, state: _State) -> _State:
        """The state with what the table has beyond it."""
        top = int(connection.scalar(_TOP) or 0)
        if top <= state.seen:
            return state
        last, parts = state.seen, [(state.ids, state.entries, state.rows)]
        wanted = {"top": top, "algorithm": self.algorithm, "limit": _FETCH}
        while found := _raw(connection.execute(_NEWER, {"last": last, **wanted})):
            ids, entries, values = zip(*found, strict=True)
            parts.append((np.array(ids, np.int64), np.array(entries, np.int64), as_rows(b"".join(values))))
            last = ids[-1]
            if len(found) < _FETCH:
                break
        return _State.joined(state.segments, parts, top)

    def _adopted(self, connection: Connection) -> _State:
        """What lies in the folder, as far as it is of this database."""
        segments = self._on_disk(())
        while segments and not self._holds(connection, segments[-1]):
            _discard(self._path(segments.pop()))
        return _State.of(segments)

    def _holds(self, connection: Connection, segment: Segment) -> bool:
        row = connection.execute(_ROW, {"id": segment.last, "algorithm": self.algorithm}).first()
        own = (int(segment.entries[-1]), segment.rows[-1].tobytes())
        return row is not None and (int(row[0]), bytes(row[1])) == own

    def _on_disk(self, known: Iterable[Segment]) -> list[Segment]:
        """The segments that follow one another from the first row on, the widest first; known: no need to read them."""
        loaded = {(segment.after, segment.last): segment for segment in known}
        found: dict[int, list[int]] = {}
        for path in self.folder.glob(f"{self.algorithm}-*{SUFFIX}"):
            with contextlib.suppress(ValueError):
                _, after, last = map(int, path.name.removesuffix(SUFFIX).split("-"))
                found.setdefault(after, []).append(last)
        chain: list[Segment] = []
        while lasts := found.get(after := chain[-1].last if chain else 0):
            last = max(lasts)
            lasts.remove(last)
            if segment := loaded.get((after, last)) or self._loaded(after, last):
                chain.append(segment)
        return chain

    def _loaded(self, after: int, last: int) -> Segment | None:
        path = self.folder / f"{self.algorithm}-{after}-{last}{SUFFIX}"
        try:
            segment = Segment.load(path, self.algorithm)
        except BadSegment:
            _discard(path)
            return None
        except OSError:  # merged away by another process in this moment
            return None
        return segment if (segment.after, segment.last) == (after, last) and last > after else None

    def _path(self, segment: Segment) -> Path:
        return self.folder / f"{self.algorithm}-{segment.after}-{segment.last}{SUFFIX}"

    # -- growing, in a thread of its own

    def _grow(self) -> None:
        """Make a segment of the tail, or take over what another process made of it; one at a time does so."""
        try:
            with locked(self.folder / ".writer", timeout_s=0.0):
                self._consolidate()
        except RegistryError:  # another process is at it
            self._again = time.monotonic() + _RETRY_S
        except OSError:  # a folder that cannot be written to: this process keeps the segment in its memory
            self._consolidate(keep=False)
        finally:
            self._work = None

    def _consolidate(self, *, keep: bool = True) -> None:
        state = self._state
        assert state is not None
        ready = self._on_disk(state.segments) if keep else []
        if not ready or ready[-1].last <= state.end:
            ready = _merged(state)
            if keep:
                self._save(segment for segment in ready if all(segment is not old for old in state.segments))
        with self._lock:
            self._state = (self._state or state).over(ready)
        if keep:
            self._tidy(ready)

    def _save(self, segments: Iterable[Segment]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for segment in segments:
                segment.save(self.folder, self.algorithm)
        except (OSError, RegistryError):  # no space: the index is in memory, and the next process tries again
            return

    def _tidy(self, kept: Iterable[Segment]) -> None:
        """Remove what was merged into larger segments; processes that map it keep it."""
        names = {self._path(segment).name for segment in kept}
        for path in self.folder.glob(f"{self.algorithm}-*"):
            if path.name not in names:
                _discard(path)


def _raw(result: CursorResult[Any]) -> Sequence[Any]:
    """All rows as the driver gives them: many are read here, and to wrap each takes several times as long."""
    assert result.cursor is not None
    try:
        return result.cursor.fetchall()
    finally:
        result.close()


def _merged(state: _State) -> list[Segment]:
    """The segments with the tail sorted in: it takes the ones before it along that are at most twice its size.

    A tail that is too long for one segment, as of a large registry without an index, becomes several.
    """
    kept = list(state.segments)
    if len(state.rows) > MAX_SEGMENT_ROWS:
        for start in range(0, len(state.rows), MAX_SEGMENT_ROWS):
            part = slice(start, start + MAX_SEGMENT_ROWS)
            after, last = kept[-1].last if kept else 0, int(state.ids[part][-1])
            kept.append(Segment.build(after, last, state.entries[part], state.rows[part]))
        return kept
    entries, rows = [state.entries], [state.rows]
    count = len(state.rows)
    while kept and len(kept[-1]) <= 2 * count and len(kept[-1]) + count <= MAX_SEGMENT_ROWS:
        taken = kept.pop()
        entries.insert(0, taken.entries)
        rows.insert(0, taken.rows)
        count += len(taken)
    after = kept[-1].last if kept else 0
    return [*kept, Segment.build(after, state.last, np.concatenate(entries), np.concatenate(rows))]


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):  # gone already, or still mapped on Windows
        path.unlink()


class Fingerprints:
    """The indexes of all algorithms of a registry whose fingerprints are compared bit by bit."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._indexes: dict[int, FingerprintIndex] = {}
        self._lock = threading.Lock()

    def of(self, algorithm: int) -> FingerprintIndex:
        """The index of the algorithm with that number."""
        with self._lock:
            return self._indexes.setdefault(algorithm, FingerprintIndex(self._folder, algorithm))

    def close(self) -> None:
        """Wait for what is being sorted."""
        for index in list(self._indexes.values()):
            index.close()
