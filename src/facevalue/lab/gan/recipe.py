"""Every number of a training run, in one frozen value that a checkpoint carries and that can be read back.

A schedule runs from its first value to its last along half a cosine over the burn-in (Huang et al. 2024, section 3 and
appendix: learning rate, penalty weight, Adam's second moment and the half-life of the average are all scheduled so).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from facevalue.errors import UsageError

SIZES = (32, 64, 128)
FEWEST_MEASURED = 8
BASE_SIDE_PX = 4  # both networks begin or end here


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of both networks.

    side_px: a power of two from 16; the command offers 32, 64 and 128. capacity: channels at side s are capacity / s,
    at most widest. blocks: residual blocks a stage. latent: length of the noise vector. group: channels of one group
    of the 3 x 3 convolutions. expansion: how much wider a block is inside.
    """

    side_px: int = 64
    capacity: int = 1024
    widest: int = 128
    blocks: int = 1
    latent: int = 64
    group: int = 16
    expansion: int = 2

    @property
    def sides(self) -> tuple[int, ...]:
        """The sides of the stages, smallest first: 4, 8, ... side_px."""
        return tuple(2**power for power in range(BASE_SIDE_PX.bit_length() - 1, self.side_px.bit_length()))

    def channels(self, side_px: int) -> int:
        """Channels of the stage at that side: a multiple of the group."""
        wanted = min(self.widest, self.capacity // side_px)
        return max(self.group, wanted - wanted % self.group)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A value that goes from first to last over the burn-in, along half a cosine, and stays there."""

    first: float
    last: float

    def at(self, share: float) -> float:
        """The value once that share of the burn-in is done (clamped to 0..1)."""
        turned = (1 - math.cos(math.pi * min(1.0, max(0.0, share)))) / 2
        return self.first + (self.last - self.first) * turned


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a run trains. images: real pictures shown in all. batch: pictures a step, over all processes together.

    penalty_every: the gradient penalties are taken at every n-th step and weighed n times (lazy regularisation, Karras
    et al. 2020, StyleGAN2, appendix B); 1, as R3GAN has it, takes them always. pieces: parts that a process cuts its
    share of a batch into, to save memory (gradient accumulation). augment: the chance with which each family of
    DiffAugment is applied. ema_half_life: images after which a generator's weights count half in the average.
    measured: pictures drawn for each distance, 0 for none.
    """

    shape: Shape = Shape()
    images: int = 200_000
    batch: int = 32
    pieces: int = 1
    seed: int = 0
    burn_in: int = 100_000
    rate: Schedule = Schedule(4e-4, 1e-4)
    beta2: Schedule = Schedule(0.9, 0.99)
    gamma: Schedule = Schedule(1.0, 0.1)
    ema_half_life: Schedule = Schedule(500, 10_000)
    penalty_every: int = 1
    augment: float = 0.5
    flip: bool = True
    precision: str = "float32"
    measured: int = 1_000

    def __post_init__(self) -> None:
        """Raises UsageError for numbers that no run can have; a checkpoint's numbers come from a file."""
        shape = self.shape
        bounds = {
            "capacity": (shape.capacity, 16, 1 << 16),
            "widest": (shape.widest, shape.group, 1024),
            "blocks": (shape.blocks, 1, 4),
            "latent": (shape.latent, 1, 1024),
            "group": (shape.group, 1, 256),
            "expansion": (shape.expansion, 1, 4),
            "images": (self.images, 1, 10**10),
            "batch": (self.batch, 2, 1 << 16),
            "pieces": (self.pieces, 1, self.batch),
            "seed": (self.seed, 0, 2**63 - 1),
            "burn_in": (self.burn_in, 1, 10**10),
            "penalty_every": (self.penalty_every, 1, 64),
            "augment": (self.augment, 0, 1),
            "measured": (self.measured, 0, 100_000),
        }
        for name, (value, low, high) in bounds.items():
            if not low <= value <= high:
                raise UsageError(f"{name} must lie between {low} and {high}, not {value}")
        if shape.side_px not in {16, *SIZES}:
            raise UsageError(f"the size must be one of {', '.join(map(str, SIZES))}, not {shape.side_px}")
        if 0 < self.measured < FEWEST_MEASURED:
            raise UsageError(f"measured must be 0 or at least {FEWEST_MEASURED}, not {self.measured}")
        if self.precision not in {"float32", "bfloat16"}:
            raise UsageError(f"the precision must be float32 or bfloat16, not {self.precision}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """What to_dict() wrote. Raises UsageError when it is not that."""
        parts = {"shape": Shape} | dict.fromkeys(("rate", "beta2", "gamma", "ema_half_life"), Schedule)
        try:
            return cls(**{f.name: _typed(parts.get(f.name), values[f.name], f.type) for f in fields(cls)})
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise UsageError("these are not the numbers of a training run") from None


_PLAIN = {"int": int, "float": float, "bool": bool, "str": str}


def _typed(kind: type | None, value: Any, annotation: Any) -> Any:
    if kind is not None:
        return kind(**{f.name: _typed(None, value[f.name], f.type) for f in fields(kind)})
    return _PLAIN[annotation](value)
