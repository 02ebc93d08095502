"""The verbal bands: edges, symmetry, and agreement with the words of the reports."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.opinion.bands import BANDS, NEUTRAL, NONE, band
from facevalue.reports.words import band_words

LRS = st.floats(-12, 12, allow_nan=False)


@pytest.mark.parametrize(
    ("lr", "name"),
    [
        (1, "neutral"),
        (1.99, "neutral"),
        (2.001, "weak"),
        (9.99, "weak"),
        (10, "moderate"),
        (99, "moderate"),
        (100, "moderately_strong"),
        (1_000, "strong"),
        (9_999, "strong"),
        (10_000, "very_strong"),
        (1e9, "very_strong"),
    ],
)
def test_edges_are_those_of_the_guideline(lr: float, name: str) -> None:
    assert band(math.log10(lr)) == name
    assert band(-math.log10(lr)) == (name if name == NEUTRAL else f"{name}_for_bona_fide")


def test_no_number_is_no_band() -> None:
    assert band(None) == NONE


@given(LRS)
def test_every_number_has_a_known_band_with_words(log10_lr: float) -> None:
    name = band(log10_lr)
    assert name in BANDS
    assert name != NONE
    assert band_words(name, "generated")


@given(LRS, LRS)
def test_bands_grow_with_the_evidence(a: float, b: float) -> None:
    # Strongest for bona fide first, strongest for synthetic last.
    order = [*BANDS[7:], NEUTRAL, *reversed(BANDS[2:7])]
    low, high = sorted((a, b))
    assert order.index(band(low)) <= order.index(band(high))
