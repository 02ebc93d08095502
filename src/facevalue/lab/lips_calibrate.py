"""The projection of mouths and speech, and its calibration: fitted on real clips, measured on sources left out.

The prefix of a clip's name is its source. For every source, projection and calibration are fitted on all others; every
figure, and the bounds, are of those. What ships is fitted on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.lips.judge import NAMES, Judge, features, speech_seconds
from facevalue.examiners.lips.sync import Pairing, Projection, centred, fit_of, lag_curve, pairing, windows
from facevalue.lab.lips_pairs import Example, Talker
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import auc, cllr, eer

Array = npt.NDArray[np.float64]
Report = Callable[[str], None]

COMPONENTS = 3
# Ridge of both covariances, in units of their mean variance.
RIDGE = 0.3


def whole(talker: Talker, size: int) -> tuple[Pairing, ...]:
    """All of a clip as it is."""
    made = [pairing(m.time_s, m.values, talker.speech) for m in talker.mouths[size]]
    return tuple(pair for pair in made if pair is not None)


def project(clips: Sequence[Talker], components: int = COMPONENTS, ridge: float = RIDGE) -> Projection:
    """Canonical correlation analysis with ridge (Vinod 1976) over clips, each of one weight, in both crop sizes."""
    mouth, speech = [], []
    for clip in clips:
        for size in clip.mouths:
            for pair in whole(clip, size):
                pad = (len(pair.speech) - len(pair.mouth)) // 2
                own = pair.speech[pad : pad + len(pair.mouth)]
                x, y = windows(centred(pair.mouth)), windows(own)
                scale = len(x) ** -0.5
                mouth.append((x - x.mean(axis=0)) * scale)
                speech.append((y - y.mean(axis=0)) * scale)
    x, y = np.concatenate(mouth), np.concatenate(speech)
    root_x, root_y = _inverse_root(x.T @ x, ridge), _inverse_root(y.T @ y, ridge)
    u, s, v = np.linalg.svd(root_x @ (x.T @ y) @ root_y)
    k = slice(0, components)
    return Projection(root_x @ u[:, k], root_y @ v[k].T, s[k] / s[k].sum())


def _inverse_root(covariance: Array, ridge: float) -> Array:
    size = len(covariance)
    values, vectors = np.linalg.eigh(covariance + ridge * np.trace(covariance) / size * np.eye(size))
    return np.asarray(vectors @ np.diag(values**-0.5) @ vectors.T, np.float64)


def rows_of(examples: Sequence[Example], how: Projection) -> Array:
    """Features of each example, float64 (n, len(NAMES))."""
    out = [features(fit_of(lag_curve(e.pairs, how)), speech_seconds(e.pairs), e.mouth_px) for e in examples]
    return np.array(out, np.float64).reshape(-1, len(NAMES))


def weights_of(examples: Sequence[Example]) -> Array:
    """Every clip and class weighs the same, however many windows and kinds it gave."""
    keys = [(e.clip, e.label) for e in examples]
    count: dict[tuple[str, int], int] = {}
    for key in keys:
        count[key] = count.get(key, 0) + 1
    return np.array([1.0 / count[key] for key in keys])


def fitted(examples: Sequence[Example], rows: Array) -> LogisticCalibration:
    """The calibration of these rows."""
    labels, weight = [e.label for e in examples], weights_of(examples)
    scale = len({e.clip for e in examples}) / weight.sum() * 2
    return LogisticCalibration.fit(rows, labels, names=NAMES, weights=weight * scale, ridge=1.0)


def left_out(clips: Sequence[Talker], made: Sequence[Example]) -> tuple[Array, Array]:
    """(rows, raw log10 LR) of every example, by a projection and a calibration that did not see its source.

    A calibration is fitted on rows of projections that had not seen those rows' source either: on its own clips a
    projection does too well. So for each source left out, every other is left out of the projection in turn as well.
    """
    names = sorted({e.source for e in made})
    at = {name: [i for i, e in enumerate(made) if e.source == name] for name in names}

    def seen_by_neither(name: str, other: str) -> Array:
        how = project([c for c in clips if c.source not in (name, other)])
        return rows_of([made[i] for i in at[name]], how)

    rows, raw = np.zeros((len(made), len(NAMES))), np.zeros(len(made))
    for source in names:
        rows[at[source]] = seen_by_neither(source, source)
        others = [name for name in names if name != source]
        theirs = np.concatenate([seen_by_neither(name, source) for name in others])
        model = fitted([made[i] for name in others for i in at[name]], theirs)
        raw[at[source]] = model.raw(rows[at[source]])
    return rows, raw


def bounds(made: Sequence[Example], raw: Array) -> tuple[float, float]:
    """ELUB of clips as a whole, a match and a mismatch of each kind; windows of one clip are not independent."""
    keep = [i for i, e in enumerate(made) if e.length_s == 0.0 and e.size == 64]
    return elub_bounds(raw[keep], [made[i].label for i in keep])


def record(made: Sequence[Example], lrs: Array, raw: Array) -> dict[str, Any]:
    """AUC, EER and Cllr on sources left out: by kind, by length of the window, by size of the mouth."""
    out: dict[str, Any] = {}
    for length in sorted({e.length_s for e in made}):
        name = f"{length:g} s" if length else "whole clips"
        for kind in ("all", *sorted({e.kind for e in made} - {"match"})):
            rows = [
                i for i, e in enumerate(made) if e.length_s == length and (kind == "all" or e.kind in ("match", kind))
            ]
            out[f"{name}: {kind}"] = figures([made[i] for i in rows], lrs[rows], raw[rows])
    for size in sorted({e.size for e in made}):
        rows = [i for i, e in enumerate(made) if e.size == size]
        out[f"crops of {size} px: all"] = figures([made[i] for i in rows], lrs[rows], raw[rows])
    return out


def figures(made: Sequence[Example], lrs: Array, raw: Array) -> dict[str, Any]:
    """Figures of some examples."""
    labels = np.array([e.label for e in made])
    out: dict[str, Any] = {
        "n_match": int((labels == 0).sum()),
        "n_mismatch": int((labels == 1).sum()),
        "clips": len({e.clip for e in made}),
        "auc": auc(raw, labels),
        "eer": eer(raw, labels),
        "cllr": cllr(lrs, labels),
        "matches_at_10": float((lrs[labels == 0] >= 1).mean()),
        "mismatches_at_10": float((lrs[labels == 1] >= 1).mean()),
    }
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in out.items()}


def shipped(clips: Sequence[Talker], made: Sequence[Example], rows: Array, raw: Array, still: float) -> Judge:
    """Projection of all clips; calibration of rows of left-out sources; bounded by what those support."""
    return Judge(project(clips), fitted(made, rows).bounded(*bounds(made, raw)), still)


def said_of(judge: Judge, clips: Iterable[Talker]) -> dict[str, Any]:
    """What the shipped judge says of clips that no fit has seen."""
    out = {}
    for clip in clips:
        pairs = whole(clip, 64)
        if pairs:
            found = judge.judged(pairs, float(np.median([m.width_px for m in clip.mouths[64]])))
            out[clip.name] = {
                "log10_lr": round(found.log10_lr, 3),
                "offset_ms": round(1000 * found.fit.offset_s),
                "correlation": round(found.fit.best, 3),
                "speech_s": round(found.speech_s, 1),
            }
    return out


def said_left_out(rows: Array, made: Sequence[Example], lrs: Array) -> dict[str, Any]:
    """What each real clip gets as a whole from a judge that had not seen its source."""
    out = {}
    for i, e in enumerate(made):
        if e.kind == "match" and e.length_s == 0.0 and e.size == 64:
            spoken = round(speech_seconds(e.pairs), 1)
            out[e.clip] = {"log10_lr": round(float(lrs[i]), 3), "peak": round(float(rows[i][0]), 3), "speech_s": spoken}
    return out


__all__ = ["bounds", "left_out", "project", "record", "said_left_out", "said_of", "shipped"]
