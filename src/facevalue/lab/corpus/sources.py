"""The real pictures a corpus starts from, and who each of them shows."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facevalue.errors import UnreadableError, UsageError
from facevalue.lab.corpus.recipe import Source

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True, slots=True)
class Real:
    """A real picture. file: its path inside the source's folder, with slashes. identity: source/name, never alone."""

    source: str
    file: str
    path: Path
    identity: str
    sha256: str

    @property
    def key(self) -> str:
        """A name that does not depend on where the folder lies."""
        return f"{self.source}/{self.file}"


def pictures(source: Source, base: Path) -> list[Real]:
    """The source's pictures, sorted by name, hashed. base: where a relative folder starts.

    Raises UsageError when the folder or its index is missing, or when nothing is in it.
    """
    folder = (base / source.folder).expanduser()
    if not folder.is_dir():
        raise UsageError(f"source '{source.name}': {source.folder} is not a folder")
    named = sorted(_by_index(source, folder) if source.identity == "column" else _by_name(source, folder))
    if source.limit and len(named) > source.limit:
        named = [named[i * len(named) // source.limit] for i in range(source.limit)]
    if not named:
        raise UsageError(f"source '{source.name}': there are no pictures in {source.folder}")
    return [
        Real(source.name, file, folder / file, f"{source.name}/{who}", _sha256(folder / file)) for file, who in named
    ]


def _by_name(source: Source, folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        file = path.relative_to(folder).as_posix()
        if source.identity == "prefix":
            yield file, path.stem.partition(source.separator)[0] if source.separator else path.stem
        else:
            yield file, file if source.identity == "file" else PurePosixPath(file).parent.as_posix()


def _by_index(source: Source, folder: Path) -> Iterator[tuple[str, str]]:
    index = folder / source.index
    if not source.index or not index.is_file():
        raise UsageError(f"source '{source.name}': identity = \"column\" needs an index inside its folder")
    with index.open(newline="", encoding="utf-8", errors="replace") as stream:
        rows = list(csv.DictReader(stream, delimiter="," if index.suffix.lower() == ".csv" else "\t"))
    for row in rows:
        if any(row.get(name) != value for name, value in source.where.items()):
            continue
        file, who = row.get(source.file_column), row.get(source.column)
        if not file or not who:
            raise UsageError(f"source '{source.name}': a row of {source.index} lacks a file or a '{source.column}'")
        if not (folder / file).resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"source '{source.name}': {source.index} names a file outside its folder")
        if (folder / file).is_file():
            yield file, who


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror or error}") from None
