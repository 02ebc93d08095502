"""Files that are either there in full or not at all, whatever moment the power goes or the process is killed."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from facevalue.registry.errors import RegistryError, is_full

LOCK_TIMEOUT_S = 60.0
_PAUSES_S = (0.001, 0.002, 0.005, 0.01)


def write_durably(path: Path, data: bytes, *, mode: int = 0o644, scratch: Path | None = None) -> None:
    """Write a file, flush it to the disk, rename it into place, and flush the folder: all or nothing.

    scratch: a folder on the same file system for the file on its way; by default that of the file itself. mode: its
    permission bits. Raises RegistryError when the storage is full, OSError for other troubles; neither leaves a part
    of the file.
    """
    write_all_durably({}, (path, data), scratch or path.parent, mode=mode)


def write_all_durably(
    files: Mapping[Path, bytes], last: tuple[Path, bytes], scratch: Path, *, mode: int = 0o644
) -> None:
    """Write many files and then one that gives them force, each all or nothing, as write_durably does.

    `last` comes into place when all others are on the disk. They are flushed together, because a disk's cache is
    emptied at most a few dozen times a second.
    """
    everything = [*files.items(), last]
    pending = [scratch / f"{path.name}.{number}.tmp" for number, (path, _) in enumerate(everything)]
    made = {folder for path, _ in everything for folder in _missing(path.parent)}
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        for (path, data), on_its_way in zip(everything, pending, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(on_its_way, data, mode)
        for on_its_way in pending:
            _flush(on_its_way)
        for path, on_its_way in zip(files, pending, strict=False):
            on_its_way.replace(path)
        sync_folders({*(path.parent for path in files), *(folder.parent for folder in made)})
        pending[-1].replace(last[0])
        sync_folders([last[0].parent])
    except OSError as error:
        _discard(pending)
        if is_full(error):
            raise RegistryError(full_sentence(last[0])) from error
        raise


def _write(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
        stream.write(data)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _missing(folder: Path) -> list[Path]:
    return [f for f in (folder, *folder.parents) if not f.exists()]


def full_sentence(path: Path) -> str:
    """What to say when there is no space for a file."""
    return f"no space is left to write {path.name}: nothing was half written; free some space and try again"


def sync_folders(folders: Iterable[Path]) -> None:
    """Flush folders to the disk, so that a rename within them outlasts a power cut; nothing to do on Windows."""
    if sys.platform == "win32":
        return
    for folder in sorted(set(folders)):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the one lock that the file at `path` stands for, among all processes and threads of this machine.

    The system gives it up when its holder dies. Raises RegistryError when somebody else keeps it for timeout_s.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        _wait_for(stream.fileno(), path, time.monotonic() + timeout_s)
        try:
            yield
        finally:
            _release(stream.fileno())


def _wait_for(descriptor: int, path: Path, deadline: float) -> None:
    tries = 0
    while not _try(descriptor):
        if time.monotonic() > deadline:
            raise RegistryError(f"another process holds {path.name} for too long: is one hanging?")
        time.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
        tries += 1


if sys.platform == "win32":  # pragma: no cover - the same, as Windows spells it
    import msvcrt

    def _try(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
