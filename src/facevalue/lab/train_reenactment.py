"""Training and judging the examiner of reenactments: `facevalue lab train reenactment --data DATA`.

The head learns from pairs alone: takes of real clips, and the lab's reenactments of the same takes after the same
encoder. Talking heads of published methods calibrate it and judge it, and are never trained on; real clips are judged
by a head that saw none of their source. That talking heads would teach it less, and that the pairs do, is measured
beside (`what the pairs bring`), there with every method left out together with every source. The likelihood ratio is
fitted on those scores, with sources and methods left out once more for its figures and bounds (ELUB).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.reenactment.model import Head, Model
from facevalue.examiners.reenactment.moments import NAMES
from facevalue.lab import calibrate_tracks
from facevalue.lab.reenact import FAMILIES
from facevalue.lab.reenact_rows import AS_IS, NUISANCES, PUBLISHED, TrackRows
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.metrics import auc

Report = Callable[[str], None]
Floats = npt.NDArray[np.float64]

PAIRS, TALKING, BOTH = "pairs alone", "talking heads alone", "pairs and talking heads"


# Groups of values that were compared on lab-made pairs (pairs_figure); talking heads had been looked at before.
CANDIDATES = (("next", "far", "burst"), ("next", "far"), ("next",), ("far",), ("burst",))


@dataclass(frozen=True, slots=True)
class Recipe:
    """groups: of values that are read, by the head of their names; values: those of them, "residual" for every
    residual. ridge: see Head.fit. families: of lab-made reenactments that are trained on. fakes: PAIRS, TALKING or
    BOTH."""

    groups: tuple[str, ...] = ("next", "far")
    values: tuple[str, ...] = ("residual", "motion", "non-rigid motion")
    ridge: float = 3.0
    families: tuple[str, ...] = ("warp", "lowrank")
    fakes: str = PAIRS

    @property
    def names(self) -> tuple[str, ...]:
        """The values that are read."""
        return tuple(name for name in NAMES if self._reads(*name.split(": ", 1)))

    def _reads(self, group: str, value: str) -> bool:
        return group in self.groups and (value in self.values or ("residual" in self.values and "residual" in value))

    def trains_on(self, row: TrackRows) -> bool:
        """Whether a track is trained on: takes, not clips as they are, so that both classes went the same way."""
        if is_made(row):
            return row.kind in self.families and self.fakes != TALKING
        return row.kind == PUBLISHED and (not row.label or self.fakes != PAIRS)


def is_made(row: TrackRows) -> bool:
    """Whether the lab made it."""
    return row.kind in FAMILIES


def fit_head(rows: Sequence[TrackRows], recipe: Recipe) -> Head:
    """The head of those of the tracks that the recipe trains on.

    A source or method weighs the square root of its tracks, and a track's moments share its weight.
    """
    rows = [row for row in rows if recipe.trains_on(row)]
    keys = [(row.source, row.label, is_made(row)) for row in rows]
    sizes = [len(row.rows) for row in rows]
    weight = np.array([keys.count(key) ** -0.5 for key in keys]) / sizes
    values = np.concatenate([row.rows for row in rows])
    labels = np.repeat([row.label for row in rows], sizes)
    return Head.fit(values, labels, np.repeat(weight, sizes), recipe.names, recipe.ridge)


def sources(rows: Sequence[TrackRows], label: int) -> list[str]:
    """Names of the methods (label 1) or of the sources of real clips (label 0)."""
    return sorted({row.source for row in rows if row.label == label and not is_made(row)})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Scores of moments by heads that saw neither the track's method or source: by track, by what else was left out.

    tracks: those judged, lab-made ones not among them. scores: of each, method or source to float64 (n,).
    """

    tracks: tuple[TrackRows, ...]
    scores: tuple[dict[str, Floats], ...]

    def joined(self, index: int) -> Floats:
        """A track's scores, the mean over all that was left out beside it."""
        return np.asarray(np.mean(list(self.scores[index].values()), axis=0), np.float64)

    def middle(self, index: int, other: str = "") -> float:
        """A track's median score; other: with one method or source left out beside it."""
        return float(np.median(self.scores[index][other] if other else self.joined(index)))


def leave_out(rows: Sequence[TrackRows], recipe: Recipe) -> LeftOut:
    """Every method with every source left out; a source's real clips go together with what was made from them."""
    tracks = tuple(row for row in rows if not is_made(row))
    scores: tuple[dict[str, Floats], ...] = tuple({} for _ in tracks)
    for source in sources(rows, 0):
        head: Head | None = None
        for method in sources(rows, 1):
            if head is None or recipe.fakes != PAIRS:  # pairs alone: no head has seen any method
                head = fit_head([row for row in rows if not _is_out(row, method, source)], recipe)
            for track, mine in zip(tracks, scores, strict=True):
                if _is_out(track, method, source):
                    mine[source if track.label else method] = head.scores(track.rows)
    return LeftOut(tracks, scores)


def _is_out(row: TrackRows, method: str, source: str) -> bool:
    return row.source == (method if row.label and not is_made(row) else source)


def method_figures(left: LeftOut, kind: str) -> dict[str, dict[str, float]]:
    """AUC of each method left out, against reals of sources left out with it, and of all of them pooled."""
    picked = [i for i, track in enumerate(left.tracks) if track.kind == kind]
    fakes = [i for i in picked if left.tracks[i].label]
    reals = [i for i in picked if not left.tracks[i].label]
    out = {
        method: _auc(
            [left.middle(i) for i in fakes if left.tracks[i].source == method], [left.middle(i, method) for i in reals]
        )
        for method in sorted({left.tracks[i].source for i in fakes})
    }
    return {**out, "pooled": _auc([left.middle(i) for i in fakes], [left.middle(i) for i in reals])}


def _auc(fakes: list[float], reals: list[float]) -> dict[str, float]:
    value = auc(np.array(fakes + reals), np.array([1] * len(fakes) + [0] * len(reals)))
    return {"auc": round(float(value), 4), "n_fake": len(fakes), "n_real": len(reals)}


def pairs_figure(rows: Sequence[TrackRows], recipe: Recipe) -> dict[str, float]:
    """AUC of lab-made reenactments against the takes they were made from, sources left out: no talking head counts."""
    mine = [row for row in rows if recipe.trains_on(row)]
    fakes: list[float] = []
    reals: list[float] = []
    for source in sorted({row.source for row in mine}):
        head = fit_head([row for row in mine if row.source != source], recipe)
        for row in mine:
            if row.source == source:
                (fakes if row.label else reals).append(float(np.median(head.scores(row.rows))))
    return _auc(fakes, reals)


def audit(left: LeftOut) -> dict[str, Any]:
    """Whether the score follows what must not decide: AUC of each fact of the clips as they are alone, and the rank
    correlation of the score with it inside each class."""
    picked = [i for i, track in enumerate(left.tracks) if track.kind == AS_IS]
    labels = np.array([left.tracks[i].label for i in picked])
    scores = np.array([left.middle(i) for i in picked])
    out: dict[str, Any] = {}
    for column, name in enumerate(NUISANCES):
        fact = np.array([left.tracks[i].nuisance[column] for i in picked])
        out[name] = {"auc alone": round(float(auc(fact, labels)), 3)}
        for label, who in ((0, "real"), (1, "fake")):
            out[name][f"rank correlation, {who}"] = _rank_correlation(scores[labels == label], fact[labels == label])
    return out


def _rank_correlation(one: Floats, two: Floats) -> float:
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return 0.0
    return round(float(spearmanr(one, two).statistic), 3)


def track_rows(left: LeftOut) -> list[dict[str, Any]]:
    """Left-out scores as rows of `calibrate_tracks.fit`."""
    out = []
    for i, track in enumerate(left.tracks):
        plain = {"label": track.label, "source": track.source, "kind": track.kind}
        out.append({**plain, "scores": left.joined(i).tolist(), "times": track.times.tolist()})
    return out


def train(rows: Sequence[TrackRows], out: Path, recipe: Recipe | None = None, report: Report = print) -> list[Path]:
    """Fit, judge, and write calibration.json, leave_one_out.json and split.json into out."""
    recipe = recipe or Recipe()
    left = leave_out(rows, recipe)
    judged = track_rows(left)
    track, figures = calibrate_tracks.fit(judged)
    report(json.dumps(figures))
    plain = LogisticCalibration(("held out",), (1.0,), 0.0).bounded(track.calibration.low, track.calibration.high)
    lrs = plain.predict(calibrate_tracks.leave_sources_out(judged))
    record = {
        **figures,
        "methods left out, clips as they are": method_figures(left, AS_IS),
        "methods left out, same size and encoder": method_figures(left, PUBLISHED),
        "reals at LR 10 or more by source": _alarms(left, lrs),
        "groups of values, AUC on pairs with sources left out": {
            " ".join(groups): pairs_figure(rows, replace(recipe, groups=groups)) for groups in CANDIDATES
        },
        "what the pairs bring": _compared(rows, recipe),
        "facts that must not decide": audit(left),
        "recipe": {"values": len(recipe.names), "ridge": recipe.ridge, "families": list(recipe.families)},
    }
    files = {
        "calibration.json": Model(fit_head(rows, recipe), track).to_dict(),
        "leave_one_out.json": record,
        "split.json": _split(rows),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [out / name for name in files]


def _split(rows: Sequence[TrackRows]) -> dict[str, Any]:
    """Which clips were used, and for what."""
    clips = [sorted({r.clip for r in rows if r.label == label and not is_made(r)}) for label in (0, 1)]
    return {
        "question": "face_swapped",
        "held_out": [],  # what ships has learnt from all of it
        "trained on, and judged with their source left out": clips[0],
        "judged and calibrated on, never trained on": clips[1],
        "lab-made": {name: sum(row.kind == name for row in rows) for name in FAMILIES},
    }


def _alarms(left: LeftOut, lrs: Floats) -> dict[str, list[float]]:
    """By source: share of real tracks at LR 10 or more, their number, and the largest log10 LR among them."""
    out = {}
    for source in sources(left.tracks, 0):
        mine = [i for i, track in enumerate(left.tracks) if track.source == source and not track.label]
        out[source] = [round(float((lrs[mine] >= 1).mean()), 4), len(mine), round(float(lrs[mine].max()), 3)]
    return out


def _compared(rows: Sequence[TrackRows], recipe: Recipe) -> dict[str, Any]:
    """The figures by what the head is trained on, every method and every source left out together."""
    out: dict[str, Any] = {}
    for fakes in (PAIRS, TALKING, BOTH):
        left = leave_out(rows, replace(recipe, fakes=fakes))
        out[fakes] = {kind: {m: f["auc"] for m, f in method_figures(left, kind).items()} for kind in (AS_IS, PUBLISHED)}
    return out


__all__ = ["BOTH", "PAIRS", "TALKING", "LeftOut", "Recipe", "audit", "fit_head", "leave_out", "method_figures", "train"]
