"""Local features: kept in a binding's size, found in crops, mirrored, and never in strangers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import recoded, scene

from facevalue.fingerprint.agree import MIN_INLIERS, agreement
from facevalue.fingerprint.local import MAX_FEATURES, Features, features
from facevalue.fingerprint.schemes import LOCAL, SCHEMES, WORD_BITS
from facevalue.registry.words import MAX_VALUE_BYTES

RGB = scene(10)
OWN = features(RGB)


def inliers(view: np.ndarray) -> int:
    found = agreement(features(np.ascontiguousarray(view)), OWN)
    return found.inliers if found else 0


def test_a_value_fits_a_binding_and_comes_back() -> None:
    value = OWN.to_bytes()
    again = Features.from_bytes(value)
    assert len(value) <= MAX_VALUE_BYTES
    assert len(OWN) <= MAX_FEATURES
    assert again.size == (420, 300)
    assert np.array_equal(again.bits, OWN.bits)
    assert np.abs(again.at - OWN.at).max() < 1e-3
    assert again.to_bytes() == value


@pytest.mark.parametrize(
    "view",
    [
        recoded(RGB, 30),
        recoded(RGB[30:-30, 42:-42], 60),
        recoded(RGB[60:, 84:], 60),
        np.asarray(cv2.resize(RGB, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
        np.rot90(RGB),
        RGB[:, ::-1],
        cv2.copyMakeBorder(RGB, 90, 90, 10, 10, cv2.BORDER_CONSTANT, value=(20, 20, 20)),
    ],
    ids=["q30", "crop", "corner", "half", "quarter turn", "mirror", "bars"],
)
def test_copies_agree(view: np.ndarray) -> None:
    assert inliers(view) >= MIN_INLIERS


def test_strangers_do_not_agree() -> None:
    assert max(inliers(scene(seed)) for seed in range(20, 32)) < MIN_INLIERS


def test_the_map_leads_to_the_same_place() -> None:
    found = agreement(features(np.ascontiguousarray(RGB[40:240, 60:360][:, ::-1])), OWN)
    assert found is not None
    assert found.mirrored
    # The crop's top right corner, mirrored, is the original's (60, 40) .
    assert np.abs(found.matrix @ [300, 0, 1] - [60, 40]).max() < 4


def test_a_mirrored_picture_has_the_mirrored_features() -> None:
    found = agreement(features(np.ascontiguousarray(RGB[:, ::-1])), OWN.mirrored())
    assert found is not None
    assert not found.mirrored


def test_a_flat_picture_has_none() -> None:
    empty = features(np.full((80, 90, 3), 7, np.uint8))
    assert len(empty) == 0
    assert agreement(empty, OWN) is None
    assert agreement(OWN, empty) is None


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="features"):
        Features.from_bytes(value)


@given(st.integers(0, 3), st.integers(1, 19))
def test_a_value_that_is_cut_off_is_refused(features_less: int, bytes_less: int) -> None:
    with pytest.raises(ValueError, match="another length"):
        Features.from_bytes(OWN.to_bytes()[: -20 * features_less - bytes_less])


def test_copies_share_words_and_mirrored_ones_are_probed_for() -> None:
    scheme = SCHEMES[LOCAL]
    kept = scheme.words(OWN.to_bytes())
    for view in (recoded(RGB, 40), recoded(RGB[:, ::-1], 40)):
        probes = scheme.probes(features(np.ascontiguousarray(view)).to_bytes())
        assert len(np.intersect1d(kept, probes)) >= scheme.least
        assert probes.max() < 1 << WORD_BITS
