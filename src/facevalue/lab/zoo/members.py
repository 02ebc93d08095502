"""Who is in the zoo. No torch here, so that names can be listed without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facevalue.errors import UsageError
from facevalue.home import home

UPSAMPLERS = ("nearest", "bilinear", "transposed", "pixelshuffle", "antialiased")


@dataclass(frozen=True, slots=True)
class Member:
    """One autoencoder. upsampler: of UPSAMPLERS. latent: numbers at each place of the latent picture. downs: times that
    sides are halved. bottleneck: "plain", "vq" or "kl". number: of its seed, and never another's."""

    name: str
    upsampler: str
    latent: int
    downs: int
    bottleneck: str
    number: int

    @property
    def weights(self) -> str:
        """The name of its file."""
        return f"autoencoder_{self.name}.pt"


# Two compression rates: like the latent of diffusion models (8 x), and a lighter one whose traces are finer.
ZOO: dict[str, Member] = {
    member.name: member
    for member in (
        Member("nearest", "nearest", 8, 2, "plain", 0),
        Member("bilinear", "bilinear", 16, 3, "plain", 1),
        Member("transposed", "transposed", 8, 2, "plain", 2),
        Member("pixelshuffle", "pixelshuffle", 16, 3, "plain", 3),
        Member("antialiased", "antialiased", 8, 2, "plain", 4),
        Member("vq", "nearest", 8, 2, "vq", 5),
        Member("kl", "nearest", 16, 3, "kl", 6),
    )
}


def member(name: str) -> Member:
    """The member of that name. Raises UsageError."""
    if name not in ZOO:
        raise UsageError(f"the zoo has no '{name}'; one of: {', '.join(ZOO)}")
    return ZOO[name]


def zoo_dir() -> Path:
    """Where a trained zoo lies when no folder is named."""
    return home() / "zoo"


__all__ = ["UPSAMPLERS", "ZOO", "Member", "member", "zoo_dir"]
