"""What a forger may choose: numbers in a range and one of several things, and the law that it draws them from.

The law is that of the cross-entropy method (Rubinstein 1999; de Boer et al. 2005): a normal law cut to its range for
each number, a share for each choice, both refitted to the best draws and never allowed to close down altogether.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Params = dict[str, Any]
Rng = np.random.Generator
# Below these a law no longer looks around: the examiner that it fights will have moved by the next round.
LEAST_SPREAD, LEAST_SHARE = 0.06, 0.04


@dataclass(frozen=True, slots=True)
class Number:
    """A number between low and high."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several texts."""

    options: tuple[str, ...]


Space = Mapping[str, Number | Choice]


@dataclass(frozen=True, slots=True)
class Law:
    """numbers: (mean, spread) by name, in units of the range, 0..1. shares: by name, of each option; their sum is 1."""

    space: Space
    numbers: Mapping[str, tuple[float, float]]
    shares: Mapping[str, tuple[float, ...]]

    @classmethod
    def open(cls, space: Space) -> Law:
        """The law that knows nothing: wide over every range, equal shares."""
        numbers = {name: (0.5, 0.5) for name, part in space.items() if isinstance(part, Number)}
        shares = {n: (1 / len(p.options),) * len(p.options) for n, p in space.items() if isinstance(p, Choice)}
        return cls(space, numbers, shares)

    def draw(self, rng: Rng) -> Params:
        """One set of parameters."""
        out: Params = {}
        for name, part in self.space.items():
            if isinstance(part, Choice):
                shares = np.array(self.shares[name])
                out[name] = part.options[int(rng.choice(len(shares), p=shares / shares.sum()))]
                continue
            mean, spread = self.numbers[name]
            place = float(rng.normal(mean, spread))
            # What falls outside is drawn evenly: cutting it off would pile it up at the ends.
            place = place if 0 <= place <= 1 else float(rng.random())
            out[name] = part.low + place * (part.high - part.low)
        return out

    def refit(self, best: Sequence[Params], step: float = 0.7) -> Law:
        """The law moved towards the best draws by `step`."""
        numbers, shares = dict(self.numbers), dict(self.shares)
        for name, part in self.space.items():
            if isinstance(part, Choice):
                counts = np.array([sum(p[name] == option for p in best) for option in part.options], np.float64)
                mixed = (1 - step) * np.array(self.shares[name]) + step * counts / counts.sum()
                mixed = np.maximum(mixed, LEAST_SHARE / len(mixed) * 2)
                shares[name] = tuple((mixed / mixed.sum()).tolist())
            else:
                places = np.array([(p[name] - part.low) / (part.high - part.low) for p in best])
                mean, spread = self.numbers[name]
                spread = max(LEAST_SPREAD, (1 - step) * spread + step * float(places.std()))
                numbers[name] = ((1 - step) * mean + step * float(places.mean()), spread)
        return Law(self.space, numbers, shares)

    def widened(self, share: float = 0.5) -> Law:
        """The law on its way back to the open one: what a new round starts from."""
        start = Law.open(self.space)
        numbers = {n: (m, s + share * (start.numbers[n][1] - s)) for n, (m, s) in self.numbers.items()}
        shares = {
            n: tuple(((1 - share) * np.array(v) + share * np.array(start.shares[n])).tolist())
            for n, v in self.shares.items()
        }
        return Law(self.space, numbers, shares)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the space is not in it."""
        return {
            "numbers": {k: list(v) for k, v in self.numbers.items()},
            "shares": {k: list(v) for k, v in self.shares.items()},
        }

    @classmethod
    def from_dict(cls, space: Space, raw: Mapping[str, Any]) -> Law:
        """What to_dict wrote of a law over the same space. Raises KeyError or ValueError for something else."""
        numbers = {n: (float(raw["numbers"][n][0]), float(raw["numbers"][n][1])) for n in cls.open(space).numbers}
        shares = {n: tuple(float(v) for v in raw["shares"][n]) for n in cls.open(space).shares}
        if any(len(shares[n]) != len(p.options) for n, p in space.items() if isinstance(p, Choice)):
            raise ValueError("the law is of another space")
        return cls(space, numbers, shares)

    def words(self) -> str:
        """What the law has come to prefer, for people: the largest share of each choice, the mean of each number."""
        parts = []
        for name, part in self.space.items():
            if isinstance(part, Choice):
                at = int(np.argmax(self.shares[name]))
                parts.append(f"{name} {part.options[at]} ({self.shares[name][at]:.0%})")
            else:
                parts.append(f"{name} {part.low + self.numbers[name][0] * (part.high - part.low):.2g}")
        return ", ".join(parts)
