"""The lab beside this examiner: takes, reenactments made from them, training with methods and sources left out."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra lab")

from facevalue.errors import DecodeError
from facevalue.examiners.reenactment.model import Model
from facevalue.examiners.reenactment.moments import NAMES, moments, why_not
from facevalue.examiners.reenactment.tests import stand_in
from facevalue.lab import reenact_rows, train_reenactment
from facevalue.lab.edit_clips import Shots, encode
from facevalue.lab.reenact import FAMILIES, head
from facevalue.lab.reenact_rows import AS_IS, PUBLISHED, TrackRows
from facevalue.lab.reenact_takes import TAKE_PX, Take, as_track, published, take
from facevalue.media.clip import FrameTable

FPS = 25


@pytest.fixture(scope="module")
def cut() -> Take:
    """1.6 s of a drawn face at the size of takes."""
    times = np.arange(40) / FPS
    shots = [stand_in.frame_at(float(t), 100.0, noise=3.0) for t in times]
    scale = TAKE_PX / stand_in.FRAME[0]
    frames = [
        np.asarray(cv2.resize(pixels[:, 20:260], (TAKE_PX, TAKE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
        for pixels, _ in shots
    ]
    marks = np.stack([(face.landmarks - (20, 0)) * scale for _, face in shots]).astype(np.float32)
    boxes = (np.array([face.box for _, face in shots], np.float32) - (20, 0, 0, 0)) * scale
    return Take(frames, times, marks, boxes.astype(np.float32), FPS, scale)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reenactment_is_another_clip_of_the_same_content(cut: Take, family: str) -> None:
    made = FAMILIES[family](cut, np.random.default_rng(5))
    assert len(made) == len(cut.frames)
    assert {(frame.shape, frame.dtype) for frame in made} == {((TAKE_PX, TAKE_PX, 3), np.dtype(np.uint8))}
    off = float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(made, cut.frames, strict=True)]))
    assert 0.5 < off < 25
    again = FAMILIES[family](cut, np.random.default_rng(5))
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))


def test_the_head_is_where_the_landmarks_are(cut: Take) -> None:
    mask = head(cut, 0)[..., 0]
    x, y = cut.landmarks[0].mean(axis=0).round().astype(int)
    assert mask[y, x] == 1
    assert mask[0, -1] == 0


def test_a_copy_becomes_a_track_that_can_be_judged(cut: Take) -> None:
    frames = published(cut.frames, cut.fps, 176, 26)
    assert frames[0].shape == (176, 176, 3)
    track = as_track(cut, frames)
    assert why_not(track) is None
    assert len(track.views) == 8
    assert np.allclose(np.diff(track.times), 0.2, atol=0.05)
    assert track.views[0].face.box[2] == pytest.approx(cut.boxes[0, 2] * 176 / TAKE_PX, rel=0.01)
    assert len(track.bursts) == 2
    assert np.isfinite(moments(track).rows[:, : len(NAMES) - 2]).all()


def test_a_take_is_cut_from_a_file_around_the_face(tmp_path: Path) -> None:
    times = np.arange(40) / FPS
    path = tmp_path / "clip.mp4"
    path.write_bytes(encode(Shots([stand_in.frame_at(float(t), 100.0)[0] for t in times], FPS), {"crf": "20"}))
    n = len(times)
    table = FrameTable(times, *(np.zeros(n) for _ in range(4)), np.zeros((n, 32, 32), np.uint8), np.zeros(n, np.int32))  # type: ignore[arg-type]
    track = stand_in.track(count=8)
    found = take(path, track, table, 2, 36)
    assert found is not None
    assert len(found.frames) == 36
    assert found.frames[0].shape == (TAKE_PX, TAKE_PX, 3)
    side = found.boxes[0, 2] / TAKE_PX
    assert 0.4 < side < 0.6
    assert take(path, track, table, 30, 36) is None  # too short
    path.write_bytes(b"no clip")
    assert take(path, track, table, 2, 36) is None


def _rows(clip: str, source: str, label: int, kind: str, shift: float, seed: int) -> TrackRows:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (8, len(NAMES)))
    values[:, NAMES.index("far: skin residual 1")] += shift
    return TrackRows(
        clip,
        source,
        label,
        kind,
        f"{clip} 0" if kind != AS_IS else "",
        0.2 * np.arange(8),
        values,
        (7.0 + seed % 3, 2.5, 25.0, -3.0),
    )


@pytest.fixture(scope="module")
def rows() -> list[TrackRows]:
    """Three sources of reals with lab-made fakes, two methods; one value tells them apart."""
    out = []
    for i in range(6):
        source = ("mead", "vox2", "lp")[i % 3]
        out += [_rows(f"r{i}", source, 0, kind, 1.5, 10 * i + k) for k, kind in enumerate((AS_IS, PUBLISHED))]
        out += [_rows(f"r{i}", source, 1, family, -1.5, 10 * i + 5 + k) for k, family in enumerate(FAMILIES)]
    for i in range(6):
        method = ("sadtalker", "loopy")[i % 2]
        out += [_rows(f"f{i}", method, 1, kind, -1.5, 100 + 10 * i + k) for k, kind in enumerate((AS_IS, PUBLISHED))]
    return out


def test_a_head_sees_takes_alone_and_talking_heads_only_when_told(rows: list[TrackRows]) -> None:
    pairs = train_reenactment.Recipe()
    talking = train_reenactment.Recipe(fakes=train_reenactment.TALKING)
    kinds = {row.kind for row in rows if pairs.trains_on(row)}
    assert kinds == {PUBLISHED, *pairs.families}
    assert not any(pairs.trains_on(row) for row in rows if row.source in ("loopy", "sadtalker"))
    assert {row.source for row in rows if row.label and talking.trains_on(row)} == {"loopy", "sadtalker"}
    assert all("residual" in name or name.endswith("motion") for name in pairs.names)


def test_every_method_is_left_out_with_every_source(rows: list[TrackRows]) -> None:
    left = train_reenactment.leave_out(rows, train_reenactment.Recipe())
    assert len(left.tracks) == 24
    for track, scores in zip(left.tracks, left.scores, strict=True):
        assert set(scores) == ({"lp", "mead", "vox2"} if track.label else {"loopy", "sadtalker"})
    figures = train_reenactment.method_figures(left, AS_IS)
    assert figures["pooled"]["n_fake"] == figures["pooled"]["n_real"] == 6
    assert figures["loopy"]["auc"] > 0.8


def test_training_writes_what_the_examiner_reads(rows: list[TrackRows], tmp_path: Path) -> None:
    paths = train_reenactment.train(rows, tmp_path, report=lambda _: None)
    assert [path.name for path in paths] == ["calibration.json", "leave_one_out.json", "split.json"]
    model = Model.from_dict(json.loads(paths[0].read_text(encoding="utf-8")))
    assert model.head.names == train_reenactment.Recipe().names
    record = json.loads(paths[1].read_text(encoding="utf-8"))
    assert set(record["reals at LR 10 or more by source"]) == {"lp", "mead", "vox2"}
    assert set(record["facts that must not decide"]) == set(reenact_rows.NUISANCES)
    compared = record["what the pairs bring"]
    assert set(compared) == {train_reenactment.PAIRS, train_reenactment.TALKING, train_reenactment.BOTH}
    assert set(compared[train_reenactment.PAIRS][AS_IS]) == {"loopy", "sadtalker", "pooled"}
    again = train_reenactment.train(rows, tmp_path / "again", report=lambda _: None)
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in paths]


def test_rows_are_cached_by_clip_and_bad_files_are_passed_over(tmp_path: Path, rows: list[TrackRows]) -> None:
    for name in ("real/vox2_a.mp4", "fake/loopy_a.mp4", "fake/dfdc_a.mp4", "real/mead_bad.mp4"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "videos" / name).write_bytes(b"")
    opened = []

    def open_footage(path: Path):
        opened.append(path.name)
        if "bad" in path.name:
            raise DecodeError("nothing decodes")
        return stand_in.subject(stand_in.track()).footage

    said: list[str] = []
    found = reenact_rows.collect(tmp_path, tmp_path / "cache", said.append, open_footage)
    assert found == []  # without a table of frames there is nothing to cut
    assert sorted(opened) == ["loopy_a.mp4", "mead_bad.mp4", "vox2_a.mp4"]
    assert any("nothing decodes" in line for line in said)
    reenact_rows.collect(tmp_path, tmp_path / "cache", said.append, open_footage)
    assert opened.count("vox2_a.mp4") == 1
