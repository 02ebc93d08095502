"""The examiner of lips: does what the mouth does belong to what is heard?

Mouths of the main persons at the clip's own rate, a small landmark network, and how well its shapes go with levels of
the sound at every lag (sync). A clip in which any visible person's mouth goes with the speech matches.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facevalue.errors import ModelError
from facevalue.examiners.base import VIDEO, Subject, sha256_file
from facevalue.examiners.lips import people
from facevalue.examiners.lips.judge import CALIBRATION_FILE, FOLDER, Judge, Judgement, features, judge
from facevalue.examiners.lips.judge import speech_seconds as spoken_seconds
from facevalue.examiners.lips.people import MIN_MOUTH_PX, MIN_SPEECH_S, Mouth
from facevalue.examiners.lips.speech import speech_of
from facevalue.examiners.lips.sync import INNOCENT_S, fit_of
from facevalue.faces import Track
from facevalue.finding import Finding, Question, Region, Status
from facevalue.footage import Footage
from facevalue.media.clip import Sound
from facevalue.sessions import session
from facevalue.sound.vad import speech_probability, speech_seconds, vad_path

NETWORK_FILE = "landmarks.onnx"
FOUND_LOG10_LR = 1.0
# From here a moment is shown as a span, and below the negative of it a mouth is said to go with the speech.
SPAN_LOG10_LR = 0.3
MAX_SPANS = 20
STILL = "the mouth keeps still while somebody speaks: a voice from outside the picture cannot be excluded"
OTHERS = (
    "A narrator, an interpreter, music with words or a speaker outside the picture look the same; sound late or "
    f"early by up to {1000 * INNOCENT_S:.0f} ms is not counted."
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One person read: as a whole and moment by moment."""

    mouth: Mouth
    whole: Judgement
    moments: list[tuple[float, float, Judgement]]


class LipsExaminer:
    """Do the lips belong to the speech?"""

    name = "lips"
    question = Question.LIPS_MISMATCHED
    reads_pixels = True
    kinds = frozenset({VIDEO})
    folder: Path = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 by file name: the landmark network, the calibration, and the speech detector of another package."""
        names = (NETWORK_FILE, CALIBRATION_FILE)
        out = {f"lips/{n}": sha256_file(FOLDER / n) for n in names if (FOLDER / n).is_file()}
        with contextlib.suppress(ModelError):
            out["silero_vad.onnx"] = sha256_file(vad_path())
        return out

    def examine(self, subject: Subject) -> Finding:
        """One finding for the clip: a span with a curve for every person who was read, and spans where lips part."""
        missing = [name for name in (NETWORK_FILE, CALIBRATION_FILE) if not (FOLDER / name).is_file()]
        if missing:
            return self._inapplicable(f"its weights are missing from this installation: {', '.join(missing)}")
        footage = subject.footage
        refusal = _nothing_to_read(footage)
        if refusal or footage is None or footage.sound is None:
            return self._inapplicable(refusal or "there is no clip")
        try:
            mouths, why = self._mouths(footage, footage.sound)
        except ModelError as error:
            return self._inapplicable(f"speech could not be looked for: {error}")
        if why:
            return self._inapplicable(why)
        how = judge()
        readings = [Reading(m, how.judged(m.pairs, m.mouth_px), people.moments(m, how)) for m in mouths]
        return self._judged(readings, how)

    def _mouths(self, footage: Footage, sound: Sound) -> tuple[list[Mouth], str]:
        """The mouths that can be judged, or the reason why there is none."""
        probability = speech_probability(sound.samples)
        heard = speech_seconds(probability)
        if heard < MIN_SPEECH_S:
            return [], _too_little("speech was found", heard)
        tracks = people.spoken_runs(footage.tracks or (), probability, sound.start_s)
        speech = speech_of(sound.samples, sound.start_s, probability)
        mouths = people.mouths_of(tracks, session(FOLDER / NETWORK_FILE), speech)
        if not mouths:
            return [], "nobody's face is seen while somebody speaks"
        large = [m for m in mouths if m.mouth_px >= MIN_MOUTH_PX]
        if not large:
            widest = max(m.mouth_px for m in mouths)
            return [], f"the largest mouth is {widest:.0f} px wide; below {MIN_MOUTH_PX:.0f} px lips cannot be read"
        long = [m for m in large if spoken_seconds(m.pairs) >= MIN_SPEECH_S]
        if not long:
            most = max(spoken_seconds(m.pairs) for m in large)
            return [], _too_little("speech with a face in sight were found", most)
        moving = [m for m in long if m.motion > judge().still]
        if not moving:
            return [], STILL
        return moving, ""

    def _judged(self, readings: list[Reading], how: Judge) -> Finding:
        best = min(readings, key=lambda r: r.whole.log10_lr)
        total = _together(readings)
        found = total >= FOUND_LOG10_LR
        regions = [_person_region(r, how) for r in readings]
        regions += _parting(readings)
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why(best, total, len(readings), how),
            score=_chance(total),
            log10_lr=total,
            regions=tuple(regions),
            card=self.name,
        )

    def _inapplicable(self, why: str) -> Finding:
        return Finding(self.name, self.question, Status.INAPPLICABLE, why, card=self.name)


def _nothing_to_read(footage: Footage | None) -> str:
    """Why the clip offers nothing to compare; "" when it does."""
    if footage is None or footage.sound is None or not len(footage.sound.samples):
        return "there is no sound that could be decoded"
    if footage.tracks is None:
        return "faces could not be followed: the detector is not installed or failed"
    if not footage.tracks:
        return "no face was followed"
    if not _run_tracks(footage.tracks):
        return "no face was seen for long enough at the clip's own rate"
    return ""


def _run_tracks(tracks: Sequence[Track]) -> list[Track]:
    return [track for track in tracks if track.runs]


def _too_little(what: str, seconds: float) -> str:
    if seconds < 0.2:
        return f"no {what.replace(' were found', ' was found')}"
    plural = what.replace("was found", "were found")
    return f"only {seconds:.1f} s of {plural}; below {MIN_SPEECH_S:.0f} s lips say nothing"


def _together(readings: Sequence[Reading]) -> float:
    """log10 LR of the clip: that of the person who fits best; with several, moments may each be another's."""
    best = min(r.whole.log10_lr for r in readings)
    if len(readings) < 2:
        return best
    at: dict[int, float] = {}
    for reading in readings:
        for start, _, judged in reading.moments:
            second = round(start)
            at[second] = min(at.get(second, np.inf), judged.log10_lr)
    return min(best, float(np.mean(list(at.values())))) if at else best


def _at_its_offset(found: Judgement, how: Judge, mouth_px: float) -> float:
    """log10 LR if the sound were moved by the offset at which it fits best."""
    moved = fit_of(found.curve, found.fit.offset_s)
    return how.calibration.predict_one(*features(moved, found.speech_s, mouth_px))


def _offset_ms(found: Judgement) -> int:
    return round(1000 * found.fit.offset_s)


def _person_region(reading: Reading, how: Judge) -> Region:
    mouth, whole = reading.mouth, reading.whole
    details = {
        "log10_lr": round(whole.log10_lr, 3),
        "track": mouth.track,
        "person": mouth.person,
        "curve": [[round((a + b) / 2, 3), round(j.log10_lr, 3)] for a, b, j in reading.moments],
        "growth": people.growth(mouth, how),
        "offset_ms": _offset_ms(whole),
        "correlation": round(whole.fit.best, 3),
        "correlation_in_place": round(whole.fit.peak, 3),
        "speech_s": round(whole.speech_s, 2),
        "mouth_px": round(mouth.mouth_px, 1),
    }
    label = f"track {mouth.track}: lips and speech"
    return Region("span", label, _chance(whole.log10_lr), span=mouth.span, details=details)


def _parting(readings: Sequence[Reading]) -> list[Region]:
    """Spans in which nobody's lips fit: neighbouring moments above SPAN_LOG10_LR, of the one who fits best overall."""
    best = min(readings, key=lambda r: r.whole.log10_lr)
    spans: list[tuple[float, float, list[Judgement]]] = []
    for start, end, judged in best.moments:
        fits = any(abs(s - start) < 0.5 and j.log10_lr < SPAN_LOG10_LR for r in readings for s, _, j in r.moments)
        if judged.log10_lr < SPAN_LOG10_LR or fits:
            continue
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], end, [*spans[-1][2], judged])
        else:
            spans.append((start, end, [judged]))
    loud = sorted(spans, key=lambda s: -max(j.log10_lr for j in s[2]))[:MAX_SPANS]
    return [_parting_region(best.mouth, *span) for span in sorted(loud, key=lambda s: s[0])]


def _parting_region(mouth: Mouth, start: float, end: float, found: Sequence[Judgement]) -> Region:
    worst = max(found, key=lambda j: j.log10_lr)
    details = {
        "log10_lr": round(worst.log10_lr, 3),
        "track": mouth.track,
        "person": mouth.person,
        "offset_ms": _offset_ms(worst),
        "correlation": round(worst.fit.best, 3),
        "correlation_in_place": round(worst.fit.peak, 3),
    }
    return Region("span", "lips and speech part", _chance(worst.log10_lr), span=(start, end), details=details)


def _why(best: Reading, total: float, people_seen: int, how: Judge) -> str:
    whole, offset = best.whole, _offset_ms(best.whole)
    who = "the lips" if people_seen == 1 else f"the lips of person {best.mouth.person}, who fits best,"
    beside = f"{whole.speech_s:.0f} s of speech"
    if total <= -SPAN_LOG10_LR:
        return f"Beside {beside} {who} move as it sounds (correlation {whole.fit.peak:.2f}, offset {offset:+d} ms)."
    moved = ""
    apart = abs(whole.fit.offset_s) > INNOCENT_S
    if apart and _at_its_offset(whole, how, best.mouth.mouth_px) <= -SPAN_LOG10_LR:
        later = "late" if offset > 0 else "early"
        moved = f" They would fit if the sound were not {abs(offset)} ms {later}."
    if total >= FOUND_LOG10_LR:
        return f"Beside {beside} {who} do not move as it sounds (correlation {whole.fit.peak:.2f}).{moved} {OTHERS}"
    leans = total >= SPAN_LOG10_LR
    lean = (
        "may not belong to it, which is too weak for a finding" if leans else "tell neither that it fits nor that not"
    )
    more = f" {OTHERS}" if total > 0 else ""
    return f"Beside {beside} {who} {lean} (correlation {whole.fit.peak:.2f}).{moved}{more}"


def _chance(log10_lr: float) -> float:
    """The likelihood ratio as a number in 0..1 for colouring; no posterior is meant."""
    return float(1.0 / (1.0 + 10.0**-log10_lr))


__all__ = ["LipsExaminer"]
