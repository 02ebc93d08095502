"""How the calibration is made: swaps by code, pairs through one encoder, and a fit that leaves real swaps alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facevalue.errors import UsageError
from facevalue.examiners.temporal.look import CONDITIONS, TRAITS
from facevalue.examiners.temporal.model import TemporalModel
from facevalue.examiners.temporal.tests import stand_in
from facevalue.lab import temporal_clips, temporal_tracks, train_temporal
from facevalue.lab.edit_clips import Shots, encode
from facevalue.lab.temporal_clips import FaceRun, draw_recipe, over_time, swap
from facevalue.lab.temporal_tracks import ORIGINAL, PUBLISHED, Labelled


def portrait_run(frames: int = 30) -> FaceRun:
    """A real photograph with one face, panned over, as a clip."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image, which ships the photograph")
    picture = data.astronaut()
    shots = [np.ascontiguousarray(picture[20:276, 90 + i // 2 : 346 + i // 2]) for i in range(frames)]
    return FaceRun(Shots(shots, 25), temporal_clips.find_faces(shots))


@pytest.fixture(scope="module")
def run() -> FaceRun:
    found = portrait_run()
    if any(lm is None for lm in found.landmarks):
        pytest.skip("needs the face detector's weights")
    return found


def test_a_swap_changes_the_face_alone_and_the_seed_decides_it(run: FaceRun) -> None:
    for content, poisson in (("own", False), ("other", True)):
        recipe = replace(draw_recipe(np.random.default_rng(0), content, 1.0, 23), poisson=poisson, missed=0.0)
        made = swap(run, run, recipe, np.random.default_rng(1))
        assert len(made) == len(run.shots.frames)
        change = np.abs(made[5].astype(int) - run.shots.frames[5]).max(axis=2)
        x, y = np.array(run.landmarks[5])[2].astype(int)
        assert change[y - 8 : y + 8, x - 8 : x + 8].max() > 3
        assert not change[200:].any()
        again = swap(run, run, recipe, np.random.default_rng(1))
        assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))


def test_frames_that_the_program_misses_stay_as_they_are(run: FaceRun) -> None:
    recipe = replace(draw_recipe(np.random.default_rng(0), "own", 0.0, 23), missed=1.0)
    made = swap(run, None, recipe, np.random.default_rng(1))
    assert all(np.array_equal(a, b) for a, b in zip(made, run.shots.frames, strict=True))


def test_smoothing_over_time_takes_trembling_away_and_keeps_what_is_constant() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (200, 5, 2))
    spread = [over_time(noise, sigma).std() for sigma in (0.0, 1.0, 3.0)]
    assert spread == sorted(spread, reverse=True)
    assert over_time(np.full((9, 2), 4.0), 2.0) == pytest.approx(np.full((9, 2), 4.0))


def test_the_mask_ends_before_its_canvas_does() -> None:
    for outline in temporal_clips.WHOLE:
        mask = temporal_clips.canvas_mask(outline, 96, 0.09)
        assert mask.max() > 0.95
        assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) < 0.05


def test_a_clip_without_a_face_is_reported_and_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "bare_1.mp4"
    path.write_bytes(encode(Shots([np.full((96, 96, 3), i, np.uint8) for i in range(40)], 25), {"preset": "ultrafast"}))
    said: list[str] = []
    for _ in range(2):
        temporal_tracks.make_pairs([path], tmp_path, said.append)
        temporal_tracks.keep_published(path, 0, tmp_path, said.append)
    assert len(said) == 2
    assert "no face" in said[0]
    assert not list(temporal_tracks.kept(tmp_path))


@pytest.mark.slow
def test_pairs_are_kept_and_only_the_swap_differs(run: FaceRun, tmp_path: Path) -> None:
    path = tmp_path / "drawn_1.mp4"
    long = portrait_run(80)
    path.write_bytes(encode(long.shots, {"preset": "ultrafast", "crf": "12"}))
    temporal_tracks.make_pairs([path], tmp_path, lambda _: None)
    kept = list(temporal_tracks.kept(tmp_path))
    assert {k.kind for k in kept} >= {ORIGINAL, "own"}
    assert {k.source for k in kept} == {"drawn"}
    pairs = {k.pair: k for k in kept if k.pair}
    assert all(k.recipe["crf"] in temporal_clips.CRFS for k in pairs.values())
    assert all(len(k.track.bursts[0].time_s) == 8 for k in kept)


def test_a_track_survives_its_file(tmp_path: Path) -> None:
    track = stand_in.track(stand_in.burst(), embeddings=np.eye(4, 128))
    named = Labelled(track, "a_1.mp4", "a", 1, "own", "a_1.mp4 0", {"crf": 23})
    temporal_tracks.save(named, tmp_path / "a.npz")
    again = temporal_tracks.load(tmp_path / "a.npz")
    assert replace(again, track=track) == named
    assert np.array_equal(again.track.bursts[0].crops, track.bursts[0].crops)
    assert again.track.bursts[0].box == track.bursts[0].box
    assert np.array_equal(again.track.embeddings, track.embeddings)


def rows(sources: int = 5, shift: float = 2.0) -> list[train_temporal.Row]:
    """Pairs whose swaps have more of the first trait, which also rises with the first condition in reals."""
    rng = np.random.default_rng(0)
    out = []
    for i in range(sources * 16):
        label, j = i % 2, i // 2
        conditions = rng.normal(0, 1, (2, len(CONDITIONS)))
        traits = rng.normal(0, 1, (2, len(TRAITS)))
        traits[:, 0] += 3 * conditions[:, 0] + shift * label
        traits[:, -1] = np.nan
        source, recipe = f"s{j % sources}", {"crf": 23, "smoothing": 0.0}
        known = (f"{source}_{j}", source, label, "own" if label else ORIGINAL, f"{source}_{j} 0", recipe)
        out.append(train_temporal.Row(*known, traits, conditions, np.array([0.0, 2.0])))
    traits = rng.normal(0, 1, (2, len(TRAITS)))
    traits[:, -1] = np.nan
    still = np.zeros((2, len(CONDITIONS)))
    real = train_temporal.Row("r_1", "r", 0, PUBLISHED, "", {}, traits, still, np.array([0.0, 2.0]))
    return [*out, real]


def test_sources_take_turns_and_none_has_many_clips() -> None:
    paths = [Path(f"{source}_{i:02}.mp4") for source, count in (("a", 12), ("b", 2), ("c", 5)) for i in range(count)]
    order = [path.stem for path in temporal_tracks.in_turn(paths)]
    assert order[:4] == ["a_00", "b_00", "c_00", "a_03"]
    assert [name for name in order if name.startswith("a")] == ["a_00", "a_03", "a_06", "a_08", "a_11"]
    assert len(order) == len(set(order)) == temporal_tracks.MOST_CLIPS * 2 + 2


def test_norms_take_off_what_conditions_explain() -> None:
    norms = train_temporal.fit_norms(rows())
    assert norms.coefficients[0, 1] == pytest.approx(3.0, abs=0.3)
    assert norms.spread[0] == pytest.approx(1.0, abs=0.3)
    assert norms.spread[-1] == 1.0


def test_the_fit_leaves_sources_out_and_never_learns_from_real_swaps(tmp_path: Path) -> None:
    made = rows()
    paths = train_temporal.write(made, tmp_path, lambda _: None)
    assert [p.name for p in paths] == list(train_temporal.FILES)
    fitted = TemporalModel.from_dict(json.loads(paths[0].read_text()))
    assert fitted.weights.coefficients[0] == max(fitted.weights.coefficients)
    figures = json.loads(paths[1].read_text())
    assert figures["lab-made pairs"]["auc"] > 0.8
    assert figures["swapped ranked above its original"][0] > 0.7
    low, high = figures["bounds"]
    assert low < 0 < high
    swap_row = replace(made[0], clip="ffpp_9", source="ffpp", label=1, kind=PUBLISHED, pair="", recipe={})
    assert train_temporal.fit([*made, swap_row]).to_dict() == train_temporal.fit(made).to_dict()
    with pytest.raises(UsageError):
        train_temporal.fit([row for row in made if row.source in ("s0", "r")])


def test_steady_real_swaps_bound_what_a_steady_face_is_worth() -> None:
    made = rows()
    lrs = np.array([1.0 if row.label else -1.0 for row in made])
    assert train_temporal.bounds_of(made, lrs)[0] < -0.5
    missed = [replace(made[0], source="dfdc", label=1, kind=PUBLISHED, pair="", recipe={}) for _ in range(3)]
    low, high = train_temporal.bounds_of([*made, *missed], np.append(lrs, [-1.0] * 3))
    assert -0.2 < low <= 0
    assert high > 0.5
    heads = [replace(row, source="sadtalker") for row in missed]
    assert train_temporal.bounds_of([*made, *heads], np.append(lrs, [-1.0] * 3))[0] < -0.5
