"""The speech pool that the `voice` examiner is trained on, and how it is split: by whole pages, never by file.

    DATA/audio/index.tsv    file, label (bonafide | spoof), system, group, source, language, pair
    DATA/audio/*.flac       16 kHz mono

A page is the part of `source` before the colon. Clips that share a page, a recording condition or an utterance
(`pair`) always fall on the same side of a split.
"""

from __future__ import annotations

import csv
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError

RATE_HZ = 16_000
FOLDS = 4
# Real speech that went through a neural codec: a spoof by convention, and reported apart.
CODEC_WORDS = ("encodec", "dac-", "lyra", "audiodec", "speechtokenizer", "toss-codec", "languagecodec", "soundstream")

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled clip. label: 0 bona fide, 1 spoof. fold: 0..FOLDS-1, the part that is judged when left out."""

    path: Path
    label: int
    system: str
    group: str
    page: str
    language: str
    pair: str
    fold: int = 0

    @property
    def stratum(self) -> str:
        """What batches are balanced over: a system of a page, or a recording condition."""
        return f"{self.page}|{self.system}" if self.label else self.group

    @property
    def codec(self) -> bool:
        """Whether this is real speech that a neural codec resynthesised."""
        name = self.system.lower()
        return self.label == 1 and any(word in name for word in CODEC_WORDS) and "bark" not in name

    @property
    def seed(self) -> int:
        """Stable across machines and orders."""
        return zlib.crc32(self.path.name.encode())


def read_index(data: Path, folds: int = FOLDS) -> list[Clip]:
    """Every clip of DATA/audio/index.tsv whose file is there, with its fold. Raises UsageError when there are none."""
    folder = data / "audio" if (data / "audio").is_dir() else data
    index = folder / "index.tsv"
    if not index.is_file():
        raise UsageError(f"{index} is missing")
    with index.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    clips = [clip for row in rows if (clip := _clip(folder, row)) is not None]
    if not clips:
        raise UsageError(f"no file that {index} names is there")
    return assign_folds(clips, folds)


def _clip(folder: Path, row: Mapping[str, str]) -> Clip | None:
    page = row["source"].split(":")[0]
    # A source without a page of its own is as good a unit as its system.
    page = page if page not in {"", "-"} else f"({row['system']})"
    path = folder / row["file"]
    if not path.is_file():
        return None
    label = int(row["label"] == "spoof")
    return Clip(path, label, row["system"], row["group"], page, row.get("language", ""), row.get("pair", ""))


def assign_folds(clips: Sequence[Clip], folds: int = FOLDS) -> list[Clip]:
    """The clips with their folds: connected pages, groups and pairs stay together, both classes spread evenly.

    Largest unit first, each to the fold where the classes' shares stay most even; deterministic.
    """
    unit = _units(clips)
    sizes = {name: _counts(clip for clip, own in zip(clips, unit, strict=True) if own == name) for name in set(unit)}
    total = _counts(clips)
    filled = [np.zeros(2) for _ in range(folds)]
    where: dict[str, int] = {}
    for name in sorted(sizes, key=lambda n: (-float((sizes[n] / np.maximum(total, 1)).max()), n)):
        share = sizes[name] / np.maximum(total, 1)
        where[name] = int(np.argmin([((have + share) ** 2).sum() - (have**2).sum() for have in filled]))
        filled[where[name]] += share
    return [
        Clip(c.path, c.label, c.system, c.group, c.page, c.language, c.pair, where[own])
        for c, own in zip(clips, unit, strict=True)
    ]


def _units(clips: Sequence[Clip]) -> list[str]:
    """The name of each clip's connected component over pages, groups and pairs (union-find)."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for clip in clips:
        for other in (f"group:{clip.group}", f"pair:{clip.pair}" if clip.pair else ""):
            if other:
                parent[find(other)] = find(f"page:{clip.page}")
    return [find(f"page:{clip.page}") for clip in clips]


def _counts(clips: Iterable[Clip]) -> npt.NDArray[np.float64]:
    labels = Counter(clip.label for clip in clips)
    return np.array([labels[0], labels[1]], np.float64)


def balance(clips: Sequence[Clip]) -> npt.NDArray[np.float64]:
    """Sampling weights, float64 (n,): each class sums to 1/2, and in it a stratum weighs the root of its size."""
    size = Counter((clip.label, clip.stratum) for clip in clips)
    weight = np.array([size[clip.label, clip.stratum] ** -0.5 for clip in clips])
    for label in (0, 1):
        mine = np.array([clip.label == label for clip in clips])
        if mine.any():
            weight[mine] /= 2 * weight[mine].sum()
    return weight


def pairs(clips: Sequence[Clip]) -> dict[str, tuple[list[int], list[int]]]:
    """Utterances spoken on both sides: pair -> (indices of bona fide clips, indices of spoofs)."""
    both: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for index, clip in enumerate(clips):
        if clip.pair:
            both[clip.pair][clip.label].append(index)
    return {pair: sides for pair, sides in both.items() if sides[0] and sides[1]}


def read_pcm(path: Path) -> Pcm:
    """A 16 kHz mono file as int16 (n,). Raises UsageError when it is something else."""
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
            rate = container.streams.audio[0].rate
    except (av.FFmpegError, IndexError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}") from None
    if rate != RATE_HZ or not frames or frames[0].shape[0] != 1 or frames[0].dtype != np.int16:
        raise UsageError(f"{path.name} is not 16 kHz mono of 16 bits")
    return np.concatenate([frame.ravel() for frame in frames])
