"""Shards and index: Parquet files of encoded pictures, and one Parquet file that lists them all.

A shard's metadata hold the statement that this is synthetic training data, the plan's digest, and what was left out of
it and why. Its rows are the index's rows with two more columns, `image` and `mask`. Whoever reads one gets pixels in
memory; nothing here writes a picture file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facevalue.errors import MissingExtraError, UsageError
from facevalue.lab.corpus.equalise import STATEMENT

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:  # the extra is not there
    raise MissingExtraError("lab corpus", "lab") from None

Pixels = npt.NDArray[np.uint8]
INDEX, ABOUT, FOLDER = "index.parquet", "corpus.json", "shards"
MOST_SIDE_PX = 4096
_TEXT = (
    *("path", "sha256", "label", "pair", "maker", "parameters", "identity", "source", "file", "split", "launder"),
    *("codec", "mask_sha256", "source_sha256", "donor_identity", "donor_sha256", "dhash"),
)
_WHOLE = ("row", "seed", "width", "height", "quality")
LISTED = pa.schema([*((n, pa.string()) for n in _TEXT), *((n, pa.int64()) for n in _WHOLE)])
STORED = pa.schema([*LISTED, ("image", pa.binary()), ("mask", pa.binary())])
READ_ERRORS = (OSError, pa.ArrowException, ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class Sample:
    """What training reads. label: 0 real, 1 forged. mask: the share of forged pixels, float32 (S, S) in 0..1."""

    pixels: Pixels
    mask: npt.NDArray[np.float32]
    label: int
    row: Mapping[str, Any]


def write_shard(path: Path, rows: list[dict[str, Any]], digest: str, skipped: Mapping[str, str]) -> None:
    """Write a shard, whole or not at all. skipped: reasons by pair."""
    _write(path, STORED, rows, {"plan": digest, "skipped": json.dumps(dict(skipped), sort_keys=True)})


def write_index(folder: Path, rows: list[dict[str, Any]], digest: str) -> None:
    """Write the index."""
    _write(folder / INDEX, LISTED, rows, {"plan": digest})


def _write(path: Path, schema: Any, rows: list[dict[str, Any]], facts: Mapping[str, str]) -> None:
    stated = {"facevalue.corpus": STATEMENT, **{f"facevalue.{k}": v for k, v in facts.items()}}
    table = pa.Table.from_pylist(rows, schema=schema.with_metadata(stated))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    pq.write_table(table, partial, compression="zstd", use_dictionary=False, write_statistics=False)
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(path)


def facts(path: Path) -> dict[str, str]:
    """A shard's or index's own metadata; empty when the file is none of ours."""
    try:
        stored = pq.read_schema(path).metadata or {}
    except READ_ERRORS:
        return {}
    prefix = b"facevalue."
    return {
        k.removeprefix(prefix).decode(): v.decode(errors="replace") for k, v in stored.items() if k.startswith(prefix)
    }


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of an index or a shard. Raises UsageError when the file is damaged or holds other columns."""
    try:
        table = pq.read_table(path)
        wanted = STORED if "image" in table.column_names else LISTED
        return list(table.select(wanted.names).cast(wanted.remove_metadata()).to_pylist())
    except READ_ERRORS:
        raise UsageError(f"{path.name} is not a file of a corpus, or is damaged") from None


def about(folder: Path) -> dict[str, Any]:
    """The corpus's description. Raises UsageError when the folder holds no finished corpus."""
    try:
        raw = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise UsageError(f"{folder} holds no finished corpus: {ABOUT} is missing or damaged") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("shards"), dict):
        raise UsageError(f"{ABOUT} does not describe a corpus")
    return raw


def samples(folder: Path, split: str = "train") -> Iterator[Sample]:
    """Every picture of a split, pair by pair. Raises UsageError for what is not a corpus."""
    for name in sorted(about(folder)["shards"]):
        if name.startswith(f"{split}-") and "/" not in name:
            for row in rows(folder / FOLDER / name):
                yield sample(row)


def sample(row: Mapping[str, Any]) -> Sample:
    """A shard's row, decoded."""
    pixels = decoded(row["image"])
    mask = np.zeros(pixels.shape[:2], np.float32)
    if row["mask"] is not None:
        mask = np.asarray(decoded(row["mask"])[..., 0] / np.float32(255), np.float32)
    kept = {name: value for name, value in row.items() if name not in {"image", "mask"}}
    return Sample(pixels, mask, int(row["label"] == "fake"), kept)


def decoded(data: bytes) -> Pixels:
    """uint8 RGB (H, W, 3) of encoded bytes. Raises UsageError when they do not decode or are implausibly large."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP", "PNG")) as picture:
            if max(picture.size) > MOST_SIDE_PX:
                raise UsageError("a picture of the corpus is larger than any recipe allows")
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise UsageError("a picture of the corpus does not decode") from None


def sha256(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
