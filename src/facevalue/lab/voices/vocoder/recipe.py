"""Every number of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from facevalue.errors import UsageError
from facevalue.lab.voices.neural import HOP


@dataclass(frozen=True, slots=True)
class Recipe:
    """channels, blocks: of the generator. frames: of HOP samples in a crop. alone: steps before the discriminators
    join. rate: learning rate at the start; it falls to a tenth along a half cosine over `steps`. mel, matching:
    weights of the losses beside the adversarial one. half_life: steps, of the average generator that is exported."""

    channels: int = 160
    blocks: int = 6
    steps: int = 3_000
    batch: int = 12
    frames: int = 64
    alone: int = 400
    rate: float = 1e-3
    mel: float = 15.0
    matching: float = 2.0
    half_life: float = 150.0
    seed: int = 0

    @property
    def crop(self) -> int:
        """Samples of a crop."""
        return self.frames * HOP

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Raises UsageError for one that cannot be trained."""
        try:
            # A whole number stays one: the type is that of the number that stands above.
            recipe = cls(**{name: type(own)(values[name]) for name, own in asdict(cls()).items()})
        except (KeyError, TypeError, ValueError, OverflowError):
            raise UsageError("this is no recipe of a vocoder") from None
        if not (8 <= recipe.channels <= 1024 and 1 <= recipe.blocks <= 32 and 1 <= recipe.batch <= 1024):
            raise UsageError("a vocoder has 8 to 1024 channels, 1 to 32 blocks, and batches of 1 to 1024")
        if not (1 <= recipe.steps <= 10**8 and 16 <= recipe.frames <= 1024 and recipe.alone >= 0 and recipe.seed >= 0):
            raise UsageError(
                "a vocoder trains 1 step at least, on crops of 16 to 1024 frames, from a seed of 0 or more"
            )
        return recipe
