"""From what the tracker kept to the tracks that examiners are given."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facevalue.faces.embed import WIDTH
from facevalue.faces.track import MAX_TRACKS, MAX_VIEWED_TRACKS, Track
from facevalue.faces.track_match import persons
from facevalue.faces.track_run import runs_between

if TYPE_CHECKING:
    from facevalue.faces.track_follow import Trail

# A face that was seen fewer times is as likely to be a false alarm; clips of a few looks have no more to show.
MIN_POSITIONS = 3


def finished_tracks(trails: Iterable[Trail], looks: int, cuts: Sequence[float]) -> tuple[Track, ...]:
    """Tracks by falling screen share, numbered, divided at cuts, with persons told apart."""
    least = min(MIN_POSITIONS, max(1, looks))
    whole = [_track(trail) for trail in trails if len(trail.positions.times) >= least]
    parts = [part for track in whole for part in divided(track, cuts) if len(part.times) >= least]
    parts.sort(key=lambda t: (-_share(t), t.span))
    parts = parts[:MAX_TRACKS]
    who = persons([t.embeddings for t in parts], [t.span for t in parts])
    numbered = [replace(t, number=i, person=p) for i, (t, p) in enumerate(zip(parts, who, strict=True), 1)]
    return tuple(t if t.number <= MAX_VIEWED_TRACKS else replace(t, views=(), bursts=(), runs=()) for t in numbered)


def _track(trail: Trail) -> Track:
    # A look that was held back is read after frames of a burst that came after it.
    times = np.array(trail.positions.times, np.float64)
    order = np.argsort(times, kind="stable")
    last = float(times[order[-1]])
    count = len(trail.embeddings.times)
    vectors = np.stack(trail.embeddings.vectors) if count else np.zeros((0, WIDTH), np.float32)
    return Track(
        number=0,
        person=0,
        times=times[order],
        boxes=np.array(trail.positions.boxes, np.float32)[order],
        landmarks=np.stack(trail.positions.landmarks).astype(np.float32)[order],
        views=tuple(v for v in trail.views.kept() if v.time_s <= last + 1e-6),
        bursts=tuple(b for b in trail.bursts.kept if b.time_s[0] <= last + 1e-6),
        embeddings=vectors,
        embedding_times=np.array(trail.embeddings.times, np.float64),
        runs=trail.runs.finished(last),
    )


def divided(track: Track, cuts: Sequence[float]) -> list[Track]:
    """The track as several, one for each shot; cuts are times at which a new shot begins."""
    inside = [c for c in cuts if track.span[0] < c <= track.span[1]]
    edges = [-np.inf, *sorted(inside), np.inf]
    return [part for a, b in itertools.pairwise(edges) if (part := _between(track, a, b)) is not None]


def _between(track: Track, start: float, end: float) -> Track | None:
    if start == -np.inf and end == np.inf:
        return track
    keep = (track.times >= start) & (track.times < end)
    if not keep.any():
        return None
    known = (track.embedding_times >= start) & (track.embedding_times < end)
    return replace(
        track,
        times=track.times[keep],
        boxes=track.boxes[keep],
        landmarks=track.landmarks[keep],
        views=tuple(v for v in track.views if start <= v.time_s < end),
        bursts=tuple(b for b in track.bursts if start <= b.time_s[0] and b.time_s[-1] < end),
        embeddings=track.embeddings[known],
        embedding_times=track.embedding_times[known],
        runs=runs_between(track.runs, start, end),
    )


def _share(track: Track) -> float:
    """Mean area of the box times seconds, in pixels x s; a look stands for at least a tenth of a second."""
    area = float((track.boxes[:, 2] * track.boxes[:, 3]).mean())
    return area * max(track.span[1] - track.span[0], 0.1)
