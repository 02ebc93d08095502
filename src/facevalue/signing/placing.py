"""Where the output goes: beside its place first, into it at the end, never over an original.

Everything is written into a hidden folder next to the output. The output itself appears by one rename when all steps
are done, so that a process killed at any moment leaves either the complete file or none. What such a process left
behind is swept by the next signing of the same output; two at once are told apart by a lock.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from facevalue.errors import UsageError
from facevalue.registry.proof import MAX_PROOF_BYTES
from facevalue.registry.proof import SCHEMA as PROOF_SCHEMA
from facevalue.signing.errors import SigningError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOCK = "lock"
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the output goes. target: the file that is signed. originals: files that must not be touched.

    force: whether an earlier output may be replaced.
    """

    target: Path
    proof: Path
    originals: tuple[Path, ...]
    force: bool = False

    @classmethod
    def choose(cls, target: Path, originals: Sequence[Path], *, force: bool, proof: bool) -> Place:
        """Check that the output may be written there. Raises UsageError."""
        place = cls(target, target.with_name(f"{target.name}.proof.json"), tuple(originals), force)
        try:
            place.check(target)
            if proof and not place.orphaned():
                place.check(place.proof)
            if not target.parent.is_dir():
                raise UsageError(f"there is no folder {target.parent} to write into")
        except ValueError as error:  # an embedded NUL
            raise UsageError(f"not a usable path: {error}") from None
        except OSError as error:
            raise UsageError(f"{target.name} cannot be written: {error.strerror or error}") from None
        return place

    def orphaned(self) -> bool:
        """Whether a proof lies there without its signed file: a signing was killed at its very end."""
        try:
            if self.target.exists() or self.proof.stat().st_size > MAX_PROOF_BYTES:
                return False
            return bool(json.loads(self.proof.read_bytes())["schema"] == PROOF_SCHEMA)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def check(self, path: Path) -> None:
        """Raises UsageError when the path is an original by whatever name, a folder, or taken."""
        for original in self.originals:
            if _same(path, original):
                raise UsageError(
                    f"{path.name} is the original itself, or a link to it: originals are never overwritten"
                )
        if path.is_dir():
            raise UsageError(f"{path.name} is a folder")
        if os.path.lexists(path) and not self.force:
            raise UsageError(f"{path.name} exists already; --force replaces it")

    def put(self, ready: Sequence[tuple[Path, Path]]) -> None:
        """Move finished files (from, to) into place, the last one last; all of them or none.

        Raises UsageError when somebody else took a place meanwhile, SigningError when the system refuses.
        """
        placed: list[Path] = []
        if self.orphaned():
            self.proof.unlink(missing_ok=True)
        try:
            for source, final in ready:
                _flush(source)
                self.check(final)
                self._move(source, final)
                placed.append(final)
            _flush_folder(self.target.parent)
        except BaseException as error:
            if not self.force:  # what was replaced by force cannot be brought back; what is new can be taken away
                for path in placed:
                    path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise as_signing_error(error, self.target) from None
            raise

    def _move(self, source: Path, final: Path) -> None:
        if self.force:
            os.replace(source, final)  # noqa: PTH105 - atomic, over what may be there
            return
        try:
            os.link(source, final)  # unlike a rename, never over what appeared there meanwhile
        except FileExistsError:
            raise UsageError(f"{final.name} exists already; --force replaces it") from None
        except OSError:  # a file system without hard links
            os.rename(source, final)  # noqa: PTH104


@contextlib.contextmanager
def workplace(place: Place) -> Iterator[Path]:
    """A hidden folder beside the output, this process's alone, and gone afterwards.

    Raises SigningError when another process is signing the same output, or the folder cannot be made.
    """
    name = hashlib.sha256(os.fsencode(place.target.name)).hexdigest()[:16]
    folder = place.target.parent / f".facevalue-signing-{name}"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(_held(folder))
        except OSError as error:
            raise as_signing_error(error, place.target) from None
        _sweep(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def as_signing_error(error: OSError, target: Path) -> SigningError:
    """One sentence for what the system refused."""
    if error.errno in _FULL:
        return SigningError(
            f"no space is left to write {target.name}: nothing was half written; free some space and try again"
        )
    return SigningError(f"{target.name} cannot be written: {error.strerror or error}")


def _same(path: Path, original: Path) -> bool:
    """Whether they are one file: the same path, or a symbolic or hard link to it."""
    try:
        return path.samefile(original)
    except OSError:  # one of them is not there
        return path.absolute() == original.absolute()


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Whatever a process that was killed left in here."""
    for left in folder.iterdir():
        if left.name != _LOCK:
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The folder's lock, which the system gives up when its holder dies."""
    for _ in range(_TRIES):
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            stream = (folder / _LOCK).open("a+b")
        except FileNotFoundError:  # its last holder removed the folder in between
            continue
        with stream:
            if not _lock(stream):
                raise SigningError("another process is signing to the same output")
            if _current(stream, folder / _LOCK):
                yield
                return
    raise SigningError("another process is signing to the same output")


def _current(stream: IO[bytes], path: Path) -> bool:
    """Whether the locked file is still the one in the folder."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except OSError:
        return False


if sys.platform == "win32":  # pragma: no cover - the same, as Windows spells it
    import msvcrt

    def _lock(stream: IO[bytes]) -> bool:
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(stream: IO[bytes]) -> bool:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
