"""Benchmark sets: which labelled pictures, clips and recordings are read from which layout.

Three layouts are understood; --data names any of them.

    DATA/real/, DATA/fake/[GENERATOR/]      one set, named after the folder
    DATA/index.tsv                          one set; columns file, label (real|fake), and optionally source,
                                            generator, group, cluster, question
    DATA/SET/...                            several of the above
    DATA/images/...                         what `lab train` reads: matched, photos_wild_real, faces_*, faces_dfdc224
    DATA/videos/{real,fake}/SOURCE_*        clips; the prefix of a name is its source
    DATA/audio/index.tsv                    speech: file, label (bonafide|spoof), system, group, source, language, pair

`group` is the apparent group of the face shown, for error rates by group; `cluster` names samples that are not
independent (a clip, a person), which the bootstrap keeps together.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from facevalue.errors import UsageError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".gif", ".bmp"}
CLIP_SUFFIXES = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".flv", ".wmv", ".3gp"}
SOUND_SUFFIXES = {".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".amr", ".aiff", ".wma"}
PICTURE, CLIP, SOUND = "picture", "clip", "sound"
# What the fakes of a clip source are, as far as its name tells; others answer any question.
SWAP_SOURCES = {"ffpp", "dfdc", "ghost", "celebdf", "faceforensics"}
CLIP_QUESTIONS = ("face_swapped", "generated")
ANY_QUESTION = "any"
NO_GENERATOR = "-"


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled exhibit of one set. kind: picture, clip or sound. label: 0 bona fide, 1 synthetic or manipulated.

    name: path inside the set, "/"-separated, stable across machines. questions: those that the label answers, or
    ("any",) when it only says real or fake. trained_on: whether `lab train` reads this set, so that the picture
    counts as seen in training unless a split says otherwise. lab_key: its name in a split written by `lab train`.
    """

    path: Path
    set: str
    name: str
    label: int
    questions: tuple[str, ...]
    source: str = ""
    generator: str = NO_GENERATOR
    group: str = ""
    cluster: str = ""
    trained_on: bool = False
    lab_key: str = ""
    kind: str = PICTURE

    @property
    def key(self) -> str:
        """set/name."""
        return f"{self.set}/{self.name}"


def read_sets(
    data: Path,
    wanted: Iterable[str] = (),
    limit: int | None = None,
    question: str | None = None,
    keep: Callable[[Item], bool] = lambda item: True,
) -> list[Item]:
    """Every labelled picture under data, sorted; wanted limits it to those sets.

    limit: at most that many of each class of each set, spread evenly over the sorted files, and so over sources.
    question: what plain folders answer ("any" unless told). keep: pictures it refuses are left out first. Raises
    UsageError when nothing is found.
    """
    if not data.is_dir():
        raise UsageError(f"no folder {data.name} to read benchmark sets from")
    names, items = set(wanted), []
    for name, read in _readers(data, question or ANY_QUESTION).items():
        if not names or name in names:
            found = sorted(filter(keep, read()), key=lambda item: item.name)
            items += found if limit is None else [*_spread(found, 0, limit), *_spread(found, 1, limit)]
    if missing := sorted(names - {item.set for item in items}):
        raise UsageError(f"no such set, or nothing in it: {', '.join(missing)}")
    if not items:
        raise UsageError(
            f"no benchmark set in {data.name}: it holds neither real/ and fake/, index.tsv, images/ nor videos/"
        )
    return items


def _spread(items: list[Item], label: int, limit: int) -> list[Item]:
    mine = [item for item in items if item.label == label]
    # Ordered by source first, so that equal steps reach every source.
    mine.sort(key=lambda item: (item.source, item.generator, item.name))
    return mine if len(mine) <= limit else [mine[i * len(mine) // limit] for i in range(limit)]


LABELS = {"real": 0, "0": 0, "bonafide": 0, "fake": 1, "1": 1, "spoof": 1}


def kind_of(path: Path) -> str:
    """PICTURE, CLIP or SOUND, by the name's suffix."""
    suffix = path.suffix.lower()
    return CLIP if suffix in CLIP_SUFFIXES else SOUND if suffix in SOUND_SUFFIXES else PICTURE


Reader = Callable[[], Iterator[Item]]


def _readers(data: Path, question: str) -> dict[str, Reader]:
    if any((data / name).is_dir() for name in ("images", "videos")) or (data / "audio" / "index.tsv").is_file():
        return {**_lab_readers(data / "images"), **_moving_readers(data)}
    if _is_plain(data):
        return {data.resolve().name: lambda: _plain(data, question)}
    folders = [folder for folder in sorted(data.iterdir()) if folder.is_dir() and _is_plain(folder)]
    return {folder.name: (lambda folder=folder: _plain(folder, question)) for folder in folders}  # type: ignore[misc]


def _is_plain(folder: Path) -> bool:
    return (folder / "index.tsv").is_file() or ((folder / "real").is_dir() or (folder / "fake").is_dir())


def _plain(folder: Path, question: str) -> Iterator[Item]:
    name = folder.resolve().name
    if (folder / "index.tsv").is_file():
        yield from (_indexed(folder, name, row, question) for row in _rows(folder / "index.tsv"))
        return
    for label, side in enumerate(("real", "fake")):
        for path in _files(folder / side, SUFFIXES | CLIP_SUFFIXES | SOUND_SUFFIXES):
            inner = path.relative_to(folder / side).parts[:-1]
            generator = (inner[0] if inner else "unnamed") if label else NO_GENERATOR
            source = inner[0] if inner and not label else ""
            where = path.relative_to(folder).as_posix()
            yield Item(path, name, where, label, (question,), source, generator, kind=kind_of(path))


def _indexed(folder: Path, name: str, row: dict[str, str], question: str) -> Item:
    label = LABELS.get((row.get("label") or row.get("class") or "").strip().lower())
    if label is None or not row.get("file"):
        raise UsageError(f"{name}/index.tsv wants the columns file and label (real or fake), not {row}")
    return Item(
        path=folder / row["file"],
        set=name,
        name=row["file"],
        label=label,
        questions=(row.get("question") or question,),
        source=row.get("source") or "",
        generator=(row.get("generator") or "unnamed") if label else NO_GENERATOR,
        group=row.get("group") or "",
        cluster=row.get("cluster") or "",
        kind=kind_of(Path(row["file"])),
    )


def _lab_readers(images: Path) -> dict[str, Reader]:
    readers: dict[str, Reader] = {}
    if (images / "matched" / "index.tsv").is_file():
        readers["matched"] = lambda: _matched(images / "matched")
    if (images / "photos_wild_real" / "index.tsv").is_file():
        readers["photos_wild_real"] = lambda: _wild(images / "photos_wild_real")
    if (images / "faces_dfdc224" / "pairs.tsv").is_file():
        readers["faces_dfdc224"] = lambda: _pairs(images / "faces_dfdc224")
    if folders := [f for kind in ("real", "gan", "diffusion") for f in sorted(images.glob(f"faces_{kind}_*"))]:
        # Aligned thumbnails of 89 x 109 px beside 256 px fakes would measure the size of the file.
        readers["faces_generated"] = lambda: _faces(f for f in folders if "celeba109" not in f.name)
    return readers


def _moving_readers(data: Path) -> dict[str, Reader]:
    readers: dict[str, Reader] = {}
    if (data / "videos").is_dir():
        readers["videos"] = lambda: _clips(data / "videos")
    if (data / "audio" / "index.tsv").is_file():
        readers["speech"] = lambda: _speech(data / "audio")
    return readers


def _clips(folder: Path) -> Iterator[Item]:
    for label, side in enumerate(("real", "fake")):
        for path in _files(folder / side, CLIP_SUFFIXES | {".webp", ".gif", ".avif"}):
            source = path.stem.partition("_")[0]
            answered = "face_swapped" if source in SWAP_SOURCES else "generated"
            asked = (answered,) if label else CLIP_QUESTIONS
            yield Item(
                path, "videos", f"{side}/{path.name}", label, asked, source, source if label else NO_GENERATOR,
                cluster=source, trained_on=True, lab_key=f"clip/{source}/{label}/{path.name}", kind=CLIP,
            )  # fmt: skip


def _speech(folder: Path) -> Iterator[Item]:
    for row in _rows(folder / "index.tsv"):
        path, label = folder / row["file"], LABELS[row["label"]]
        if path.is_file():
            # One page holds many systems read by the same voices: its clips are not independent.
            page, generator = row["source"].partition(":")[0], row["system"] if label else NO_GENERATOR
            yield Item(
                path, "speech", row["file"], label, ("voice_synthetic",), page, generator,
                group=row["language"], cluster=row["pair"] or (page if label else row["group"]), trained_on=True,
                lab_key=f"speech/{row['file']}", kind=SOUND,
            )  # fmt: skip


def _matched(folder: Path) -> Iterator[Item]:
    for row in _rows(folder / "index.tsv"):
        label = int(row["class"] == "fake")
        item = _whole(folder, row, label, row["set"], row["generator"])
        if item is not None:
            yield item


def _wild(folder: Path) -> Iterator[Item]:
    for row in _rows(folder / "index.tsv"):
        item = _whole(folder, row, 0, row["source"], NO_GENERATOR)
        if item is not None:
            yield replace(item, questions=("generated", "face_swapped"))


def _whole(folder: Path, row: dict[str, str], label: int, source: str, generator: str) -> Item | None:
    path = folder / "whole" / row["file"]
    if not path.is_file():
        return None
    return Item(
        path, folder.name, f"whole/{row['file']}", label, ("generated",), source, generator if label else NO_GENERATOR,
        trained_on=True, lab_key=f"whole/{source}/{label}/{path.name}",
    )  # fmt: skip


def _faces(folders: Iterable[Path]) -> Iterator[Item]:
    for folder in folders:
        kind, _, generator = folder.name.removeprefix("faces_").partition("_")
        label = int(kind != "real")
        for path in _pictures(folder):
            yield Item(
                path, "faces_generated", f"{folder.name}/{path.name}", label, ("generated",), folder.name,
                generator if label else NO_GENERATOR, trained_on=True,
                lab_key=f"file/{folder.name}/{label}/{path.name}",
            )  # fmt: skip


def _pairs(folder: Path) -> Iterator[Item]:
    seen = set()
    for row in _rows(folder / "pairs.tsv"):
        clip = Path(row["real"]).stem
        for side, label, generator in (("fake", 1, "dfdc"), ("real", 0, NO_GENERATOR)):
            if (path := folder / row[side]) not in seen and path.is_file():
                seen.add(path)  # a real frame may be the origin of several swaps
                yield Item(
                    path, folder.name, row[side], label, ("face_swapped",), folder.name, generator, cluster=clip,
                    trained_on=True, lab_key=f"file/{folder.name}/{label}/{path.name}",
                )  # fmt: skip


def _rows(index: Path) -> list[dict[str, str]]:
    with index.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _pictures(folder: Path) -> list[Path]:
    return _files(folder, SUFFIXES)


def _files(folder: Path, suffixes: set[str]) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes) if folder.is_dir() else []
