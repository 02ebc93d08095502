"""The words everyone speaks: questions, statuses, regions, findings, opinions.

Everything here is an immutable value without behaviour beyond serialising itself. Log-likelihood ratios are
log10, positive when they support the first proposition ("synthetic or manipulated") and negative when they
support the second ("bona fide").
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError

Mask = npt.NDArray[np.uint8]


class Question(StrEnum):
    """What can be asked of an exhibit; each question has a likelihood ratio of its own."""

    GENERATED = "generated"
    FACE_SWAPPED = "face_swapped"
    EDITED = "edited"
    VOICE_SYNTHETIC = "voice_synthetic"
    LIPS_MISMATCHED = "lips_mismatched"
    PROVENANCE = "provenance"


def questions_asked(questions: Collection[str] | None) -> set[Question]:
    """The questions of those names; all of them for None. Raises UsageError for an unknown one, or for none at all."""
    if questions is None:
        return set(Question)
    known = {str(q) for q in Question}
    if isinstance(questions, str) or not questions or not set(map(str, questions)) <= known:
        raise UsageError(f"questions must be some of: {', '.join(sorted(known))}")
    return {Question(str(q)) for q in questions}


class Status(StrEnum):
    """How an examination by one examiner ended."""

    FOUND = "found"
    CLEAR = "clear"
    INAPPLICABLE = "inapplicable"
    FAILED = "failed"


class Verdict(StrEnum):
    """The one-word summary of an opinion, in the order in which they win."""

    ALTERED = "altered"
    DECLARED_SYNTHETIC = "declared_synthetic"
    FAKE = "fake"
    SUSPECT = "suspect"
    VERIFIED = "verified"
    INCONCLUSIVE = "inconclusive"
    NO_SIGNS = "no_signs"
    UNEXAMINED = "unexamined"


# A field region with this label is a statement, inside the file, that a model made or composited the picture.
DECLARES_SYNTHETIC = "declares_synthetic"
# A field region with this label is an internal contradiction of the metadata.
CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True)
class Region:
    """Where a finding points.

    kind: "box" (x, y, width, height in pixels of the upright picture), "mask" (uint8 heat map, 0..255, any
        size, stretched over `box`, or over the whole picture when box is None), "span" (start, end in
        seconds) or "field" (a metadata field and its value).
    score: 0..1, how strongly the region speaks for the first proposition; None when it only locates.
    details: further JSON-ready facts, such as a face's quality record.
    """

    kind: str
    label: str
    score: float | None = None
    box: tuple[float, float, float, float] | None = None
    mask: Mask | None = field(default=None, compare=False)
    span: tuple[float, float] | None = None
    field_name: str | None = None
    value: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; a mask is written as its PNG, base64-encoded."""
        out: dict[str, Any] = {"kind": self.kind, "label": self.label, "score": _round(self.score)}
        if self.box is not None:
            out["box"] = [round(float(v), 1) for v in self.box]
        if self.span is not None:
            out["span"] = [round(float(v), 3) for v in self.span]
        if self.field_name is not None:
            out["field"] = self.field_name
        if self.value is not None:
            out["value"] = self.value
        if self.mask is not None:
            out["mask_png"] = _png_base64(self.mask)
        if self.details:
            out["details"] = dict(self.details)
        return out


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examiner says about one exhibit.

    score: the examiner's raw score, 0..1, higher = more synthetic; None unless status is found or clear.
    log10_lr: the calibrated likelihood ratio; None where the examiner has no calibration (declarations).
    why: one plain sentence. card: the name of the card that says how far to trust this.
    """

    examiner: str
    question: Question
    status: Status
    why: str
    score: float | None = None
    log10_lr: float | None = None
    regions: tuple[Region, ...] = ()
    card: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, keys as in the contract."""
        return {
            "examiner": self.examiner,
            "question": str(self.question),
            "status": str(self.status),
            "score": _round(self.score),
            "log10_lr": _round(self.log10_lr),
            "regions": [r.to_dict() for r in self.regions],
            "why": self.why,
            "card": self.card,
        }


@dataclass(frozen=True, slots=True)
class QuestionOpinion:
    """The findings on one question, weighed.

    status: "examined", "inconclusive" or "unexamined"; why: what the numbers rest on, or why there are none.
    """

    question: Question
    status: str
    log10_lr: float | None
    band: str
    why: str
    finding_names: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, keys as in the contract."""
        return {"log10_lr": _round(self.log10_lr), "band": self.band, "status": self.status, "why": self.why}


@dataclass(frozen=True, slots=True)
class Opinion:
    """The findings weighed into one verdict.

    log10_lr and band are those of the question that speaks loudest; reasons are plain sentences, the deciding
    one first; quality is the record that conditioned the likelihood ratios.
    """

    verdict: Verdict
    log10_lr: float | None
    band: str
    by_question: Mapping[str, QuestionOpinion]
    reasons: tuple[str, ...] = ()
    quality: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, keys as in the contract."""
        return {
            "verdict": str(self.verdict),
            "log10_lr": _round(self.log10_lr),
            "band": self.band,
            "questions": {name: o.to_dict() for name, o in self.by_question.items()},
            "reasons": list(self.reasons),
            "quality": dict(self.quality),
        }


def _round(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _png_base64(mask: Mask) -> str:
    import base64
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, format="PNG", optimize=False)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
