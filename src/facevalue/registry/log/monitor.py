"""A monitor: it follows a log, remembers the last checkpoint it saw, and notices when the log was rewritten or forked.

When two signed checkpoints contradict each other, both are kept: together they convict the log, to anyone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from facevalue.registry.errors import ForkError, LogError
from facevalue.registry.files import locked, write_durably
from facevalue.registry.log.checkpoint import Checkpoint, cosigned_at, open_checkpoint
from facevalue.registry.log.merkle import EMPTY_ROOT, verify_consistency
from facevalue.registry.log.note import Note, VerifierKey
from facevalue.registry.log.paths import TILE_WIDTH
from facevalue.registry.log.reader import LogReader
from facevalue.registry.log.source import Source


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one visit found: the checkpoint seen before (the empty tree at first), the one now, and who cosigned it.

    checked: how many entries were hashed again.
    """

    before: Checkpoint
    now: Checkpoint
    checked: int
    cosigned: tuple[tuple[str, int], ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The sighting, JSON-ready."""
        return {
            "log": self.now.origin,
            "size": self.now.size,
            "root": self.now.root.hex(),
            "seen_before": self.before.size,
            "entries_checked": self.checked,
            "cosigned": [{"witness": name, "time": time} for name, time in self.cosigned],
        }


class Monitor:
    """Follows one log, known by its key. folder: where it keeps what it saw, and evidence of a fork."""

    def __init__(self, folder: Path, log: VerifierKey, witnesses: tuple[VerifierKey, ...] = ()) -> None:
        name = hashlib.sha256(str(log).encode()).hexdigest()[:16]
        self.folder = folder / name
        self.log = log
        self.witnesses = witnesses

    def seen(self) -> Checkpoint:
        """The last checkpoint that held; the empty tree when there is none. Raises LogError."""
        data = self._remembered()
        return open_checkpoint(data, self.log)[0] if data else Checkpoint(self.log.name, 0, EMPTY_ROOT)

    def visit(self, source: Source, *, everything: bool = False) -> Sighting:
        """Look at the log once; remember the checkpoint if all holds.

        New entries (everything: all of them) are read and hashed, the tiles are compared with the signed root, and the
        tree seen before must be a part of the tree now. Raises ForkError when signed checkpoints contradict each other
        (both are kept as evidence), LogError when the log's files do not fit its own checkpoint.
        """
        reader = LogReader(source)
        with locked(self.folder / ".lock"):
            before = self.seen()
            now, note = open_checkpoint(reader.checkpoint(), self.log)
            self._compare(before, now, note, reader)
            checked = self._check_entries(reader, 0 if everything else before.size, now)
            cosigned = tuple((w.name, t) for w in self.witnesses if (t := cosigned_at(note, w)) is not None)
            if now.size > before.size or not self._remembered():
                write_durably(self.folder / "seen.note", str(note).encode())
        return Sighting(before, now, checked, cosigned)

    def _compare(self, before: Checkpoint, now: Checkpoint, note: Note, reader: LogReader) -> None:
        if now.size < before.size:
            if _only_stale(before, now, reader):
                raise LogError(f"an old checkpoint: {now.size} entries, when {before.size} were seen before")
            self._convict(note, f"it went back from {before.size} to {now.size} entries")
        if now.size == before.size and now.root != before.root:
            self._convict(note, f"two trees of {now.size} entries have different roots")
        if reader.root(now.size) != now.root:
            raise LogError(f"the tiles of the log {now.origin} do not hash to its own checkpoint")
        try:
            verify_consistency(before.size, now.size, before.root, now.root, reader.consistency(before.size, now.size))
        except LogError:
            self._convict(note, f"its {now.size} entries do not extend the {before.size} seen before")

    def _check_entries(self, reader: LogReader, start: int, now: Checkpoint) -> int:
        bundles = range(start // TILE_WIDTH, -(-now.size // TILE_WIDTH)) if now.size > start else range(0)
        return sum(len(reader.entries(index, now.size)) for index in bundles)

    def _remembered(self) -> bytes | None:
        path = self.folder / "seen.note"
        return path.read_bytes() if path.exists() else None

    def _convict(self, note: Note, why: str) -> None:
        seen = self._remembered() or b""
        name = hashlib.sha256(str(note).encode()).hexdigest()[:16]
        write_durably(self.folder / f"evidence-{name}" / "before.note", seen)
        write_durably(self.folder / f"evidence-{name}" / "now.note", str(note).encode())
        raise ForkError(
            f"the log {self.log.name} was rewritten or forked: {why}; both signed checkpoints are kept in "
            f"{self.folder / f'evidence-{name}'}"
        )


def _only_stale(before: Checkpoint, now: Checkpoint, reader: LogReader) -> bool:
    """Whether the smaller tree is a part of the one seen before: then a cache is slow, and nothing was rewritten."""
    try:
        return reader.root(before.size) == before.root and reader.root(now.size) == now.root
    except LogError:
        return False
