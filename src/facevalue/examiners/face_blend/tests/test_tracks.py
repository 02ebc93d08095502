"""Tracks of clips over a stand-in network: spans, curves, heat maps, persons, and when it abstains."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from facevalue.examiners.base import Subject, kinds_of
from facevalue.examiners.face_blend import FaceBlendExaminer, tracks
from facevalue.examiners.face_blend.tracks import MAX_VIEWS, chosen_views, covered
from facevalue.exhibit import Exhibit
from facevalue.faces import Face, FaceQuality, Track
from facevalue.faces.track_keep import make_view
from facevalue.finding import Status
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.over_time import FEATURE, TrackModel

Install = Callable[..., Path]
MODEL = TrackModel(-1.0, 1.0, 0.5, 1.0, 0.5, LogisticCalibration((FEATURE,), (1.0,), 0.0, -4.0, 4.0))


@pytest.fixture
def standing_in_clips(standing_in: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """standing_in with a model of tracks."""

    def install(bias: float = 0.0, slope: float = 0.0) -> Path:
        folder = standing_in(bias, slope)
        (folder / tracks.TRACKS_FILE).write_text(json.dumps({"track": MODEL.to_dict()}), encoding="utf-8")
        monkeypatch.setattr(tracks, "FOLDER", folder)
        tracks.track_model.cache_clear()
        return folder

    yield install
    tracks.track_model.cache_clear()


def _track(number: int, person: int, shade: int, count: int = 20, side: float = 90, start: float = 0.0) -> Track:
    frame = np.full((300, 400, 3), shade, np.uint8)
    face = Face((150.0, 80.0, side, side), np.zeros((5, 2), np.float32), 0.9, FaceQuality(side, 3, 0, 0, 0.5, 0.2, 0))
    times = start + 0.2 * np.arange(count)
    views = tuple(make_view(i, float(t), frame, face) for i, t in enumerate(times))
    boxes, marks = np.tile(np.array(face.box, np.float32), (count, 1)), np.zeros((count, 5, 2), np.float32)
    return Track(number, person, times, boxes, marks, views, (), np.zeros((0, 128), np.float32), np.zeros(0))


def _subject(*found: Track, seen: bool = True) -> Subject:
    info = ClipInfo("mp4", 400, 300, 4.0, 25.0, "h264", "yuv420p", 0, 1, 0, True, ((0.0, 4.0),))
    footage = Footage(info, None, (), found if seen else None, np.zeros(0), None)
    return Subject(Exhibit("a.mp4", b"", "", "video/mp4"), None, {}, None, None, footage)


def test_it_is_asked_about_clips() -> None:
    assert kinds_of(FaceBlendExaminer()) == {"image", "video"}


def test_each_track_is_a_span_with_its_curve(standing_in_clips: Install) -> None:
    standing_in_clips(bias=3.0)
    finding = FaceBlendExaminer().examine(_subject(_track(1, 1, 120)))
    assert finding.status is Status.FOUND
    (span,) = [r for r in finding.regions if r.kind == "span"]
    assert span.span == (0.0, pytest.approx(3.8))
    assert (span.details["track"], span.details["person"], span.details["views"]) == (1, 1, MAX_VIEWS)
    assert span.details["log10_lr"] == pytest.approx(finding.log10_lr, abs=1e-3)
    growth = [lr for _, lr in span.details["growth"]]
    assert len(growth) == len(span.details["curve"]) == MAX_VIEWS
    assert growth == sorted(growth)
    assert growth[-1] > growth[0]
    assert "0.0 to 3.8 s" in finding.why


def test_the_strongest_views_have_heat_maps_in_the_frame(standing_in_clips: Install) -> None:
    standing_in_clips(bias=3.0)
    finding = FaceBlendExaminer().examine(_subject(_track(1, 1, 120)))
    masks = [r for r in finding.regions if r.kind == "mask"]
    assert len(masks) == 3
    for region in masks:
        assert region.mask is not None
        assert region.box is not None
        assert region.mask.shape == (20, 20)
        x, y, w, h = region.box
        assert x <= 150
        assert y <= 80
        assert x + w >= 240
        assert y + h >= 170
        assert {"time_s", "track", "log10_lr"} <= set(region.details)


def test_tracks_of_one_person_are_weighed_together_and_persons_averaged(standing_in_clips: Install) -> None:
    standing_in_clips(slope=8.0)  # white faces look blended, black ones real
    bright, dark = _track(1, 1, 230), _track(2, 2, 20, start=10.0)
    alone = FaceBlendExaminer().examine(_subject(bright)).log10_lr
    both = FaceBlendExaminer().examine(_subject(bright, dark)).log10_lr
    assert alone is not None
    assert both == pytest.approx(alone + np.log10(0.5), abs=0.01)
    again = _track(3, 1, 230, start=20.0)
    longer = FaceBlendExaminer().examine(_subject(bright, again)).log10_lr
    assert longer is not None
    assert longer >= alone


def test_a_minority_of_bad_views_does_not_decide(standing_in_clips: Install) -> None:
    standing_in_clips(slope=8.0)
    dark, bright = _track(1, 1, 60), _track(1, 1, 255)
    mixed = [b if i % 5 == 0 else d for i, (b, d) in enumerate(zip(bright.views, dark.views, strict=True))]
    track = Track(1, 1, dark.times, dark.boxes, dark.landmarks, tuple(mixed), (), dark.embeddings, np.zeros(0))
    assert FaceBlendExaminer().examine(_subject(track)).status is Status.CLEAR


def test_when_it_cannot_look_it_says_why(standing_in_clips: Install) -> None:
    folder = standing_in_clips()
    cases = {
        "no face was found": _subject(),
        "detector": _subject(seen=False),
        "64 px": _subject(_track(1, 1, 120, side=40)),
    }
    for wanted, subject in cases.items():
        finding = FaceBlendExaminer().examine(subject)
        assert (finding.status, finding.log10_lr) == (Status.INAPPLICABLE, None)
        assert wanted in finding.why
    (folder / tracks.TRACKS_FILE).unlink()
    finding = FaceBlendExaminer().examine(_subject(_track(1, 1, 120)))
    assert finding.status is Status.INAPPLICABLE
    assert "tracks.json" in finding.why


def test_chosen_views_are_spread_and_large_enough() -> None:
    times = [v.time_s for v in chosen_views(_track(1, 1, 99, count=32))]
    assert len(times) == MAX_VIEWS
    assert (times[0], times[-1]) == (0.0, pytest.approx(6.2))
    assert chosen_views(_track(1, 1, 99, side=50)) == ()


def test_the_square_that_a_crop_covers_lies_in_the_view() -> None:
    view = _track(1, 1, 99).views[0]
    for margin in (1.2, 1.3, 1.45):
        x, y, w, h = covered(view, margin)
        assert w == h == pytest.approx(90 * margin, abs=1)
        assert x + w / 2 == pytest.approx(195, abs=1.5)
        assert y + h / 2 == pytest.approx(125, abs=1.5)
