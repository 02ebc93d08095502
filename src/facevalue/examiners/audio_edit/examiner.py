"""The examiner of cut, inserted and copied sound: traces on the time line, each with its innocent cause."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from facevalue.errors import UsageError
from facevalue.examiners.audio_edit.look import AudioCalibration, look
from facevalue.examiners.audio_edit.seams import FAST_FILE, SLOW_FILE, Networks
from facevalue.examiners.audio_edit.spans import curve_region, mark_regions, note_regions
from facevalue.examiners.audio_edit.trace import Trace
from facevalue.examiners.audio_edit.words import INNOCENT, LABELS
from facevalue.examiners.base import Subject, sha256_file
from facevalue.finding import Finding, Question, Region, Status

CALIBRATION_FILE = "calibration.json"
FILES = (FAST_FILE, SLOW_FILE, CALIBRATION_FILE)
FOLDER = Path(__file__).parent
FOUND_LOG10_LR = 1.0
MIN_SECONDS = 3.0


class AudioEditExaminer:
    """Was something cut out of the sound, put into it or copied within it?"""

    name = "audio_edit"
    question = Question.EDITED
    kinds = frozenset({"audio", "video"})
    reads_pixels = True
    folder = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 by file name."""
        return {f"audio_edit/{name}": sha256_file(FOLDER / name) for name in FILES if (FOLDER / name).is_file()}

    def examine(self, subject: Subject) -> Finding:
        """One finding for the sound: a span for every mark that counts, and a curve over time.

        Times are those of the presentation. Inapplicable without sound, below 3 s, in digital silence, and where the
        calibration is missing.
        """
        missing = [name for name in FILES if not (FOLDER / name).is_file()]
        if missing:
            return self._inapplicable(f"its weights are missing from this installation: {', '.join(missing)}")
        try:
            calibrated = calibration()
        except (UsageError, ValueError):
            return self._inapplicable(f"its weights cannot be read: {CALIBRATION_FILE}")
        sound = subject.footage.sound if subject.footage is not None else None
        if sound is None or len(sound.samples) == 0:
            return self._inapplicable("there is no sound that decodes")
        if sound.duration_s < MIN_SECONDS:
            why = f"{sound.duration_s:.1f} s of sound; below {MIN_SECONDS:.0f} s there is too little to compare"
            return self._inapplicable(why)
        if not _moves(sound.samples):
            return self._inapplicable("the sound is digital silence throughout")
        gaps = tuple((at - sound.start_s, seconds) for at, seconds in sound.gaps)
        traces = look(sound.samples, calibrated.prior, Networks.in_folder(FOLDER), gaps)
        return self._finding(traces, calibrated, sound.duration_s, sound.start_s)

    def _finding(
        self, traces: Mapping[str, Trace], calibrated: AudioCalibration, duration_s: float, start_s: float
    ) -> Finding:
        log10_lr = calibrated.log10_lr(traces, duration_s)
        found = log10_lr >= FOUND_LOG10_LR
        marks = mark_regions(traces, calibrated, duration_s, start_s)
        regions = (*marks, curve_region(traces, calibrated, duration_s, start_s), *note_regions(traces))
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why(found, marks, traces),
            score=chance(log10_lr),
            log10_lr=log10_lr,
            regions=regions,
            card=self.name,
        )

    def _inapplicable(self, why: str) -> Finding:
        return Finding(self.name, self.question, Status.INAPPLICABLE, why, card=self.name)


def chance(log10_lr: float) -> float:
    """A likelihood ratio as a score 0..1: LR / (1 + LR)."""
    return float(1 / (1 + 10 ** np.clip(-log10_lr, -12, 12)))


@functools.cache
def calibration() -> AudioCalibration:
    """The shipped calibration. Raises UsageError when it is something else."""
    return AudioCalibration.from_dict(json.loads((FOLDER / CALIBRATION_FILE).read_text(encoding="utf-8")))


def _moves(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]], chunk: int = 1 << 22) -> bool:
    """Whether not all samples are equal; stops at the first difference."""
    first = samples[0]
    return any(bool((samples[i : i + chunk] != first).any()) for i in range(0, len(samples), chunk))


def _why(found: bool, marks: tuple[Region, ...], traces: Mapping[str, Trace]) -> str:
    looked = [n for n, t in traces.items() if not t.note]
    if not found or not marks:
        return (
            f"{len(looked)} of {len(traces)} kinds of traces could be looked for; together they are what unedited "
            "sound shows too. A careful cut in a pause leaves none of them."
        )
    first = marks[0]
    assert first.span is not None
    name = str(first.details["trace"])
    return (
        f"At {first.span[0]:.2f} s {LABELS[name]}: {first.details['measured']}. "
        f"The same comes innocently from {INNOCENT[name]}."
    )
