"""`lab corpus build`: every shard of a plan, by several workers, resumable at any moment, the same bytes each time."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.corpus import makers, preview, shards, work
from facevalue.lab.corpus.equalise import STATEMENT
from facevalue.lab.corpus.plan import FORMAT, Plan, plan
from facevalue.lab.corpus.recipe import Recipe
from facevalue.lab.corpus.sources import Real

PLAN = "plan.json"
Progress = Callable[[int, int], None]
Report = Callable[[str], None]


def build(
    recipe: Recipe,
    base: Path,
    out: Path,
    workers: int = 1,
    previews: int = 6,
    progress: Progress = lambda done, of: None,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Build (or go on building) the corpus in out/; returns its description, as corpus.json holds it.

    base: the folder from which the recipe's relative paths start. workers: processes; the bytes do not depend on it.
    previews: pairs on the labelled sheet preview.jpg; 0: none. Raises UsageError for a recipe that cannot be carried
    out, a folder that holds another corpus, or when nothing could be made.
    """
    for maker in recipe.maker:
        makers.checked(maker.name, maker.options, base)
    report("reading the sources")
    planned = plan(recipe, base)
    _claim(out, planned)
    tasks = [
        work.Task(recipe, shard, planned.digest, target, base, out)
        for target in [_target(planned, out)]
        for shard in planned.shards
    ]
    missing = [t for t in tasks if not work.same(out / shards.FOLDER / t.shard.name, planned.digest)]
    if len(missing) < len(tasks):
        report(f"{len(tasks) - len(missing)} of {len(tasks)} shards are there already")
    done = sum(len(t.shard.pairs) for t in tasks) - sum(len(t.shard.pairs) for t in missing)
    progress(done, planned.pairs)
    sizes = {t.shard.name: len(t.shard.pairs) for t in missing}
    for name in _made(missing, workers):
        done += sizes[name]
        progress(done, planned.pairs)
    described = _describe(planned, out)
    if previews:
        preview.write(out, previews, recipe.seed)
    return described


def _made(tasks: list[work.Task], workers: int) -> Iterator[str]:
    """Names of shards as they are finished."""
    if workers <= 1 or len(tasks) <= 1:
        yield from map(work.make, tasks)
        return
    # Spawned: a fork would copy locks that the face detector's or torch's threads may hold.
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=multiprocessing.get_context("spawn"))
    try:
        for future in as_completed([pool.submit(work.make, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool:
        raise UsageError("a worker was killed (out of memory?); run the same command again to go on") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _claim(out: Path, planned: Plan) -> None:
    """Write which plan this folder belongs to, or refuse a folder that belongs to another."""
    path = out / PLAN
    if path.is_file():
        try:
            mine = json.loads(path.read_text(encoding="utf-8")).get("digest") == planned.digest
        except (ValueError, AttributeError, RecursionError):
            mine = False
        if not mine:
            raise UsageError(f"{out} holds another corpus: the recipe or its sources changed; give a new folder")
        return
    if (out / shards.FOLDER).exists() or (out / shards.INDEX).exists():
        raise UsageError(f"{out} holds something else; give a new folder")
    out.mkdir(parents=True, exist_ok=True)
    _put(path, {"schema": FORMAT, "digest": planned.digest, "recipe": planned.recipe.to_dict()})


def _target(planned: Plan, out: Path) -> npt.NDArray[np.float64] | None:
    """The spectrum that pairs are brought to; computed once, kept in target.json."""
    if planned.recipe.equalise.spectrum == "own":
        return None
    path = out / "target.json"
    if path.is_file():
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["digest"] == planned.digest:
                return np.array(stored["log_power"], np.float64)
        except (ValueError, KeyError, TypeError):
            pass
    reals: dict[str, dict[str, Real]] = {}
    for shard in planned.shards:
        for pair in shard.pairs:
            reals.setdefault(pair.real.source, {})[pair.real.key] = pair.real
    listed = {source: [found[key] for key in sorted(found)] for source, found in sorted(reals.items())}
    try:
        curve = work.softest(planned.recipe, listed)
    except makers.NothingToForgeError as error:
        raise UsageError(str(error)) from None
    _put(path, {"digest": planned.digest, "log_power": curve.tolist()})
    return curve


def _describe(planned: Plan, out: Path) -> dict[str, Any]:
    """Write the index and corpus.json. Raises UsageError when no pair could be made."""
    listed: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    hashes = {}
    for shard in planned.shards:
        path = out / shards.FOLDER / shard.name
        for row in shards.rows(path):
            listed.append({name: row[name] for name in shards.LISTED.names})
        skipped |= json.loads(shards.facts(path)["skipped"])
        hashes[shard.name] = shards.sha256(path)
    if not listed:
        why = Counter(text.rpartition(": ")[2] for text in skipped.values()).most_common(1)[0][0]
        raise UsageError(f"no pair could be made of any picture; most often: {why}")
    shards.write_index(out, listed, planned.digest)
    described = {
        "schema": FORMAT,
        "statement": STATEMENT,
        "name": planned.recipe.name,
        "digest": planned.digest,
        "recipe": planned.recipe.to_dict(),
        "pairs": len(listed) // 2,
        "by_split": dict(sorted(Counter(r["split"] for r in listed if r["label"] == "fake").items())),
        "by_maker": dict(sorted(Counter(r["maker"] for r in listed if r["label"] == "fake").items())),
        "by_source": dict(sorted(Counter(r["source"] for r in listed if r["label"] == "fake").items())),
        "left_out": dict(sorted(skipped.items())),
        "index_sha256": shards.sha256(out / shards.INDEX),
        "shards": hashes,
    }
    _put(out / shards.ABOUT, described)
    return described


def _put(path: Path, values: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)
