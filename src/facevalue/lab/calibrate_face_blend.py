"""Calibrating face_blend: on faces, clips and photographs that the network was not trained on.

Half of what training held out calibrates; the other half is for `bench run` and is named in split.json. Real faces
of sources that training never saw (photographs of every kind) stand beside them, since thresholds shift by source.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.examiners.face_blend.crop import MIN_FACE_PX
from facevalue.examiners.face_blend.examiner import QUALITY_NAMES, look_crops, quality_features, run_networks
from facevalue.faces import Face, detect_faces
from facevalue.lab import blend
from facevalue.lab.data import clip_frames, matched, real_clips, wild
from facevalue.lab.facebank import BankFace
from facevalue.lab.features import read_rgb
from facevalue.lab.launder import augment
from facevalue.lab.sources import JUDGE_SOURCES
from facevalue.lab.train_face_blend import PairMaker, for_bench, held_out
from facevalue.media import picture_quality
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import auc, cllr, cllr_min, recall_at_false_alarm

Pixels = npt.NDArray[np.uint8]
SYNTHETIC_PER_SOURCE = 120
FRAMES_PER_CLIP = 4


class _Rows:
    def __init__(self, networks: Sequence[Path]) -> None:
        self.networks = [ort.InferenceSession(str(p), providers=["CPUExecutionProvider"]) for p in networks]
        self.features: list[tuple[float, ...]] = []
        self.labels: list[int] = []
        self.sources: list[str] = []
        self.kinds: list[str] = []

    def add(self, pixels: Pixels, label: int, source: str, kind: str, faces: tuple[Face, ...] | None = None) -> None:
        """Every face of at least the examiner's minimum size (the largest two), as it is examined."""
        blockiness = picture_quality(pixels).blockiness
        for face in faces if faces is not None else detect_faces(pixels, max_faces=2):
            if face.size_px >= MIN_FACE_PX:
                logit, _ = run_networks(self.networks, look_crops(pixels, face))
                self.features.append(quality_features(logit, face, blockiness))
                self.labels.append(label)
                self.sources.append(source)
                self.kinds.append(kind)


def calibrate(
    data: Path, bank: list[BankFace], networks: Sequence[Path], out: Path, report: Callable[[str], None] = print
) -> list[Path]:
    """Write calibration.json, split.json and leave_one_out.json into out/; returns their paths."""
    rows = _Rows(networks)
    mine = [f for f in bank if held_out(f) and not for_bench(f)]
    for face in mine:
        if face.source != "faces_real_celeba109" or face.box[2] >= MIN_FACE_PX:
            rng = np.random.default_rng(zlib.crc32(face.key.encode()))
            rows.add(face.face.pixels, face.label, face.source, "as is")
            rows.add(augment(face.face.pixels, rng), face.label, face.source, "laundered")
    _add_synthetic(rows, mine)
    report(f"{len(rows.labels)} looks at held-out faces")
    photographs = [s for s in (*matched(data), *wild(data)) if s.label == 0 and s.form == "whole"]
    judged = {s.key for s in photographs if s.source in JUDGE_SOURCES}
    for sample in photographs:
        if sample.key not in judged:
            rows.add(read_rgb(sample.path), 0, f"photo:{sample.source}", "photograph")
    for clip in real_clips(data):
        for frame in clip_frames(clip.path, FRAMES_PER_CLIP):
            rows.add(frame, 0, f"clip:{clip.source}", "frame")
    x, y, s, kinds = np.array(rows.features), np.array(rows.labels), np.array(rows.sources), np.array(rows.kinds)
    weights = _weights(y, s)
    fit = LogisticCalibration.fit(x, y, names=QUALITY_NAMES, weights=weights, ridge=1.0)
    calibration = fit.bounded(*elub_bounds(fit.raw(x), y))
    lrs = calibration.predict(x)
    figures: dict[str, Any] = {"pooled": _figures(lrs, y), "bounds": [calibration.low, calibration.high]}
    real = y == 0
    for kind in sorted(set(kinds[~real])):
        pick = real | (kinds == kind)
        figures[f"fakes: {kind}"] = _figures(lrs[pick], y[pick])
    swaps = np.isin(s, ["faces_dfdc224"])
    figures["swap set alone, as is"] = _figures(lrs[swaps & (kinds == "as is")], y[swaps & (kinds == "as is")])
    alarms = {str(k): lrs[real & (s == k)] >= 1 for k in np.unique(s[real])}
    figures["reals at LR 10 or more by source"] = {k: [round(float(v.mean()), 4), v.size] for k, v in alarms.items()}
    figures["reals at LR 10 or more"] = round(float((lrs[real] >= 1).mean()), 4)
    names = ["swap set alone, as is", *(name for name in figures if name.startswith("fakes: "))]
    figures["table"] = [{"name": f"faces held out, {name}", **figures[name]} for name in names]
    report(json.dumps(figures, indent=1))
    split = {"question": "face_swapped", "held_out": sorted({f.key for f in bank if for_bench(f)} | judged)}
    written = []
    for name, content in (
        ("calibration.json", {"face": calibration.to_dict()}),
        ("leave_one_out.json", figures),
        ("split.json", split),
    ):
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        written.append(out / name)
    return written


def _add_synthetic(rows: _Rows, faces: list[BankFace]) -> None:
    """Self-blends and composites of held-out real faces, with the boxes of the faces they were made from."""
    maker = PairMaker(faces, 1234)
    for group in maker.groups:
        usable = [f for f in group if f.box[2] >= MIN_FACE_PX][:SYNTHETIC_PER_SOURCE]
        for face in usable:
            found = detect_faces(face.face.pixels, max_faces=1)
            if not found:
                continue
            made = {
                "self-blend": blend.self_blend(face.face, maker.rng),
                "composite": blend.composite(face.face, maker.partner(face, usable).face, maker.rng),
            }
            for kind, forged in made.items():
                trip = maker.rng.random() < 0.5
                pixels = augment(forged.pixels, maker.rng) if trip else forged.pixels
                if pixels.shape != forged.pixels.shape:
                    pixels = np.asarray(cv2.resize(pixels, forged.pixels.shape[1::-1]), np.uint8)
                rows.add(pixels, 1, f"made:{face.source}", kind, found)


def _weights(labels: npt.NDArray[Any], sources: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """A source weighs the square root of its size within its class."""
    out = np.zeros(len(labels))
    for source in np.unique(sources):
        for label in (0, 1):
            mask = (sources == source) & (labels == label)
            if mask.any():
                out[mask] = mask.sum() ** -0.5
    return out


def _figures(log10_lrs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> dict[str, float]:
    out = {
        "n_real": int((labels == 0).sum()),
        "n_fake": int((labels == 1).sum()),
        "auc": auc(log10_lrs, labels),
        "cllr": cllr(log10_lrs, labels),
        "cllr_min": cllr_min(log10_lrs, labels),
        "recall_at_1": recall_at_false_alarm(log10_lrs, labels, 0.01),
        "recall_at_5": recall_at_false_alarm(log10_lrs, labels, 0.05),
    }
    return {name: value if isinstance(value, int) else round(float(value), 4) for name, value in out.items()}
