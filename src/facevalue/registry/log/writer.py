"""Appending to a log: tiles and bundles first, the checkpoint last; each file is written whole or not at all.

Until the new checkpoint stands, the old one holds and everything beyond it does not exist for a reader. Files beyond
the checkpoint that a crash left are overwritten by the next append.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.registry.errors import LogError
from facevalue.registry.files import locked, write_all_durably
from facevalue.registry.log import merkle
from facevalue.registry.log.checkpoint import (
    Checkpoint,
    cosigned_at,
    open_checkpoint,
    read_checkpoint,
    sign_checkpoint,
    with_signatures,
)
from facevalue.registry.log.merkle import HASH_BYTES
from facevalue.registry.log.note import ED25519, Note, Signature, VerifierKey, parse_note
from facevalue.registry.log.paths import CHECKPOINT, COSIGNED, TILE_HEIGHT, TILE_WIDTH, Tile, bundle, tiles_of
from facevalue.registry.log.reader import LogReader, make_bundle
from facevalue.registry.log.source import Folder

_SCRATCH = ".pending"
_LOCK = ".lock"


class LogWriter:
    """The log in a folder, with the key that signs its checkpoints. Many processes may append to one log.

    origin: the log's name, which is also the name of its key.
    """

    def __init__(self, folder: Path, origin: str, key: Ed25519PrivateKey) -> None:
        self.folder = folder
        self.origin = origin
        self.key = key
        self.reader = LogReader(Folder(folder))

    @property
    def verifier(self) -> VerifierKey:
        """The public key that checkpoints verify under."""
        return VerifierKey(self.origin, self.key.public_key().public_bytes_raw(), ED25519)

    def create(self) -> Checkpoint:
        """Begin an empty log, unless there is one already; its checkpoint. Raises LogError when it is not ours."""
        with locked(self.folder / _LOCK):
            if not (self.folder / CHECKPOINT).exists():
                self._publish(sign_checkpoint(Checkpoint(self.origin, 0, merkle.EMPTY_ROOT), self.key))
        return self.head()

    def head(self) -> Checkpoint:
        """The current checkpoint, verified. Raises LogError."""
        return open_checkpoint(self.reader.checkpoint(), self.verifier)[0]

    def append(self, entries: Sequence[bytes], at: int | None = None) -> Checkpoint:
        """Append entries (each at most 65,535 bytes) and publish the checkpoint over them; durable when it returns.

        at: the size that the log must have. Raises LogError when it has another, RegistryError when the storage is
        full: then the log is as it was.
        """
        with locked(self.folder / _LOCK):
            head = self.head()
            if at is not None and at != head.size:
                raise LogError(f"the log has {head.size} entries, not {at}")
            if not entries:
                return head
            size = head.size + len(entries)
            try:
                files = self._bundles(head.size, entries)
                files |= self._tiles(head.size, [merkle.leaf_hash(entry) for entry in entries])
                checkpoint = Checkpoint(self.origin, size, self.reader.root(size))
                self._publish(sign_checkpoint(checkpoint, self.key), files)
            except BaseException:
                self.reader.forget()  # it remembers tiles that never came into force
                raise
            self._tidy(head.size, size)
            return checkpoint

    def attach(self, cosignature: Signature, witness: VerifierKey) -> Note:
        """Publish a witness's cosignature beside the checkpoint that it is over: the current one or the last cosigned.

        Raises LogError when it is over neither or does not verify.
        """
        with locked(self.folder / _LOCK):
            for name in (CHECKPOINT, COSIGNED):
                data = self.reader.source.read(name)
                note = with_signatures(parse_note(data), [cosignature]) if data else None
                if note and _is_over(note, witness):
                    self._publish(note, name=COSIGNED)
                    if name == CHECKPOINT:
                        self._publish(note)
                    return note
        raise LogError("the cosignature is over neither the current checkpoint nor the last cosigned one")

    def _tiles(self, old: int, new: list[bytes]) -> dict[Path, bytes]:
        """The files of the tiles that change, level by level: each level's full tiles are the next one's hashes."""
        files: dict[Path, bytes] = {}
        level, fresh, complete = 0, new, list[bytes]()
        for tile in tiles_of(old, old + len(new)):
            if tile.level != level:
                level, fresh, complete = tile.level, complete, []
            data = self._begun(tile, old) + b"".join(self._share(tile, old, fresh))
            files[self.folder / tile.path] = data
            self.reader.remember(tile, data)
            if tile.width == TILE_WIDTH:
                complete.append(merkle.fold([data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]))
        return files

    def _begun(self, tile: Tile, old: int) -> bytes:
        """The hashes that the tile had in the tree of size `old`."""
        had = (old >> TILE_HEIGHT * tile.level) - tile.index * TILE_WIDTH
        return self.reader.tile(tile.level, tile.index, old) if had > 0 else b""

    @staticmethod
    def _share(tile: Tile, old: int, fresh: Sequence[bytes]) -> Sequence[bytes]:
        """Those of the level's new hashes that lie in the tile."""
        first = tile.index * TILE_WIDTH - (old >> TILE_HEIGHT * tile.level)
        return fresh[max(0, first) : first + tile.width]

    def _bundles(self, old: int, entries: Sequence[bytes]) -> dict[Path, bytes]:
        files: dict[Path, bytes] = {}
        for tile in (t for t in tiles_of(old, old + len(entries)) if t.level == 0):
            begun = self.reader.entries(tile.index, old) if tile.index * TILE_WIDTH < old else []
            content = make_bundle([*begun, *self._share(tile, old, entries)])
            files[self.folder / bundle(tile.index, tile.width).path] = content
        return files

    def _publish(self, note: Note, files: Mapping[Path, bytes] = MappingProxyType({}), name: str = CHECKPOINT) -> None:
        """Write the files, and then the note that gives them force."""
        write_all_durably(files, (self.folder / name, str(note).encode()), self.folder / _SCRATCH)

    def _tidy(self, old: int, new: int) -> None:
        """Partial tiles may go once the full one is there (C2SP tlog-tiles)."""
        for tile in tiles_of(old, new):
            if tile.width == TILE_WIDTH:
                for full in [tile] if tile.level else [tile, bundle(tile.index)]:
                    shutil.rmtree(self.folder / f"{full.path}.p", ignore_errors=True)


def _is_over(note: Note, witness: VerifierKey) -> bool:
    try:
        read_checkpoint(note)
        return cosigned_at(note, witness) is not None
    except LogError:
        return False
