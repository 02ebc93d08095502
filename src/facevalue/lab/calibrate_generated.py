"""Calibrating the heads of `generated` on sources, people and generators that the head in question never saw."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.examiners.generated.heads import (
    FACE_NAMES,
    PHOTO_NAMES,
    PHOTO_WHOLE,
    PHOTO_WINDOW,
    Combiner,
    face_features,
    mixture,
    photo_features,
)
from facevalue.examiners.generated.views import INPUT_PX
from facevalue.lab.data import Sample
from facevalue.lab.features import sample_views
from facevalue.lab.train_residual import held_out_source
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.opinion.metrics import auc

# How likely the next generator is of a kind not seen yet: one in (families + 1), by Laplace's rule of succession.
KIND_SHARE = {"known family": 0.75, "new family": 0.25}
Floats = npt.NDArray[np.float64]
Key = tuple[str, int]
Quality = tuple[float, float]  # sharpness, blockiness


@dataclass
class PhotoCalibration:
    """The joined photograph family and what it gives on each out-of-fold picture."""

    full: LogisticCalibration
    whole: LogisticCalibration
    log10_lr: dict[Key, float]
    summary: dict[str, Any]


def _stem(sample: Sample) -> str:
    return f"{sample.source}/{sample.path.name}"


def _residual_logits(samples: Sequence[Sample], variants: Sequence[int], path: Path) -> dict[Key, float]:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    out: dict[Key, float] = {}
    for sample in samples:
        for variant in variants:
            logits = []
            for _, view in sample_views(sample, variant, windows_only=True):
                cut = (view.shape[0] - INPUT_PX) // 2
                inner = view[cut : cut + INPUT_PX, cut : cut + INPUT_PX].transpose(2, 0, 1)[None].astype(np.float32)
                logits.append(float(np.asarray(session.run(["logit"], {"windows": np.ascontiguousarray(inner)})[0])[0]))
            if logits:
                out[(_stem(sample), variant)] = float(np.mean(logits))
    return out


def _mean_by_key(samples: Sequence[Sample], variants: Any, logits: Any) -> dict[Key, float]:
    gathered: dict[Key, list[float]] = {}
    for sample, variant, logit in zip(samples, variants, logits, strict=True):
        gathered.setdefault((_stem(sample), int(variant)), []).append(float(logit))
    return {key: float(np.mean(values)) for key, values in gathered.items()}


def calibrate_photo(
    whole: Any, whole_logits: Any, window: Any, window_logits: Any, residual: Path, report: Any
) -> PhotoCalibration:
    """Join whole view, windows and residual. The residual's share is fitted on its held-out sources only."""
    from facevalue.lab.train_generated import calibrated, figures, source_weights

    windows = _mean_by_key(window.samples, window.variants, window_logits)
    native = list({id(s): s for s in window.samples if held_out_source(s.source)}.values())
    report(f"residual logits of {len(native)} held-out windows")
    residuals = _residual_logits(native, (0, 1), residual)
    keys = [(_stem(s), int(v)) for s, v in zip(whole.samples, whole.variants, strict=True)]
    labels, sources = whole.labels, whole.sources
    full = np.array([k in windows and k in residuals for k in keys])
    x = np.array([[float(whole_logits[i]), windows[k], residuals[k]] for i, k in enumerate(keys) if full[i]])
    weights = source_weights(labels, sources)
    joined = calibrated(x, labels[full], weights[full], ("whole", "windows", "residual"))
    if joined.coefficients[2] == 0.0:
        # The residual adds nothing on its held-out sources; without it, every source may help to join the other two.
        paired = np.array([k in windows for k in keys])
        rest = np.array([[float(whole_logits[i]), windows[k], 0.0] for i, k in enumerate(keys) if paired[i]])
        joined = calibrated(rest, labels[paired], weights[paired], ("whole", "windows", "residual"))
    alone = calibrated(whole_logits, labels, weights, ("whole",))
    # Off the residual's held-out sources its term is set to its mean there, so that every source has a number.
    usual = float(np.mean(list(residuals.values())))
    lrs: dict[Key, float] = {}
    for i, key in enumerate(keys):
        if key in windows:
            lrs[key] = joined.predict_one(float(whole_logits[i]), windows[key], residuals.get(key, usual))
        else:
            lrs[key] = alone.predict_one(float(whole_logits[i]))
    clean = np.array([v == 0 for _, v in keys])
    values = np.array([lrs[k] for k in keys])
    by_source = {}
    for source in np.unique(sources):
        mask = clean & (sources == source)
        if len(np.unique(labels[mask])) == 2:
            by_source[str(source)] = {
                "n_real": int((labels[mask] == 0).sum()),
                "n_fake": int((labels[mask] == 1).sum()),
                "auc": round(auc(values[mask], labels[mask]), 4),
            }
    parts = {
        "whole": auc(x[:, 0], labels[full]),
        "windows": auc(x[:, 1], labels[full]),
        "residual": auc(x[:, 2], labels[full]),
        "joined": auc(joined.raw(x), labels[full]),
    }
    both = np.isin(sources, list(by_source)) & clean
    summary = {
        "photo_by_source": by_source,
        "photo_mean_auc": round(float(np.mean([row["auc"] for row in by_source.values()])), 4),
        "photo_pooled": figures(values[both], labels[both]),
        "photo_with_wild": figures(values[clean], labels[clean]),
        "photo_laundered": figures(values[~clean], labels[~clean]),
        "residual_held_out_parts_auc": {k: round(float(v), 4) for k, v in parts.items()},
    }
    mean, by_part = summary["photo_mean_auc"], summary["residual_held_out_parts_auc"]
    report(f"photograph family: mean AUC over sources {mean}, parts {by_part}")
    return PhotoCalibration(joined, alone, lrs, summary)


def class_weights(labels: npt.NDArray[Any]) -> Floats:
    """Each class half of the whole."""
    share = labels.mean()
    return np.asarray(np.where(labels == 1, 0.5 / share, 0.5 / (1 - share)), np.float64)


def _half(sample: Sample) -> int:
    return zlib.crc32(sample.path.name.encode()) % 2


def calibrate_together(
    parts: dict[str, list[Sample]],
    cache: Path,
    heads: dict[str, Any],
    whole: Any,
    photo: PhotoCalibration,
    residual: Path,
    report: Any,
) -> Any:
    """Fit the face families, calibrate each, and then the mixture of everything on pictures of unseen kinds."""
    from facevalue.lab.train_generated import (
        FACE_VARIANTS,
        PORTRAIT_VARIANT,
        Projection,
        calibrated,
        figures,
        fit_logistic,
        source_weights,
        table,
    )

    portrait = table(parts["face"], FACE_VARIANTS, "portrait", cache)
    beside = table([s for s in parts["photo"] if s.form == "whole"], (PORTRAIT_VARIANT,), "portrait", cache)
    labels, sources = portrait.labels, portrait.sources
    halves = np.array([_half(s) for s in portrait.samples])
    generators = np.array([s.generator for s in portrait.samples])
    families: dict[str, LogisticCalibration] = {}
    family_heads: dict[str, Any] = {}
    # Logits by a head that saw neither the file nor, for reals of other sources, anything like it.
    unseen: dict[str, Floats] = {}
    beside_logits: dict[str, Floats] = {}
    real_beside = beside.labels == 0
    projection = Projection.of(portrait.features)
    z = projection(portrait.features)
    for family in sorted(set(generators[labels == 1])):
        mine = (labels == 0) | (generators == family)
        logits = np.zeros(len(labels))
        for half in (0, 1):
            learn = mine & (halves != half)
            weight, bias = fit_logistic(z[learn], labels[learn], class_weights(labels[learn]))
            logits[halves == half] = z[halves == half] @ weight + bias
        weights = source_weights(labels[mine], sources[mine])
        head = projection.head(*fit_logistic(z[mine], labels[mine], class_weights(labels[mine])))
        beside_logits[family] = np.asarray(head(beside.features), np.float64)
        # Reals of sources that no face head learned from stand beside the learned ones: thresholds shift by source.
        score = np.concatenate([logits[mine], beside_logits[family][real_beside]])
        truth = np.concatenate([labels[mine], np.zeros(int(real_beside.sum()), int)])
        weight = np.concatenate([weights, np.full(int(real_beside.sum()), weights[labels[mine] == 0].mean() * 2)])
        families[family] = calibrated(score, truth, weight, ("logit",))
        family_heads[family], unseen[family] = head, logits
        report(f"face family {family}: AUC {auc(score, truth):.4f} on the other half and unseen reals")
    # Each face set's own photograph logits: none of the photograph heads saw any of these sources.
    lr_photo = _photo_of_faces(portrait, cache, heads, photo, residual)
    names = sorted(families)
    rows = _Rows()
    quality = _qualities(portrait.samples, portrait.variants)
    for i, sample in enumerate(portrait.samples):
        key = (sample.key, int(portrait.variants[i]))
        each = {n: families[n].predict_one(float(unseen[n][i])) for n in names}
        rows.add(lr_photo[key], mixture(list(each.values())), quality[key], sample, "known family")
        if sample.label:
            # A generator met tomorrow may be of a kind that was trained on or of a new one: each fake counts once
            # with its own family's head (which did not see this file) and once without that head.
            rows.add(
                lr_photo[key],
                mixture([lr for n, lr in each.items() if n != sample.generator]),
                quality[key],
                sample,
                "new family",
            )
    beside_lr = {
        _stem(s): mixture([families[n].predict_one(float(beside_logits[n][i])) for n in names])
        for i, s in enumerate(beside.samples)
    }
    natives = {_stem(s): s for s in parts["photo"] if s.form == "native"}
    quality = _qualities(whole.samples, whole.variants, natives)
    for sample, variant in zip(whole.samples, whole.variants, strict=True):
        lr, seen = photo.log10_lr[(_stem(sample), int(variant))], quality[(sample.key, int(variant))]
        rows.add(lr, beside_lr.get(_stem(sample)) if int(variant) == 0 else None, seen, sample, "photograph")
    with_faces, without_faces, lrs = rows.calibrate(calibrated, source_weights)
    combiner = Combiner(photo.full, photo.whole, families, with_faces, without_faces)
    return combiner, family_heads, _summary(rows, lrs, names, combiner, figures, report)


class _Rows:
    """Calibration samples: photograph LR, face LR (None where no face is read), quality, label, source, kind."""

    def __init__(self) -> None:
        self.photo: list[float] = []
        self.faces: list[float | None] = []
        self.quality: list[Quality] = []
        self.samples: list[Sample] = []
        self.kinds: list[str] = []

    def add(self, photo: float, faces: float | None, quality: Quality, sample: Sample, kind: str) -> None:
        self.photo.append(photo)
        self.faces.append(faces)
        self.quality.append(quality)
        self.samples.append(sample)
        self.kinds.append(kind)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return np.array([s.label for s in self.samples])

    @property
    def sources(self) -> npt.NDArray[np.str_]:
        return np.array([s.source for s in self.samples])

    def calibrate(
        self, calibrated: Any, source_weights: Any
    ) -> tuple[LogisticCalibration, LogisticCalibration, Floats]:
        """The two final calibrations, and every sample's log10 LR by them."""
        y, s, out = self.labels, self.sources, np.zeros(len(self.photo))
        seen = np.array([f is not None for f in self.faces])
        x = np.array(
            [
                [*face_features(p, f, *q).values()]
                for p, f, q in zip(self.photo, self.faces, self.quality, strict=True)
                if f is not None
            ]
        )
        weights = source_weights(y[seen], s[seen]) * np.array([KIND_SHARE.get(k, 1.0) for k in self.kinds])[seen]
        with_faces = calibrated(x, y[seen], weights, FACE_NAMES)
        out[seen] = with_faces.predict(x)
        x = np.array(
            [
                [*photo_features(p, *q).values()]
                for p, f, q in zip(self.photo, self.faces, self.quality, strict=True)
                if f is None
            ]
        )
        without_faces = calibrated(x, y[~seen], source_weights(y[~seen], s[~seen]), PHOTO_NAMES)
        out[~seen] = without_faces.predict(x)
        return with_faces, without_faces, out


def _summary(
    rows: _Rows, lrs: Floats, names: Sequence[str], combiner: Combiner, figures: Any, report: Any
) -> dict[str, Any]:
    y, s, kinds = rows.labels, rows.sources, np.array(rows.kinds)
    generators = np.array([sample.generator for sample in rows.samples])
    bounds = {
        name: [c.low, c.high]
        for name, c in (("with_faces", combiner.with_faces), ("without_faces", combiner.without_faces))
    }
    out: dict[str, Any] = {"pooled": figures(lrs, y), "bounds": bounds}
    ffhq = s == "faces_real_ffhq256"
    for kind in ("known family", "new family"):
        out[f"faces, {kind}"] = {}
        for family in names:
            pick = ffhq & (kinds == "known family") | (kinds == kind) & (generators == family)
            counts = {"n_real": int((y[pick] == 0).sum()), "n_fake": int((y[pick] == 1).sum())}
            out[f"faces, {kind}"][family] = {**counts, **figures(lrs[pick], y[pick])}
    real = y == 0
    out["reals at LR 10 or more"] = round(float((lrs[real] >= 1).mean()), 4)
    out["reals at LR 10 or more by source"] = {
        str(k): [round(float((lrs[real & (s == k)] >= 1).mean()), 4), int((real & (s == k)).sum())]
        for k in np.unique(s[real])
    }
    out["fakes at LR 10 or more"] = round(float((lrs[~real] >= 1).mean()), 4)
    alarms, hits = out["reals at LR 10 or more"], out["fakes at LR 10 or more"]
    report(f"pooled: {out['pooled']}; reals at LR 10 or more: {alarms}, fakes: {hits}")
    return out


def _photo_of_faces(
    portrait: Any, cache: Path, heads: dict[str, Any], photo: PhotoCalibration, residual: Path
) -> dict[tuple[str, int], float]:
    """log10 LR of the photograph family for face pictures, by sample key and variant."""
    from facevalue.lab.train_generated import FACE_VARIANTS, table

    samples = list({s.key: s for s in portrait.samples}.values())
    whole, window = (table(samples, FACE_VARIANTS, view, cache) for view in ("whole", "window"))
    windows = _mean_by_key(window.samples, window.variants, heads[PHOTO_WINDOW](window.features))
    residuals = _residual_logits(samples, FACE_VARIANTS, residual)
    out = {}
    for sample, variant, logit in zip(whole.samples, whole.variants, heads[PHOTO_WHOLE](whole.features), strict=True):
        key = (_stem(sample), int(variant))
        if key in windows and key in residuals:
            out[(sample.key, int(variant))] = photo.full.predict_one(float(logit), windows[key], residuals[key])
        else:
            out[(sample.key, int(variant))] = photo.whole.predict_one(float(logit))
    return out


def _qualities(
    samples: Sequence[Sample], variants: Any, natives: Mapping[str, Sample] | None = None
) -> dict[tuple[str, int], Quality]:
    """Sharpness of the whole view and blockiness of the windows, as the examiner measures them on what it looks at.

    natives: the native windows of samples that come as whole view and window apart, by stem.
    """
    from facevalue.examiners.generated.examiner import view_blockiness, view_sharpness

    out: dict[tuple[str, int], Quality] = {}
    for sample, variant in zip(samples, variants, strict=True):
        key = (sample.key, int(variant))
        if key not in out:
            whole = next(iter(sample_views(sample, int(variant), whole_only=True)))[1]
            native = (natives or {}).get(_stem(sample))
            windows = [v for _, v in sample_views(native or sample, int(variant), windows_only=True)]
            out[key] = view_sharpness(whole), view_blockiness(windows or [whole])
    return out
