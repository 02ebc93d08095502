"""Verbal bands of likelihood ratios, after the ENFSI guideline for evaluative reporting (2015).

|log10 LR| below 0.301 (LR 2) is neutral; then weak, moderate from 10, moderately strong from 100, strong from 1000,
very strong from 10 000. The negative side carries the suffix "_for_bona_fide".
"""

from __future__ import annotations

NONE = "none"
NEUTRAL = "neutral"
_STEPS = ((4.0, "very_strong"), (3.0, "strong"), (2.0, "moderately_strong"), (1.0, "moderate"), (0.30103, "weak"))
BANDS = (NONE, NEUTRAL, *(name for _, name in _STEPS), *(f"{name}_for_bona_fide" for _, name in _STEPS))


def band(log10_lr: float | None) -> str:
    """The band of a log10 likelihood ratio; "none" when there is no number."""
    if log10_lr is None:
        return NONE
    for floor, name in _STEPS:
        if abs(log10_lr) >= floor:
            return name if log10_lr > 0 else f"{name}_for_bona_fide"
    return NEUTRAL
