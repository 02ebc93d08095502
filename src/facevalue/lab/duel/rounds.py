"""The loop: forgers are tuned, what slips through teaches the examiner, the judge looks, and again.

    RUN/duel.json          settings, what every round measured, which round's weights are kept and why
    RUN/cache/             features of the judge, the clean set, the guard and the first training rows
    RUN/rounds/01/         laws, forgeries' features and head of the round, each written whole or not at all
    RUN/weights/           the kept round's weights, under the names of those that ship; absent when none improved

What a step draws follows from seed, round and forger alone: a run that was killed goes on where it was and ends with
the same numbers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.duel import judge
from facevalue.lab.duel.examiners import Examiner, Features
from facevalue.lab.duel.fixed import Rows, Sets, joined, rows, sets
from facevalue.lab.duel.forgers import FORGERS
from facevalue.lab.duel.head import Head, retrain
from facevalue.lab.duel.pools import build
from facevalue.lab.duel.settings import Settings
from facevalue.lab.duel.space import Law
from facevalue.lab.duel.store import RECORD, claim, load, put_json, save
from facevalue.lab.duel.tune import Made, forge, seed_of, tune
from facevalue.opinion.metrics import wilson

CACHE, ROUNDS, WEIGHTS = "cache", "rounds", "weights"
Report = Callable[[str], None]


def run(
    data: Path,
    out: Path,
    settings: Settings,
    examiner: Examiner,
    report: Report = lambda line: None,
    step: Callable[[int, int, str], None] = lambda done, of, what: None,
) -> dict[str, Any]:
    """Fight all rounds, or those that are missing; returns the record, as duel.json holds it.

    step: called with steps done, steps in all, and what is being done. Raises UsageError for settings that do not go
    with the examiner, a folder that holds another duel, or data with too few faces.
    """
    names = settings.forgers or examiner.forgers
    if strangers := [name for name in names if name not in examiner.forgers]:
        raise UsageError(f"forger '{strangers[0]}' does not fight {examiner.name}: {', '.join(examiner.forgers)} do")
    out.mkdir(parents=True, exist_ok=True)
    report("finding faces")
    pools = build(data, out / "bank.npz", settings.faces, settings.pairs)
    record = claim(out, settings, examiner, pools)
    report("looking at the fixed sets")
    fixed = sets(out / CACHE, pools, examiner, names, settings)
    ticks = _Ticks(settings.rounds * len(names) * (settings.effort.generations + 1), step)
    heads = [examiner.start]
    if not record["rounds"]:
        record["rounds"].append({"round": 0, **_measured(examiner.start, fixed)})
    for number in range(1, settings.rounds + 1):
        folder = out / ROUNDS / f"{number:02d}"
        head, line = _round(number, folder, heads, fixed, examiner, names, settings, ticks)
        heads.append(head)
        if number >= len(record["rounds"]):
            line |= {"round": number, **_measured(head, fixed)}
            line |= _judged(heads, record["kept"], number, fixed)
            record["rounds"].append(line)
            record["kept"] = number if line["improved"] else record["kept"]
            put_json(out / RECORD, record)
            report(_sentence(line))
    _keep(out, heads, record, examiner)
    return record


def _round(
    number: int,
    folder: Path,
    heads: list[Head],
    fixed: Sets,
    examiner: Examiner,
    names: tuple[str, ...],
    settings: Settings,
    ticks: _Ticks,
) -> tuple[Head, dict[str, Any]]:
    """The head that the round ends with, and what happened in it."""
    folder.mkdir(parents=True, exist_ok=True)
    head, seed = heads[-1], seed_of(settings.seed, "round", number)
    bar = judge.threshold(head, fixed.guard)
    lines: dict[str, dict[str, Any]] = {}
    checks: dict[str, Features] = {}
    learned = []
    for name in names:
        law = _law(folder, number, name, head, fixed, examiner, settings, ticks)
        ticks(f"round {number}: {name} forges")
        made = _made(folder / f"made-{name}.npz", law, name, fixed, examiner, settings, seed)
        slipped = head(made[0].fakes) < bar
        learned.append(rows(made[0], slipped))
        lines[name] = {"law": law.words(), "slipped": int(slipped.sum()), "of": len(slipped)}
        checks[name] = made[1].fakes
    save(folder / "slipped.npz", joined(learned))
    fitted = _head(folder, number, heads[0], head, fixed, settings)
    after = judge.threshold(fitted[0], fixed.guard)
    for name, line in lines.items():
        line["evasion"] = _evasion(head, checks[name], bar)
        line["evasion_after"] = _evasion(fitted[0], checks[name], after)
    return fitted[0], {"forgers": lines, "ridge": fitted[1], "losses_bits": fitted[2]}


def _law(
    folder: Path,
    number: int,
    name: str,
    head: Head,
    fixed: Sets,
    examiner: Examiner,
    settings: Settings,
    ticks: _Ticks,
) -> Law:
    """The law that the forger of this name tunes in this round, from the one of the round before."""
    forger, path = FORGERS[name], folder / f"law-{name}.json"
    before = folder.parent / f"{number - 1:02d}" / path.name
    if path.is_file():
        ticks.skip(settings.effort.generations)
    else:
        start = Law.open(forger.space)
        if number > 1:
            start = Law.from_dict(forger.space, json.loads(before.read_text(encoding="utf-8"))).widened()
        tuned = tune(
            forger,
            start,
            examiner,
            head,
            fixed.pools.learn,
            settings.effort,
            seed_of(settings.seed, "tune", number),
            lambda: ticks(f"round {number}: {name} is tuned"),
        )
        put_json(path, tuned.to_dict())
    # Read back in any case: what stands there is rounded, and a resumed run must not go on with another law.
    return Law.from_dict(forger.space, json.loads(path.read_text(encoding="utf-8")))


def _made(
    path: Path, law: Law, name: str, fixed: Sets, examiner: Examiner, settings: Settings, seed: int
) -> tuple[Made, Made]:
    """Forgeries to learn from, and others to measure evasion by."""
    if not path.is_file():
        faces = fixed.pools.learn
        arrays: dict[str, npt.NDArray[Any]] = {}
        for use, count in (("learn", settings.fakes), ("check", max(4, settings.fakes // 2))):
            made = forge(FORGERS[name], law, examiner, faces, count, seed_of(seed, use))
            arrays |= {f"{use}.fakes": made.fakes, f"{use}.reals": made.reals, f"{use}.groups": made.groups}
        save(path, arrays)
    stored = load(path)
    learn, check = (
        Made(stored[f"{u}.fakes"], stored[f"{u}.reals"], stored[f"{u}.groups"], 0) for u in ("learn", "check")
    )
    return learn, check


def _head(
    folder: Path, number: int, shipped: Head, head: Head, fixed: Sets, settings: Settings
) -> tuple[Head, float | None, dict[str, float]]:
    """The shipped head retrained on the first rows and on everything that slipped through so far."""
    path = folder / "head.npz"
    if not path.is_file():
        slipped = [load(folder.parent / f"{n:02d}" / "slipped.npz") for n in range(1, number + 1)]
        parts = [*fixed.first, *(Rows(s["x"], s["labels"], s["groups"]) for s in slipped)]
        x, labels = np.concatenate([p.x for p in parts]), np.concatenate([p.labels for p in parts])
        groups = np.concatenate([p.groups for p in parts])
        # What slipped through weighs as much, in all, as what the examiner started from.
        late = np.arange(len(labels)) >= sum(len(p.labels) for p in fixed.first)
        weights = np.where(late, 1 / max(1, late.sum()), 1 / (~late).sum())
        fitted = retrain(shipped, x, labels, weights, groups, seed_of(settings.seed, "fit", number))
        facts = json.dumps({"ridge": fitted.ridge, "losses": fitted.losses})
        save(path, {"weight": fitted.head.weight, "bias": np.array(fitted.head.bias), "facts": np.array(facts)})
    stored = load(path)
    facts = json.loads(str(stored["facts"]))
    return Head(stored["weight"], float(stored["bias"])), facts["ridge"], facts["losses"]


# Measuring


def _measured(head: Head, fixed: Sets) -> dict[str, Any]:
    bar = judge.threshold(head, fixed.guard)
    return {
        "threshold": bar,
        "judge": judge.verdict(head, fixed.judge),
        "clean": judge.verdict(head, fixed.clean)["clean"],
        "clean_false_alarms": judge.alarms(head, fixed.clean, bar),
    }


def _judged(heads: list[Head], kept: int, number: int, fixed: Sets) -> dict[str, Any]:
    """Whether this round's head is better than the kept one: a gain on the judge that chance does not explain, and no
    more false alarms than chance explains."""
    new, old = heads[number], heads[kept]
    gain = judge.difference(new, old, fixed.judge)
    bars = [judge.threshold(head, fixed.guard) for head in (new, old)]
    more = judge.alarm_difference((new, bars[0]), (old, bars[1]), fixed.clean)
    improved = bool(gain[1] > 0 and more[1] <= 0)
    return {"against": kept, "judge_gain": gain, "clean_alarms_gain": more, "improved": improved}


def _evasion(head: Head, fakes: Features, bar: float) -> tuple[float, float, float]:
    """The share of forgeries below the threshold, with its 95% Wilson interval."""
    missed = head(fakes) < bar
    share = float(missed.mean()) if len(missed) else float("nan")
    return (share, *wilson(share, float(len(missed))))


def _sentence(line: dict[str, Any]) -> str:
    gain = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*line["judge_gain"])
    kept = "kept" if line["improved"] else "not kept"
    return f"round {line['round']}: judge AUC {line['judge']['all']['auc'][0]:.4f}, gain {gain}: {kept}"


def _keep(out: Path, heads: list[Head], record: dict[str, Any], examiner: Examiner) -> None:
    """Write the kept round's weights; when none improved there are none, and nothing is to be replaced."""
    shutil.rmtree(out / WEIGHTS, ignore_errors=True)
    kept, record["weights"] = record["kept"], []
    if kept:
        record["weights"] = [path.name for path in examiner.export(heads[kept], out / WEIGHTS)]
        record["why"] = f"round {kept} is the last that improved the judge"
    else:
        record["why"] = "no round improved the judge: nothing is replaced"
    put_json(out / RECORD, record)


class _Ticks:
    """Counts steps for the progress bar; steps that an earlier run did count too."""

    def __init__(self, of: int, step: Callable[[int, int, str], None]) -> None:
        self._done, self._of, self._step = 0, of, step

    def __call__(self, what: str) -> None:
        self._done += 1
        self._step(min(self._done, self._of), self._of, what)

    def skip(self, count: int) -> None:
        self._done += count
