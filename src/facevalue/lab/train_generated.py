"""`lab train generated`: features, residual network, heads, calibration, in that order; each stage is resumable.

Everything is chosen and calibrated on sources that the score in question was not trained on: photograph heads by
grouped cross-validation over sources, the residual network on its held-out sources, face families by leaving the
family out. The shipped heads are then fitted on all sources; leave_one_out.json keeps the honest figures.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.generated.embed import ClipEmbedder
from facevalue.examiners.generated.heads import (
    FEATURES,
    PHOTO_WHOLE,
    PHOTO_WINDOW,
    feature_vector,
)
from facevalue.examiners.generated.views import portrait_view, to_clip_input
from facevalue.faces import detect_faces
from facevalue.lab import data
from facevalue.lab.data import Sample
from facevalue.lab.features import cache_path, extract, load, read_rgb
from facevalue.lab.sources import JUDGE_SOURCES
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import auc, cllr, cllr_min, recall_at_false_alarm

Array = npt.NDArray[np.float32]
INVERSE_RIDGE = 3e-4
RANK = 1200
# Sources of one class cannot be judged alone; they are left out in this many groups.
LONE_GROUPS = 5
VARIANTS = (0, 1, 2)
FACE_VARIANTS = (0, 1)
PORTRAIT_VARIANT = 100
Report = Callable[[str], None]


@dataclass
class Table:
    """Rows of one view: features (n, 13824) float16, and for each row its sample and variant."""

    features: npt.NDArray[np.float16]
    samples: list[Sample]
    variants: npt.NDArray[np.int64]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """0 real, 1 fake, int64 (n,)."""
        return np.array([s.label for s in self.samples])

    @property
    def sources(self) -> npt.NDArray[np.str_]:
        """The source of each row, str (n,)."""
        return np.array([s.source for s in self.samples])


def training_samples(root: Path) -> dict[str, list[Sample]]:
    """What the heads learn from, by part; see lab.data for the layout."""
    faces = [s for s in data.faces(root, 800) if "celeba" not in s.source]
    faces += [s for s in data.faces(root, 300) if "celeba" in s.source]
    frames = [s for pair in list(data.swap_pairs(root))[:200] for s in pair if s.label == 0]
    return {"photo": [*data.matched(root), *data.wild(root), *data.photographs(root)], "face": [*faces, *frames]}


def extract_all(parts: dict[str, list[Sample]], clip: Path, cache: Path, report: Report) -> None:
    """Stage 1. 60 to 200 ms of one core for a view; what is cached is not computed again.

    Samples that are kept for the bench are left alone: nothing below reads them.
    """
    embed = ClipEmbedder(clip)
    variants = {"photo": VARIANTS, "face": FACE_VARIANTS}
    jobs = [(s, v) for part, samples in parts.items() for v in variants[part] for s in samples if not judged(s)]
    for i, (sample, variant) in enumerate(jobs):
        extract(sample, variant, embed, cache)
        if sample.form == "whole" and variant == 0:
            _extract_portrait(sample, embed, cache)
        if i % 500 == 0:
            report(f"features {i}/{len(jobs)}")


def _extract_portrait(sample: Sample, embed: ClipEmbedder, cache: Path) -> None:
    path = cache_path(cache, sample, PORTRAIT_VARIANT)
    if path.is_file():
        return
    pixels = read_rgb(sample.path)
    views = [v for f in detect_faces(pixels, 1) if (v := portrait_view(pixels, f)) is not None]
    arrays = {f"portrait.{k}": v.astype(np.float16) for view in views for k, v in embed(to_clip_input(view)).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp.npz")
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def table(samples: Sequence[Sample], variants: Sequence[int], view: str, cache: Path) -> Table:
    """Cached features of one view ("whole", "window", "portrait")."""
    rows, kept, which = [], [], []
    for sample in samples:
        for variant in variants:
            path = cache_path(cache, sample, variant)
            if not path.is_file():
                continue
            arrays = load(path)
            names = (
                [view]
                if view != "window"
                else [k.partition(".")[0] for k in arrays if k.startswith("window") and k.endswith(".embed")]
            )
            for name in names:
                if f"{name}.cls" in arrays:
                    rows.append(
                        feature_vector({"cls": arrays[f"{name}.cls"], "patch": arrays[f"{name}.patch"]}).astype(
                            np.float16
                        )
                    )
                    kept.append(sample)
                    which.append(variant)
    return Table(np.stack(rows) if rows else np.zeros((0, FEATURES), np.float16), kept, np.array(which, np.int64))


def source_weights(labels: npt.NDArray[Any], sources: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """A source weighs the square root of its size, classes balanced inside it; lone reals weigh half as much."""
    out = np.zeros(len(labels))
    for source in np.unique(sources):
        here = sources == source
        both = len(np.unique(labels[here])) == 2
        for label in (0, 1):
            mask = here & (labels == label)
            if mask.any():
                out[mask] = np.sqrt(here.sum()) / mask.sum() * (1.0 if both else 0.5)
    return np.asarray(out / out.mean(), np.float64)


@dataclass(frozen=True)
class Head:
    """A linear head on the raw feature vector: logit = weight . x + bias."""

    weight: Array
    bias: float

    def __call__(self, features: npt.NDArray[Any]) -> Array:
        """Logits, float32 (n,), of raw feature vectors (n, 13824)."""
        return np.asarray(features.astype(np.float32) @ self.weight + self.bias, np.float32)


@dataclass(frozen=True)
class Projection:
    """Standardised features on their leading principal directions; no label takes part in it.

    A ridge this strong hardly uses the directions that are dropped, and fits on what is left take seconds.
    """

    mean: Array
    scale: Array
    directions: Array

    @classmethod
    def of(cls, features: npt.NDArray[Any], rank: int = RANK) -> Projection:
        """Leading directions of the rows, by randomised SVD (Halko et al. 2011)."""
        from sklearn.utils.extmath import randomized_svd

        x = features.astype(np.float32)
        mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-4
        x -= mean
        x /= scale
        _, _, directions = randomized_svd(x, min(rank, min(x.shape) - 1), n_iter=2, random_state=0)
        return cls(mean, scale, np.asarray(directions, np.float32))

    def __call__(self, features: npt.NDArray[Any]) -> Array:
        """(n, 13824) -> (n, rank)."""
        parts = [
            ((features[i : i + 512].astype(np.float32) - self.mean) / self.scale) @ self.directions.T
            for i in range(0, len(features), 512)
        ]
        return np.concatenate(parts)

    def head(self, weight: npt.NDArray[Any], bias: float) -> Head:
        """A head on projected features as one on raw features."""
        raw = ((weight @ self.directions) / self.scale).astype(np.float32)
        return Head(raw, float(bias - raw @ self.mean))


def fit_logistic(z: Array, labels: npt.NDArray[Any], weights: npt.NDArray[Any]) -> tuple[Array, float]:
    """Ridge logistic regression on projected features: weights and bias."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=INVERSE_RIDGE, max_iter=200, tol=1e-3).fit(z, labels, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float32), float(model.intercept_[0])


def judged(sample: Sample) -> bool:
    """Whether a sample is kept for `bench run`: whole sources of photographs, every fifth file of face sets."""
    if sample.source in JUDGE_SOURCES:
        return True
    return sample.form == "file" and zlib.crc32(sample.key.encode()) % 5 == 0


def folds_of(labels: npt.NDArray[Any], sources: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """The group that is left out together: a source of both classes by itself, lone sources in a few groups."""
    both = {s for s in np.unique(sources) if len(np.unique(labels[sources == s])) == 2}
    return np.array([s if s in both else f"lone {zlib.crc32(s.encode()) % LONE_GROUPS}" for s in sources])


def out_of_fold(rows: Table, report: Report, name: str) -> tuple[Array, Head]:
    """Logits of each row by a head that saw no row of its source, and the head fitted on all rows."""
    labels, sources = rows.labels, rows.sources
    weights = source_weights(labels, sources)
    folds = folds_of(labels, sources)
    projection = Projection.of(rows.features)
    z = projection(rows.features)
    logits = np.zeros(len(labels), np.float32)
    for fold in np.unique(folds):
        away = folds != fold
        if (~away).any():
            weight, bias = fit_logistic(z[away], labels[away], weights[away])
            logits[~away] = z[~away] @ weight + bias
    report(f"{name}: {len(labels)} rows of {len(set(sources))} sources, each left out in turn")
    return logits, projection.head(*fit_logistic(z, labels, weights))


def write_heads(heads: dict[str, Head], path: Path) -> None:
    """All heads as one ONNX matrix product: `features` (N, 13824) -> `logits` (N, heads); names in the metadata."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.stack([h.weight for h in heads.values()]).T.astype(np.float32)
    bias = np.array([h.bias for h in heads.values()], np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"])],
        "heads",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", weight.shape[0]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", weight.shape[1]])],
        [numpy_helper.from_array(np.ascontiguousarray(weight), "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"heads": ",".join(heads)})
    onnx.save(model, str(path))


def calibrated(
    features: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike, names: Sequence[str]
) -> LogisticCalibration:
    """A logistic calibration bounded by what its own set supports.

    A part that would come out as speaking against what it was trained to find is noise on this set: it is left out.
    Interactions with quality ("x" in the name) may be negative: they take weight away.
    """
    x = np.array(features, np.float64)
    x = x[:, None] if x.ndim == 1 else x
    while True:
        fit = LogisticCalibration.fit(x, labels, names=names, weights=weights, ridge=1.0)
        wrong = [i for i, c in enumerate(fit.coefficients) if c < 0 and " x " not in names[i] and x[:, i].any()]
        if not wrong:
            return fit.bounded(*elub_bounds(fit.raw(x), labels))
        x[:, min(wrong, key=lambda i: fit.coefficients[i] * x[:, i].std())] = 0.0


def figures(log10_lrs: npt.ArrayLike, labels: npt.ArrayLike) -> dict[str, float]:
    """The figures that leave_one_out.json keeps."""
    out = {"auc": auc(log10_lrs, labels), "cllr": cllr(log10_lrs, labels), "cllr_min": cllr_min(log10_lrs, labels)}
    truth = np.asarray(labels)
    out |= {"n_real": int((truth == 0).sum()), "n_fake": int((truth == 1).sum())}
    out |= {
        "recall_at_1": recall_at_false_alarm(log10_lrs, labels, 0.01),
        "recall_at_5": recall_at_false_alarm(log10_lrs, labels, 0.05),
    }
    return {name: value if isinstance(value, int) else round(float(value), 4) for name, value in out.items()}


def train_heads(root: Path, cache: Path, residual: Path, out: Path, report: Report = print) -> Path:
    """Stages 3 and 4: fit and calibrate the heads; writes heads.onnx and the JSON files beside it into out/."""
    from facevalue.lab.calibrate_generated import calibrate_photo, calibrate_together

    everything = training_samples(root)
    parts = {name: [s for s in samples if not judged(s)] for name, samples in everything.items()}
    out.mkdir(parents=True, exist_ok=True)
    whole = table([s for s in parts["photo"] if s.form != "native"], VARIANTS, "whole", cache)
    whole_logits, whole_head = out_of_fold(whole, report, PHOTO_WHOLE)
    window = table([s for s in parts["photo"] if s.form != "whole"], VARIANTS, "window", cache)
    window_logits, window_head = out_of_fold(window, report, PHOTO_WINDOW)
    heads = {PHOTO_WHOLE: whole_head, PHOTO_WINDOW: window_head}
    whole.features = window.features = np.zeros((0, FEATURES), np.float16)  # 400 MB that nothing below reads
    photo = calibrate_photo(whole, whole_logits, window, window_logits, residual, report)
    combiner, family_heads, summary = calibrate_together(parts, cache, heads, whole, photo, residual, report)
    write_heads({**heads, **family_heads}, out / "heads.onnx")
    (out / "calibration.json").write_text(json.dumps(combiner.to_dict(), indent=1) + "\n", encoding="utf-8")
    split = {
        "question": "generated",
        "held_out": sorted({s.key for samples in everything.values() for s in samples if judged(s)}),
    }
    (out / "split.json").write_text(json.dumps(split, indent=1) + "\n", encoding="utf-8")
    (out / "leave_one_out.json").write_text(
        json.dumps({"table": left_out_table(photo.summary, summary), **photo.summary, **summary}, indent=1) + "\n",
        encoding="utf-8",
    )
    return out


def left_out_table(photo: dict[str, Any], faces: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that README shows: photograph sources, laundered copies, face families."""
    rows = [{"name": f"photographs, source {name}", **row} for name, row in photo["photo_by_source"].items()]
    count = {key: sum(row[key] for row in rows) for key in ("n_real", "n_fake")}
    rows.append({"name": f"photographs, mean over {len(rows)} sources", **count, "auc": photo["photo_mean_auc"]})
    rows.append({"name": "photographs, those sources pooled", **count, **photo["photo_pooled"]})
    rows.append({"name": "photographs, pooled with real ones of every kind", **photo["photo_with_wild"]})
    rows.append({"name": "photographs, laundered copies of these", **photo["photo_laundered"]})
    for kind in ("known family", "new family"):
        rows += [{"name": f"faces, {kind}: {name}", **row} for name, row in faces[f"faces, {kind}"].items()]
    return rows
