"""First stage of `lab train reenactment`: the moments of every clip, of its takes, and of reenactments made from them.

Resumable: what was measured of a clip is one JSON file in the cache folder. A take of any clip, real or synthesised,
and a lab-made reenactment go through the same size and rate factor, so that a pair differs in nothing but how it was
made. Swapped faces (SWAPS) are another kind of forgery and are left out.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import FacevalueError
from facevalue.examiners.reenactment.moments import large_views, moments, why_not
from facevalue.exhibit import Exhibit
from facevalue.faces import Track
from facevalue.footage import Footage, watch
from facevalue.lab.calibrate_tracks import SWAPS, clips
from facevalue.lab.reenact import FAMILIES
from facevalue.lab.reenact_takes import as_track, published, take

Report = Callable[[str], None]
Open = Callable[[Path], Footage]
Floats = npt.NDArray[np.float64]

TAKE_S = 2.0
# A clip longer than this gives two takes.
TWO_TAKES_FROM_S = 8.0
SIDES, RATE_FACTORS = (176, 224, 256), (19, 30)
AS_IS, PUBLISHED = "as is", "published"
DIGITS = 4


@dataclass(frozen=True, slots=True)
class TrackRows:
    """The moments of one track. kind: AS_IS, PUBLISHED (a take) or a family of lab-made reenactments.

    pair: takes and what was made from them share it. label: 1 synthesised. nuisance: facts of the clip or copy that
    must not decide: log2 of the face's size, sharpness, frame rate, log2 of bits per pixel.
    """

    clip: str
    source: str
    label: int
    kind: str
    pair: str
    times: Floats
    rows: Floats
    nuisance: tuple[float, ...]


NUISANCES = ("log2 face size", "sharpness", "frames a second", "log2 bits per pixel")


def collect(data: Path, cache: Path, report: Report = print, open_footage: Open | None = None) -> list[TrackRows]:
    """Rows of every clip under data/videos, in order; cached by clip."""
    cache.mkdir(parents=True, exist_ok=True)
    opened = open_footage or (lambda path: watch(Exhibit.open(path)))
    out: list[TrackRows] = []
    for path, label, source in clips(data):
        if label and source in SWAPS:
            continue
        kept = cache / f"{label}_{path.name}.json"
        if not kept.is_file():
            try:
                made = list(read_clip(opened(path), path, label, source))
            except FacevalueError as error:
                report(f"{path.name}: {error}")
                continue
            kept.write_text(json.dumps([_record(row) for row in made]), encoding="utf-8")
            report(f"{path.name}: {len(made)} tracks")
        out += [_row(record) for record in json.loads(kept.read_text(encoding="utf-8"))]
    return out


def read_clip(footage: Footage, path: Path, label: int, source: str) -> Iterator[TrackRows]:
    """The largest track as it is, its takes, and, of a real clip, reenactments of each take."""
    tracks = [t for t in footage.tracks or () if why_not(t) is None]
    if not tracks or footage.table is None:
        return
    track, table = tracks[0], footage.table
    rate = float(1 / max(float(np.median(np.diff(table.time_s))), 1e-3))
    area = max(1, footage.info.width * footage.info.height)
    bits = float(np.log2(max(float(np.maximum(table.bytes, 0).mean()) * 8 / area, 1e-4)))
    yield _measured(path.name, source, label, AS_IS, "", track, rate, bits)
    length = round(TAKE_S * rate)
    for number, first in enumerate(_starts(len(table), length, rate)):
        rng = np.random.default_rng(zlib.crc32(f"{path.name} {number}".encode()))
        cut = take(path, track, table, first, length)
        if cut is None:
            continue
        side, crf = int(rng.choice(SIDES)), int(rng.integers(*RATE_FACTORS))
        copies = {PUBLISHED: cut.frames}
        if not label:
            names = ["warp", str(rng.choice(("lowrank", "decoded")))]
            copies |= {name: FAMILIES[name](cut, rng) for name in names}
        for kind, frames in copies.items():
            copy = as_track(cut, published(frames, cut.fps, side, crf))
            if why_not(copy) is None:
                yield _measured(
                    path.name,
                    source,
                    int(label or kind != PUBLISHED),
                    kind,
                    f"{path.name} {number}",
                    copy,
                    rate,
                    np.nan,
                )


def _starts(frames: int, length: int, rate: float) -> list[int]:
    count = 2 if frames / rate >= TWO_TAKES_FROM_S else 1
    return [int(x) for x in np.linspace(0, max(0, frames - length), count + 2)[1:-1]]


def _measured(
    clip: str, source: str, label: int, kind: str, pair: str, track: Track, rate: float, bits: float
) -> TrackRows:
    found = moments(track)
    faces = [view.face for view in large_views(track)]
    size = float(np.log2(np.median([face.size_px for face in faces])))
    sharpness = float(np.median([face.quality.sharpness for face in faces]))
    return TrackRows(clip, source, label, kind, pair, found.times, found.rows, (size, sharpness, rate, bits))


def _record(row: TrackRows) -> dict[str, Any]:
    arrays = {"times": np.round(row.times, DIGITS).tolist(), "rows": np.round(row.rows, DIGITS).tolist()}
    plain = {name: getattr(row, name) for name in ("clip", "source", "label", "kind", "pair")}
    return {**plain, **arrays, "nuisance": list(row.nuisance)}


def _row(record: dict[str, Any]) -> TrackRows:
    times, values = (np.array(record[name], np.float64) for name in ("times", "rows"))
    clip, source, kind, pair = (str(record[name]) for name in ("clip", "source", "kind", "pair"))
    return TrackRows(clip, source, int(record["label"]), kind, pair, times, values, tuple(record["nuisance"]))


def of_kind(rows: Sequence[TrackRows], *kinds: str) -> list[TrackRows]:
    """The rows of the given kinds."""
    return [row for row in rows if row.kind in kinds]


__all__ = ["AS_IS", "NUISANCES", "PUBLISHED", "TrackRows", "collect", "of_kind", "read_clip"]
