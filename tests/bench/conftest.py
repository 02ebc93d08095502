"""A small benchmark: two plain sets of drawn pictures, and a check function whose answers follow from their colour."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def draw(path: Path, red: int, seed: int = 0) -> Path:
    """A 64 px picture whose mean red is about red; every seed gives other bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-8, 9, (64, 64, 3))
    pixels = np.clip(noise + np.array([red, 128, 128]), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=92)
    return path


@dataclass
class FakeExhibit:
    sha256: str


@dataclass
class FakeExamination:
    """Says that red pictures are generated: log10 LR = (mean red - 128) / 32."""

    data: bytes
    exhibit: FakeExhibit = field(init=False)

    def __post_init__(self) -> None:
        self.exhibit = FakeExhibit(hashlib.sha256(self.data).hexdigest())

    def to_dict(self) -> dict[str, Any]:
        ratio = (float(np.asarray(Image.open(io.BytesIO(self.data)).convert("RGB"))[..., 0].mean()) - 128) / 32
        verdict = "fake" if ratio >= 3 else "suspect" if ratio >= 1 else "no_signs"
        answer = {"log10_lr": ratio, "band": "", "status": "examined", "why": ""}
        finding = {"examiner": "generated", "question": "generated", "status": "clear", "score": 0.5, "log10_lr": ratio}
        face = {"kind": "box", "details": {"size_px": 70.0}}
        return {
            "tool": {"name": "facevalue", "version": "0", "weights": {"a.onnx": "00"}},
            "exhibit": {"width": 64, "height": 64},
            "opinion": {
                "verdict": verdict,
                "log10_lr": ratio,
                "questions": {"generated": answer},
                "quality": {"short_side": 64, "jpeg_quality": 92},
            },
            "findings": [{**finding, "regions": [face]}],
            "timings_s": {"total": 0.25},
        }


@dataclass
class FakeCheck:
    """Stands for facevalue.check_many: answers in reverse order, and counts what it was given."""

    seen: list[str] = field(default_factory=list)
    stop_after: int | None = None

    def __call__(self, sources: Sequence[Path], *, workers: int = 1) -> Iterator[FakeExamination]:
        for source in reversed(sources):
            if self.stop_after is not None and len(self.seen) >= self.stop_after:
                raise KeyboardInterrupt
            self.seen.append(Path(source).name)
            yield FakeExamination(Path(source).read_bytes())


@pytest.fixture
def check() -> FakeCheck:
    return FakeCheck()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sets of 8 reals and 8 fakes; the fakes of `beta` are hard to tell."""
    for number, (name, red) in enumerate((("alpha", 220), ("beta", 135))):
        for i in range(8):
            draw(tmp_path / "data" / name / "real" / f"r{i}.jpg", 100 + 4 * i, seed=100 * number + i)
            draw(
                tmp_path / "data" / name / "fake" / ("gan" if i % 2 else "diffusion") / f"f{i}.jpg",
                red + i,
                100 * number + 50 + i,
            )
    return tmp_path / "data"
