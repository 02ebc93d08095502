"""Lets the tests of the corpus import what they share, and draws shorter bootstraps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def _short_bootstraps() -> None:
    from facevalue.lab.corpus import spectra

    spectra.RESAMPLES = 100
