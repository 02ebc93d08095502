"""How the calibration is made: clips edited by code, and a fit whose traces never speak for innocence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest

from facevalue.errors import DecodeError
from facevalue.examiners.container.tests.stand_in import thumbs
from facevalue.examiners.container.traces import FEATURES
from facevalue.lab import calibrate_container, edit_clips
from facevalue.opinion.calibrate import LogisticCalibration


def shots(count: int = 80) -> edit_clips.Shots:
    frames = [np.repeat(np.kron(t, np.ones((2, 2), np.uint8))[..., None], 3, axis=2) for t in thumbs(count, speed=5.0)]
    return edit_clips.Shots(frames, 25)


@pytest.mark.slow
@pytest.mark.slow
def test_every_treatment_makes_a_clip_that_decodes_and_the_seed_decides_it() -> None:
    made = edit_clips.make(shots(), np.random.default_rng(1))
    names = {m.treatment for m in made}
    assert {"recorded", *edit_clips.INNOCENT, *edit_clips.EDITS} <= names
    assert {m.label for m in made if m.treatment in edit_clips.INNOCENT} == {0}
    assert all(m.label == 1 for m in made if m.treatment.partition(",")[0] in edit_clips.EDITS)
    for clip in made:
        with av.open(io.BytesIO(clip.data)) as source:
            assert sum(1 for _ in source.decode(video=0)) >= 30
    again = edit_clips.make(shots(), np.random.default_rng(1))
    tables = [calibrate_container.read_table(m[3].data)[0] for m in (made, again)]
    assert np.array_equal(tables[0].bytes, tables[1].bytes)


def test_a_clip_that_is_too_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    path.write_bytes(edit_clips.encode(shots(20), {"preset": "ultrafast"}))
    with pytest.raises(DecodeError):
        edit_clips.read_shots(path)
    rows = calibrate_container.rows_of(path, report=lambda _: None)
    assert [(r["treatment"], r["label"]) for r in rows] == [("as published", 0)]


def test_calibration_leaves_sources_out_and_keeps_slopes_positive(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(400):
        label = i % 2
        values = np.maximum(rng.normal(0, 0.3, len(FEATURES)), 0)
        values[0] += 2.0 * label * (rng.random() < 0.6)
        values[1] += 1.0 * (1 - label)  # a trace that innocent clips show more often
        rows.append({"clip": str(i), "source": f"s{i % 7}", "label": label, "treatment": f"t{label}",
                     "features": values.tolist(), "grid_p": 0.01 if i % 10 == 0 else 0.5})  # fmt: skip
    paths = calibrate_container.calibrate(rows, tmp_path, report=lambda _: None)
    assert [p.name for p in paths] == ["calibration.json", "leave_one_out.json"]
    fit = LogisticCalibration.from_dict(json.loads(paths[0].read_text())["clip"])
    assert fit.names == FEATURES
    assert fit.coefficients[0] > 0
    assert min(fit.coefficients) >= 0
    assert fit.coefficients[1] == 0
    figures = json.loads(paths[1].read_text())
    assert figures["pooled"]["auc"] > 0.7
    assert figures["innocent"]["t0"]["n"] == 200
