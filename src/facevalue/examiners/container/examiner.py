"""The examiner of containers and encodings: was this clip cut, joined, or were frames removed, repeated or put in?

Rules over the container's facts, and a calibrated logistic over traces in the frame table. It reads time stamps, sizes
and thumbnails; what is in the pictures is for others. Every trace comes with the innocent cause that leaves the same.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facevalue.examiners.base import Subject, sha256_file
from facevalue.examiners.container.fields import field_regions, records, statements
from facevalue.examiners.container.spans import FEATURE_OF, INNOCENT, LABELS, MAX_SPANS, length_spans, span, spans_of
from facevalue.examiners.container.timing import lengths
from facevalue.examiners.container.traces import FEATURES, MIN_FRAMES, Traces, features, sized_codec, traces_of
from facevalue.finding import Finding, Question, Region, Status
from facevalue.footage import Footage
from facevalue.opinion.calibrate import LogisticCalibration

FOLDER = Path(__file__).parent
CALIBRATION_FILE = "calibration.json"
FOUND_LOG10_LR = 1.0
# Traces that speak for an edit if anything does; the others are told because they explain a file.
_SPEAKING = ("frozen", "repeated", "jump", "gap", "off_grid", "encoding_change", "lengths", "sound_gap")


class ContainerExaminer:
    """How the file was written and encoded, and whether its frames run through without a break."""

    name = "container"
    question = Question.EDITED
    # Re-encoding destroys what it looks at, so that a re-encoded copy cannot confirm it.
    reads_pixels = False
    kinds = frozenset({"video", "audio"})
    folder = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 of the calibration."""
        path = FOLDER / CALIBRATION_FILE
        return {f"container/{CALIBRATION_FILE}": sha256_file(path)} if path.is_file() else {}

    def examine(self, subject: Subject) -> Finding:
        """One finding: regions on the time line and fields of the container. Sound alone gets no likelihood ratio."""
        raw = subject.facts.get("container")
        facts: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        footage = subject.footage
        if footage is None and not facts:
            return self._finding(Status.INAPPLICABLE, "Neither the container nor the frames could be read.", ())
        fields = field_regions(facts)
        found = traces_of(footage.table, sized_codec(footage.info.codec)) if footage and footage.table else []
        values = features(found)
        spans = _spans(found, footage, values)
        log10_lr = calibration().predict_one(*values) if found and calibrated() else None
        return self._weighed(facts, footage, found, [*spans, *fields], log10_lr)

    def _weighed(
        self, facts: Mapping[str, Any], footage: Footage | None, found: Sequence[Traces], regions: list[Region],
        log10_lr: float | None,
    ) -> Finding:  # fmt: skip
        declared = statements(regions)
        gaps = [r for r in regions if r.details.get("trace") == "sound_gap"]
        strong = log10_lr is not None and log10_lr >= FOUND_LOG10_LR
        alone = log10_lr is None and bool(gaps)  # sound has nothing else, and no calibration
        status = Status.FOUND if strong or declared or alone else Status.CLEAR
        why = _why(regions, declared, strong, bool(found), footage, facts)
        score = None if log10_lr is None else 1.0 / (1.0 + 10.0**-log10_lr)
        return self._finding(status, why, regions, score, log10_lr)

    def _finding(
        self, status: Status, why: str, regions: Sequence[Region], score: float | None = None, lr: float | None = None
    ) -> Finding:
        return Finding(self.name, self.question, status, why, score, lr, tuple(regions), self.name)


def calibrated() -> bool:
    """Whether a calibration is installed."""
    return (FOLDER / CALIBRATION_FILE).is_file()


@functools.cache
def calibration() -> LogisticCalibration:
    """The shipped calibration of a clip's features."""
    return LogisticCalibration.from_dict(json.loads((FOLDER / CALIBRATION_FILE).read_text(encoding="utf-8"))["clip"])


def _spans(found: Sequence[Traces], footage: Footage | None, values: Sequence[float]) -> list[Region]:
    regions = [region for traces in found for region in spans_of(traces)]
    if footage is not None and footage.sound is not None:
        regions += [span("sound_gap", t, t + s, seconds=round(s, 3)) for t, s in footage.sound.gaps[:20]]
        if footage.table is not None and len(footage.table) > 1 and footage.info.whole:
            time = footage.table.time_s
            step = found[0].stretch.frame_s if found else float(time[-1] - time[0]) / (len(time) - 1)
            apart = lengths(float(time[0]), float(time[-1]), step, footage.sound)
            regions += length_spans(apart, float(time[-1]) + step)
    weighed = [_with_lr(r, values) for r in regions]
    return sorted(weighed, key=lambda r: (r.details["trace"] not in _SPEAKING, r.span or (0.0, 0.0)))[:MAX_SPANS]


def _with_lr(region: Region, values: Sequence[float]) -> Region:
    """The likelihood ratio that the calibration would give if this kind of trace were the only one."""
    name = FEATURE_OF.get(str(region.details["trace"]))
    if name is None or not calibrated():
        return region
    alone = [value if feature == name else 0.0 for feature, value in zip(FEATURES, values, strict=True)]
    lr = calibration().predict_one(*alone)
    return Region(region.kind, region.label, 1.0 / (1.0 + 10.0**-lr), span=region.span,
                  details={"log10_lr": round(lr, 3), **region.details})  # fmt: skip


def _why(
    regions: Sequence[Region], declared: Sequence[Region], strong: bool, framed: bool, footage: Footage | None,
    facts: Mapping[str, Any],
) -> str:  # fmt: skip
    seen = [r for r in regions if r.details.get("trace") in _SPEAKING]
    kinds = list(dict.fromkeys(str(r.details["trace"]) for r in seen))
    kinds.sort(key=lambda k: -max((r.score or 0.0) for r in seen if r.details["trace"] == k))
    parts = (
        [f"The file itself says how it was made: {declared[0].field_name} is “{declared[0].value}”."]
        if declared
        else []
    )
    if kinds:
        first = next(r for r in seen if r.details["trace"] == kinds[0])
        start = first.span[0] if first.span else 0.0
        more = f", and {len(seen) - 1} more such place(s)" if len(seen) > 1 else ""
        told = "This is what an edit leaves" if strong else "That is too little to speak of an edit"
        parts.append(f"At {start:.2f} s {LABELS[kinds[0]]}{more}. {told}; innocent: {INNOCENT[kinds[0]]}.")
    elif framed:
        parts.append("The frames run through without a break that would be worth reporting; clean cuts leave none.")
    elif footage is not None and footage.table is not None and footage.table is not None:
        parts.append(f"There are fewer than {MIN_FRAMES} frames; only the container was read.")
    else:
        parts.append("There are no frames to follow; only the container was read, and it shows no break.")
    parts.append(_written(facts))
    return " ".join(p for p in parts if p)


def _written(facts: Mapping[str, Any]) -> str:
    writers = [str(w.get("writer")) for w in records(facts, "writers")]
    return f"The container is consistent with {writers[0]}." if writers else "The container does not tell who wrote it."
