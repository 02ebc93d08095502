"""Claims by fingerprints of many features: local features of pictures, moments of clips, landmarks of sounds.

A value gives words (fingerprint.schemes), and a file beside the database says which claims have which word. Claims that
share the most are candidates; their values, which are rows of `bindings`, signed by their publishers, are then compared
for good. Nothing is decided by the file: it is derived, caught up with the table before every question, and made anew
when it is missing, damaged or of another database. Words are rare, so that a question reads a few thousand rows.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, bindparam, text

from facevalue.fingerprint.schemes import SCHEMES, WORD_BITS, Scheme
from facevalue.registry.store import search
from facevalue.registry.words import Algorithm, Binding, Claim

FOLDER = "features"
# Candidates whose values are compared, the most promising first.
MAX_CANDIDATES = 40
# A word that so many claims have tells them apart no more (test cards, jingles): it is not asked for.
MAX_POSTINGS = 4096
_FETCH = 2000
_BUSY_S = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS words (key INTEGER, entry INTEGER, PRIMARY KEY (key, entry)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states (algorithm INTEGER PRIMARY KEY, last INTEGER, entry INTEGER);
"""
_CANDIDATES = """
SELECT w.entry, COUNT(*) AS shared FROM json_each(?) AS k CROSS JOIN words AS w ON w.key = k.value
WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM words AS c WHERE c.key = k.value LIMIT ?)) < ?
GROUP BY w.entry HAVING shared >= ? ORDER BY shared DESC, w.entry LIMIT ?
"""
_NEWER = text(
    "SELECT id, entry, value FROM bindings WHERE id > :last AND algorithm + 0 = :algorithm ORDER BY id LIMIT :limit"
)
_ROW = text("SELECT entry FROM bindings WHERE id = :id AND algorithm + 0 = :algorithm")
_VALUES = text(
    "SELECT entry, value FROM bindings WHERE entry IN :entries AND algorithm + 0 = :algorithm ORDER BY id"
).bindparams(bindparam("entries", expanding=True))


class FeatureIndex:
    """The words of all such fingerprints of a registry. Safe to use from many threads and processes."""

    def __init__(self, root: Path) -> None:
        self._path = root / FOLDER / "words.sqlite"
        self._lock = threading.Lock()
        self._own: sqlite3.Connection | None = None

    def claims(self, connection: Connection, binding: Binding, known: tuple[int, Algorithm], size: int) -> list[Claim]:
        """The claims whose content agrees with that value, most agreeing first, then earliest first.

        known: the binding's algorithm and its number. Raises RefusedError for a value that the algorithm cannot have.
        """
        number, algorithm = known
        scores = self.scores(connection, number, SCHEMES[algorithm.name], algorithm.check(binding.value))
        leaves = sorted(leaf for leaf in scores if leaf < size)
        found = [
            replace(claim, score=scores[leaf])
            for leaf in leaves
            for claim in [search.by_leaf(connection, leaf, size)]
            if claim is not None
        ]
        return sorted((replace(c, how=algorithm.name) for c in found), key=lambda c: (-(c.score or 0), c.leaf))

    def scores(self, connection: Connection, number: int, scheme: Scheme, value: bytes) -> dict[int, int]:
        """How much each claim agrees with a value, for those that do."""
        candidates = self._candidates(connection, number, scheme, value)
        if not candidates:
            return {}
        values: dict[int, list[bytes]] = {}
        for entry, other in connection.execute(_VALUES, {"entries": candidates, "algorithm": number}):
            values.setdefault(int(entry), []).append(bytes(other))
        scores = {entry: scheme.score([value], others) for entry, others in values.items()}
        return {entry: score for entry, score in scores.items() if score}

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None

    # -- within

    def _candidates(self, connection: Connection, number: int, scheme: Scheme, value: bytes) -> list[int]:
        keys = json.dumps([number << WORD_BITS | word for word in scheme.probes(value).tolist()])
        try:
            return self._asked(connection, number, scheme, keys)
        except sqlite3.DatabaseError:
            return self._asked(connection, number, scheme, keys)  # of a new file

    def _asked(self, connection: Connection, number: int, scheme: Scheme, keys: str) -> list[int]:
        with self._opened() as index:
            self._catch_up(connection, index, number, scheme)
            wanted = (keys, MAX_POSTINGS, MAX_POSTINGS, scheme.least, MAX_CANDIDATES)
            return [int(entry) for entry, _ in index.execute(_CANDIDATES, wanted)]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file, made when it is missing. A damaged one is removed, and what was asked of it fails this once."""
        with self._lock:
            if self._own is None:
                self._own = self._open()
            try:
                yield self._own
            except sqlite3.DatabaseError:
                self._own.close()
                self._own = None
                self._remove()
                raise

    def _remove(self) -> None:
        for path in self._path.parent.glob("words.sqlite*"):
            with suppress(OSError):
                path.unlink()

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return _prepared(str(self._path))
        except sqlite3.DatabaseError:
            self._remove()
        except OSError:
            return _prepared(":memory:")
        try:
            return _prepared(str(self._path))
        except (OSError, sqlite3.DatabaseError):
            return _prepared(":memory:")

    def _catch_up(self, connection: Connection, index: sqlite3.Connection, number: int, scheme: Scheme) -> None:
        last = self._last(connection, index, number)
        while rows := connection.execute(_NEWER, {"last": last, "algorithm": number, "limit": _FETCH}).all():
            pairs = {
                (number << WORD_BITS | word, int(entry)) for _, entry, v in rows for word in _words(scheme, bytes(v))
            }
            last = int(rows[-1][0])
            with index:  # one transaction: a word is never there without the state that says so
                index.executemany("INSERT OR IGNORE INTO words VALUES (?, ?)", sorted(pairs))
                index.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?)", (number, last, int(rows[-1][1])))

    def _last(self, connection: Connection, index: sqlite3.Connection, number: int) -> int:
        """The newest row that is indexed; 0, and nothing indexed, when that row is another in this database."""
        state = index.execute("SELECT last, entry FROM states WHERE algorithm = ?", (number,)).fetchone()
        if state is None:
            return 0
        row = connection.execute(_ROW, {"id": state[0], "algorithm": number}).first()
        if row is not None and int(row[0]) == state[1]:
            return int(state[0])
        with index:
            index.execute(
                "DELETE FROM words WHERE key >= ? AND key < ?", (number << WORD_BITS, number + 1 << WORD_BITS)
            )
            index.execute("DELETE FROM states WHERE algorithm = ?", (number,))
        return 0


def _prepared(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut costs the newest words, which are read again
    connection.executescript(_SCHEMA)
    return connection


def _words(scheme: Scheme, value: bytes) -> list[int]:
    try:
        found: list[int] = scheme.words(value).tolist()
    except ValueError:  # registered before its form was checked
        return []
    return found
