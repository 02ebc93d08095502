"""Figures of a vocoder over recordings: the part of its card that is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facevalue.errors import DecodeError, UsageError
from facevalue.lab.voices import neural
from facevalue.lab.voices.measure import mel_distance, stoi
from facevalue.lab.voices.recordings import RATE_HZ, wave
from facevalue.lab.voices.vocoders import VOCODERS, in_pieces


def figures(
    recordings: Sequence[Path],
    vocoder: str,
    model: Path | None = None,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Medians and 10% quantiles (the worse side) of mel distance and stoi over recordings; one that cannot be read or
    is shorter than a second is reported and left out. Raises UsageError when none is left."""
    if vocoder not in VOCODERS:
        raise UsageError(f"a vocoder is one of {', '.join(VOCODERS)}, not '{vocoder[:40]}'")
    rows = []
    for path in recordings:
        try:
            original = wave(path)
        except DecodeError as error:
            report(str(error))
            continue
        if len(original) < RATE_HZ or not original.any():
            report(f"{path.name} is shorter than a second or silent")
            continue
        rng = np.random.default_rng(seed)
        if vocoder == "gan" and model is not None:
            copy = in_pieces(lambda part, rate, chance: neural.copy(part, rate, chance, model), original, RATE_HZ, rng)
        else:
            copy = VOCODERS[vocoder](original, RATE_HZ, rng)
        rows.append((mel_distance(original, copy, RATE_HZ), stoi(original, copy, RATE_HZ)))
    if not rows:
        raise UsageError("no recording of a second or more was given")
    mel, heard = np.array(rows).T
    return {
        "vocoder": vocoder,
        "recordings": len(rows),
        "mel_distance_db": {"median": _round(np.median(mel)), "worst_tenth": _round(np.quantile(mel, 0.9))},
        "stoi": {"median": _round(np.nanmedian(heard)), "worst_tenth": _round(np.nanquantile(heard, 0.1))},
    }


def _round(value: np.floating[Any]) -> float:
    return round(float(value), 3)
