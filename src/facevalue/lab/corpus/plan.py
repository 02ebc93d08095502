"""Which picture pairs with which forgery: decided before anything is made, by names and seed alone.

A split is made of whole identities. What a composite takes from a donor comes from another identity of the same split,
so that no face is in two splits. A shard holds pairs of one split and is made by one worker from the plan alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facevalue.errors import UsageError
from facevalue.lab.corpus.makers import needs_donor
from facevalue.lab.corpus.recipe import Recipe
from facevalue.lab.corpus.sources import Real, pictures

FORMAT = "facevalue.corpus/1"
# A donor without a usable face is replaced by the next of these.
DONORS = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair to make. number: which forgery of this picture. seed: of everything drawn for the pair."""

    pair: str
    real: Real
    number: int
    maker: int
    donors: tuple[Real, ...]
    split: str
    seed: int


@dataclass(frozen=True, slots=True)
class Shard:
    """name: the file's, inside shards/."""

    name: str
    split: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """digest: sha256 of recipe and sources, the same on any machine; two plans with one digest make the same bytes."""

    recipe: Recipe
    shards: tuple[Shard, ...]
    digest: str

    @property
    def pairs(self) -> int:
        """How many pairs are planned."""
        return sum(len(shard.pairs) for shard in self.shards)


def plan(recipe: Recipe, base: Path) -> Plan:
    """The plan of a recipe whose relative folders start at base. Raises UsageError as the sources do."""
    reals = [real for source in recipe.source for real in pictures(source, base)]
    where = splits(recipe, reals)
    pairs = [
        _pair(recipe, real, number, where, reals_by_split)
        for reals_by_split in [_grouped(reals, where)]
        for real in reals
        for number in range(recipe.pairs_per_picture)
    ]
    shards = tuple(shard for split in recipe.split.shares for shard in _shards(split, pairs, recipe.shard_pairs))
    return Plan(recipe, shards, _digest(recipe, reals))


def splits(recipe: Recipe, reals: list[Real]) -> dict[str, str]:
    """The split of every identity. Identities (or sources) are shuffled by hash; the shares are cut from that order.

    Each source is cut on its own, so that all sources are in all splits when identities are what is split.
    """
    out: dict[str, str] = {}
    if recipe.split.by == "source":
        cut = _cut(recipe, sorted({real.source for real in reals}))
        return {real.identity: cut[real.source] for real in reals}
    for source in recipe.source:
        out |= _cut(recipe, sorted({real.identity for real in reals if real.source == source.name}))
    return out


def _cut(recipe: Recipe, names: list[str]) -> dict[str, str]:
    order = sorted(names, key=lambda name: (_number(recipe.seed, "split", name), name))
    ends = np.round(np.cumsum(list(recipe.split.shares.values())) * len(order)).astype(int)
    places = np.searchsorted(ends, np.arange(len(order)), side="right")
    return {name: list(recipe.split.shares)[min(int(at), 2)] for name, at in zip(order, places, strict=True)}


def _grouped(reals: list[Real], where: dict[str, str]) -> dict[tuple[str, str], list[Real]]:
    out: dict[tuple[str, str], list[Real]] = {}
    for real in reals:
        out.setdefault((real.source, where[real.identity]), []).append(real)
    return out


def _pair(
    recipe: Recipe, real: Real, number: int, where: dict[str, str], groups: dict[tuple[str, str], list[Real]]
) -> Pair:
    seed = _number(recipe.seed, "pair", real.key, str(number))
    rng = np.random.default_rng(seed)
    shares = np.array([maker.share for maker in recipe.maker])
    maker = int(rng.choice(len(shares), p=shares / shares.sum()))
    split = where[real.identity]
    donors: list[Real] = []
    if needs_donor(recipe.maker[maker].name):
        group = groups[real.source, split]
        drawn = [group[int(i)] for i in rng.integers(len(group), size=8 * DONORS)]
        donors = list(dict.fromkeys(d for d in drawn if d.identity != real.identity))[:DONORS]
        if not donors and not (donors := [d for d in group if d.identity != real.identity][:DONORS]):
            raise UsageError(
                f"maker '{recipe.maker[maker].name}' needs a second identity of source '{real.source}' in {split}"
            )
    name = hashlib.sha256(f"{recipe.seed}/{real.key}/{number}".encode()).hexdigest()[:16]
    return Pair(name, real, number, maker, tuple(donors), split, seed)


def _shards(split: str, pairs: list[Pair], size: int) -> list[Shard]:
    # By hash, so that a shard holds every source and maker: training reads shard by shard.
    mine = sorted((p for p in pairs if p.split == split), key=lambda p: p.pair)
    return [
        Shard(f"{split}-{i // size:05d}.parquet", split, tuple(mine[i : i + size])) for i in range(0, len(mine), size)
    ]


def _number(seed: int, *words: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join([str(seed), *words]).encode()).digest()[:7], "big")


def _digest(recipe: Recipe, reals: list[Real]) -> str:
    """Folders are left out: the same pictures elsewhere are the same corpus."""
    words = recipe.to_dict()
    for source in words["source"]:
        source["folder"] = ""
    listed = [[r.key, r.identity, r.sha256] for r in reals]
    text = json.dumps([FORMAT, words, listed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
