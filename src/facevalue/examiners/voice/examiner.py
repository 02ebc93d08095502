"""The examiner of voices: is the speech cloned, converted or generated, and where?

Kernel machines judge statistics of every segment of speech (`facevalue lab train voice`). A segment gets a likelihood
ratio; the recording gets one that grows with segments and saturates (opinion.over_time). Where segments stand out,
shorter ones are judged against the rest of the recording, so that a spliced sentence shows as a span.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import ModelError
from facevalue.examiners.base import AUDIO, VIDEO, Subject, sha256_file
from facevalue.examiners.voice.frontend import SpeechQuality, bands_db, close_features, quality, quality_features
from facevalue.examiners.voice.segments import MIN_SPEECH_S, Run, Segment, curve, plan, plan_close, runs
from facevalue.examiners.voice.statistics import statistics
from facevalue.finding import Finding, Question, Region, Status
from facevalue.media.clip import Sound
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import TrackModel
from facevalue.sessions import session
from facevalue.sound.levels import RATE_HZ, active_level_db, to_float
from facevalue.sound.vad import speech_probability, speech_seconds, vad_path

NETWORK_FILE = "voice.onnx"
CALIBRATION_FILE = "calibration.json"
FOLDER = Path(__file__).parent
FOUND_LOG10_LR = 1.0
# From here a segment is shown as a span; less than what makes a finding, so that one can see where to listen.
SPAN_LOG10_LR = 0.7
SILENT_BELOW_DB = -70.0
BATCH = 64
# Statistics are mostly Fourier transforms, which let other threads run.
THREADS = 2
MAX_CURVE, MAX_SPANS, MAX_WHOLE = 600, 40, 240

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Calibration:
    """segment: one segment's log10 LR from its logit and quality. whole: a recording's from its segments' raw ones.
    close: of a short segment, whose logit is also taken against the rest of the recording."""

    segment: LogisticCalibration
    whole: TrackModel
    close: LogisticCalibration


class VoiceExaminer:
    """Is the voice synthetic?"""

    name = "voice"
    question = Question.VOICE_SYNTHETIC
    reads_pixels = True
    kinds = frozenset({AUDIO, VIDEO})
    folder = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 by file name: the machines, their calibration, and the speech detector of another package."""
        out = {
            f"voice/{n}": sha256_file(FOLDER / n) for n in (NETWORK_FILE, CALIBRATION_FILE) if (FOLDER / n).is_file()
        }
        with contextlib.suppress(ModelError):
            out["silero_vad.onnx"] = sha256_file(vad_path())
        return out

    def examine(self, subject: Subject) -> Finding:
        """One finding for the recording: a curve over its speech, a span for every run of segments that stands out.

        Inapplicable without weights, without a sound track, and where less than a second of speech is found.
        """
        missing = [name for name in (NETWORK_FILE, CALIBRATION_FILE) if not (FOLDER / name).is_file()]
        if missing:
            return self._inapplicable(f"its weights are missing from this installation: {', '.join(missing)}")
        sound = subject.footage.sound if subject.footage is not None else None
        if sound is None or not len(sound.samples):
            return self._inapplicable("there is no sound that could be decoded")
        try:
            probability = speech_probability(sound.samples)
        except ModelError as error:
            return self._inapplicable(f"speech could not be looked for: {error}")
        spans = plan(len(sound.samples), probability)
        spoken = speech_seconds(probability)
        if spoken < MIN_SPEECH_S or not spans:
            return self._inapplicable(_no_speech(sound, spoken))
        segments = judge(sound.samples, spans)
        return self._judged(sound, segments, judge_close(sound.samples, segments, probability), spoken)

    def _judged(self, sound: Sound, segments: list[Segment], close: list[Segment], spoken_s: float) -> Finding:
        total = weighed(segments, close)
        found = total >= FOUND_LOG10_LR
        loud = sorted(runs(close or segments, SPAN_LOG10_LR), key=lambda r: -r.log10_lr)[:MAX_SPANS]
        partial = _partial(segments, loud)
        regions = [_whole_region(sound, segments, spoken_s, total)]
        regions += [_span(sound, run, partial, found) for run in sorted(loud, key=lambda r: r.start_s)]
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why(found, spoken_s, loud, partial, sound.start_s),
            score=_probability(float(np.mean([s.logit for s in segments]))),
            log10_lr=total,
            regions=tuple(regions),
            card=self.name,
        )

    def _inapplicable(self, why: str) -> Finding:
        return Finding(self.name, self.question, Status.INAPPLICABLE, why, card=self.name)


@functools.cache
def calibration() -> Calibration:
    """The shipped calibration."""
    raw: dict[str, Any] = json.loads((FOLDER / CALIBRATION_FILE).read_text(encoding="utf-8"))
    segment, close = (LogisticCalibration.from_dict(raw[name]) for name in ("segment", "close"))
    return Calibration(segment, TrackModel.from_dict(raw["whole"]), close)


def judge(samples: Pcm, spans: Sequence[tuple[int, int]]) -> list[Segment]:
    """Every span judged, in order; a few are in memory at a time. samples: int16, perhaps a memory map."""
    calibrated, out = calibration().segment, []
    for span, logit, seen in _logits(samples, spans):
        features = quality_features(logit, seen)
        raw, lr = float(calibrated.raw([features])[0]), calibrated.predict_one(*features)
        out.append(Segment(span[0] / RATE_HZ, span[1] / RATE_HZ, logit, raw, lr, seen))
    return out


def judge_close(samples: Pcm, segments: Sequence[Segment], probability: npt.NDArray[np.float32]) -> list[Segment]:
    """Short segments inside the loudest ones, judged against the recording's median; in order."""
    calibrated, out = calibration().close, []
    median = float(np.median([s.logit for s in segments]))
    for span, logit, seen in _logits(samples, plan_close(segments, probability)):
        features = close_features(logit, median)
        raw, lr = float(calibrated.raw([features])[0]), calibrated.predict_one(*features)
        out.append(Segment(span[0] / RATE_HZ, span[1] / RATE_HZ, logit, raw, lr, seen))
    return out


def _logits(samples: Pcm, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], float, SpeechQuality]]:
    """Each span with its logit and quality, in order."""
    network = session(FOLDER / NETWORK_FILE)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="voice") as pool:
        for first in range(0, len(spans), BATCH):
            part = spans[first : first + BATCH]
            seen = list(pool.map(_seen, [samples[a:b] for a, b in part]))
            (logits,) = network.run(["logit"], {"statistics": np.stack([row for row, _ in seen])})
            for span, logit, (_, kind) in zip(part, np.asarray(logits), seen, strict=True):
                yield span, float(logit), kind


def _seen(samples: Pcm) -> tuple[npt.NDArray[np.float32], SpeechQuality]:
    piece = to_float(samples)
    bands = bands_db(piece)
    return statistics(piece, bands), quality(bands)


def weighed(segments: Sequence[Segment], close: Sequence[Segment] = ()) -> float:
    """As weigh_segments, by the shipped calibration."""
    return weigh_segments(calibration(), segments, close)


def weigh_segments(made: Calibration, segments: Sequence[Segment], close: Sequence[Segment]) -> float:
    """log10 LR of "the voice is synthetic, in whole or in part", half the odds on each.

    In whole: the model over time. In part: any one segment may be it, each equally likely, so their LRs are averaged;
    a segment that was looked at closely counts with the mean of what its short segments say.
    """
    some = [segments[i] for i in np.unique(np.linspace(0, len(segments) - 1, MAX_WHOLE).astype(int))]
    whole = made.whole.log10_lr([s.raw for s in some], [s.middle_s for s in some])
    if len(segments) == 1:
        return whole
    inside = [[c.log10_lr for c in close if s.start_s <= c.middle_s <= s.end_s] for s in segments]
    part = _log_mean([_log_mean(c) if c else s.log10_lr for s, c in zip(segments, inside, strict=True)])
    return _log_mean([whole, part])


def _partial(segments: Sequence[Segment], loud: Sequence[Run]) -> bool:
    """Whether what stands out is a minority, and most of the rest speaks for a real voice."""
    if len(segments) < 3 or not loud:
        return False
    rest = [s.log10_lr for s in segments if not any(r.start_s < s.middle_s < r.end_s for r in loud)]
    return len(rest) > len(segments) / 2 and float(np.median(rest)) < 0.0


def _whole_region(sound: Sound, segments: Sequence[Segment], spoken_s: float, log10_lr: float) -> Region:
    start, end = segments[0].start_s + sound.start_s, max(s.end_s for s in segments) + sound.start_s
    worst = {
        key: round(float(np.mean([s.quality.to_dict()[key] for s in segments])), 3)
        for key in ("narrow", "noisy", "short")
    }
    details = {
        "log10_lr": round(log10_lr, 3),
        "curve": curve(segments, sound.start_s, MAX_CURVE),
        "speech_s": round(spoken_s, 2),
        "segments": len(segments),
        "quality": worst,
    }
    return Region("span", "speech", span=(start, end), details=details)


def _span(sound: Sound, run: Run, partial: bool, found: bool) -> Region:
    label = "synthetic speech" if found else "weak trace of synthetic speech"
    label = f"unlike the rest: {label}" if partial else label
    span = (run.start_s + sound.start_s, run.end_s + sound.start_s)
    return Region("span", label, _probability(run.logit), span=span, details={"log10_lr": round(run.log10_lr, 3)})


def _no_speech(sound: Sound, spoken_s: float) -> str:
    if active_level_db(sound.samples) < SILENT_BELOW_DB:
        return "the sound track is silent"
    if len(sound.samples) < MIN_SPEECH_S * RATE_HZ:
        return f"the sound lasts {sound.duration_s:.1f} s; below {MIN_SPEECH_S:.0f} s a voice cannot be judged"
    if spoken_s < 0.2:
        return "no speech was found: music, noise or other sounds are not judged"
    if spoken_s < MIN_SPEECH_S:
        return f"only {spoken_s:.1f} s of speech were found; below {MIN_SPEECH_S:.0f} s a voice cannot be judged"
    return f"{spoken_s:.1f} s of speech are scattered so that no {MIN_SPEECH_S:.0f} s of them lie together"


def _why(found: bool, spoken_s: float, loud: Sequence[Run], partial: bool, offset_s: float) -> str:
    heard = f"{spoken_s:.0f} s of speech"
    if not loud:
        sounds = "together sound synthetic" if found else "show no sign of synthesis worth reporting"
        return f"{heard} {sounds}{'' if found else '; that does not prove the voice real'}."
    first = min(loud, key=lambda r: r.start_s)
    where = f"{_clock(first.start_s + offset_s)}-{_clock(first.end_s + offset_s)}"
    more = f" and {len(loud) - 1} more place{'s' * (len(loud) > 2)}" if len(loud) > 1 else ""
    if partial and found:
        return (
            f"Of {heard}, {where}{more} sound{'s' * (not more)} synthetic and unlike the rest: it may have been put in."
        )
    if found:
        return f"The voice in {heard} has traces of synthesis, first at {where}{more}."
    if sum(run.end_s - run.start_s for run in loud) > spoken_s / 2:
        return f"The voice in {heard} has weak traces of synthesis ({where}{more}), too weak for a finding."
    return f"Single places in {heard} ({where}{more}) sound synthetic; over the whole that is not worth reporting."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _probability(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(logit, -50, 50))))


def _log_mean(log10_lrs: Sequence[float]) -> float:
    values = np.asarray(log10_lrs, np.float64)
    top = float(values.max())
    return top + float(np.log10(np.mean(10.0 ** (values - top))))


__all__ = ["Calibration", "VoiceExaminer", "calibration", "judge", "judge_close", "weigh_segments", "weighed"]
