"""Tracks of a clip: which bursts were read, what they say together, and the spans that show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.temporal.look import BurstLook, look_at_burst
from facevalue.examiners.temporal.model import TemporalModel
from facevalue.faces import Track
from facevalue.finding import Region

Floats = npt.NDArray[np.float64]

NO_BURSTS = "it was not seen in enough frames in a row at the clip's own rate"


@dataclass(frozen=True, slots=True)
class TrackLook:
    """What was read of one track. scores: float64 (n,), of its bursts. unread: why the others could not be read."""

    track: Track
    looks: tuple[BurstLook, ...]
    scores: Floats
    unread: tuple[str, ...] = ()

    @property
    def times(self) -> Floats:
        """Of the bursts, seconds."""
        return np.array([look.time_s for look in self.looks], np.float64)


def look_at_track(track: Track, model: TemporalModel) -> TrackLook:
    """Read every burst of one track."""
    read = [look_at_burst(track, burst) for burst in track.bursts]
    looks = tuple(sorted((r for r in read if isinstance(r, BurstLook)), key=lambda r: r.time_s))
    scores = np.array([model.score(look) for look in looks], np.float64)
    return TrackLook(track, looks, scores, tuple(r for r in read if isinstance(r, str)))


def why_unread(looks: Sequence[TrackLook]) -> str:
    """The commonest reason why tracks could not be judged, in a few words."""
    reasons = [why for look in looks for why in (look.unread or (NO_BURSTS,))]
    return Counter(reasons).most_common(1)[0][0]


def person_lrs(looks: Sequence[TrackLook], model: TemporalModel) -> dict[int, float]:
    """log10 LR by person: all bursts of the person's tracks together."""
    out = {}
    for person in sorted({look.track.person for look in looks}):
        mine = [look for look in looks if look.track.person == person]
        scores, times = np.concatenate([k.scores for k in mine]), np.concatenate([k.times for k in mine])
        out[person] = model.track.log10_lr(scores, times)
    return out


def track_regions(looks: Sequence[TrackLook], model: TemporalModel) -> tuple[Region, ...]:
    """One span a track. curve: [time, log10 LR of the burst alone]; growth: [time, of all bursts up to then]."""
    return tuple(_span(look, model) for look in looks)


def _span(look: TrackLook, model: TemporalModel) -> Region:
    track = look.track
    lr = model.track.log10_lr(look.scores, look.times)
    details = {
        "track": track.number,
        "person": track.person,
        "log10_lr": round(lr, 3),
        "bursts": len(look.looks),
        "curve": _rows(model.track.moments(look.scores, look.times)),
        "growth": _rows(model.track.growth(look.scores, look.times)),
        "loudest": [name for name, _ in loudest(look, model)],
    }
    return Region("span", f"track {track.number}", score=chance(lr), span=track.span, details=details)


def loudest(look: TrackLook, model: TemporalModel) -> list[tuple[str, float]]:
    """The traits that speak for a swap in the track's strongest burst, the loudest first."""
    return model.reasons(look.looks[int(np.argmax(look.scores))])


def _rows(curve: Floats) -> list[list[float]]:
    return [[round(float(t), 3), round(float(lr), 3)] for t, lr in curve]


def chance(log10_lr: float) -> float:
    """The likelihood ratio as a number in 0..1 for colouring; no posterior is meant."""
    return float(1.0 / (1.0 + 10.0**-log10_lr))
