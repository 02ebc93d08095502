"""Synthesis in clips: portraits of the main tracks and a few stills, joined over time.

A handful of moments is read: for each the whole still, one native window of it, and the portraits of the (at most two)
main tracks nearest in time. A moment's score is the mixture of what photograph heads and face heads say, as in
pictures; how moments of one clip depend on each other is learnt from clips (tracks.json, written by
`facevalue.lab.calibrate_tracks`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from facevalue.examiners.generated.heads import PHOTO_WHOLE, PHOTO_WINDOW, Combiner, mixture
from facevalue.examiners.generated.views import portrait_view, to_clip_input, whole_view, window_views
from facevalue.faces import Track, TrackView
from facevalue.finding import Region
from facevalue.footage import Footage
from facevalue.media.clip import Frame
from facevalue.opinion.over_time import TrackModel
from facevalue.sessions import usable_threads

TRACKS_FILE = "tracks.json"
FOLDER = Path(__file__).parent
MOMENTS = 4
MAIN_TRACKS = 2
WINDOWS = 6

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")
ReadView = Callable[[npt.NDArray[np.float32]], Mapping[str, float]]
Residual = Callable[[Pixels], float]


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a clip. photo: log10 LR of the still, None without one. faces: log10 LR by track number."""

    time_s: float
    photo: float | None
    faces: Mapping[int, float]

    @property
    def score(self) -> float:
        """The moment's log10 LR: photograph or face, each equally likely beforehand."""
        parts = [] if self.photo is None else [self.photo]
        if self.faces:
            parts.append(mixture(list(self.faces.values())))
        return mixture(parts)


@functools.cache
def clip_model() -> TrackModel:
    """The shipped model of a clip's moments."""
    return TrackModel.from_dict(json.loads((FOLDER / TRACKS_FILE).read_text(encoding="utf-8"))["clip"])


def main_tracks(footage: Footage) -> list[Track]:
    """The tracks whose portraits are read, largest first."""
    return [t for t in footage.tracks or () if t.views][:MAIN_TRACKS]


def read_moments(footage: Footage, read: ReadView, residual: Residual, combine: Combiner) -> list[Moment]:
    """Up to MOMENTS moments, those that showed anything, in order of time.

    read: heads' logits of one CLIP input. residual: the residual network's logit of one window. Both are called from
    several threads at a time: views side by side take less time than one after the other on all cores.
    """
    stills, tracks = _spread(footage.stills, MOMENTS), main_tracks(footage)
    with ThreadPoolExecutor(usable_threads() or 1) as pool:
        of_stills = pool.map(lambda turn: _photo(stills[turn], turn, read, residual, combine), range(len(stills)))
        of_tracks = pool.map(lambda track: _portraits(track, read, combine), tracks)
        portraits = {t.number: rows for t, rows in zip(tracks, of_tracks, strict=True)}
        photos = list(of_stills)
    times = [s.time_s for s in stills] or [t for t, _ in next(iter(portraits.values()), [])]
    out = []
    for i, time_s in enumerate(times):
        photo = photos[i] if stills else None
        faces = {number: rows[i % len(rows)][1] for number, rows in portraits.items() if rows}
        if photo is not None or faces:
            out.append(Moment(time_s, photo, faces))
    return sorted(out, key=lambda m: m.time_s)


def _portraits(track: Track, read: ReadView, combine: Combiner) -> list[tuple[float, float]]:
    """(time, log10 LR) of up to MOMENTS views whose portraits are large enough."""
    shown = [(v, p) for v in _spread(track.views, MOMENTS) if (p := _portrait(v)) is not None]
    return [(view.time_s, _face_lr(read(to_clip_input(portrait)), combine)) for view, portrait in shown]


def _portrait(view: TrackView) -> Pixels | None:
    return portrait_view(view.crop, view.in_crop)


def _face_lr(logits: Mapping[str, float], combine: Combiner) -> float:
    return mixture([family.predict_one(logits[name]) for name, family in combine.families.items()])


def _photo(still: Frame, turn: int, read: ReadView, residual: Residual, combine: Combiner) -> float:
    whole = read(to_clip_input(whole_view(still.pixels)))[PHOTO_WHOLE]
    windows = window_views(still.pixels, WINDOWS)
    if not windows:
        return combine.photo_whole.predict_one(whole)
    window = windows[(2 * turn + 1) % len(windows)]
    return combine.photo_full.predict_one(whole, read(to_clip_input(window))[PHOTO_WINDOW], residual(window))


def moment_regions(moments: Sequence[Moment], model: TrackModel, tracks: Sequence[Track]) -> tuple[Region, ...]:
    """One span over the moments with curve and growth, and one for each track whose portraits were read."""
    times, scores = np.array([m.time_s for m in moments]), np.array([m.score for m in moments])
    lr = model.log10_lr(scores, times)
    details: dict[str, Any] = {"log10_lr": round(lr, 3), "curve": _rows(model.moments(scores, times))}
    details["growth"] = _rows(model.growth(scores, times))
    span = (float(times.min()), float(times.max()))
    out = [Region("span", "moments that were read", score=_chance(lr), span=span, details=details)]
    for track in tracks:
        rows = [[round(m.time_s, 3), round(m.faces[track.number], 3)] for m in moments if track.number in m.faces]
        if rows:
            mean = float(np.mean([value for _, value in rows]))
            said = {"track": track.number, "person": track.person, "portraits_log10_lr": round(mean, 3)}
            label = f"track {track.number}: portrait heads"
            out.append(Region("span", label, score=_chance(mean), span=track.span, details={**said, "curve": rows}))
    return tuple(out)


def _spread(items: Sequence[T], count: int) -> list[T]:
    if len(items) <= count:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def _rows(curve: npt.NDArray[np.float64]) -> list[list[float]]:
    return [[round(float(t), 3), round(float(lr), 3)] for t, lr in curve]


def _chance(log10_lr: float) -> float:
    """The likelihood ratio as a number in 0..1 for colouring; no posterior is meant."""
    return float(1.0 / (1.0 + 10.0**-log10_lr))
