"""The examiner over a stand-in calibration: spans, curves, persons, reasons; and the calibration that ships."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facevalue.errors import UsageError
from facevalue.examiners.base import Card, Subject, kinds_of
from facevalue.examiners.temporal import TemporalExaminer, model
from facevalue.examiners.temporal.look import CONDITIONS, TRAITS, BurstLook
from facevalue.examiners.temporal.model import CALIBRATION_FILE, LEAST_SPREADS, MOST_SPREADS, Norms, TemporalModel
from facevalue.examiners.temporal.tests import stand_in
from facevalue.exhibit import Exhibit
from facevalue.finding import Question, Status

Install = Callable[..., Path]
FORGED = tuple(stand_in.burst(seed=i, colour=4.0, jitter=0.5, start=2.0 * i) for i in range(3))
STEADY = tuple(stand_in.burst(seed=i, start=2.0 * i) for i in range(3))


def test_it_is_asked_about_faces_in_clips() -> None:
    examiner = TemporalExaminer()
    assert kinds_of(examiner) == {"video"}
    assert examiner.question is Question.FACE_SWAPPED
    assert examiner.reads_pixels


def test_a_track_is_a_span_with_its_curve(standing_in: Install) -> None:
    standing_in()
    finding = TemporalExaminer().examine(stand_in.subject(stand_in.track(*FORGED)))
    assert finding.status is Status.FOUND
    assert finding.log10_lr is not None
    (span,) = finding.regions
    assert span.kind == "span"
    assert span.span == (0.0, pytest.approx(4.28))
    assert (span.details["track"], span.details["person"], span.details["bursts"]) == (1, 1, 3)
    assert span.details["log10_lr"] == pytest.approx(finding.log10_lr, abs=1e-3)
    assert [t for t, _ in span.details["curve"]] == [0.0, 2.0, 4.0]
    growth = [lr for _, lr in span.details["growth"]]
    assert growth[-1] == span.details["log10_lr"]
    assert growth[-1] > growth[0]
    assert span.details["loudest"] == ["skin mean tremble"]
    assert "person 1 (0.0 to 4.3 s)" in finding.why
    assert "skin mean tremble" in finding.why
    json.dumps(finding.to_dict())


def test_a_recorded_face_is_clear(standing_in: Install) -> None:
    standing_in()
    finding = TemporalExaminer().examine(stand_in.subject(stand_in.track(*STEADY)))
    assert finding.status is Status.CLEAR
    assert finding.log10_lr is not None
    assert finding.log10_lr < 0
    assert "3 bursts of frames of 1 person" in finding.why


def test_every_person_is_judged_and_the_finding_says_which(standing_in: Install) -> None:
    standing_in()
    real = stand_in.track(*STEADY)
    fake = stand_in.track(*FORGED, number=2, person=2)
    alone = TemporalExaminer().examine(stand_in.subject(fake)).log10_lr
    finding = TemporalExaminer().examine(stand_in.subject(real, fake, stand_in.track(number=3, person=3)))
    assert alone is not None
    assert finding.log10_lr == pytest.approx(alone + np.log10(0.5), abs=0.01)
    assert [r.details["person"] for r in finding.regions] == [1, 2]
    assert "person 2" in finding.why
    assert "1 more track could not be judged" in finding.why
    again = stand_in.track(*(replace(b, time_s=b.time_s + 20) for b in FORGED), number=3, person=2)
    together = TemporalExaminer().examine(stand_in.subject(fake, again)).log10_lr
    assert together is not None
    assert together > alone


def test_when_it_cannot_look_it_says_why(standing_in: Install) -> None:
    folder = standing_in()
    still = replace(STEADY[0], crops=np.repeat(STEADY[0].crops[:1], 8, axis=0))
    cases = {
        "no face was found": stand_in.subject(),
        "detector": stand_in.subject(seen=False),
        "enough frames in a row": stand_in.subject(stand_in.track()),
        "below 48 px": stand_in.subject(stand_in.track(stand_in.burst(px=30))),
        "stands still": stand_in.subject(stand_in.track(still)),
        "8 frames a second": stand_in.subject(stand_in.track(stand_in.burst(step=0.4))),
        "no clip": Subject(Exhibit("a.png", b"", "", "image/png"), None, {}, None, None),
    }
    for wanted, subject in cases.items():
        finding = TemporalExaminer().examine(subject)
        assert (finding.status, finding.log10_lr, finding.score) == (Status.INAPPLICABLE, None, None)
        assert wanted in finding.why
    (folder / CALIBRATION_FILE).unlink()
    finding = TemporalExaminer().examine(stand_in.subject(stand_in.track(*FORGED)))
    assert finding.status is Status.INAPPLICABLE
    assert CALIBRATION_FILE in finding.why
    assert TemporalExaminer().weights() == {}


def test_a_calibration_that_knows_nothing_answers_nothing(standing_in: Install) -> None:
    folder = standing_in()
    made = stand_in.model()
    silent = replace(made, track=replace(made.track, calibration=made.track.calibration.bounded(0.0, 0.0)))
    stand_in.install(folder, silent)
    model.model.cache_clear()
    finding = TemporalExaminer().examine(stand_in.subject(stand_in.track(*FORGED)))
    assert finding.status is Status.INAPPLICABLE
    assert "calibrated" in finding.why


def test_the_model_survives_its_file_and_refuses_another() -> None:
    made = stand_in.model()
    again = TemporalModel.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.to_dict() == made.to_dict()
    raw = made.norms.to_dict()
    with pytest.raises(UsageError):
        Norms.from_dict({**raw, "traits": raw["traits"][::-1]})
    with pytest.raises(UsageError):
        Norms(np.zeros((2, 2)), np.ones(2), np.zeros(1), np.zeros(1))


def test_one_trait_cannot_decide_and_an_unread_one_says_nothing() -> None:
    norms = stand_in.norms()
    traits = np.full(len(TRAITS), np.nan)
    traits[0], traits[1] = 1e6, -1e6
    excess = norms.excess(traits, np.full(len(CONDITIONS), 1e9))
    assert excess[:2].tolist() == [MOST_SPREADS, LEAST_SPREADS]
    assert not excess[2:].any()
    look = BurstLook(0.0, traits, np.zeros(len(CONDITIONS)))
    assert stand_in.model(TRAITS[0], 0.0).reasons(look) == [(TRAITS[0], MOST_SPREADS)]
    assert stand_in.model(TRAITS[1], 0.0).reasons(look) == []


def test_what_ships_is_bounded_measured_and_documented() -> None:
    shipped = model.model()
    folder = TemporalExaminer().folder
    figures = json.loads((folder / "leave_one_out.json").read_text(encoding="utf-8"))
    bounds = (shipped.track.calibration.low, shipped.track.calibration.high)
    assert list(bounds) == figures["bounds"]
    assert bounds[0] is not None
    assert bounds[0] <= 0
    assert figures["lab-made pairs"]["n_fake"] > 50
    assert figures["real clips as published, at LR 10 or more"][1] > 10
    assert set(TemporalExaminer().weights()) == {"temporal/calibration.json"}
    assert Card.load(folder).question == "face_swapped"
    split = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    assert not set(split["never_learnt_from"]) & {*split["made_of"], *split["real_as_published"]}


def test_what_ships_answers_on_a_drawn_clip() -> None:
    finding = TemporalExaminer().examine(stand_in.subject(stand_in.track(*STEADY)))
    assert finding.status in (Status.CLEAR, Status.FOUND)
    assert finding.log10_lr is not None
    assert np.isfinite(finding.log10_lr)
    again = TemporalExaminer().examine(stand_in.subject(stand_in.track(*STEADY)))
    assert again.to_dict() == finding.to_dict()
