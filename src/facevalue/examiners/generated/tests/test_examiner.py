"""The examiner as a whole, over stand-in models: what it says, where, and when it abstains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from facevalue.examiners.base import Card, Examiner, Subject
from facevalue.examiners.generated import GeneratedExaminer, examiner
from facevalue.examiners.generated.views import window_boxes
from facevalue.exhibit import Exhibit
from facevalue.faces import detect_faces
from facevalue.finding import Question, Status
from facevalue.media import Picture

Install = Callable[..., Path]


def subject(pixels: np.ndarray, *, faces: bool = True) -> Subject:
    picture = Picture(pixels, "PNG", "RGB", (pixels.shape[1], pixels.shape[0]))
    return Subject(Exhibit("a.png", b"", "", "image/png"), picture, {}, None, detect_faces(pixels) if faces else None)


def test_it_is_an_examiner() -> None:
    made = GeneratedExaminer()
    assert isinstance(made, Examiner)
    assert (made.name, made.question, made.reads_pixels) == ("generated", Question.GENERATED, True)


def test_its_card_can_be_read() -> None:
    card = Card.load(GeneratedExaminer().folder)
    assert (card.name, card.question) == ("generated", "generated")
    assert card.limits


def test_it_says_what_it_read_and_where(standing_in: Install, portrait: np.ndarray) -> None:
    standing_in()
    finding = GeneratedExaminer().examine(subject(portrait))
    assert finding.status is Status.CLEAR
    assert finding.log10_lr is not None
    assert finding.score is not None
    assert 0 <= finding.score <= 1
    assert "does not prove a photograph" in finding.why
    boxes = [r for r in finding.regions if r.kind == "box"]
    windows = [r.box for r in boxes if r.label == "native window"]
    assert windows == window_boxes(portrait, examiner.WINDOWS)[: len(windows)]
    assert windows
    (face,) = [r for r in boxes if r.label.startswith("face 1")]
    assert set(face.details["families_log10_lr"]) == {"family_a", "family_b"}
    assert finding == GeneratedExaminer().examine(subject(portrait))


def test_strong_evidence_is_found_and_worded(standing_in: Install, portrait: np.ndarray) -> None:
    standing_in(bias=12.0)
    finding = GeneratedExaminer().examine(subject(portrait))
    assert finding.status is Status.FOUND
    assert finding.log10_lr is not None
    assert finding.log10_lr >= examiner.FOUND_LOG10_LR
    assert "looks generated" in finding.why


def test_more_windows_are_read_where_they_could_matter(standing_in: Install, portrait: np.ndarray) -> None:
    def windows(bias: float) -> int:
        standing_in(bias=bias)
        return sum(r.label == "native window" for r in GeneratedExaminer().examine(subject(portrait)).regions)

    every = len(window_boxes(portrait, examiner.WINDOWS))
    assert windows(bias=-12.0) == (every + 1) // 2 < every
    assert windows(bias=12.0) == every


def test_a_picture_without_faces_or_detector_is_judged_by_its_views(standing_in: Install, portrait: np.ndarray) -> None:
    standing_in()
    finding = GeneratedExaminer().examine(subject(portrait, faces=False))
    assert finding.log10_lr is not None
    assert not [r for r in finding.regions if r.label.startswith("face")]


def test_a_picture_too_small_for_windows_says_so(standing_in: Install, portrait: np.ndarray) -> None:
    standing_in()
    finding = GeneratedExaminer().examine(subject(cv2.resize(portrait, (200, 200), interpolation=cv2.INTER_AREA)))
    assert "too small for native windows" in finding.why
    assert not [r for r in finding.regions if r.label == "native window"]


def test_why_it_abstains(standing_in: Install, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = standing_in()
    flat = np.full((300, 300, 3), 77, np.uint8)
    assert "flat" in _abstention(flat)
    assert "64 px" in _abstention(np.ascontiguousarray(portrait[:50]))
    (folder / examiner.RESIDUAL_FILE).unlink()
    assert _abstention(portrait).endswith("missing from this installation: residual.onnx")


def _abstention(pixels: np.ndarray) -> str:
    finding = GeneratedExaminer().examine(subject(pixels))
    assert finding.status is Status.INAPPLICABLE
    assert (finding.score, finding.log10_lr) == (None, None)
    return finding.why


def test_weights_are_named_by_their_hash(standing_in: Install) -> None:
    folder = standing_in()
    weights = GeneratedExaminer().weights()
    assert {f"generated/{p.name}" for p in folder.iterdir()} <= set(weights)
    assert all(len(digest) == 64 for digest in weights.values())
