"""The page that explains the GAN names things that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "lab-gan.md"
NAMES = re.findall(r"`(networks|losses|augment|loop|recipe|draws)\.(\w+)`", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("module", "name"), sorted(set(NAMES)), ids=".".join)
def test_what_the_page_points_at_is_there(module: str, name: str) -> None:
    assert getattr(importlib.import_module(f"facevalue.lab.gan.{module}"), name).__doc__


def test_the_page_points_at_both_networks_and_both_losses() -> None:
    assert {"Generator", "Discriminator", "generator_loss", "discriminator_loss"} <= {name for _, name in NAMES}
