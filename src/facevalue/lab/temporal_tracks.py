"""Tracks for calibrating the examiner `temporal`: of clips made here (original and swap in pairs) and as published.

Following faces is the slow part, so tracks are kept on disk, one .npz each, and are not made again. Of a track is kept
what the examiner reads: bursts, embeddings, and positions.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from facevalue.errors import FacevalueError
from facevalue.exhibit import Exhibit
from facevalue.faces import Burst, Track
from facevalue.footage import watch
from facevalue.lab.calibrate_tracks import clips
from facevalue.lab.edit_clips import Shots
from facevalue.lab.temporal_clips import (
    CRFS,
    SMOOTHING,
    FaceRun,
    draw_recipe,
    main_track,
    read_run,
    swap,
    through_encoder,
)

Report = Callable[[str], None]
# Pairs made of each clip, and clips of one source of which they are made: sources with many are much alike within.
PAIRS, MOST_CLIPS = 2, 5
# Clips whose face may be put into the next ones, and by how much its pose may differ, in units of drift.pose.
DONORS, ALIKE_POSE = 5, 0.12
ORIGINAL, DECODED, PUBLISHED = "original", "as decoded", "as published"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A track and what is known of it. kind: ORIGINAL, DECODED, PUBLISHED, or what a swap put in. pair: joins a swap
    and its original; "" for other tracks. recipe: how it was made.
    """

    track: Track
    clip: str
    source: str
    label: int
    kind: str
    pair: str
    recipe: dict[str, Any]


def collect(data: Path, cache: Path, report: Report = print) -> list[Labelled]:
    """All tracks; those that the cache holds are not made again."""
    cache.mkdir(parents=True, exist_ok=True)
    everything = clips(data)
    make_pairs([path for path, label, _ in everything if not label], cache, report)
    for path, label, _ in everything:
        keep_published(path, label, cache, report)
    return list(kept(cache))


def make_pairs(paths: Sequence[Path], cache: Path, report: Report = print) -> None:
    """Originals and swaps of real clips. Sources take turns, so that what an interrupted run leaves is balanced."""
    donors: deque[tuple[str, FaceRun]] = deque(maxlen=DONORS)
    order = list(in_turn(paths))
    done = [cache / f"{path.name}.pairs" for path in order]
    for i, path in enumerate(order):
        if all(mark.is_file() for mark in done[i : i + DONORS + 1]):
            continue  # neither it nor a clip that its face could be put into is wanting
        try:
            run = read_run(path)
        except FacevalueError as error:
            if not done[i].is_file():
                report(f"{path.name}: {error}")
            done[i].touch()
            continue
        if not done[i].is_file():
            donor = nearest_in_pose(run, [other for source, other in donors if source != _source(path)])
            _make(path, run, donor, cache)
            done[i].touch()
            report(f"{path.name}: {PAIRS} pairs")
        donors.append((_source(path), run))


def _make(path: Path, run: FaceRun, donor: FaceRun | None, cache: Path) -> None:
    _keep_decoded(path, run, cache)
    for k in range(PAIRS):
        _make_pair(path, k, run, donor, cache)


def nearest_in_pose(run: FaceRun, donors: Sequence[FaceRun]) -> FaceRun | None:
    """The donor whose face looks the same way, since what is put in is not turned; None when none does."""
    off = [float(np.abs(run.pose - donor.pose).max()) for donor in donors]
    return donors[int(np.argmin(off))] if off and min(off) <= ALIKE_POSE else None


def in_turn(paths: Sequence[Path]) -> Iterator[Path]:
    """At most MOST_CLIPS clips of each source, spread over it, a different source each time as far as that goes."""
    by_source: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_source[_source(path)].append(path)
    chosen = [
        [mine[i] for i in np.unique(np.linspace(0, len(mine) - 1, MOST_CLIPS).round().astype(int))]
        for mine in by_source.values()
    ]
    for turn in zip_longest(*chosen):
        yield from (path for path in turn if path is not None)


def _source(path: Path) -> str:
    return path.stem.partition("_")[0]


def _keep_decoded(path: Path, run: FaceRun, cache: Path) -> None:
    """The run as it was decoded and cut out, without a trip of ours."""
    track = main_track(run.shots, run.landmarks)
    if track is not None:
        named = Labelled(track, path.name, _source(path), 0, DECODED, "", {})
        save(named, cache / f"{path.name}.decoded.npz")


def _make_pair(path: Path, k: int, run: FaceRun, donor: FaceRun | None, cache: Path) -> None:
    seed = zlib.crc32(f"{path.name} {k}".encode())
    rng = np.random.default_rng(seed)
    content = "other" if donor is not None and k % 2 else "own"
    recipe = draw_recipe(rng, content, float(rng.choice(SMOOTHING)), int(rng.choice(CRFS)))
    swapped = Shots(swap(run, donor, recipe, rng), run.shots.fps)
    pair, settings = f"{path.name} {k}", {name: getattr(recipe, name) for name in recipe.__slots__}
    for label, kind, shots in ((0, ORIGINAL, run.shots), (1, content, swapped)):
        track = main_track(through_encoder(shots, recipe.crf), run.landmarks)
        if track is not None:
            named = Labelled(track, path.name, _source(path), label, kind, pair, settings)
            save(named, cache / f"{path.name}.{k}.{label}.npz")


def keep_published(path: Path, label: int, cache: Path, report: Report = print) -> None:
    """Every track with bursts of a clip as it is."""
    done = cache / f"{label}.{path.name}.watched"
    if done.is_file():
        return
    try:
        tracks = watch(Exhibit.open(path)).tracks or ()
    except FacevalueError as error:
        report(f"{path.name}: {error}")
        tracks = ()
    for track in tracks:
        if track.bursts:
            named = Labelled(track, path.name, _source(path), label, PUBLISHED, "", {})
            save(named, cache / f"{label}.{path.name}.{track.number}.npz")
    done.touch()
    report(f"{path.name}: {len(tracks)} tracks")


def save(named: Labelled, path: Path) -> None:
    """Keep one track and what is known of it."""
    track = named.track
    known = {name: getattr(named, name) for name in ("clip", "source", "label", "kind", "pair", "recipe")}
    known |= {"number": track.number, "person": track.person, "bursts": len(track.bursts)}
    arrays: dict[str, Any] = {"known": np.array(json.dumps(known))}
    for name in ("times", "boxes", "landmarks", "embeddings", "embedding_times"):
        arrays[name] = getattr(track, name)
    for i, burst in enumerate(track.bursts):
        arrays |= {f"time_s{i}": burst.time_s, f"landmarks{i}": burst.landmarks, f"crops{i}": burst.crops}
        arrays[f"box{i}"] = np.array(burst.box)
    partial = path.with_suffix(".part")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
    partial.replace(path)


def load(path: Path) -> Labelled:
    """What save() kept; the track has no views."""
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    known = json.loads(str(arrays.pop("known")))
    bursts = tuple(
        Burst(
            arrays[f"time_s{i}"],
            arrays[f"landmarks{i}"],
            arrays[f"crops{i}"],
            tuple(float(v) for v in arrays[f"box{i}"]),  # type: ignore[arg-type]
        )
        for i in range(known.pop("bursts"))
    )
    names = ("times", "boxes", "landmarks", "embeddings", "embedding_times")
    own = {name: arrays[name] for name in names}
    track = Track(number=known.pop("number"), person=known.pop("person"), views=(), bursts=bursts, **own)
    return Labelled(track=track, **known)


def kept(cache: Path) -> Iterator[Labelled]:
    """Every kept track, in order of name, one at a time."""
    for path in sorted(cache.glob("*.npz")):
        yield load(path)
