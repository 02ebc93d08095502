"""Calibrating audio_edit: networks and weights under which groups of speakers are left out in turn.

What is edited is made by audio_edit_sounds, the networks are trained by audio_seams. What a trace shows on unedited
sound sets its unit; one logistic regression with coefficients that cannot be negative weighs the units; its bounds are
those that the set supports (ELUB).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.background import WIDTHS, default_prior
from facevalue.examiners.audio_edit.changes import contrasts, lowest_third, shape_and_level, steps
from facevalue.examiners.audio_edit.look import NAMES, REFERENCE_S, AudioCalibration, Scale, look
from facevalue.examiners.audio_edit.seams import FAST_FILE, SLOW_FILE, Networks
from facevalue.examiners.audio_edit.spans import mark_regions
from facevalue.examiners.audio_edit.spectra import ROUNDING_DB, measure
from facevalue.examiners.audio_edit.trace import Mark, Trace
from facevalue.lab import edit_sound
from facevalue.lab.audio_edit_sounds import FOLDS, Bank, Item, Plan, banks, make
from facevalue.lab.audio_seams import TRAINING, examples, networks
from facevalue.lab.edit_sound import INNOCENT, Scene
from facevalue.lab.sound_trips import RATE_HZ, Samples, trip
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import auc, cllr, cllr_min, recall_at_false_alarm

FOUND_LOG10_LR = 1.0
# The least difference, in a trace's own unit, between usual and rare that means anything.
LEAST_UNIT = {"silence": 1.0, "repeat": 1.0, "clipping": 1.0, "reverb": 0.5, "hum": 1.0}
HIT_S = 0.2
MARKS_KEPT = 12
TAIL_RANK = 8
ROUNDS = 6


def _measured(prior: Mapping[str, float], nets: Networks, job: tuple[Item, Samples]) -> Item:
    item, samples = job[0], trip(job[1], job[0]["codec"])
    traces = look(samples, prior, nets)
    marks = {n: [(m.start_s, m.end_s, m.score) for m in t.marks[:MARKS_KEPT]] for n, t in traces.items()}
    return {
        **item,
        "seconds": len(samples) / RATE_HZ,
        "scores": {n: t.score for n, t in traces.items()},
        "marks": marks,
    }


def prior_of(folds: Sequence[Bank], seed: int = 7) -> dict[str, float]:
    """Robust spread of the floor's contrasts over unedited sound of every make, dB (Hz for "band")."""
    rng = np.random.default_rng(seed)
    shapes: dict[int, list[float]] = {w: [] for w in WIDTHS}
    levels: dict[int, list[float]] = {w: [] for w in WIDTHS}
    for bank in folds:
        rooms = [edit_sound.record(bank.speech, 30, Scene.draw(rng), rng) for _ in range(4)]
        for samples in [*rooms, *(s for _, s in bank.videos), *(s for _, s in bank.clips[:40])]:
            spectra = measure(samples)
            heard = np.median(spectra.floor, axis=0) > ROUNDING_DB + 3
            for width in WIDTHS:
                difference = steps(contrasts(spectra.floor[:, heard], width, lowest_third), width)
                if difference.size:
                    shape, level = shape_and_level(difference)
                    shapes[width].append(float(np.median(np.abs(shape))) * 1.4826)
                    levels[width].append(float(np.median(np.abs(level))) * 1.4826)
    out = default_prior()
    for width in WIDTHS:
        for name, values in (("shape", shapes[width]), ("level", levels[width])):
            if values:
                out[f"{name}{width}"] = round(float(np.sqrt(np.mean(np.square(values)))), 4)
    return out


def collect(
    data: Path,
    out: Path,
    plans: tuple[Plan, Plan] | None = None,
    report: Callable[[str], None] = print,
    workers: int = 1,
    steps: int = 0,
) -> list[Item]:
    """Scores of every made sound under the networks of the other folds; the networks lie in out/ afterwards.

    plans: what is trained on and what is measured. Each part is kept in out/ as it is done; the same plans go on
    from there.
    """
    training, measured = plans or (TRAINING, Plan())
    out.mkdir(parents=True, exist_ok=True)
    folds = banks(data)
    nets = networks(examples(folds, training, out, report, workers), out, report, workers, steps)
    prior = _kept(out / "prior.json", asdict(measured), lambda: prior_of(folds))
    items: list[Item] = []
    for fold, bank in enumerate(folds):

        def score(bank: Bank = bank, fold: int = fold) -> list[Item]:
            with ProcessPoolExecutor(workers) as pool:
                return list(pool.map(partial(_measured, prior, nets[fold]), make(bank, fold, measured), chunksize=2))

        items += _kept(out / f"fold{fold}.json", asdict(measured), score)
        report(f"fold {fold + 1} of {FOLDS}: {len(items)} sounds")
    return items


def _kept(path: Path, plan: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
    """What path holds for this plan, or what compute returns, written there."""
    if path.is_file() and (raw := json.loads(path.read_text(encoding="utf-8")))["plan"] == dict(plan):
        return raw["content"]
    content = compute()
    path.write_text(json.dumps({"plan": dict(plan), "content": content}), encoding="utf-8")
    return content


def scales_of(items: Sequence[Item]) -> dict[str, Scale]:
    """The unit of each trace from the unedited items."""
    plain = [i for i in items if i["label"] == 0]
    over = np.maximum(0.0, np.log(np.maximum(1.0, [i["seconds"] for i in plain]) / REFERENCE_S))
    out = {}
    for name in NAMES:
        y = np.array([i["scores"][name] for i in plain])
        growth = _growth([sorted((m[2] for m in i["marks"][name]), reverse=True) for i in plain])
        rest = np.where(y > 0, y - growth * over, 0.0)
        usual, rare = float(np.quantile(rest, 0.5)), float(np.quantile(rest, 0.95))
        least = LEAST_UNIT.get(name, 0.25)
        out[name] = Scale(round(usual, 4), round(max(rare, usual + least), 4), round(growth, 4))
    return out


def _growth(ranked: Sequence[Sequence[float]]) -> float:
    """By how much the largest score of a sound e times as long is larger: the scale of the tail of scores.

    The largest of an exponential tail lies its scale times 1 + 1/2 + ... + 1/(k - 1) above the k-th largest (Renyi
    1953). Regression on length would mix in that long sounds were made otherwise than short ones.
    """
    steps_ = float(sum(1 / j for j in range(1, TAIL_RANK)))
    scales = [(s[0] - s[TAIL_RANK - 1]) / steps_ for s in ranked if len(s) >= TAIL_RANK]
    return float(np.median(scales)) if len(scales) >= 10 else 0.0


def traces_of(item: Item) -> dict[str, Trace]:
    """The marks that were kept of an item."""
    return {n: Trace(n, tuple(Mark(a, b, s, "") for a, b, s in rows)) for n, rows in item["marks"].items()}


def fit(items: Sequence[Item], prior: Mapping[str, float]) -> AudioCalibration:
    """A calibration from items. A coefficient that would be negative is 0: no trace may speak for innocence.

    The examiner judges a sound by its strongest half second, so that is chosen with the coefficients of the round
    before and the coefficients are fitted to what it shows (multiple-instance learning: Andrews et al. 2003).
    """
    scales = scales_of(items)
    labels = np.array([i["label"] for i in items])
    weigh = LogisticCalibration(NAMES, (1.0,) * len(NAMES), 0.0)
    local = AudioCalibration(prior, scales, weigh)
    bags = [local.units(traces_of(i), i["seconds"]) for i in items]
    for _ in range(ROUNDS):
        chosen = np.stack([bag[int(np.argmax(weigh.raw(bag)))] for bag in bags])
        weigh = _non_negative(chosen, labels)
    raw = np.array([weigh.raw(bag).max() for bag in bags])
    return AudioCalibration(prior, scales, weigh.bounded(*elub_bounds(raw, labels)))


def _non_negative(units: npt.NDArray[np.float64], labels: npt.NDArray[np.int_]) -> LogisticCalibration:
    use = np.ones(len(NAMES), bool)
    while True:
        names = [n for n, u in zip(NAMES, use, strict=True) if u]
        part = LogisticCalibration.fit(units[:, use], labels, names=names, ridge=1.0)
        worst = np.array(part.coefficients) < 0
        if not worst.any():
            break
        use[np.flatnonzero(use)[np.argmin(part.coefficients)]] = False
    whole = np.zeros(len(NAMES))
    whole[use] = part.coefficients
    return LogisticCalibration(NAMES, tuple(float(c) for c in whole), part.intercept)


def left_out(
    items: Sequence[Item], prior: Mapping[str, float]
) -> tuple[npt.NDArray[np.float64], list[list[tuple[float, float]]]]:
    """Under the calibration of the other folds: log10 LR of each item, and its spans (s), the most telling first."""
    lrs = np.zeros(len(items))
    spans: list[list[tuple[float, float]]] = [[] for _ in items]
    for fold in range(FOLDS):
        calibration = fit([i for i in items if i["fold"] != fold], prior)
        for k, item in enumerate(items):
            if item["fold"] == fold:
                traces = traces_of(item)
                lrs[k] = calibration.log10_lr(traces, item["seconds"])
                regions = mark_regions(traces, calibration, item["seconds"])
                spans[k] = [r.span for r in regions if r.span is not None]
    return lrs, spans


def calibrate(
    data: Path,
    out: Path,
    plans: tuple[Plan, Plan] | None = None,
    report: Callable[[str], None] = print,
    workers: int = 1,
    steps: int = 0,
) -> list[Path]:
    """Write the networks, calibration.json and leave_one_out.json into out/; returns their paths."""
    items = collect(data, out, plans, report, workers, steps)
    prior = json.loads((out / "prior.json").read_text(encoding="utf-8"))["content"]
    lrs, local = left_out(items, prior)
    calibration = fit(items, prior)
    figures = tables(items, lrs, local)
    figures["bounds"] = [calibration.weigh.low, calibration.weigh.high]
    report(json.dumps(figures, indent=1))
    written = [Path(shutil.copyfile(out / "all" / name, out / name)) for name in (FAST_FILE, SLOW_FILE)]
    for name, content in (("calibration.json", calibration.to_dict()), ("leave_one_out.json", figures)):
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        written.append(out / name)
    return written


def tables(items: Sequence[Item], lrs: npt.NDArray[np.float64], spans: Sequence[Any]) -> dict[str, Any]:
    """Everything that leave_one_out.json says."""
    y = np.array([i["label"] for i in items])
    false = y == 0
    out: dict[str, Any] = {"pooled": _figures(lrs, y)}
    fields: list[tuple[str, Callable[[Item], str]]] = [
        ("kind", lambda i: str(i.get("kind"))),
        ("joint", lambda i: "hard" if i.get("crossfade_ms") == 0 else "crossfade"),
    ]
    for title, of in fields:
        names = np.array([of(i) for i in items])
        picks = {v: false | (~false & (names == v)) for v in sorted(set(names[~false]))}
        out[f"by {title}"] = {v: _figures(lrs[p], y[p]) for v, p in picks.items()}
    for title in ("codec", "make"):
        names = np.array([str(i[title]) for i in items])
        out[f"by {title}"] = {v: _figures(lrs[names == v], y[names == v]) for v in sorted(set(names))}
    treatments = np.array([str(i["treatment"]) for i in items])
    out["unedited at LR 10 or more, by treatment"] = {
        t: [round(float((lrs[pick] >= FOUND_LOG10_LR).mean()), 4), int(pick.sum())]
        for t in INNOCENT
        if (pick := false & (treatments == t)).any()
    }
    hard = np.array([i.get("crossfade_ms") == 0 and i["codec"] == "wav" and i["make"] == "room" for i in items])
    pick = false & np.array([i["make"] == "room" and i["codec"] == "wav" for i in items]) | hard
    out["hard joints, room, wav"] = _figures(lrs[pick], y[pick])
    out["traces alone"] = _alone(items, y)
    out["localisation"] = _localisation(items, lrs, spans)
    out["hours of unedited sound"] = round(sum(i["seconds"] for i in items if i["label"] == 0) / 3600, 3)
    rows = {"all edits": out["pooled"], **out["by kind"]}
    out["table"] = [{"name": f"sound, groups left out, {name}", **figures} for name, figures in rows.items()]
    return out


def _alone(items: Sequence[Item], y: npt.NDArray[np.int_]) -> dict[str, Any]:
    rows = {}
    for name in NAMES:
        values = np.array([i["scores"][name] for i in items])
        rows[name] = {"auc": round(auc(values, y), 4), "recall_at_5": round(recall_at_false_alarm(values, y, 0.05), 4)}
    return rows


def _localisation(items: Sequence[Item], lrs: npt.NDArray[np.float64], spans: Sequence[Any]) -> dict[str, Any]:
    """How often an end of a span lies within HIT_S of a joint: of the most telling span, and of any of three."""
    rows = {}
    edited = [k for k, i in enumerate(items) if i["label"] == 1]
    for name, pick in (("all edited", edited), ("found", [k for k in edited if lrs[k] >= FOUND_LOG10_LR])):
        far = [[_distance(span, items[k]["joints"]) for span in spans[k][:3]] or [np.inf] for k in pick]
        first, any_of = (np.array([f(d) for d in far]) for f in (lambda d: d[0], min))
        rows[name] = {
            "n": len(pick),
            f"first span within {HIT_S} s": round(float((first <= HIT_S).mean()), 4) if pick else None,
            f"one of three within {HIT_S} s": round(float((any_of <= HIT_S).mean()), 4) if pick else None,
        }
    return rows


def _distance(span: tuple[float, float], joints: Sequence[float]) -> float:
    return min(abs(end - joint) for end in (*span, sum(span) / 2) for joint in joints)


def _figures(log10_lrs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> dict[str, float]:
    out: dict[str, float] = {"n_real": int((labels == 0).sum()), "n_fake": int((labels == 1).sum())}
    measured = {
        "auc": auc(log10_lrs, labels),
        "recall_at_5": recall_at_false_alarm(log10_lrs, labels, 0.05),
        "cllr": cllr(log10_lrs, labels),
        "cllr_min": cllr_min(log10_lrs, labels),
        "found": float((log10_lrs[labels == 1] >= FOUND_LOG10_LR).mean()) if (labels == 1).any() else float("nan"),
        "false_alarms": float((log10_lrs[labels == 0] >= FOUND_LOG10_LR).mean())
        if (labels == 0).any()
        else float("nan"),
    }
    return out | {k: round(float(v), 4) for k, v in measured.items() if v == v}
