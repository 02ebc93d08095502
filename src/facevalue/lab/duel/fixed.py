"""What stays the same over all rounds: looked at once, kept in RUN/cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.lab.duel import judge
from facevalue.lab.duel.examiners import Examiner, Features
from facevalue.lab.duel.forgers import FORGERS
from facevalue.lab.duel.judge import Exhibits
from facevalue.lab.duel.pools import Pools, identity
from facevalue.lab.duel.settings import Settings
from facevalue.lab.duel.space import Law
from facevalue.lab.duel.store import load, save
from facevalue.lab.duel.tune import Made, forge, seed_of


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows: features (n, d), labels (n,), groups (n,)."""

    x: Features
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Sets:
    """What stays the same over all rounds."""

    pools: Pools
    judge: Exhibits
    clean: Exhibits
    guard: Features
    first: tuple[Rows, ...]


def sets(cache: Path, pools: Pools, examiner: Examiner, names: tuple[str, ...], settings: Settings) -> Sets:
    """Look at everything that is not in the cache yet."""
    cache.mkdir(parents=True, exist_ok=True)
    looks: dict[str, Callable[[], dict[str, npt.NDArray[Any]]]] = {
        "judge": lambda: judge.judged(pools, examiner).arrays(),
        "clean": lambda: judge.clean(pools, examiner).arrays(),
        "guard": lambda: {"x": judge.guard(pools, examiner)},
        "swaps": lambda: _swaps(pools, examiner),
        **{f"first-{name}": (lambda name=name: _first(pools, examiner, name, settings)) for name in names},  # type: ignore[misc]
    }
    for name, look in looks.items():
        if not (cache / f"{name}.npz").is_file():
            save(cache / f"{name}.npz", look())
    got = {name: load(cache / f"{name}.npz") for name in looks}
    first = [Rows(got[n]["x"], got[n]["labels"], got[n]["groups"]) for n in got if n == "swaps" or "first" in n]
    fixed = [judge.Exhibits(**got[name]) for name in ("judge", "clean")]
    return Sets(pools, fixed[0], fixed[1], got["guard"]["x"], tuple(first))


def _first(pools: Pools, examiner: Examiner, name: str, settings: Settings) -> dict[str, npt.NDArray[Any]]:
    """Forgeries by a law that knows nothing, beside their real faces."""
    seed = seed_of(settings.seed, "first")
    made = forge(FORGERS[name], Law.open(FORGERS[name].space), examiner, pools.learn, settings.fakes, seed)
    return joined([rows(made, np.ones(len(made.fakes), np.bool_))])


def _swaps(pools: Pools, examiner: Examiner) -> dict[str, npt.NDArray[Any]]:
    """Swaps and their real frames, from clips for learning; none for an examiner of whole pictures."""
    faces = [face for pair in pools.swaps for face in pair] if examiner.name != "generated" else []
    if not faces:
        return joined([rows(None, np.zeros(0, np.bool_), len(examiner.start.weight))])
    x = examiner.features([f.face.pixels for f in faces], [f.box for f in faces], False)
    return {"x": x, "labels": np.array([f.label for f in faces]), "groups": np.array([identity(f) for f in faces])}


def rows(made: Made | None, pick: npt.NDArray[np.bool_], width: int = 0) -> Rows:
    """The chosen forgeries, then the real faces beside them; of nothing: no rows of that width."""
    if made is None:
        return Rows(np.zeros((0, width), np.float32), np.zeros(0, np.int64), np.zeros(0, np.str_))
    count = int(pick.sum())
    return Rows(
        np.concatenate([made.fakes[pick], made.reals[pick]]),
        np.repeat([1, 0], count),
        np.concatenate([made.groups[pick], made.groups[pick]]),
    )


def joined(parts: list[Rows]) -> dict[str, npt.NDArray[Any]]:
    """As arrays for a file."""
    return {
        "x": np.concatenate([p.x for p in parts]),
        "labels": np.concatenate([p.labels for p in parts]),
        "groups": np.concatenate([p.groups for p in parts]),
    }
