"""A forger learns what the current examiner misses: the cross-entropy method over its parameters.

Each generation draws parameter sets, forges a few faces with each, and refits the law to the sets whose forgeries the
examiner scored lowest. The forger sees scores and nothing else of the examiner.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.lab.duel.examiners import Box, Examiner, Features
from facevalue.lab.duel.forgers import Forger, finish, is_forgery
from facevalue.lab.duel.head import Head
from facevalue.lab.duel.space import Law, Params
from facevalue.lab.facebank import BankFace

Pixels = npt.NDArray[np.uint8]
# How many draws it may take to get a forgery that changes enough.
TRIES = 6


@dataclass(frozen=True, slots=True)
class Effort:
    """generations of `draws` parameter sets, each tried on `faces` faces; `best` is the share that the law follows."""

    generations: int = 3
    draws: int = 20
    faces: int = 4
    best: float = 0.25


@dataclass(frozen=True, slots=True)
class Made:
    """Forgeries and the real faces beside them, after the same finish: features (n, d) each, and who they show."""

    fakes: Features
    reals: Features
    groups: npt.NDArray[np.str_]
    rejected: int


def seed_of(*parts: object) -> int:
    """A seed from words and numbers, the same in every run."""
    return zlib.crc32("/".join(map(str, parts)).encode())


def tune(
    forger: Forger,
    law: Law,
    examiner: Examiner,
    head: Head,
    faces: Sequence[BankFace],
    effort: Effort,
    seed: int,
    progress: Callable[[], None] = lambda: None,
) -> Law:
    """The law after all generations."""
    for generation in range(effort.generations):
        rng = np.random.default_rng((seed, seed_of(forger.name), generation))
        drawn = [law.draw(rng) for _ in range(effort.draws)]
        scores = np.array([_score(forger, params, examiner, head, faces, effort.faces, rng) for params in drawn])
        valid = np.flatnonzero(np.isfinite(scores))
        if len(valid):
            keep = valid[np.argsort(scores[valid], kind="stable")][: max(2, round(effort.best * effort.draws))]
            law = law.refit([drawn[i] for i in keep])
        progress()
    return law


def _score(
    forger: Forger,
    params: Params,
    examiner: Examiner,
    head: Head,
    faces: Sequence[BankFace],
    count: int,
    rng: np.random.Generator,
) -> float:
    """The examiner's mean score of some faces forged so; infinite when most of them are no forgeries."""
    pictures: list[Pixels] = []
    boxes: list[Box] = []
    for i in rng.integers(len(faces), size=count).tolist():
        face, donor = faces[i], faces[int(rng.integers(len(faces)))]
        made = forger.make(face.face, donor.face, params, rng)
        if is_forgery(face.face, made):
            pictures.append(finish(made.pixels, params, int(rng.integers(2**31))))
            boxes.append(face.box)
    if len(pictures) * 2 < count:
        return float("inf")
    return float(head(examiner.features(pictures, boxes, False)).mean())


def forge(forger: Forger, law: Law, examiner: Examiner, faces: Sequence[BankFace], count: int, seed: int) -> Made:
    """`count` fresh forgeries by the law, beside the real faces with the same finish.

    rejected: how many draws changed too little to count. A face for which no draw is a forgery is left out.
    """
    rng = np.random.default_rng((seed, seed_of(forger.name), 99))
    fakes: list[Pixels] = []
    reals: list[Pixels] = []
    boxes: list[Box] = []
    groups, rejected = [], 0
    for at in range(count):
        face = faces[int(rng.integers(len(faces)))]
        for _ in range(TRIES):
            params, donor = law.draw(rng), faces[int(rng.integers(len(faces)))]
            made = forger.make(face.face, donor.face, params, rng)
            if is_forgery(face.face, made) and donor is not face:
                way = seed_of(seed, forger.name, at)
                fakes.append(finish(made.pixels, params, way))
                reals.append(finish(face.face.pixels, params, way))
                boxes.append(face.box)
                groups.append(face.pair or face.key)
                break
            rejected += 1
    if not fakes:
        empty = np.zeros((0, len(examiner.start.weight)), np.float32)
        return Made(empty, empty, np.array([], np.str_), rejected)
    return Made(
        examiner.features(fakes, boxes, False), examiner.features(reals, boxes, False), np.array(groups), rejected
    )
