"""The folder of a duel: files written whole or not at all, and the record that says whose folder it is."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.duel.examiners import Examiner
from facevalue.lab.duel.pools import Pools, identity
from facevalue.lab.duel.settings import Settings

FORMAT = "facevalue.duel/1"
RECORD = "duel.json"


def claim(out: Path, settings: Settings, examiner: Examiner, pools: Pools) -> dict[str, Any]:
    """The folder's record, or a new one. Raises UsageError when it is of another duel."""
    words: dict[str, Any] = {**asdict(settings), "rounds": None, "forgers": list(settings.forgers)}
    words["weights"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in examiner.files}
    words["people"] = [identity(f) for f in (*pools.learn, *pools.guard, *pools.bases, *pools.clean)]
    words["clips"] = [identity(real) for real, _ in (*pools.swaps, *pools.judged)]
    digest = hashlib.sha256(json.dumps([FORMAT, words], sort_keys=True).encode()).hexdigest()
    path = out / RECORD
    if path.is_file():
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            same = record["digest"] == digest and isinstance(record["rounds"], list)
        except (ValueError, KeyError, TypeError, RecursionError):
            same = False
        if not same:
            raise UsageError(f"{out} holds another duel: settings, data or weights differ; give a new folder")
        return dict(record)
    sizes = {
        "learn": len(pools.learn),
        "swaps to learn from": len(pools.swaps),
        "guard": len(pools.guard),
        "swaps to judge by": len(pools.judged),
        "bases of composites": len(pools.bases),
        "clean": len(pools.clean),
    }
    record = {"schema": FORMAT, "digest": digest, "settings": asdict(settings), "faces": sizes, "kept": 0, "rounds": []}
    put_json(path, record)
    return record


def save(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Write an .npz file, whole or not at all."""
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def load(path: Path) -> dict[str, npt.NDArray[Any]]:
    """What save() wrote."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def put_json(path: Path, values: Any) -> None:
    """Write JSON, whole or not at all: six digits, null for what is not a number."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(_tidy(values), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _tidy(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(k): _tidy(v) for k, v in values.items()}
    if isinstance(values, list | tuple):
        return [_tidy(v) for v in values]
    if isinstance(values, float):
        return float(f"{values:.6g}") if math.isfinite(values) else None
    return values
