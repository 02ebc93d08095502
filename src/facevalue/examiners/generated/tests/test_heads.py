"""From logits to one likelihood ratio: the feature vector, the mixture, the combiner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.examiners.generated.embed import LAYERS, WIDTH
from facevalue.examiners.generated.heads import (
    FACE_NAMES,
    FEATURES,
    LR_LIMIT,
    PHOTO_NAMES,
    Combiner,
    Evidence,
    blocky_of,
    blur_of,
    feature_vector,
    mixture,
)
from facevalue.opinion.calibrate import LogisticCalibration

pytest.importorskip("onnx", reason="needs onnx, to build stand-in models")
from facevalue.examiners.generated.tests import stand_in

LRS = st.floats(-8, 8)
LOGITS = st.floats(-20, 20)


def features(seed: int, scale: float = 1.0, shift: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: (rng.normal(0, 1, (LAYERS, WIDTH)) * scale + shift).astype(np.float32) for name in ("cls", "patch")}


def evidence(
    whole: float = 0.0,
    windows: list[float] | None = None,
    faces: int = 0,
    logit: float = 0.0,
    blockiness: float = 1.0,
) -> Evidence:
    windows = [0.0, 0.0] if windows is None else windows
    portraits = [dict.fromkeys(stand_in.FAMILIES, logit) for _ in range(faces)]
    return Evidence(whole, windows, [0.0] * len(windows), portraits, 3.0, blockiness)


def test_each_block_is_normalised_over_its_width() -> None:
    vector = feature_vector(features(1, scale=7, shift=3))
    assert vector.shape == (FEATURES,)
    assert vector.dtype == np.float32
    blocks = vector.reshape(-1, WIDTH)
    assert blocks.mean(axis=1) == pytest.approx(0, abs=1e-4)
    assert blocks.std(axis=1) == pytest.approx(1, abs=1e-3)


def test_scale_and_shift_of_a_block_do_not_matter_and_early_blocks_are_not_read() -> None:
    vector = feature_vector(features(2))
    assert feature_vector(features(2, scale=5, shift=-2)) == pytest.approx(vector, abs=1e-4)
    other = features(2)
    for values in other.values():
        values[:3] = 0
    assert np.array_equal(feature_vector(other), vector)


def test_flat_features_do_not_divide_by_zero() -> None:
    assert np.isfinite(feature_vector({name: np.ones((LAYERS, WIDTH), np.float32) for name in ("cls", "patch")})).all()


@given(st.lists(LRS, min_size=1, max_size=6))
def test_the_mixture_lies_between_its_parts(lrs: list[float]) -> None:
    clipped = np.clip(lrs, -LR_LIMIT, LR_LIMIT)
    assert clipped.min() - 1e-9 <= mixture(lrs) <= clipped.max() + 1e-9
    assert mixture(lrs) >= clipped.max() - np.log10(len(lrs)) - 1e-9


@given(LRS)
def test_a_mixture_of_one_is_itself(lr: float) -> None:
    assert mixture([lr]) == pytest.approx(float(np.clip(lr, -LR_LIMIT, LR_LIMIT)))


def test_blur_runs_from_crisp_to_featureless() -> None:
    assert [blur_of(s) for s in (4.0, 2.6, 1.6, 0.6, -3.0)] == pytest.approx([0, 0, 0.5, 1, 1])


def test_blocking_runs_from_none_to_heavy() -> None:
    assert [blocky_of(b) for b in (0.8, 1.0, 1.5, 2.0, 9.0)] == pytest.approx([0, 0, 0.5, 1, 1])


@given(LOGITS, st.integers(0, 2), st.floats(1, 3))
def test_compression_takes_weight_away_and_never_speaks_for_itself(whole: float, faces: int, blockiness: float) -> None:
    combine = stand_in.combiner()
    clean = combine(evidence(whole, None, faces, whole)).log10_lr
    blocky = combine(evidence(whole, None, faces, whole, blockiness)).log10_lr
    assert abs(blocky) <= abs(clean) + 1e-9
    assert blocky * clean >= 0


def test_a_combiner_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = stand_in.combiner()
    read = Combiner.load(stand_in.write_calibration(tmp_path / "calibration.json", made))
    assert read == made
    assert read(evidence(1.3, [0.2, 0.4], 1, 0.7)) == made(evidence(1.3, [0.2, 0.4], 1, 0.7))


@given(LOGITS, st.lists(LOGITS, max_size=3), st.integers(0, 3), LOGITS)
def test_combined_numbers_are_finite_and_bounded(whole: float, windows: list[float], faces: int, logit: float) -> None:
    combined = stand_in.combiner(4.0)(evidence(whole, windows, faces, logit))
    assert len(combined.faces) == len(combined.families) == faces
    assert abs(combined.log10_lr) <= 4.0
    assert np.isfinite([combined.photo, combined.raw, *combined.faces]).all()


@given(LOGITS, LOGITS)
def test_more_evidence_never_lowers_the_answer(a: float, b: float) -> None:
    low, high = sorted((a, b))
    combine = stand_in.combiner()
    assert combine(evidence(low)).log10_lr <= combine(evidence(high)).log10_lr + 1e-9
    assert combine(evidence(0, None, 1, low)).faces[0] <= combine(evidence(0, None, 1, high)).faces[0] + 1e-9


def test_without_windows_the_whole_view_speaks_alone() -> None:
    combine = stand_in.combiner()
    assert combine(evidence(2.0, [])).photo == pytest.approx(combine.photo_whole.predict_one(2.0))
    assert combine(evidence(2.0, [9.0])).photo != combine(evidence(2.0, [])).photo


def test_equal_faces_weigh_as_one() -> None:
    combine = stand_in.combiner()
    assert combine(evidence(0, None, 3, 2.0)).log10_lr == pytest.approx(combine(evidence(0, None, 1, 2.0)).log10_lr)


def test_a_calibration_reads_only_the_features_it_was_fitted_with() -> None:
    combine = stand_in.combiner()
    older = replace(
        combine,
        with_faces=LogisticCalibration(FACE_NAMES[:4], (0.2, 0.3, 0.5, -0.3), 0.0, -4.0, 4.0),
        without_faces=LogisticCalibration(PHOTO_NAMES[:2], (1.0, -0.5), 0.0, -4.0, 4.0),
    )
    for faces in (0, 1):
        clean, blocky = evidence(2.0, None, faces, 1.0), evidence(2.0, None, faces, 1.0, 1.8)
        assert older(clean) == older(blocky)
        assert older(clean).log10_lr == pytest.approx(combine(clean).log10_lr)
