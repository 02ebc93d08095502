"""What a duel is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from facevalue.errors import UsageError
from facevalue.lab.duel.forgers import FORGERS
from facevalue.lab.duel.tune import Effort


@dataclass(frozen=True, slots=True)
class Settings:
    """faces: real faces to learn from; pairs: swaps to learn from, and to judge by; fakes: of each forger a round."""

    examiner: str = "face_blend"
    forgers: tuple[str, ...] = ()
    rounds: int = 3
    faces: int = 200
    pairs: int = 100
    fakes: int = 60
    effort: Effort = field(default_factory=Effort)
    seed: int = 0

    def __post_init__(self) -> None:
        bounds = {
            "rounds": (self.rounds, 1, 1000),
            "faces": (self.faces, 12, 10**6),
            "pairs": (self.pairs, 0, 10**6),
            "fakes": (self.fakes, 4, 10**6),
            "generations": (self.effort.generations, 1, 100),
            "draws": (self.effort.draws, 4, 10**4),
            "seed": (self.seed, 0, 2**63 - 1),
        }
        for name, (value, low, high) in bounds.items():
            if not low <= value <= high:
                raise UsageError(f"--{name} must lie between {low} and {high}, not {value}")
        if unknown := [name for name in self.forgers if name not in FORGERS]:
            raise UsageError(f"forger '{unknown[0]}' is none of {', '.join(FORGERS)}")
