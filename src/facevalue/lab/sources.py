"""Sources that every training and every calibration leaves alone, for `bench run` to judge by."""

from __future__ import annotations

# Real and generated sets of several kinds, and real photographs of an old scan, a phone, HEIC and a classic corpus.
# The residual network holds all of them out by its own rule as well.
JUDGE_SOURCES = (
    "justin-hal-game",
    "kurlyto",
    "isitai-news",
    "bsds500",
    "nokia-heif",
    "grocery",
    "oldphotos-ms",
)
