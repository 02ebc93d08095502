"""The lab of the lips on made talkers: labels, student, pairs, what is left out, and the files that are written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra lab")
pytest.importorskip("onnx", reason="needs the extra lab")

from facevalue.errors import UsageError
from facevalue.examiners.lips.judge import Judge
from facevalue.examiners.lips.mouth import MESH, POINTS, SHAPE_NAMES, MouthShape, lip_points
from facevalue.examiners.lips.speech import EDGES_HZ, STEP_S, Speech
from facevalue.examiners.lips.tests import stand_in
from facevalue.faces.track_run import mouth_map
from facevalue.lab import landmark_teacher, landmark_train, lips_calibrate, lips_recipe
from facevalue.lab.landmark_bank import SIDE, Bank
from facevalue.lab.lips_pairs import SHIFTS_S, SMALL_PX, Talker, examples
from facevalue.sessions import session

BANDS, SHAPES = len(EDGES_HZ), len(SHAPE_NAMES)


def _talk(seconds: float, rng: np.random.Generator) -> Speech:
    count = round(seconds / STEP_S)
    noise = np.convolve(rng.normal(size=count + 20), np.hanning(9), "same")[10:-10]
    level = (noise - noise.min()) / np.ptp(noise)
    levels = np.clip(level[:, None] + 0.2 * rng.normal(size=(count, BANDS)), 0, 1.2).astype(np.float32)
    return Speech(np.arange(count) * STEP_S, levels, (level > 0.2).astype(np.float32))


def _talker(name: str, seconds: float = 9.0, label: int = 0) -> Talker:
    seed = sum(map(ord, name))
    rng = np.random.default_rng(seed)
    speech = _talk(seconds, rng)
    times = np.arange(0, speech.time_s[-1], 0.04)
    level = np.interp(times, speech.time_s, speech.levels.mean(axis=1))
    values = (0.2 * level[:, None] * np.ones(SHAPES) + 0.02 * rng.normal(size=(len(times), SHAPES))).astype(np.float32)
    mouths = {size: (MouthShape(times, values, 40.0 * size / 64),) for size in (64, SMALL_PX)}
    return Talker(name, name.partition("_")[0], label, seed, mouths, speech)


@pytest.fixture(scope="module")
def real() -> list[Talker]:
    return [_talker(f"{source}_{i}") for source in ("one", "two", "three") for i in range(3)]


def test_without_a_teacher_the_lab_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(landmark_teacher.ENVIRONMENT, raising=False)
    with pytest.raises(UsageError, match="mediapipe"):
        landmark_teacher.ask(tmp_path / "faces.npy", tmp_path / "labels.npy")
    monkeypatch.setenv(landmark_teacher.ENVIRONMENT, str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="cannot be run"):
        landmark_teacher.ask(tmp_path / "faces.npy", tmp_path / "labels.npy")
    np.save(tmp_path / "faces.npy", np.zeros((1, 8, 8, 3), np.uint8))
    monkeypatch.setenv(landmark_teacher.ENVIRONMENT, sys.executable)
    with pytest.raises(UsageError, match="the teacher failed"):
        landmark_teacher.ask(tmp_path / "faces.npy", tmp_path / "labels.npy")


def test_labels_that_are_there_need_no_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(landmark_teacher.ENVIRONMENT, raising=False)
    np.save(tmp_path / "labels.npy", np.ones((2, landmark_teacher.POINTS, 2)))
    assert landmark_teacher.ask(tmp_path / "faces.npy", tmp_path / "labels.npy").dtype == np.float32


def test_a_mesh_is_scaled_to_the_square_and_a_miss_is_nan() -> None:
    class Mesh:
        def process(self, square: np.ndarray) -> SimpleNamespace:
            found = [SimpleNamespace(landmark=[SimpleNamespace(x=0.5, y=0.25)] * 10)] if square.max() else None
            return SimpleNamespace(multi_face_landmarks=found)

    squares = np.zeros((2, 8, 8, 3), np.uint8)
    squares[1] = 200
    labels = landmark_teacher.label(squares, Mesh())
    assert np.isnan(labels[0]).all()
    assert labels[1, 0].tolist() == [4.0, 2.0]


def _bank() -> tuple[Bank, np.ndarray]:
    """Squares with a drawn mouth where YuNet's points say, and a mesh that knows it."""
    five = np.array([[70, 75], [122, 75], [96, 105], [78, 135], [114, 135]], np.float32)
    to_crop = mouth_map(five)
    back = np.linalg.inv(np.vstack([to_crop, [0, 0, 1]]))[:2]
    rng = np.random.default_rng(0)
    squares, labels = np.full((12, SIDE, SIDE, 3), 150, np.uint8), np.full((12, 478, 2), np.nan, np.float32)
    squares += rng.integers(0, 20, squares.shape).astype(np.uint8)
    for mesh in labels[:11]:
        points = stand_in.points(float(rng.uniform(0, 12)))
        mesh[list(MESH)] = points @ back[:, :2].T + back[:, 2]
    held = np.arange(12) % 3 == 0
    return Bank(squares, np.tile(five, (12, 1, 1)), tuple("ab"[i % 2] for i in range(12)), held), labels


@pytest.mark.slow
def test_the_student_trains_resumes_and_ships_what_it_learned(tmp_path: Path) -> None:
    bank, labels = _bank()
    mouths = landmark_train.mouths(bank, labels)
    assert len(mouths.points) == 11
    recipe = landmark_train.Recipe(steps=3, batch=4)
    path = landmark_train.train(mouths, tmp_path, recipe, lambda _: None)
    first = path.read_bytes()
    assert landmark_train.train(mouths, tmp_path, recipe, lambda _: None).read_bytes() == first
    assert path.stat().st_size < 1_000_000
    crops = mouths.wide[:, 16:80, 16:80]
    found = lip_points(session(path), crops)
    assert found.shape == (11, POINTS, 2)
    figures = landmark_train.measured(mouths, lambda c: lip_points(session(path), c))
    assert {"a", "b", "a, reduced to 32 px"} <= set(figures)
    assert figures["a"]["error"] > 0


def test_augmentation_moves_points_with_the_picture() -> None:
    wide = np.zeros((96, 96), np.uint8)
    wide[50:53, 60:63] = 255
    points = np.full((POINTS, 2), 61.0, np.float32)
    points[:, 1] = 51.0
    for seed in range(20):
        crop, where = landmark_train.augmented(wide, points, np.random.default_rng(seed))
        assert crop.shape == (64, 64)
        assert crop.dtype == np.uint8
        y, x = np.unravel_index(int(np.argmax(crop.astype(float))), crop.shape)
        assert np.hypot(*(where[0] - (x, y))) < 6


def test_pairs_are_of_every_kind_and_the_same_each_time(real: list[Talker]) -> None:
    others = [t.speech for t in real if t.source != "one"]
    made = list(examples(real[0], others))
    kinds = {e.kind for e in made}
    assert kinds == {"match", "swapped", "re-voiced", *(f"shifted {s:g} s" for s in SHIFTS_S)}
    assert all(e.label == (e.kind != "match") for e in made)
    assert {e.length_s for e in made} == {0.0, 2.0, 4.0, 8.0}
    again = list(examples(real[0], others))
    assert all(np.array_equal(a.pairs[0].speech, b.pairs[0].speech) for a, b in zip(made, again, strict=True))


def test_a_revoiced_clip_speaks_when_the_clip_spoke(real: list[Talker]) -> None:
    made = [e for e in examples(real[0], [real[4].speech]) if e.length_s == 0.0 and e.size == 64]
    own = next(e for e in made if e.kind == "match")
    other = next(e for e in made if e.kind == "re-voiced")
    assert not np.allclose(own.pairs[0].speech, other.pairs[0].speech)


@pytest.mark.slow
def test_sources_left_out_are_told_apart_and_written(
    real: list[Talker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lips_recipe, "other_speech", lambda data: [_talk(9.0, np.random.default_rng(99))])
    clips = [*real, _talker("fake_0", label=1)]
    files = lips_recipe.calibrated(tmp_path, tmp_path, clips, 0.02, {}, lambda _: None)
    assert [f.name for f in files] == ["calibration.json", "leave_one_out.json", "split.json"]
    judge = Judge.from_dict(json.loads(files[0].read_text()))
    assert judge.still == 0.02
    assert judge.calibration.low is not None
    assert judge.calibration.low < 0 < judge.calibration.high
    record = json.loads(files[1].read_text())
    figures = record["sources left out"]["4 s: swapped"]
    assert figures["auc"] > 0.9
    assert figures["clips"] == 9
    assert set(record["fake clips as they are"]) == {"fake_0"}
    assert record["fake clips as they are"]["fake_0"]["log10_lr"] < 0
    assert all(abs(v["log10_lr"]) < 2 for v in record["real clips as they are, source left out"].values())
    assert set(json.loads(files[2].read_text())["calibration"]) == {"one", "two", "three"}


def test_too_few_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="3 sources"):
        lips_recipe.calibrated(tmp_path, tmp_path, [_talker("one_0"), _talker("two_0")], 0.02, {}, lambda _: None)


def test_a_source_is_judged_by_what_never_saw_it(real: list[Talker]) -> None:
    others = [t.speech for t in real]
    made = [e for t in real for e in examples(t, others) if e.length_s == 4.0 and e.size == 64]
    _, before = lips_calibrate.left_out(real, made)
    broken = [t if t.source != "one" else _talker(t.name + "x") for t in real]
    _, after = lips_calibrate.left_out([*broken[:3], *real[3:]], made)
    mine = [i for i, e in enumerate(made) if e.source == "one"]
    assert after[mine] == pytest.approx(before[mine])
