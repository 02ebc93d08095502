"""The people of a clip in numbers: each track with its best look, its span, its quality, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from facevalue.examine import Examination
from facevalue.faces.track import Track, TrackView
from facevalue.reports import evidence, lanes, overlay, words
from facevalue.reports.clock import between
from facevalue.reports.evidence import MAX_REGIONS
from facevalue.reports.timeline import axis_of
from facevalue.reports.words import plain

MAX_CARDS = 24
MAX_ROWS = 100
CARD_PX = 120


@dataclass(frozen=True, slots=True)
class TrackCard:
    """One track. crop: its sharpest large look; None where it has none, or where the report has enough pictures.

    scores: what each examiner states, in words. facts: what it rests on.
    """

    number: int
    person: int
    crop: str | None
    when: str
    size: str
    scores: tuple[str, ...]
    facts: str


@dataclass(frozen=True, slots=True)
class TrackList:
    """Cards with pictures, rows without, and the number of tracks that are in neither."""

    cards: tuple[TrackCard, ...]
    rows: tuple[TrackCard, ...]
    left_out: int


def build_tracks(exam: Examination) -> TrackList | None:
    """Every track, the strongest evidence first; None where there is none."""
    footage = exam.footage
    if footage is None or not footage.tracks:
        return None
    ordered = lanes.by_importance(footage.tracks, evidence.curves(exam.findings, axis_of(footage)))
    said = _said_of(exam)
    cards = tuple(_card(track, said, pictured=True) for track in ordered[:MAX_CARDS])
    rows = tuple(_card(track, said, pictured=False) for track in ordered[MAX_CARDS : MAX_CARDS + MAX_ROWS])
    return TrackList(cards, rows, max(0, len(ordered) - MAX_CARDS - MAX_ROWS))


def _said_of(exam: Examination) -> Mapping[int, Sequence[str]]:
    """What each examiner states of each track: the likelihood ratio of the region that speaks for the whole track
    (the one with its curve), else its highest score."""
    out: dict[int, dict[str, str]] = {}
    for finding in exam.findings:
        for region in islice(finding.regions, MAX_REGIONS):
            track, name = evidence.track_of(region), plain(finding.examiner)
            stated = evidence.number(region.details.get("log10_lr")) if track is not None else None
            if track is not None and stated is not None and "curve" in region.details:
                out.setdefault(track, {})[name] = words.lr_words(stated)
    return {track: [f"{name} {text}" for name, text in by_name.items()] for track, by_name in out.items()}


def _card(track: Track, said: Mapping[int, Sequence[str]], *, pictured: bool) -> TrackCard:
    start, end = track.span
    best = max(track.views, key=_goodness, default=None)
    sizes = np.minimum(track.boxes[:, 2], track.boxes[:, 3]) if len(track.boxes) else np.zeros(1)
    return TrackCard(
        number=track.number,
        person=track.person,
        crop=overlay.jpeg_uri(overlay.reduced(best.crop, CARD_PX), 82) if best is not None and pictured else None,
        when=f"{between(start, end, 1)}, {end - start:.1f} s",
        size=f"{float(np.median(sizes)):.0f} px",
        scores=tuple(said.get(track.number, ())),
        facts=f"{words.count(len(track.times), 'position')}, {_looks(track.views)}",
    )


def _goodness(view: TrackView) -> float:
    q = view.face.quality
    return float(np.log10(max(1.0, q.size_px)) + 0.5 * q.sharpness - abs(q.yaw) / 60)


def _looks(views: Sequence[TrackView]) -> str:
    if not views:
        return "no look was kept"
    qualities = [view.face.quality for view in views]
    sharpness, yaw = (float(np.median([getattr(q, name) for q in qualities])) for name in ("sharpness", "yaw"))
    return f"{words.count(len(views), 'look')}, median sharpness {sharpness:.1f}, yaw {yaw:+.0f}°"
