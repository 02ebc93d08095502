"""The watermark examiner: one finding from the marks that are read in pixels, frames and speech."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from facevalue.errors import UsageError
from facevalue.examiners.base import EVERY_KIND, Subject
from facevalue.finding import DECLARES_SYNTHETIC, Finding, Question, Region, Status
from facevalue.footage import Footage
from facevalue.media.clip import SAMPLE_RATE_HZ, Sound
from facevalue.watermark import PICTURE_ALGORITHM, SPEECH_ALGORITHM, Reading, picture, speech, video
from facevalue.watermark.evidence import LOG10_LIMIT

MARK = "watermark"
_PROVES = "it names what its publisher registered; that nothing was changed since, it does not show"
_ABSENCE = "absence proves nothing: few files are marked, and a mark can be removed"


class WatermarkExaminer:
    """Reads facevalue's own marks. A mark is a statement, no measurement: there is no score and no likelihood ratio."""

    name = "watermark"
    question = Question.PROVENANCE
    reads_pixels = False
    kinds = EVERY_KIND

    @property
    def folder(self) -> Path:
        """Where card.toml lies."""
        return Path(__file__).parent

    def weights(self) -> Mapping[str, str]:
        """Nothing: the answer depends on code alone."""
        return {}

    def examine(self, subject: Subject) -> Finding:
        """One finding; inapplicable when there is nothing large or long enough to hold a mark."""
        looked, marks = list[str](), list[Region]()
        for what, algorithm, reading in _readings(subject):
            looked.append(what)
            if reading is not None:
                marks.append(_region(what, algorithm, reading))
        if not looked:
            least = f"pictures of {picture.MIN_READ_PX} px and speech of {speech.MIN_READ_S:g} s or more can hold one"
            return self._finding(Status.INAPPLICABLE, f"No mark was looked for: only {least}.", ())
        status = Status.FOUND if marks else Status.CLEAR
        return self._finding(status, _why(marks, looked), marks)

    def _finding(self, status: Status, why: str, regions: Sequence[Region]) -> Finding:
        return Finding(self.name, self.question, status, why, regions=tuple(regions), card=self.name)


def _readings(subject: Subject) -> Iterator[tuple[str, str, Reading | None]]:
    """(where was looked, algorithm, what was read), for all that can hold a mark."""
    footage = subject.footage
    try:
        if footage is None and subject.picture is not None:
            yield "the picture", PICTURE_ALGORITHM, picture.read(np.ascontiguousarray(subject.pixels))
        elif footage is not None and (frames := _frames(footage)):
            yield "the frames", PICTURE_ALGORITHM, video.read(frames)
    except UsageError:
        pass
    if footage is not None and footage.sound is not None and _long_enough(footage.sound):
        yield "the sound", SPEECH_ALGORITHM, speech.read(footage.sound.samples, SAMPLE_RATE_HZ)


def _frames(footage: Footage) -> list[picture.Pixels]:
    stills = [np.ascontiguousarray(still.pixels) for still in footage.stills]
    return [still for still in stills if min(still.shape[:2]) >= picture.MIN_READ_PX]


def _long_enough(sound: Sound) -> bool:
    return len(sound.samples) >= speech.MIN_READ_S * SAMPLE_RATE_HZ


def _region(where: str, algorithm: str, reading: Reading) -> Region:
    synthetic = reading.payload.synthetic
    said = "made by a model" if synthetic else "no statement on its making"
    return Region(
        kind="field",
        label=DECLARES_SYNTHETIC if synthetic else MARK,
        field_name=f"watermark in {where}",
        value=f"{reading.payload} ({said})",
        details={
            "kind": MARK,
            "strength": "statement",
            "algorithm": algorithm,
            "payload": str(reading.payload),
            "identifier": str(reading.payload.ident),
            "score": round(reading.score, 4),
            "log10_false_alarm": round(reading.log10_false_alarm, 1),
            "orientation": reading.orientation,
        },
    )


def _why(marks: Sequence[Region], looked: Sequence[str]) -> str:
    if not marks:
        where = " and ".join(looked)
        return (
            f"No mark of facevalue's was read in {where}; {_ABSENCE}. "
            f"By design, chance reads a mark in at most one unmarked exhibit in 10^{-LOG10_LIMIT:g}."
        )
    first = marks[0]
    chance = f"by chance at most 1 in 10^{-float(first.details['log10_false_alarm']):.0f}"
    said = ", which says that a model made it" if first.label == DECLARES_SYNTHETIC else f"; {_PROVES}"
    more = f" {len(marks) - 1} more was read in {looked[-1]}." if len(marks) > 1 else ""
    return f"A {first.field_name} was read: {first.details['payload']} ({chance}){said}.{more}"
