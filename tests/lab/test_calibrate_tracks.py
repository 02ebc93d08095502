"""The fit of tracks on made scores: which rows count, sources left out, bounds, and the files that are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")
from facevalue.lab import calibrate_tracks
from facevalue.opinion.over_time import TrackModel


def _row(
    rng: np.random.Generator, source: str, label: int, kind: str = "as is", examiner: str = "face_blend"
) -> dict[str, Any]:
    centre = (1.5 if label else -1.0) + 0.6 * rng.normal()
    scores = (centre + 0.5 * rng.normal(size=10)).tolist()
    times = (0.4 * np.arange(10)).tolist()
    return {
        "examiner": examiner, "kind": kind, "label": label, "source": source, "scores": scores, "times": times
    }  # fmt: skip


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    out = []
    for source in ("a", "b", "c", "d"):
        out += [_row(rng, source, 0) for _ in range(6)]
        out += [_row(rng, source, 1, "self-blend") for _ in range(6)]
        out += [_row(rng, source, 0, examiner="generated") for _ in range(4)]
        out += [_row(rng, source, 1, examiner="generated") for _ in range(4)]
    return [*out, _row(rng, "ffpp", 1), _row(rng, "sadtalker", 1)]


def test_talking_heads_count_for_generated_and_swaps_for_face_blend(rows: list[dict[str, Any]]) -> None:
    swaps = {r["source"] for r in calibrate_tracks.rows_for("face_blend", rows) if r["label"] and r["kind"] == "as is"}
    assert swaps == {"ffpp"}
    heads = calibrate_tracks.rows_for("generated", rows)
    assert {r["kind"] for r in heads} == {"as is"}
    assert {r["label"] for r in heads} == {0, 1}


def test_a_source_is_judged_by_a_model_that_never_saw_it(rows: list[dict[str, Any]]) -> None:
    mine = calibrate_tracks.rows_for("face_blend", rows)
    before = calibrate_tracks.leave_sources_out(mine)
    alone = [i for i, row in enumerate(mine) if row["source"] == "a"]
    changed = [{**row, "label": 1 - row["label"]} if row["source"] == "a" else row for row in mine]
    after = calibrate_tracks.leave_sources_out(changed)
    assert after[alone] == pytest.approx(before[alone])
    assert np.mean(before[[i for i, r in enumerate(mine) if r["label"]]]) > 0


def test_what_is_written_can_be_read_and_is_bounded(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("face_blend", "generated")}
    for folder in folders.values():
        folder.mkdir()
    said: list[str] = []
    written = calibrate_tracks.write(rows, folders, said.append)
    assert [path.name for path in written] == ["tracks.json", "tracks.json"]
    record = json.loads((folders["face_blend"] / "tracks.json").read_text(encoding="utf-8"))
    model = TrackModel.from_dict(record["track"])
    low, high = record["sources_left_out"]["bounds"]
    assert (model.calibration.low, model.calibration.high) == (low, high)
    assert low < 0 < high < 2
    assert record["sources_left_out"]["pooled, sources left out"]["auc"] > 0.9
    assert "clip" in json.loads((folders["generated"] / "tracks.json").read_text(encoding="utf-8"))
    assert len(said) == 2


def test_without_fakes_nothing_is_written(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    reals = [row for row in rows if not row["label"]]
    said: list[str] = []
    folders = dict.fromkeys(("face_blend", "generated"), tmp_path)
    assert calibrate_tracks.write(reals, folders, said.append) == []
    assert all("to fit on" in line for line in said)


def test_clips_are_listed_by_folder_and_prefix(tmp_path: Path) -> None:
    for name in ("real/vox_1.mp4", "fake/ghost_a.webp", "fake/notes.txt"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = [(path.name, label, source) for path, label, source in calibrate_tracks.clips(tmp_path)]
    assert found == [("vox_1.mp4", 0, "vox"), ("ghost_a.webp", 1, "ghost")]
    assert calibrate_tracks.clips(tmp_path / "nowhere") == []
