"""Geometry, texture and motion: what the values mean, on faces drawn for the purpose."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.reenactment.geometry import FACE_PX, PARTS, POINTS, REGIONS, aligned, region
from facevalue.examiners.reenactment.moments import (
    MAX_MOMENTS,
    NAMES,
    large_views,
    moments,
    why_not,
)
from facevalue.examiners.reenactment.motion import BURST_NAMES, COURSE_NAMES, burst_row, course_row
from facevalue.examiners.reenactment.tests import stand_in
from facevalue.examiners.reenactment.texture import PAIR_NAMES, VIEW_NAMES, bands, flow, pair_row, view_row
from facevalue.faces.align import similarity

FINE = VIEW_NAMES.index("skin slope 0")
STAYS = PAIR_NAMES.index("skin residual 1")


def _face(noise: float = 0.0, time_s: float = 0.0, side: float = 100.0):
    pixels, face = stand_in.frame_at(time_s, side, noise)
    return aligned(pixels, face.landmarks)


@given(st.floats(0.4, 3.0), st.floats(-30, 30), st.floats(-40, 40), st.floats(-40, 40))
@settings(max_examples=25, deadline=None)
def test_landmarks_come_to_lie_on_the_template(scale: float, turn: float, x: float, y: float) -> None:
    angle = np.radians(turn)
    spin = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    marks = (POINTS @ spin.T + (150 + x, 150 + y)).astype(np.float32)
    move = similarity(marks, POINTS)
    assert np.allclose(marks @ move[:, :2].T + move[:, 2], POINTS, atol=1e-2)
    face = aligned(np.full((300, 300, 3), 90, np.uint8), marks)
    assert face.luma.shape == face.inside.shape == (FACE_PX, FACE_PX)
    assert np.allclose(face.luma, 90, atol=1)


def test_a_larger_picture_of_the_same_face_measures_alike() -> None:
    pixels, face = stand_in.frame_at(0.0, 100.0)
    large = cv2.resize(pixels, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    one, two = aligned(pixels, face.landmarks), aligned(large, face.landmarks * 3 + 1)
    assert float(np.abs(one.luma - two.luma)[20:-20, 20:-20].mean()) < 4


def test_regions_do_not_overlap_and_shrink_to_what_is_inside() -> None:
    assert not (REGIONS["skin"] & (REGIONS["eyes"] | REGIONS["mouth"])).any()
    half = np.zeros((FACE_PX, FACE_PX), bool)
    half[:, : FACE_PX // 2] = True
    for part in PARTS:
        assert region(part, half).sum() < REGIONS[part].sum()
        assert (region(part, np.zeros_like(half)) == REGIONS[part]).all()


def test_bands_add_up_to_the_plane_less_its_coarse_part() -> None:
    plane = _face().luma
    rest = plane - sum(bands(plane))
    assert np.allclose(rest, cv2.GaussianBlur(plane, (0, 0), 5.6), atol=0.05)


def test_a_blurred_face_has_less_at_the_finest_scale() -> None:
    face = _face(noise=4.0)
    soft = cv2.GaussianBlur(face.pixels, (0, 0), 1.2)
    blurred = replace(face, pixels=soft, luma=cv2.cvtColor(soft, cv2.COLOR_RGB2GRAY).astype(np.float32))
    assert view_row(blurred)[FINE] < view_row(face)[FINE] - 0.3
    assert len(view_row(face)) == len(VIEW_NAMES)


def test_what_a_camera_adds_anew_does_not_stay() -> None:
    rows = []
    for noise in (0.0, 6.0):
        one, two = _face(noise, 0.0), _face(noise, 0.4)
        rows.append(pair_row(one, two, flow(one.luma, two.luma)))
    assert len(rows[0]) == len(PAIR_NAMES)
    assert rows[0][STAYS] < rows[1][STAYS] - 0.2


def test_the_same_look_twice_leaves_nothing() -> None:
    face = _face(noise=3.0)
    row = pair_row(face, face, np.zeros((FACE_PX, FACE_PX, 2), np.float32))
    assert max(row[: len(PARTS) * 4]) < -1.5
    assert row[PAIR_NAMES.index("motion")] == pytest.approx(-4)


def test_a_burst_measures_the_still_surroundings() -> None:
    row = dict(zip(BURST_NAMES, burst_row(stand_in.burst(0.2, 100.0)), strict=True))
    assert row["motion outside against inside"] < 0
    assert row["speed of the head"] > -4
    frozen = stand_in.burst(0.2, 100.0)
    frozen = replace(frozen, crops=frozen.crops[[0] * 8], landmarks=frozen.landmarks[[0] * 8])
    still = dict(zip(BURST_NAMES, burst_row(frozen), strict=True))
    assert still["motion"] == pytest.approx(-4)
    assert still["speed of the head"] == pytest.approx(-4)


def test_a_burst_is_read_alike_at_another_frame_rate() -> None:
    slow, quick = (dict(zip(BURST_NAMES, burst_row(stand_in.burst(0.2, 100.0, r)), strict=True)) for r in (25, 50))
    assert quick["motion"] == pytest.approx(slow["motion"], abs=0.5)
    assert quick["speed of the head"] == pytest.approx(slow["speed of the head"], abs=0.5)
    # At ten frames a second and three frames, one step is all there is.
    short = stand_in.burst(0.2, 100.0, 10.0)
    short = replace(short, time_s=short.time_s[:3], landmarks=short.landmarks[:3], crops=short.crops[:3])
    assert np.isfinite(burst_row(short)).all()


def test_the_course_needs_embeddings_only_for_likeness() -> None:
    track = stand_in.track()
    row = dict(zip(COURSE_NAMES, course_row(track), strict=True))
    assert row["spread across"] > row["spread of yaw"]
    assert row["likeness of the face to itself"] == pytest.approx(1)
    bare = replace(track, embeddings=np.zeros((0, 128), np.float32), embedding_times=np.zeros(0))
    assert np.isnan(course_row(bare)[-2:]).all()


def test_moments_are_one_row_a_look() -> None:
    found = moments(stand_in.track(count=24))
    assert found.rows.shape == (MAX_MOMENTS, len(NAMES))
    assert np.isfinite(found.rows).all()
    assert (np.diff(found.times) > 0).all()
    bare = moments(stand_in.track(count=7, bursts=0))
    missing = {name.partition(":")[0] for name, bad in zip(NAMES, np.isnan(bare.rows).any(axis=0), strict=True) if bad}
    assert missing == {"burst"}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"side": 40.0}, "40 px wide"),
        ({"count": 4}, "4 looks"),
        ({"count": 6}, "1.0 s"),
    ],
)
def test_why_a_track_is_not_judged(changes: dict[str, float], wanted: str) -> None:
    assert wanted in (why_not(stand_in.track(**changes)) or "")  # type: ignore[arg-type]


def test_tracks_without_looks_are_not_judged_and_good_ones_are() -> None:
    good = stand_in.track()
    assert why_not(good) is None
    assert "without being looked at" in (why_not(replace(good, views=())) or "")
    assert large_views(replace(good, views=())) == ()
