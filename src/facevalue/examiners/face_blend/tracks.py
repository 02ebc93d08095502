"""Blended faces in clips: up to 16 views of each track, one score a view, one likelihood ratio a track and a person.

Views are cut as faces in pictures are, at one margin each (the margins take turns), so that a clip costs no more than
a handful of pictures. How frames of one clip depend on each other is learnt from clips (tracks.json, written by
`facevalue.lab.calibrate_tracks`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.examiners.face_blend.crop import MIN_FACE_PX, face_crop, to_network
from facevalue.faces import Track, TrackView
from facevalue.finding import Region
from facevalue.footage import Footage
from facevalue.media import picture_quality
from facevalue.opinion.over_time import TrackModel

TRACKS_FILE = "tracks.json"
FOLDER = Path(__file__).parent
MAX_VIEWS = 16
MAX_MASKS = 3
BATCH = 8

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TrackLook:
    """What was read of one track. scores: float64 (n,), of views at times (s). masks: float32 (n, 20, 20), 0..1.

    boxes: the square of the frame that each mask covers.
    """

    track: Track
    views: tuple[TrackView, ...]
    scores: Floats
    logits: Floats
    masks: npt.NDArray[np.float32]
    boxes: tuple[Box, ...]

    @property
    def times(self) -> Floats:
        """Of the views, seconds."""
        return np.array([view.time_s for view in self.views], np.float64)


@functools.cache
def track_model() -> TrackModel:
    """The shipped model of one track."""
    return TrackModel.from_dict(json.loads((FOLDER / TRACKS_FILE).read_text(encoding="utf-8"))["track"])


def chosen_views(track: Track) -> tuple[TrackView, ...]:
    """At most MAX_VIEWS views of faces that are large enough, spread over the track."""
    views = [view for view in track.views if view.face.size_px >= MIN_FACE_PX]
    if len(views) > MAX_VIEWS:
        views = [views[i] for i in np.linspace(0, len(views) - 1, MAX_VIEWS).round().astype(int)]
    return tuple(views)


def clip_blockiness(footage: Footage) -> float:
    """Strength of a JPEG-like grid, the median over the clip's stills; 1 (none) without stills."""
    return float(np.median([picture_quality(s.pixels).blockiness for s in footage.stills] or [1.0]))


def view_logits(
    networks: Sequence[ort.InferenceSession], crops: npt.NDArray[np.uint8]
) -> tuple[Floats, npt.NDArray[np.float32]]:
    """Each crop's logit and mask, means over the networks: float64 (n,) and float32 (n, 20, 20)."""
    logits, masks = [], []
    for first in range(0, len(crops), BATCH):
        faces = to_network(crops[first : first + BATCH])
        outputs = [network.run(["logit", "mask"], {"faces": faces}) for network in networks]
        logits.append(np.mean([np.asarray(logit).reshape(len(faces)) for logit, _ in outputs], axis=0))
        masks.append(np.mean([np.asarray(mask) for _, mask in outputs], axis=0))
    return np.concatenate(logits).astype(np.float64), np.concatenate(masks).astype(np.float32)


def crop_views(views: Sequence[TrackView], margins: Sequence[float]) -> npt.NDArray[np.uint8]:
    """One crop a view, the margins taking turns, uint8 (n, 160, 160, 3)."""
    return np.stack([face_crop(view.crop, view.in_crop.box, margins[i % len(margins)]) for i, view in enumerate(views)])


def covered(view: TrackView, margin: float) -> Box:
    """The square of the frame that face_crop cut from the view at this margin: x, y, side, side."""
    x, y, w, h = view.in_crop.box
    height, width = view.crop.shape[:2]
    side = min(max(w, h) * margin, float(height), float(width))
    cx = min(max(x + w / 2, side / 2), width - side / 2)
    cy = min(max(y + h / 2, side / 2), height - side / 2)
    left, top = view.origin
    return (
        left + (cx - side / 2) / view.scale,
        top + (cy - side / 2) / view.scale,
        side / view.scale,
        side / view.scale,
    )


def person_lrs(looks: Sequence[TrackLook], model: TrackModel) -> dict[int, float]:
    """log10 LR by person: all views of the person's tracks together."""
    out = {}
    for person in sorted({look.track.person for look in looks}):
        mine = [look for look in looks if look.track.person == person]
        out[person] = model.log10_lr(np.concatenate([k.scores for k in mine]), np.concatenate([k.times for k in mine]))
    return out


def track_regions(looks: Sequence[TrackLook], model: TrackModel) -> tuple[Region, ...]:
    """One span a track with its curve, and heat maps of the strongest views.

    curve: [time, log10 LR of the view alone]; growth: [time, log10 LR of all views up to then].
    """
    spans = [_span(look, model) for look in looks]
    ranked = sorted(((float(s), k, i) for k, look in enumerate(looks) for i, s in enumerate(look.scores)), reverse=True)
    return (*spans, *(_mask(looks[k], i, model) for _, k, i in ranked[:MAX_MASKS]))


def _span(look: TrackLook, model: TrackModel) -> Region:
    track = look.track
    lr = model.log10_lr(look.scores, look.times)
    details = {
        "track": track.number,
        "person": track.person,
        "log10_lr": round(lr, 3),
        "views": len(look.views),
        "curve": _rows(model.moments(look.scores, look.times)),
        "growth": _rows(model.growth(look.scores, look.times)),
    }
    return Region("span", f"track {track.number}", score=_chance(lr), span=track.span, details=details)


def _mask(look: TrackLook, i: int, model: TrackModel) -> Region:
    view = look.views[i]
    lr = model.log10_lr(look.scores[i : i + 1], look.times[i : i + 1])
    heat = np.round(np.clip(look.masks[i], 0, 1) * 255).astype(np.uint8)
    label = f"track {look.track.number}: where it looks blended"
    details = {"time_s": round(view.time_s, 3), "track": look.track.number, "log10_lr": round(lr, 3)}
    return Region("mask", label, score=_chance(lr), box=look.boxes[i], mask=heat, details=details)


def _rows(curve: Floats) -> list[list[float]]:
    return [[round(float(t), 3), round(float(lr), 3)] for t, lr in curve]


def _chance(log10_lr: float) -> float:
    """The likelihood ratio as a number in 0..1 for colouring; no posterior is meant."""
    return float(1.0 / (1.0 + 10.0**-log10_lr))
