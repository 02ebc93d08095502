"""Calibrating the examiner `temporal`: norms of real faces, weights of what exceeds them, evidence over a track.

    facevalue lab train temporal --data DATA --install

Learns from clips made by the lab alone (original and swap through the same encoder). Real clips as published join the
reals of the track model and of its bounds, so that their variety counts against false alarms. Real swaps and talking
heads are never learnt from: what is said of them is measured, and real swaps join the others in bounding the result.
Whole sources are left out in turn, and the scores that the track model is fitted on are of sources that their weights
did not see.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.examiners.temporal.look import CONDITIONS, TRAITS, BurstLook, look_at_burst
from facevalue.examiners.temporal.model import CALIBRATION_FILE, Norms, TemporalModel
from facevalue.lab.calibrate_tracks import SWAPS
from facevalue.lab.temporal_tracks import DECODED, ORIGINAL, PUBLISHED, Labelled, collect
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import auc, cllr, cllr_min
from facevalue.opinion.over_time import TrackModel, TrackScores

Report = Callable[[str], None]
Floats = npt.NDArray[np.float64]

# Penalties on standardised coefficients: of the norms, and of the weights.
NORM_RIDGE, WEIGHT_RIDGE = 3.0, 10.0
LEAST_SPREAD = 0.02
FILES = (CALIBRATION_FILE, "leave_one_out.json", "split.json")


@dataclass(frozen=True, slots=True)
class Row:
    """One track that was read. traits: float64 (n, t); conditions: (n, c); times: (n,), seconds; else as Labelled."""

    clip: str
    source: str
    label: int
    kind: str
    pair: str
    recipe: dict[str, Any]
    traits: Floats
    conditions: Floats
    times: Floats

    @property
    def made(self) -> bool:
        """Whether the lab made the clip."""
        return self.kind not in (PUBLISHED, DECODED)


def train(data: Path, out: Path, report: Report = print) -> list[Path]:
    """Make or resume the tracks, read them, fit, and write calibration.json, leave_one_out.json and split.json."""
    return write(rows_of(collect(data, out / "tracks", report)), out, report)


def rows_of(tracks: Iterable[Labelled]) -> list[Row]:
    """One row for each track with a burst that can be judged."""
    out = []
    for named in tracks:
        read = [look_at_burst(named.track, burst) for burst in named.track.bursts]
        looks = [r for r in read if isinstance(r, BurstLook)]
        if looks:
            arrays = (np.stack([k.traits for k in looks]), np.stack([k.conditions for k in looks]))
            times = np.array([k.time_s for k in looks])
            known = (named.clip, named.source, named.label, named.kind, named.pair, named.recipe)
            out.append(Row(*known, *arrays, times))
    return out


def fit_norms(rows: Sequence[Row]) -> Norms:
    """What real faces show under their conditions: ridge regression of each trait, sources weighed alike."""
    rows = [row for row in rows if not row.label]
    x = np.concatenate([row.conditions for row in rows])
    y = np.concatenate([row.traits for row in rows])
    weight = _burst_weights(rows)
    weight *= len(weight) / weight.sum()
    mean, scale = np.average(x, axis=0, weights=weight), np.maximum(x.std(axis=0), 1e-6)
    design = np.column_stack([np.ones(len(x)), (x - mean) / scale])
    coefficients, spread = np.zeros((len(TRAITS), 1 + len(CONDITIONS))), np.ones(len(TRAITS))
    penalty = NORM_RIDGE * np.diag([0.0, *np.ones(len(CONDITIONS))])
    for t in range(len(TRAITS)):
        seen = np.isfinite(y[:, t])
        if seen.sum() < 2:
            continue
        d, w, target = design[seen], weight[seen], y[seen, t]
        fit = np.linalg.solve(d.T @ (d * w[:, None]) + penalty, d.T @ (w * target))
        spread[t] = max(float(np.sqrt(np.average((target - d @ fit) ** 2, weights=w))), LEAST_SPREAD)
        coefficients[t, 1:] = fit[1:] / scale
        coefficients[t, 0] = fit[0] - coefficients[t, 1:] @ mean
    return Norms(coefficients, spread, np.quantile(x, 0.01, axis=0), np.quantile(x, 0.99, axis=0))


def _weights(rows: Sequence[Row]) -> list[float]:
    """A source weighs the square root of its size within its class."""
    count = Counter((row.source, row.label) for row in rows)
    return [count[row.source, row.label] ** -0.5 for row in rows]


def _burst_weights(rows: Sequence[Row]) -> Floats:
    """Of every burst: its share of what its track weighs."""
    return np.concatenate(
        [np.full(len(row.times), w / len(row.times)) for row, w in zip(rows, _weights(rows), strict=True)]
    )


def fit_weights(rows: Sequence[Row], norms: Norms) -> LogisticCalibration:
    """How much each excess weighs: a regression on the bursts of the lab's pairs.

    Traits are made such that swapping raises them. One that would speak the other way has learnt these clips by heart:
    negative weights become 0.
    """
    rows = [row for row in rows if row.made]
    x = np.concatenate([norms.excess(row.traits, row.conditions) for row in rows])
    y = np.concatenate([np.full(len(row.times), row.label) for row in rows])
    weight, keep = _burst_weights(rows), np.ones(x.shape[1], np.bool_)
    while True:
        found = LogisticCalibration.fit(np.where(keep, x, 0.0), y, names=TRAITS, weights=weight, ridge=WEIGHT_RIDGE)
        negative = keep & (np.array(found.coefficients) < 0)
        if not negative.any():
            return found
        keep &= ~negative


def scores_left_out(rows: Sequence[Row]) -> list[Floats]:
    """Scores of each row's bursts, by norms and weights that saw no clip of its source."""
    out: list[Floats] = [np.zeros(0)] * len(rows)
    for source in sorted({row.source for row in rows}):
        rest = [row for row in rows if row.source != source]
        norms = fit_norms(rest)
        weights = fit_weights(rest, norms)
        for i, row in enumerate(rows):
            if row.source == source:
                out[i] = _scored(row, norms, weights)
    return out


def _scored(row: Row, norms: Norms, weights: LogisticCalibration) -> Floats:
    return weights.raw(norms.excess(row.traits, row.conditions))


def fit(rows: Sequence[Row]) -> TemporalModel:
    """All of it. rows: made by the lab, and real ones as published; real fakes among them are left alone."""
    rows = learnt_from(rows)
    norms = fit_norms(rows)
    held_out = scores_left_out(rows)
    tracks = [TrackScores(s, row.times, row.label, row.source) for s, row in zip(held_out, rows, strict=True)]
    return TemporalModel(norms, fit_weights(rows, norms), TrackModel.fit(tracks, _weights(rows)))


def learnt_from(rows: Sequence[Row]) -> list[Row]:
    """Everything but fakes as published. Raises UsageError when fewer than three sources or one class are left."""
    out = [row for row in rows if row.made or not row.label]
    if {row.label for row in out} != {0, 1} or len({row.source for row in out if row.made}) < 3:
        raise UsageError("swaps and originals of at least three sources are needed")
    return out


def raw_lrs(model: TemporalModel, rows: Sequence[Row]) -> Floats:
    """log10 LR of each track, float64 (n,), calibrated and not yet bounded."""
    scores = [_scored(row, model.norms, model.weights) for row in rows]
    raw = [model.track.raw(s, row.times) for s, row in zip(scores, rows, strict=True)]
    return model.track.calibration.raw(np.array(raw))


def leave_sources_out(rows: Sequence[Row]) -> Floats:
    """log10 LR of each track, float64 (n,), unbounded, by a model that saw nothing of its source."""
    out = np.zeros(len(rows))
    for source in sorted({row.source for row in rows}):
        mine = [i for i, row in enumerate(rows) if row.source == source]
        model = fit([row for row in rows if row.source != source])
        out[mine] = raw_lrs(model, [rows[i] for i in mine])
    return out


def write(rows: Sequence[Row], out: Path, report: Report = print) -> list[Path]:
    """Fit on all sources, bound by what sources left out support, and write what ships."""
    lrs = leave_sources_out(rows)
    bounds = bounds_of(rows, lrs)
    model = fit(rows)
    model = replace(model, track=replace(model.track, calibration=model.track.calibration.bounded(*bounds)))
    bounded = LogisticCalibration(("held out",), (1.0,), 0.0, *bounds).predict(lrs)
    figures = measured(rows, bounded, bounds)
    report(json.dumps(figures, indent=1))
    split = {"question": "face_swapped", "held_out": [],  # what ships has learnt from all of it
             "made_of": sorted({row.clip for row in rows if row.made}),
             "real_as_published": sorted({row.clip for row in rows if row.kind == PUBLISHED and not row.label}),
             "never_learnt_from": sorted({row.clip for row in rows if not row.made and row.label})}  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / name for name in FILES]
    for path, content in zip(paths, (model.to_dict(), figures, split), strict=True):
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return paths


def bounds_of(rows: Sequence[Row], lrs: Floats) -> tuple[float, float]:
    """Bounds (ELUB) of a likelihood ratio, log10, from those of sources left out, unbounded.

    Swaps of every program that the lab imitates and all reals bound it on both sides. How little a steady face proves
    is known from real swaps alone: where published ones are there, the lower bound is also no further off than they
    and published reals support.
    """
    labels, real_life = np.array([row.label for row in rows]), np.array([row.kind == PUBLISHED for row in rows])
    relevant = np.array([row.made or not row.label or row.source in SWAPS for row in rows])
    low, high = elub_bounds(lrs[relevant], labels[relevant])
    published = relevant & real_life
    if set(labels[published]) == {0, 1}:
        low = max(low, elub_bounds(lrs[published], labels[published])[0])
    return low, high


def measured(rows: Sequence[Row], lrs: Floats, bounds: tuple[float, float]) -> dict[str, Any]:
    """The figures: all of sources left out."""
    labels = np.array([row.label for row in rows])
    made, published = np.array([row.made for row in rows]), np.array([row.kind == PUBLISHED for row in rows])
    out: dict[str, Any] = {"bounds": list(bounds), "sources": len({row.source for row in rows if row.made})}
    out["lab-made pairs"] = figures_of(lrs[made], labels[made])
    for name, part in _parts(rows):
        pick = np.array(part)
        out[f"lab-made: {name}"] = figures_of(lrs[pick], labels[pick])
    out["swapped ranked above its original"] = ranked(rows, lrs)
    swaps = published & (labels == 1) & np.array([row.source in SWAPS for row in rows])
    reals = published & (labels == 0)
    groups = {"real swaps": swaps, "talking heads": published & (labels == 1) & ~swaps}
    for name, group in groups.items():
        out[f"{name} against real clips as published"] = figures_of(lrs[group | reals], labels[group | reals])
    sides = {"real clips as published": reals, "real clips, first seconds as decoded": ~made & ~published,
             "originals encoded by the lab": made & (labels == 0)}  # fmt: skip
    for name, side in sides.items():
        out[f"{name}, at LR 10 or more"] = [int((lrs[side] >= 1).sum()), int(side.sum())]
    for name, group in {"real clips as published": reals, **groups}.items():
        out[f"log10 LR of tracks, {name}"] = _by_clip(rows, lrs, group)
    return out


def _parts(rows: Sequence[Row]) -> Iterator[tuple[str, list[bool]]]:
    """Name and rows of each part of the lab's pairs: by what was put in, by smoothing, by compression."""
    for kind in sorted({row.kind for row in rows if row.made} - {ORIGINAL}):
        mine = {row.pair for row in rows if row.kind == kind}
        yield f"{kind} face", [row.made and row.pair in mine for row in rows]
    for key in ("smoothing", "crf"):
        for value in sorted({row.recipe[key] for row in rows if row.made}):
            yield f"{key} {value:g}", [row.made and row.recipe[key] == value for row in rows]


def _by_clip(rows: Sequence[Row], lrs: Floats, group: npt.NDArray[np.bool_]) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    for row, lr, mine in zip(rows, lrs, group, strict=True):
        if mine:
            out.setdefault(row.clip, []).append(round(float(lr), 3))
    return dict(sorted(out.items()))


def figures_of(lrs: Floats, labels: npt.NDArray[Any]) -> dict[str, float]:
    """Counts, AUC, Cllr and shares at LR 10; only counts when a class is missing."""
    out: dict[str, float] = {"n_real": int((labels == 0).sum()), "n_fake": int((labels == 1).sum())}
    if not out["n_real"] or not out["n_fake"]:
        return out
    for name, measure in (("auc", auc), ("cllr", cllr), ("cllr_min", cllr_min)):
        out[name] = round(float(measure(lrs, labels)), 4)
    for name, label in (("reals_at_10", 0), ("fakes_at_10", 1)):
        out[name] = round(float((lrs[labels == label] >= 1).mean()), 4)
    return out


def ranked(rows: Sequence[Row], lrs: Floats) -> list[float]:
    """[share of pairs in which the swap has the higher likelihood ratio, number of pairs]."""
    by_pair: dict[str, dict[int, float]] = {}
    for row, lr in zip(rows, lrs, strict=True):
        if row.pair:
            by_pair.setdefault(row.pair, {})[row.label] = float(lr)
    whole = [p for p in by_pair.values() if len(p) == 2]
    return [round(float(np.mean([p[1] > p[0] for p in whole])), 4), len(whole)] if whole else [0.0, 0]
