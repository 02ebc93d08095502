"""Findings over a stand-in model: spans, curves, persons, reasons for not looking; and the model that ships."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facevalue.errors import UsageError
from facevalue.examiners.base import Card, kinds_of
from facevalue.examiners.reenactment import ReenactmentExaminer, examiner
from facevalue.examiners.reenactment.model import ASPECTS, Head, Model
from facevalue.examiners.reenactment.moments import NAMES
from facevalue.examiners.reenactment.tests import stand_in
from facevalue.finding import Question, Status
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import TrackModel

Install = Callable[[Model], Path]


@pytest.fixture
def standing_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """standing_in(model): the examiner with that calibration."""

    def install(made: Model) -> Path:
        folder = stand_in.install(tmp_path / "weights", made)
        monkeypatch.setattr(examiner, "FOLDER", folder)
        examiner.model.cache_clear()
        return folder

    yield install
    examiner.model.cache_clear()


def test_it_asks_about_faces_in_clips() -> None:
    asked = ReenactmentExaminer()
    assert kinds_of(asked) == {"video"}
    assert asked.question is Question.FACE_SWAPPED
    assert asked.reads_pixels


def test_each_track_is_a_span_with_its_curve(standing_in: Install) -> None:
    standing_in(stand_in.model(bias=3.0))
    finding = ReenactmentExaminer().examine(stand_in.subject(stand_in.track()))
    assert finding.status is Status.FOUND
    (span,) = finding.regions
    assert span.kind == "span"
    assert span.span == (0.0, pytest.approx(2.2))
    assert (span.details["track"], span.details["person"], span.details["views"]) == (1, 1, 12)
    assert span.details["log10_lr"] == pytest.approx(finding.log10_lr, abs=1e-3)
    assert len(span.details["curve"]) == len(span.details["growth"]) == 12
    assert set(span.details["aspects"]) == set(ASPECTS.values())
    assert "person 1 (0.0 to 2.2 s)" in finding.why
    json.dumps(finding.to_dict())


def test_clear_says_that_nothing_is_proved(standing_in: Install) -> None:
    standing_in(stand_in.model(bias=-3.0))
    finding = ReenactmentExaminer().examine(stand_in.subject(stand_in.track()))
    assert finding.status is Status.CLEAR
    assert finding.log10_lr is not None
    assert finding.log10_lr < 0
    assert "does not prove" in finding.why


def test_persons_are_averaged_and_their_tracks_joined(standing_in: Install) -> None:
    standing_in(stand_in.model(bias=3.0))
    one, two = stand_in.track(1, 1), stand_in.track(2, 1, start_s=5.0)
    other = stand_in.track(3, 2, start_s=9.0)
    alone = ReenactmentExaminer().examine(stand_in.subject(one)).log10_lr
    joined = ReenactmentExaminer().examine(stand_in.subject(one, two))
    both = ReenactmentExaminer().examine(stand_in.subject(one, other))
    assert alone is not None
    assert joined.log10_lr is not None
    assert joined.log10_lr >= alone
    assert both.log10_lr == pytest.approx(alone, abs=0.05)
    assert len(both.regions) == 2
    assert "0.0 to 2.2 s, 5.0 to 7.2 s" in joined.why


def test_the_value_that_speaks_is_named(standing_in: Install) -> None:
    # The residual of a pair is below 1, so that its logarithm times a negative slope speaks for synthesis.
    standing_in(stand_in.model(bias=9.0, name="far: eyes residual 3", slope=-1.0))
    finding = ReenactmentExaminer().examine(stand_in.subject(stand_in.track(side=60.0), stand_in.track(2, 2, side=40)))
    assert ASPECTS["far"] in finding.why
    assert "1 more track" in finding.why


def test_when_it_cannot_look_it_says_why(standing_in: Install) -> None:
    folder = standing_in(stand_in.model())
    cases = {
        "no face was found": stand_in.subject(),
        "detector": stand_in.subject(seen=False),
        "56 px": stand_in.subject(stand_in.track(side=40)),
        "largest of 2 tracks of faces, it has 3 looks": stand_in.subject(
            stand_in.track(count=3), stand_in.track(2, 2, 3)
        ),
        "still picture": replace(stand_in.subject(), footage=None),
    }
    for wanted, subject in cases.items():
        finding = ReenactmentExaminer().examine(subject)
        assert (finding.status, finding.log10_lr, finding.score) == (Status.INAPPLICABLE, None, None)
        assert wanted in finding.why
    (folder / examiner.CALIBRATION_FILE).unlink()
    finding = ReenactmentExaminer().examine(stand_in.subject(stand_in.track()))
    assert finding.status is Status.INAPPLICABLE
    assert examiner.CALIBRATION_FILE in finding.why
    assert ReenactmentExaminer().weights() == {}


def test_a_head_finds_what_separates_and_reads_its_own_record() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (400, len(NAMES)))
    labels = np.arange(400) % 2
    rows[labels == 1, 3] += 2.0
    rows[::7, 5] = np.nan
    names = (NAMES[3], NAMES[5])
    head = Head.fit(rows, labels, np.ones(400), names, ridge=1.0)
    scores = head.scores(rows)
    assert scores[labels == 1].mean() > scores[labels == 0].mean() + 1
    assert np.isfinite(scores).all()
    again = Head.from_dict(json.loads(json.dumps(head.to_dict())))
    assert np.array_equal(again.scores(rows), scores)
    level = head.intercept + head.typical @ head.coefficients
    assert np.allclose(sum(head.aspects(rows).values()) + level, scores.mean())
    far = rows.copy()
    far[:, 3] = 1e6
    assert head.scores(far).max() <= scores.max() + abs(head.coefficients).max() * 5


def test_a_foreign_record_is_refused() -> None:
    good = stand_in.model().to_dict()
    for head in ({"kind": "tree"}, {**good["head"], "names": ["no such value"]}, {**good["head"], "low": []}):
        with pytest.raises(UsageError):
            Model.from_dict({**good, "head": head})


def test_the_shipped_model_is_bounded_and_has_a_card() -> None:
    shipped = Model.from_dict(json.loads((examiner.FOLDER / examiner.CALIBRATION_FILE).read_text(encoding="utf-8")))
    calibration = shipped.track.calibration
    assert isinstance(shipped.track, TrackModel)
    assert isinstance(calibration, LogisticCalibration)
    assert calibration.low is not None
    assert calibration.high is not None
    assert -3 < calibration.low <= 0 <= calibration.high < 3
    card = Card.load(examiner.FOLDER)
    assert (card.name, card.question) == ("reenactment", "face_swapped")


def test_the_record_of_sources_left_out_has_no_accused_reals() -> None:
    record = json.loads((examiner.FOLDER / "leave_one_out.json").read_text(encoding="utf-8"))
    worst = max(alarm[2] for alarm in record["reals at LR 10 or more by source"].values())
    assert worst < 3
