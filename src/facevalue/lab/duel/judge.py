"""The judge: a fixed set that neither side sees, and what it says of a head.

Real forgeries (swaps of clips that nobody learned from) and composites by code that the forgers do not share, each
beside real faces of the same people, as they are and laundered alike. For `generated`: faces that generators drew.
Intervals are 95% percentile intervals of a bootstrap over people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.duel.examiners import Examiner, Features
from facevalue.lab.duel.forgers import FORGERS, finish, is_forgery
from facevalue.lab.duel.head import Head
from facevalue.lab.duel.other_blends import cut, pyramid
from facevalue.lab.duel.pools import Pools, identity
from facevalue.lab.duel.space import Law, Number
from facevalue.lab.duel.tune import seed_of
from facevalue.lab.facebank import BankFace
from facevalue.lab.launder import augment
from facevalue.opinion.metrics import auc, recall_at_false_alarm, wilson

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
RESAMPLES = 400
FALSE_ALARMS = 0.01
Interval = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Exhibits:
    """features (n, d), labels (n,), kinds and groups (n,): a fixed set. Real rows have the kind of their forgeries."""

    features: Features
    labels: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """For a file."""
        return {"features": self.features, "labels": self.labels, "kinds": self.kinds, "groups": self.groups}


@dataclass(slots=True)
class _Collecting:
    pictures: list[Pixels]
    boxes: list[tuple[float, float, float, float]]
    marks: list[tuple[int, str, str]]

    def add(self, pixels: Pixels, face: BankFace, label: int, kind: str) -> None:
        self.pictures.append(pixels)
        self.boxes.append(face.box)
        self.marks.append((label, kind, identity(face)))

    def finished(self, examiner: Examiner) -> Exhibits:
        features = examiner.features(self.pictures, self.boxes, True)
        labels, kinds, groups = zip(*self.marks, strict=True)
        return Exhibits(features, np.array(labels), np.array(kinds), np.array(groups))


def judged(pools: Pools, examiner: Examiner) -> Exhibits:
    """The judge's set."""
    out = _Collecting([], [], [])
    if examiner.name == "generated":
        for face in (*pools.bases, *pools.drawn):
            for pixels in _ways(face.face.pixels, identity(face)):
                for kind in {f.source for f in pools.drawn} if face.label == 0 else {face.source}:
                    out.add(pixels, face, face.label, kind)
        return out.finished(examiner)
    for real, fake in pools.judged:
        for face in (real, fake):
            for pixels in _ways(face.face.pixels, identity(face)):
                out.add(pixels, face, face.label, "swaps")
    for face, made, kind in _composites(pools):
        for label, picture in enumerate((face.face.pixels, made)):
            for pixels in _ways(picture, f"{kind}/{identity(face)}"):
                out.add(pixels, face, label, kind)
    return out.finished(examiner)


def _composites(pools: Pools) -> Iterator[tuple[BankFace, Pixels, str]]:
    """(base, composite, kind): each base once, kinds and donors in turn; the donor is another of the same source."""
    swapped = [real for real, _ in pools.judged]
    for group in (list(pools.bases), swapped):
        for at, base in enumerate(group):
            donor = group[(at + 1 + len(group) // 2) % len(group)]
            if identity(donor) == identity(base):
                continue
            kind, make = (("pyramid", pyramid), ("cut", cut))[at % 2]
            yield base, make(base.face, donor.face), kind


def _ways(pixels: Pixels, name: str) -> tuple[Pixels, Pixels]:
    """As it is, and after a trip that is the same for both sides of a pair."""
    gone = augment(pixels, np.random.default_rng(seed_of("judge", name)))
    if gone.shape != pixels.shape:
        gone = np.asarray(cv2.resize(gone, pixels.shape[1::-1]), np.uint8)
    return pixels, gone


def clean(pools: Pools, examiner: Examiner) -> Exhibits:
    """Photographs as they are, and ordinary forgeries of them: by laws that know nothing of any examiner."""
    out = _Collecting([], [], [])
    for at, face in enumerate(pools.clean):
        out.add(face.face.pixels, face, 0, "clean")
        forger = FORGERS[examiner.forgers[at % len(examiner.forgers)]]
        rng = np.random.default_rng(seed_of("clean", identity(face)))
        donor = pools.clean[(at + 1) % len(pools.clean)]
        for _ in range(4):
            made = forger.make(face.face, donor.face, Law.open(forger.space).draw(rng), rng)
            if is_forgery(face.face, made):
                out.add(made.pixels, face, 1, "clean")
                break
    return out.finished(examiner)


def guard(pools: Pools, examiner: Examiner) -> Features:
    """Real faces that set the threshold: as they are, and twice with the finish that forgeries have."""
    space = {k: v for k, v in FORGERS[examiner.forgers[0]].space.items() if k in ("scale", "blur", "noise", "quality")}
    assert all(isinstance(part, Number) for part in space.values())
    pictures, boxes = [], []
    for face in pools.guard:
        rng = np.random.default_rng(seed_of("guard", identity(face)))
        for way in range(3):
            seen = finish(face.face.pixels, Law.open(space).draw(rng), way) if way else face.face.pixels
            pictures.append(seen)
            boxes.append(face.box)
    return examiner.features(pictures, boxes, False)


def threshold(head: Head, guarded: Features) -> float:
    """The score that one guard face in a hundred passes: the highest such of their scores."""
    return float(np.quantile(head(guarded), 1 - FALSE_ALARMS, method="higher"))


# What it says


def verdict(head: Head, exhibits: Exhibits, seed: int = 0) -> dict[str, dict[str, Interval]]:
    """AUC and recall at 1% false alarms of each kind, and `all`, the mean over the kinds: (value, low, high)."""
    drawn = _figures(head(exhibits.features), exhibits, _resampled(exhibits.groups, seed))
    return {kind: {name: _interval(values) for name, values in both.items()} for kind, both in drawn.items()}


def difference(new: Head, old: Head, exhibits: Exhibits, seed: int = 0) -> Interval:
    """New less old in the mean AUC over the kinds, drawn in pairs: (value, low, high)."""
    rows = _resampled(exhibits.groups, seed)
    after, before = (_figures(head(exhibits.features), exhibits, rows)["all"]["auc"] for head in (new, old))
    return _interval(after - before)


def alarms(head: Head, exhibits: Exhibits, at: float) -> Interval:
    """The share of clean real faces at or above a threshold, with its 95% Wilson interval."""
    found = head(exhibits.features[exhibits.labels == 0]) >= at
    low, high = wilson(float(found.mean()), float(found.size))
    return float(found.mean()), low, high


def alarm_difference(new: tuple[Head, float], old: tuple[Head, float], exhibits: Exhibits, seed: int = 0) -> Interval:
    """New less old in clean false alarms, each at its own threshold, drawn in pairs: (value, low, high)."""
    real = exhibits.labels == 0
    change = np.subtract(*((head(exhibits.features[real]) >= at).astype(np.float64) for head, at in (new, old)))
    rows = _resampled(exhibits.groups[real], seed)
    return _interval(np.array([change[pick].mean() for pick in rows]))


def _resampled(groups: npt.NDArray[np.str_], seed: int) -> list[npt.NDArray[np.int64]]:
    """Rows by draw: all of them first, then people drawn with replacement."""
    rng = np.random.default_rng(seed)
    _, member = np.unique(groups, return_inverse=True)
    mine = [np.flatnonzero(member == g) for g in range(int(member.max()) + 1)]
    draws = [np.concatenate([mine[i] for i in rng.integers(len(mine), size=len(mine))]) for _ in range(RESAMPLES)]
    return [np.arange(len(groups)), *draws]


def _figures(
    scores: Floats, exhibits: Exhibits, rows: Sequence[npt.NDArray[np.int64]]
) -> Mapping[str, dict[str, Floats]]:
    out: dict[str, dict[str, Floats]] = {}
    names = sorted(set(exhibits.kinds.tolist()))
    for kind in names:
        chosen = [pick[exhibits.kinds[pick] == kind] for pick in rows]
        out[kind] = {
            "auc": np.array([auc(scores[p], exhibits.labels[p]) for p in chosen]),
            "recall_at_1": np.array(
                [recall_at_false_alarm(scores[p], exhibits.labels[p], FALSE_ALARMS) for p in chosen]
            ),
        }
    out["all"] = {n: np.mean([out[kind][n] for kind in names], axis=0) for n in ("auc", "recall_at_1")}
    return out


def _interval(values: Floats) -> Interval:
    """The first is the figure itself; the others are its bootstrap."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5]) if np.isfinite(values[1:]).any() else (np.nan, np.nan)
    return float(values[0]), float(low), float(high)
