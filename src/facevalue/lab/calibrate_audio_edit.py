"""Calibrating audio_edit: edited and unedited sound of the same makes, groups of speakers left out in turn.

    DATA/audio/{index.tsv,*.flac}   bona fide speech, columns file, label, group
    DATA/videos/real/               real clips; their sound is used as it is

What is edited is made by edit_sound. What a trace shows on unedited sound sets its unit; one logistic regression with
coefficients that cannot be negative weighs the units; its bounds are those that the set supports (ELUB).
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.examiners.audio_edit.background import WIDTHS, default_prior
from facevalue.examiners.audio_edit.changes import contrasts, lowest_third, shape_and_level, steps
from facevalue.examiners.audio_edit.look import BIN_S, NAMES, REFERENCE_S, AudioCalibration, Scale, look
from facevalue.examiners.audio_edit.spectra import ROUNDING_DB, measure
from facevalue.examiners.audio_edit.trace import Mark, Trace
from facevalue.lab import edit_sound
from facevalue.lab.edit_sound import INNOCENT, KINDS, Scene
from facevalue.lab.sound_trips import CODECS, RATE_HZ, Samples, decode, trip
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import auc, cllr, cllr_min, recall_at_false_alarm

FOLDS = 5
MIN_CLIP_S = 3.0
FOUND_LOG10_LR = 1.0
# The least difference, in a trace's own unit, between usual and rare that means anything.
LEAST_UNIT = {"silence": 1.0, "repeat": 1.0, "clipping": 1.0, "reverb": 0.5, "hum": 1.0}
HIT_S = 0.75
MARKS_KEPT = 12
ROUNDS = 6

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many sounds of each make. rooms: simulated recordings per fold, each edited and left alone."""

    rooms: int = 20
    clips: int = 30
    videos: int = 2
    longest_s: float = 40.0


@dataclass(frozen=True, slots=True)
class _Bank:
    """Speech of one fold. clips: (group, samples) of 3 s at least; speech: all of it; videos: (name, samples)."""

    clips: tuple[tuple[str, Samples], ...]
    speech: tuple[Samples, ...]
    videos: tuple[tuple[str, Samples], ...]


def banks(data: Path) -> list[_Bank]:
    """The speech of each fold; a group of recording conditions and a source of videos lie in one fold whole."""
    folds: list[_Bank] = []
    rows = _rows(data / "audio" / "index.tsv")
    sounds = [(row["group"], decode((data / "audio" / row["file"]).read_bytes())) for row in rows]
    videos = [(p.stem, s) for p in _clips(data / "videos" / "real") if (s := _sound(p)) is not None]
    groups = sorted({g for g, _ in sounds}, key=lambda g: (-sum(h == g for h, _ in sounds), g))
    # Dealt from the largest down, so that the folds are of like size.
    fold_of = {g: i % FOLDS for i, g in enumerate(groups)}
    for fold in range(FOLDS):
        mine = [(g, s) for g, s in sounds if fold_of[g] == fold]
        long = tuple((g, s) for g, s in mine if len(s) >= MIN_CLIP_S * RATE_HZ)
        seen = tuple((n, s) for n, s in videos if zlib.crc32(n.partition("_")[0].encode()) % FOLDS == fold)
        folds.append(_Bank(long, tuple(s for _, s in mine), seen))
    return folds


def _rows(index: Path) -> list[dict[str, str]]:
    if not index.is_file():
        raise UsageError("audio/index.tsv is not in the data folder")
    with index.open(newline="", encoding="utf-8") as stream:
        rows = [r for r in csv.DictReader(stream, delimiter="\t") if r["label"] == "bonafide"]
    return [r for r in rows if (index.parent / r["file"]).is_file()]


def _clips(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.m*")) if folder.is_dir() else []


def _sound(path: Path) -> Samples | None:
    try:
        samples = decode(path.read_bytes())
    except UsageError:
        return None
    return samples if len(samples) >= MIN_CLIP_S * RATE_HZ else None


def make(bank: _Bank, fold: int, plan: Plan, seed: int = 0) -> Iterator[tuple[Item, Samples]]:
    """(what it is, samples before the codec) of every sound of a fold, edited beside unedited of the same make."""
    rng = np.random.default_rng([seed, fold])
    treatments = list(INNOCENT)
    for i in range(plan.rooms):
        seconds = float(np.exp(rng.uniform(np.log(8), np.log(plan.longest_s))))
        scene = Scene.draw(rng)
        base = edit_sound.record(bank.speech, seconds, scene, rng)
        elsewhere = scene if rng.random() < 0.25 else Scene.draw(rng)
        donor = edit_sound.record(bank.speech, 15.0, elsewhere, rng)
        yield from _pair("room", base, donor, treatments[i % len(treatments)], rng, fold)
    for _ in range(plan.clips):
        group, base = bank.clips[rng.integers(len(bank.clips))]
        others = [s for g, s in bank.clips if g == group and s is not base]
        donor = others[rng.integers(len(others))] if others else bank.clips[rng.integers(len(bank.clips))][1]
        yield from _pair("clip", base, donor, _often_plain(rng), rng, fold)
    for _, base in bank.videos:
        for _ in range(plan.videos):
            donor = bank.videos[rng.integers(len(bank.videos))][1]
            yield from _pair("video", base, donor, _often_plain(rng), rng, fold)


def _often_plain(rng: np.random.Generator) -> str:
    return "as recorded" if rng.random() < 0.5 else str(rng.choice(list(INNOCENT)))


def _pair(
    make_of: str, base: Samples, donor: Samples, treatment: str, rng: np.random.Generator, fold: int
) -> Iterator[tuple[Item, Samples]]:
    treated = INNOCENT[treatment](base, rng)
    codec = "wav" if rng.random() < 0.35 else str(rng.choice(list(CODECS)))
    kind = str(rng.choice(KINDS))
    fade = 0.0 if rng.random() < 0.5 else float(rng.uniform(5, 20))
    # The edited sound carries the innocent treatment too, and half of what is put in: it must speak for neither side.
    donor = INNOCENT[treatment](donor, rng) if rng.random() < 0.5 else donor
    edited = edit_sound.edit(kind, treated, donor, rng, fade, careful=bool(rng.random() < 0.5))
    common = {"make": make_of, "fold": fold, "codec": codec}
    yield {**common, "label": 0, "treatment": treatment}, treated
    fields = {"label": 1, "kind": kind, "crossfade_ms": fade, "joints": edited.joints, "spans": edited.spans}
    yield {**common, **fields, "treatment": treatment}, edited.samples


def _measured(prior: Mapping[str, float], job: tuple[Item, Samples]) -> Item:
    item, samples = job[0], trip(job[1], job[0]["codec"])
    traces = look(samples, prior)
    marks = {n: [(m.start_s, m.end_s, m.score) for m in t.marks[:MARKS_KEPT]] for n, t in traces.items()}
    return {
        **item,
        "seconds": len(samples) / RATE_HZ,
        "scores": {n: t.score for n, t in traces.items()},
        "marks": marks,
    }


def prior_of(folds: Sequence[_Bank], seed: int = 7) -> dict[str, float]:
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


def collect(data: Path, out: Path, plan: Plan, report: Callable[[str], None] = print, workers: int = 1) -> list[Item]:
    """Scores of every made sound. Each fold is kept in out/ as it is done; the same plan goes on from there."""
    out.mkdir(parents=True, exist_ok=True)
    folds = banks(data)
    prior = _kept(out / "prior.json", asdict(plan), lambda: prior_of(folds))
    report(f"prior {prior}")
    items: list[Item] = []
    for fold, bank in enumerate(folds):

        def score(bank: _Bank = bank, fold: int = fold) -> list[Item]:
            with ProcessPoolExecutor(workers) as pool:
                return list(pool.map(partial(_measured, prior), make(bank, fold, plan), chunksize=2))

        items += _kept(out / f"fold{fold}.json", asdict(plan), score)
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
    x = np.log(np.maximum(1.0, [i["seconds"] for i in plain]) / REFERENCE_S)
    out = {}
    for name in NAMES:
        y = np.array([i["scores"][name] for i in plain])
        seen = y > 0
        growth = 0.0
        if seen.sum() >= 30 and x[seen].std() > 0.1:
            growth = max(0.0, float(np.cov(x[seen], y[seen])[0, 1] / x[seen].var()))
        rest = np.where(seen, y - growth * x, 0.0)
        usual, rare = float(np.quantile(rest, 0.5)), float(np.quantile(rest, 0.95))
        least = LEAST_UNIT.get(name, 0.25)
        out[name] = Scale(round(usual, 4), round(max(rare, usual + least), 4), round(growth, 4))
    return out


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


def left_out(items: Sequence[Item], prior: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """log10 LR of each item under the calibration of the other folds."""
    lrs = np.zeros(len(items))
    for fold in range(FOLDS):
        calibration = fit([i for i in items if i["fold"] != fold], prior)
        for k, item in enumerate(items):
            if item["fold"] == fold:
                lrs[k] = calibration.log10_lr(traces_of(item), item["seconds"])
    return lrs


def calibrate(
    data: Path, out: Path, plan: Plan | None = None, report: Callable[[str], None] = print, workers: int = 1
) -> list[Path]:
    """Write calibration.json and leave_one_out.json into out/; returns their paths."""
    items = collect(data, out, plan or Plan(), report, workers)
    prior = json.loads((out / "prior.json").read_text(encoding="utf-8"))["content"]
    lrs = left_out(items, prior)
    calibration = fit(items, prior)
    figures = tables(items, lrs, calibration)
    report(json.dumps(figures, indent=1))
    written = []
    for name, content in (("calibration.json", calibration.to_dict()), ("leave_one_out.json", figures)):
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        written.append(out / name)
    return written


def tables(items: Sequence[Item], lrs: npt.NDArray[np.float64], calibration: AudioCalibration) -> dict[str, Any]:
    """Everything that leave_one_out.json says."""
    y = np.array([i["label"] for i in items])
    false = y == 0
    out: dict[str, Any] = {"pooled": _figures(lrs, y), "bounds": [calibration.weigh.low, calibration.weigh.high]}
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
    out["localisation"] = _localisation(items, lrs, calibration)
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


def _localisation(items: Sequence[Item], lrs: npt.NDArray[np.float64], calibration: AudioCalibration) -> dict[str, Any]:
    """Distance (s) of the strongest half second from the nearest joint, or 0 inside a span, at LR 10 or more."""
    errors = []
    for item, lr in zip(items, lrs, strict=True):
        if item["label"] == 1 and lr >= FOUND_LOG10_LR:
            curve = calibration.curve(traces_of(item), item["seconds"])
            # Several bins may share the largest value: the middle of them.
            at = (float(np.mean(np.flatnonzero(curve >= curve.max() - 1e-9))) + 0.5) * BIN_S
            inside = any(a <= at <= b for a, b in item["spans"])
            errors.append(0.0 if inside else min(abs(at - j) for j in item["joints"]))
    if not errors:
        return {"n": 0}
    return {
        "n": len(errors),
        "median_s": round(float(np.median(errors)), 3),
        f"within_{HIT_S}_s": round(float((np.array(errors) <= HIT_S).mean()), 4),
    }


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
