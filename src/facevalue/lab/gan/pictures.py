"""What a run learns from: a folder of pictures, decoded once, cut square, and packed into one file beside the run.

Every file goes through the package's limited decoding process, so a hostile one costs a sentence and no more. The
packed file is mapped, not read: the folder may be larger than memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UnreadableError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.media import Limits, decode

Pixels = npt.NDArray[np.uint8]
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".gif", ".bmp"})
FEWEST, MOST = 16, 1_000_000
MOST_FILE_BYTES = 64 << 20
LIMITS = Limits(pixels=64_000_000, memory_bytes=1 << 30, seconds=20.0)
SENTENCES = 20  # about skipped files; then only their number


@dataclass(frozen=True)
class Pictures:
    """pixels: uint8 (N, S, S, 3), mapped from a file, read-only. names: in the folder. digest: of the pixels."""

    pixels: Pixels
    names: tuple[str, ...]
    digest: str


def pack(
    folder: Path,
    side_px: int,
    store: Path,
    report: Callable[[str], None] = lambda line: None,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> Pictures:
    """The folder's pictures (subfolders too), centre-cropped and shrunk to side_px, packed in store/.

    A picture that does not decode, is smaller than side_px on its short side or larger than the limits is skipped,
    with a sentence. What was packed is used again as long as the folder's files have the same names, sizes and times.
    advance(done, of) is called now and then. Raises UsageError when fewer than FEWEST pictures are left.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    paths = list(islice(_files(folder), MOST + 1))
    if len(paths) > MOST:
        report(f"the folder holds more than {MOST:,} pictures: only the first {MOST:,} are used")
        del paths[MOST:]
    key = _key(folder, paths, side_px)
    index = store / f"pictures-{side_px}.json"
    known = _known(index, key, side_px)
    if known is None:
        names, digest = _write(folder, paths, side_px, index.with_suffix(".u8"), report, advance)
        _replace(index, json.dumps({"key": key, "names": names, "sha256": digest}).encode())
        known = Pictures(_mapped(index.with_suffix(".u8"), len(names), side_px), tuple(names), digest)
    return known


def open_packed(store: Path, side_px: int) -> Pictures:
    """What pack() left in store/, without the folder. Raises UsageError when there is none."""
    known = _known(store / f"pictures-{side_px}.json", None, side_px)
    if known is None:
        raise UsageError("the run's packed pictures are absent or damaged; run the training again")
    return known


def square(pixels: Pixels, side_px: int) -> Pixels:
    """The middle square, shrunk by area averaging: uint8 (side_px, side_px, 3)."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = pixels[top : top + side, left : left + side]
    return np.ascontiguousarray(cv2.resize(cut, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES:
                yield Path(root) / name


def _key(folder: Path, paths: Iterable[Path], side_px: int) -> str:
    digest = hashlib.sha256(f"{side_px}".encode())
    for path in paths:
        try:
            stat = path.stat()
        except OSError:  # a dangling link: it will be skipped
            continue
        digest.update(f"\0{_name(path, folder)}\0{stat.st_size}\0{stat.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _known(index: Path, key: str | None, side_px: int) -> Pictures | None:
    try:
        values = json.loads(index.read_text(encoding="utf-8"))
        if key is not None and values["key"] != key:
            return None
        names = tuple(str(name) for name in values["names"])
        return Pictures(_mapped(index.with_suffix(".u8"), len(names), side_px), names, str(values["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mapped(path: Path, count: int, side_px: int) -> Pixels:
    if path.stat().st_size != count * side_px * side_px * 3:
        raise ValueError("not the packed pictures")
    return np.memmap(path, np.uint8, "r", shape=(count, side_px, side_px, 3))


def _write(
    folder: Path,
    paths: list[Path],
    side_px: int,
    out: Path,
    report: Callable[[str], None],
    advance: Callable[[int, int], None],
) -> tuple[list[str], str]:
    names: list[str] = []
    digest, skipped = hashlib.sha256(), 0
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    workers = min(4, os.cpu_count() or 1)
    with partial.open("wb") as stream, ThreadPoolExecutor(workers) as pool:
        for group in (paths[i : i + 64] for i in range(0, len(paths), 64)):
            for path, made in zip(group, pool.map(lambda p: _read(p, side_px), group), strict=True):
                if isinstance(made, str):
                    skipped += 1
                    if skipped <= SENTENCES:
                        report(f"{_name(path, folder)}: {made}, skipped")
                    continue
                stream.write(made.tobytes())
                digest.update(made.tobytes())
                names.append(_name(path, folder))
            advance(len(names) + skipped, len(paths))
    if skipped > SENTENCES:
        report(f"{skipped:,} files were skipped in all")
    if len(names) < FEWEST:
        partial.unlink()
        raise UsageError(f"training needs at least {FEWEST} pictures of {side_px} px; {folder} gave {len(names)}")
    partial.replace(out)
    return names, digest.hexdigest()


def _read(path: Path, side_px: int) -> Pixels | str:
    """The picture, or why there is none."""
    try:
        if not path.is_file():
            return "not a file"
        pixels = decode(Exhibit.open(path, max_bytes=MOST_FILE_BYTES), LIMITS).picture.pixels
    except (DecodeError, UnreadableError) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    height, width = pixels.shape[:2]
    if min(height, width) < side_px:
        return f"{width} x {height} px is smaller than {side_px} px"
    return square(pixels, side_px)


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_suffix(".json.partial")
    partial.write_bytes(data)
    partial.replace(path)
