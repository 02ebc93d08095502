"""`lab forge --method reconstruct --with NAME`: a picture as a trained member of the zoo redraws it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.errors import MissingExtraError
from facevalue.lab.blend import Blend
from facevalue.lab.zoo.members import member

Pixels = npt.NDArray[np.uint8]


def redrawer(name: str, folder: Path | None = None) -> Callable[[Pixels, np.random.Generator], Blend]:
    """Redraws whole pictures; takes a generator and draws nothing from it.

    Raises UsageError for a name that the zoo does not have, or that is not trained; MissingExtraError without torch.
    """
    one = member(name)
    try:
        from facevalue.lab.reconstruct import redrawn
        from facevalue.lab.zoo.train import load
    except ImportError:
        raise MissingExtraError("lab forge --with", "lab") from None
    net = load(one, folder)
    facts: dict[str, object] = {
        "network": one.name,
        "upsampler": one.upsampler,
        "bottleneck": one.bottleneck,
        "factor": 2**one.downs,
    }

    def redraw(pixels: Pixels, rng: np.random.Generator) -> Blend:
        return Blend(redrawn(net, pixels), np.ones(pixels.shape[:2], np.float32), "reconstruct", facts)

    return redraw


__all__ = ["redrawer"]
