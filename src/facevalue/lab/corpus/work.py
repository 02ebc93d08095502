"""What one worker does: make one shard from the plan alone, so that neither order nor number of workers matters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UnreadableError
from facevalue.exhibit import Exhibit
from facevalue.lab.corpus import equalise, makers, shards
from facevalue.lab.corpus.hashing import dhash
from facevalue.lab.corpus.plan import Pair, Shard
from facevalue.lab.corpus.recipe import Recipe
from facevalue.lab.corpus.sources import Real
from facevalue.media import decode

SOFT_PERCENTILE = 20


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to make. target: the spectrum that pairs are brought to, or None. base: where relative files start."""

    recipe: Recipe
    shard: Shard
    digest: str
    target: npt.NDArray[np.float64] | None
    base: Path
    folder: Path


def make(task: Task) -> str:
    """Make the shard; returns its name. Pairs that cannot be made are listed in it with the reason."""
    cv2.setNumThreads(1)  # as many workers as cores are at it already
    rows: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    for pair in task.shard.pairs:
        try:
            rows += _pair(task, pair)
        except (makers.NothingToForgeError, DecodeError, UnreadableError) as error:
            skipped[pair.pair] = f"{pair.real.key}: {error}"
    for number, row in enumerate(rows):
        row |= {"path": f"{shards.FOLDER}/{task.shard.name}", "row": number}
    shards.write_shard(task.folder / shards.FOLDER / task.shard.name, rows, task.digest, skipped)
    return task.shard.name


def look(real: Real, recipe: Recipe) -> makers.View:
    """A source's picture as the recipe crops it. Raises DecodeError, UnreadableError, NothingToForgeError."""
    exhibit = Exhibit.open(real.path)
    if exhibit.sha256 != real.sha256:
        raise UnreadableError("it changed while the corpus was built")
    return equalise.cropped(decode(exhibit).picture.pixels, recipe.equalise)


def _pair(task: Task, pair: Pair) -> Iterator[dict[str, Any]]:
    """The rows of one pair: the real side first."""
    recipe, maker = task.recipe, task.recipe.maker[pair.maker]
    real = look(pair.real, recipe)
    donor = _Donor(task, pair)
    forged = makers.forge(maker.name, makers.Material(real, donor, maker.options, task.base), pair.seed)
    sides = [real.pixels, forged.pixels]
    if task.target is not None:
        own = recipe.equalise.spectrum == "each"
        first = equalise.gain(sides[0], task.target)
        gains = [first, equalise.gain(sides[1], task.target) if own else first]
        sides = [equalise.shaped(side, factors) for side, factors in zip(sides, gains, strict=True)]
    taken = equalise.way(recipe, pair.seed)
    mask = equalise.encode_mask(forged.mask)
    for label, pixels in zip(("real", "fake"), sides, strict=True):
        data = equalise.travelled(pixels, taken, recipe.equalise.side_px)
        row = _row(pair, recipe, taken, label, data)
        row["dhash"] = dhash(pixels)
        if label == "fake":
            row |= {"mask": mask, "mask_sha256": hashlib.sha256(mask).hexdigest(), "maker": maker.name}
            row["parameters"] = json.dumps({"method": forged.method, **forged.parameters}, sort_keys=True, default=str)
            if donor.used is not None:
                row |= {"donor_identity": donor.used.identity, "donor_sha256": donor.used.sha256}
        yield row


def _row(pair: Pair, recipe: Recipe, taken: equalise.Way, label: str, data: bytes) -> dict[str, Any]:
    side = recipe.equalise.side_px
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "label": label,
        "pair": pair.pair,
        "maker": "",
        "parameters": "{}",
        "identity": pair.real.identity,
        "source": pair.real.source,
        "file": pair.real.file,
        "split": pair.split,
        "launder": taken.trip,
        "codec": taken.codec,
        "quality": taken.quality if taken.codec != "png" else 0,
        "source_sha256": pair.real.sha256,
        "seed": pair.seed,
        "width": side,
        "height": side,
        "image": data,
        "mask": None,
        "mask_sha256": None,
        "donor_identity": None,
        "donor_sha256": None,
    }


class _Donor:
    """The first of the pair's donors that can be used, when a maker asks for one."""

    def __init__(self, task: Task, pair: Pair) -> None:
        self._task, self._pair = task, pair
        self.used: Real | None = None

    def __call__(self) -> makers.View:
        for candidate in self._pair.donors:
            try:
                view = look(candidate, self._task.recipe)
            except (makers.NothingToForgeError, DecodeError, UnreadableError):
                continue
            self.used = candidate
            return view
        raise makers.NothingToForgeError("none of its donors can be used")


def softest(recipe: Recipe, reals: Mapping[str, list[Real]], most: int = 48) -> npt.NDArray[np.float64]:
    """The spectrum that pictures are taken to: ring by ring the lowest of the sources' 20th percentiles.

    Low enough that nearly every picture loses rather than gains. reals: the pictures by source; at most `most` of
    each, spread evenly, are looked at.
    """
    curves = []
    for listed in reals.values():
        step = max(1, len(listed) // most)
        seen = []
        for real in listed[::step][:most]:
            try:
                seen.append(equalise.spectrum(look(real, recipe).pixels))
            except (makers.NothingToForgeError, DecodeError, UnreadableError):
                continue
        if seen:
            curves.append(np.percentile(seen, SOFT_PERCENTILE, axis=0))
    if not curves:
        raise makers.NothingToForgeError("no picture of any source can be used")
    return np.asarray(np.min(curves, axis=0), np.float64)


def same(path: Path, digest: str) -> bool:
    """Whether the shard at path is finished and belongs to the plan with this digest."""
    return path.is_file() and shards.facts(path).get("plan") == digest
