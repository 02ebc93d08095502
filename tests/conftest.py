"""What every test may use. Pictures are drawn by code or come from an installed package, never from the network."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# No test reaches the network; one that tests the refusal or the fetching sets this itself.
os.environ.setdefault("FACEVALUE_OFFLINE", "1")

GOLDEN = Path(__file__).parent / "golden"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what compares with a reference, so that `make golden` finds it wherever it lies."""
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker("golden")


@pytest.fixture(scope="session")
def portrait() -> npt.NDArray[np.uint8]:
    """A real photograph with one large face: uint8 RGB (512, 512, 3), from scikit-image."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image, which ships the photograph")
    return data.astronaut()


@pytest.fixture(scope="session")
def scene() -> npt.NDArray[np.uint8]:
    """A real photograph without people: uint8 RGB (427, 640, 3), from scikit-learn."""
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn, which ships the photograph")
    return datasets.load_sample_image("china.jpg")


@pytest.fixture(scope="session")
def drawing() -> npt.NDArray[np.uint8]:
    """A seeded ramp with noise: uint8 RGB (240, 320, 3); no package needed."""
    import numpy as np

    rows, columns = np.mgrid[0:240, 0:320]
    ramp = np.stack([rows / 2, columns / 2, (rows + columns) / 4], axis=-1)
    return np.clip(ramp + np.random.default_rng(7).normal(0, 6, ramp.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Pixels to file bytes: encode(pixels, "JPEG", quality=90)."""
    from PIL import Image

    def to_bytes(pixels: npt.NDArray[np.uint8], form: str = "JPEG", **options: Any) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format=form, **options)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare text with tests/golden/NAME; FACEVALUE_GOLDEN=write (`make golden`) writes it instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("FACEVALUE_GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no reference {name} yet: run `make golden`, read it, commit it"
        assert text == path.read_text(encoding="utf-8"), f"{name} changed: if that is meant, run `make golden`"

    return compare
