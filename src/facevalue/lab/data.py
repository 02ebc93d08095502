"""The data layout that `lab train` and `bench` read: one folder, sets named as below, labels in the set's place.

    DATA/images/matched/{index.tsv,whole,native}            photoreal pictures, real and generated, column `set`
    DATA/images/photos_wild_real/{index.tsv,whole,native}   real photographs only
    DATA/images/faces_<class>_<source>/                     faces; <class> real, gan or diffusion
    DATA/images/faces_dfdc224/{pairs.tsv,real,fake}         swaps with a real frame of the same clip
    DATA/videos/real/                                       real clips, for calibration
    DATA/images/photos_real_<source>/                       real photographs of any size

Whatever is absent is skipped with a message: the same code trains on any data laid out so.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled picture. label: 0 real, 1 fake. form: "file" (any picture), "whole" or "native" (already cut)."""

    path: Path
    source: str
    label: int
    generator: str
    form: str
    pair: str = ""

    @property
    def key(self) -> str:
        """A name that is stable across machines: form, source and file name."""
        return f"{self.form}/{self.source}/{self.label}/{self.path.name}"

    def seed(self, salt: int = 0) -> int:
        """A per-sample seed that does not depend on order."""
        return zlib.crc32(self.key.encode()) ^ (salt * 0x9E3779B1 & 0xFFFFFFFF)


def absent(root: Path) -> list[str]:
    """The parts of the layout that this data folder lacks, as paths below it; what is absent is not learned from."""
    parts = ("matched/index.tsv", "photos_wild_real/index.tsv", "faces_dfdc224/pairs.tsv")
    out = [f"images/{part}" for part in parts if not (root / "images" / part).is_file()]
    patterns = ("faces_real_*", "faces_gan_*", "faces_diffusion_*", "photos_real_*")
    return out + [f"images/{pattern}" for pattern in patterns if not any((root / "images").glob(pattern))]


def _rows(index: Path) -> list[dict[str, str]]:
    if not index.is_file():
        return []
    with index.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})


def matched(root: Path) -> Iterator[Sample]:
    """Real and generated pictures of the same kind, whole and native forms."""
    folder = root / "images" / "matched"
    for row in _rows(folder / "index.tsv"):
        for form in ("whole", "native"):
            if (path := folder / form / row["file"]).is_file():
                yield Sample(path, row["set"], int(row["class"] == "fake"), row["generator"], form)


def wild(root: Path) -> Iterator[Sample]:
    """Real photographs of many kinds, whole and native forms."""
    folder = root / "images" / "photos_wild_real"
    for row in _rows(folder / "index.tsv"):
        for form in ("whole", "native"):
            if (path := folder / form / row["file"]).is_file():
                yield Sample(path, row["source"], 0, "-", form)


def faces(root: Path, limit: int = 1000) -> Iterator[Sample]:
    """Whole-face pictures: real ones and those of face generators; at most limit files of each folder."""
    for folder in sorted((root / "images").glob("faces_*")):
        kind, _, source = folder.name.removeprefix("faces_").partition("_")
        if kind not in {"real", "gan", "diffusion"}:
            continue
        paths = _pictures(folder)
        step = max(1, len(paths) // limit)
        for path in paths[::step][:limit]:
            yield Sample(path, folder.name, int(kind != "real"), "-" if kind == "real" else source, "file")


def swap_pairs(root: Path) -> Iterator[tuple[Sample, Sample]]:
    """(fake, real) pairs of face swaps; the real one's name identifies the clip."""
    folder = root / "images" / "faces_dfdc224"
    for row in _rows(folder / "pairs.tsv"):
        pair = Path(row["real"]).stem
        yield (
            Sample(folder / row["fake"], "faces_dfdc224", 1, "dfdc", "file", pair),
            Sample(folder / row["real"], "faces_dfdc224", 0, "-", "file", pair),
        )


def photographs(root: Path) -> Iterator[Sample]:
    """Real photographs of any size."""
    for folder in sorted((root / "images").glob("photos_real_*")):
        for path in _pictures(folder):
            yield Sample(path, folder.name, 0, "-", "file")


def real_clips(root: Path) -> Iterator[Sample]:
    """Real video clips; the prefix of a name is its source."""
    folder = root / "videos" / "real"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in {".mp4", ".mov", ".mkv", ".webm"}:
            yield Sample(path, path.stem.partition("_")[0], 0, "-", "clip")


def clip_frames(path: Path, count: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Up to count frames spread over a clip, uint8 RGB (H, W, 3)."""
    clip = cv2.VideoCapture(str(path))
    total = int(clip.get(cv2.CAP_PROP_FRAME_COUNT))
    for index in np.linspace(0, max(0, total - 2), count).astype(int).tolist():
        clip.set(cv2.CAP_PROP_POS_FRAMES, index)
        found, frame = clip.read()
        if found:
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
    clip.release()
