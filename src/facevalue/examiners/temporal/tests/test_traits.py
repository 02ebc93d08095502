"""What is measured of a burst: areas, motion, flicker and drift, and what each of them answers to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.temporal import motion
from facevalue.examiners.temporal.areas import areas
from facevalue.examiners.temporal.drift import drift_near, pose
from facevalue.examiners.temporal.look import CONDITIONS, TRAITS, BurstLook, distinct, look_at_burst, unfit
from facevalue.examiners.temporal.tests import stand_in
from facevalue.faces import Burst
from facevalue.faces.align import TEMPLATE

MARKS = (TEMPLATE * stand_in.UNIT + stand_in.CORNER).astype(np.float32)


def read(burst: Burst) -> dict[str, float]:
    look = look_at_burst(stand_in.track(burst), burst)
    assert isinstance(look, BurstLook)
    return dict(zip((*TRAITS, *CONDITIONS), (*look.traits, *look.conditions), strict=True))


def mean(**options: float) -> dict[str, float]:
    rows = [read(stand_in.burst(seed=seed, **options)) for seed in range(3)]  # type: ignore[arg-type]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def test_the_areas_are_apart_and_the_ring_lies_between() -> None:
    found = areas(MARKS, stand_in.SIDE)
    assert found is not None
    assert found.unit == pytest.approx(stand_in.UNIT, rel=1e-3)
    assert not (found.skin & found.ring).any()
    assert not (found.outside & (found.skin | found.ring)).any()
    centre = np.argwhere(found.skin).mean(axis=0)
    reach = [np.hypot(*(np.argwhere(a) - centre).T).mean() for a in (found.skin, found.ring, found.outside)]
    assert reach == sorted(reach)


def test_a_face_that_fills_or_leaves_the_square_has_no_areas() -> None:
    assert areas(MARKS * 6, stand_in.SIDE) is None
    assert areas(MARKS + 500, stand_in.SIDE) is None
    assert areas(np.zeros((5, 2), np.float32), stand_in.SIDE) is None


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    st.floats(-0.04, 0.04),
    st.floats(-0.04, 0.04),
)
def test_a_rigid_motion_is_found_in_flow_that_has_outliers(
    shift: tuple[float, float], growth: float, turn: float
) -> None:
    side = 48
    y, x = np.mgrid[:side, :side].astype(np.float32)
    cx, cy = x - x.mean(), y - y.mean()
    flow = np.stack([shift[0] + growth * cx - turn * cy, shift[1] + growth * cy + turn * cx], axis=-1)
    spoiled = flow.copy()
    spoiled[20:28, 20:28] += 4.0  # a mouth that opens
    area = np.ones((side, side), bool)
    fit, rest = motion.rigid(spoiled.astype(np.float32), area, np.ones((side, side), np.float32), 10.0)
    assert fit[:2] * 10.0 == pytest.approx(shift, abs=0.12)
    assert fit[2:] == pytest.approx([growth, turn], abs=0.02)
    assert np.median(np.hypot(*rest.T)) < 0.2


def test_what_is_put_in_anew_trembles_and_comes_back() -> None:
    steady, shaken = mean(), mean(jitter=0.8)
    for name in ("face tremble", "ring tremble", "ring flicker"):
        assert shaken[name] > steady[name] + 0.1, name
    rest = np.random.default_rng(0).normal(0, 1, (9, 400, 2))
    assert motion.turns_back(np.diff(rest, axis=0).astype(np.float32)) == pytest.approx(0.5, abs=0.05)
    assert motion.turns_back(np.cumsum(rest, axis=0).astype(np.float32)) < -0.5


def test_a_colour_that_is_matched_anew_flickers_in_the_face_alone() -> None:
    steady, flickering = mean(), mean(colour=2.0)
    for name in ("skin slow flicker", "skin colour flicker", "skin mean tremble"):
        assert flickering[name] > steady[name] + 0.3, name


def test_noise_on_the_whole_picture_cancels_and_is_a_condition() -> None:
    clean, noisy = mean(noise=0.5), mean(noise=4.0)
    assert noisy["noise"] > clean["noise"] + 0.5
    for name in ("skin flicker", "skin slow flicker", "skin colour flicker"):
        assert abs(noisy[name] - clean[name]) < 0.35, name


def test_conditions_are_those_of_the_surroundings() -> None:
    steady, forged = mean(), mean(jitter=0.8, colour=2.0)
    for name in ("noise", "head tremble", "face size", "frame step"):
        assert forged[name] == pytest.approx(steady[name], abs=0.2), name
    assert mean(px=200.0)["face size"] == pytest.approx(1.0, abs=0.01)


def test_bursts_that_cannot_be_judged_say_why() -> None:
    cases = {
        "px": stand_in.burst(px=30.0),
        "fewer than 5 frames": stand_in.burst(frames=4),
        "8 frames a second": stand_in.burst(step=0.5),
    }
    for wanted, burst in cases.items():
        assert wanted in (unfit(burst) or ""), wanted
        assert wanted in str(look_at_burst(stand_in.track(burst), burst))
    still = stand_in.burst()
    still = replace(still, crops=np.repeat(still.crops[:1], len(still.crops), axis=0))
    assert look_at_burst(stand_in.track(still), still) == "the picture stands still"
    lost = stand_in.burst()
    lost = replace(lost, landmarks=lost.landmarks + 5000)
    assert "too little" in str(look_at_burst(stand_in.track(lost), lost))


def test_frames_shown_twice_count_once() -> None:
    burst = stand_in.burst()
    twice = replace(burst, crops=np.repeat(burst.crops[:4], 2, axis=0))
    assert distinct(burst) == list(range(8))
    assert distinct(twice) == [0, 2, 4, 6]
    assert look_at_burst(stand_in.track(twice), twice) == "the picture stands still"


def test_identity_that_is_made_anew_jumps_and_slow_drift_does_not() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(0, 1, 128)
    noisy = np.stack([base + rng.normal(0, 0.4, 128) for _ in range(13)])
    other = rng.normal(0, 1, 128)
    slow = np.stack([base + 0.06 * i * other for i in range(13)])
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (noisy, slow)]
    anew, drifting = (drift_near(stand_in.track(embeddings=v), 3.0) for v in unit)
    assert anew.jump == pytest.approx(0.0, abs=0.1)
    assert drifting.jump < -0.2
    assert anew.distance > drifting.distance
    few = drift_near(stand_in.track(embeddings=unit[0][:2]), 0.5)
    assert np.isnan(few.distance)
    assert np.isnan(few.jump)


def test_pose_follows_the_nose() -> None:
    turned = MARKS.copy()
    turned[2, 0] += 10
    yaw = pose(np.stack([MARKS, turned]))[:, 0]
    assert abs(yaw[1] - yaw[0]) == pytest.approx(10 / (stand_in.UNIT * 0.363), rel=0.05)
