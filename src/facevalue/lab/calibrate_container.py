"""Calibrating the container examiner: a logistic over its traces, on clips that were edited here and innocent ones.

Sources (the prefix of a clip's name) are left out in turn; all figures are of clips whose source the fit did not see.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError
from facevalue.examiners.container.traces import FEATURES, features, sized_codec, traces_of
from facevalue.exhibit import sniff
from facevalue.lab.edit_clips import Made, make, read_shots
from facevalue.media.clip import FrameTable
from facevalue.media.clip_open import Refused, codec_name, open_clip_file
from facevalue.media.clip_pictures import PictureReader
from facevalue.media.clip_plan import ClipLimits, ReadPlan
from facevalue.media.clip_wire import ROW, table_of
from facevalue.opinion.calibrate import LogisticCalibration, elub_bounds
from facevalue.opinion.metrics import auc, cllr, cllr_min, recall_at_false_alarm

RIDGE = 1.0
# Clips of one source that are edited; sources with many would rule, and all of theirs are alike.
MAX_EDITED = 4
PLAN = ReadPlan(look_hz=0.01, burst_frames=0, sound=False)
SUFFIXES = {".mp4", ".mov", ".mkv", ".webm"}
Array = npt.NDArray[np.float64]


def clip_traces(data: bytes) -> tuple[tuple[float, ...], dict[str, Any]]:
    """Features of a clip, and what is reported beside them. Raises DecodeError."""
    table, codec = read_table(data)
    found = traces_of(table, sized_codec(codec))
    grids = [t.grid for t in found if t.grid is not None]
    return features(found), {"grid_p": min((g.p for g in grids), default=None),
                             "grid": [g.period for g in grids]}  # fmt: skip


class _Rows:
    """Keeps the rows of the frame table and nothing else."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def first(self, *_: Any) -> None:
        return None

    def row(self, row: tuple[Any, ...]) -> None:
        self.rows.append(row)

    def frame(self, *_: Any) -> None:
        return None

    def progress(self, share: float) -> None:
        return None


def read_table(data: bytes) -> tuple[FrameTable, str]:
    """The frame table of a clip as an examination gets it, and its codec; decoded in this process, since the clips are
    our own. Raises DecodeError.
    """
    with tempfile.TemporaryFile() as stream:
        stream.write(data)
        stream.flush()
        sink, limits = _Rows(), ClipLimits()
        try:
            opened = open_clip_file(stream.fileno(), sniff(data), limits)
            try:
                PictureReader(opened, PLAN, limits, sink).run()
                codec = codec_name(opened.pictures)
            finally:
                opened.container.close()
        except Refused as error:
            raise DecodeError(str(error)) from None
    table = table_of([np.array(sink.rows, ROW)])
    if table is None:
        raise DecodeError("the clip has no pictures")
    return table, codec


def rows_of(path: Path, edit: bool = True, report: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """A row for the clip as it was published, and, if edit, one for each clip made from it."""
    made = [Made(0, "as published", path.read_bytes())]
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    try:
        made += make(read_shots(path), rng) if edit else []
    except DecodeError as error:
        report(str(error))
    rows = []
    for clip in made:
        try:
            values, extra = clip_traces(clip.data)
        except DecodeError as error:
            report(f"{path.name}, {clip.treatment}: {error}")
            continue
        rows.append({"clip": path.stem, "source": _source(path), "label": clip.label, "treatment": clip.treatment,
                     "features": values, **extra})  # fmt: skip
    return rows


def _source(path: Path) -> str:
    return path.stem.partition("_")[0]


def collect(folder: Path, cache: Path, report: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Rows of every clip of a folder; what the cache (JSON lines) holds is not made again."""
    rows = [json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines()] if cache.is_file() else []
    done = {row["clip"] for row in rows}
    paths = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES)
    with cache.open("a", encoding="utf-8") as stream:
        for path in (p for p in paths if p.stem not in done):
            same = [p for p in paths if _source(p) == _source(path)]
            new = rows_of(path, path in same[:MAX_EDITED], report)
            stream.writelines(json.dumps(row) + "\n" for row in new)
            stream.flush()
            rows += new
            report(f"{path.name}: {len(new)} clips")
    return rows


def calibrate(rows: Sequence[dict[str, Any]], out: Path, report: Callable[[str], None] = print) -> list[Path]:
    """Write calibration.json and leave_one_out.json into out/; returns their paths."""
    x = np.array([row["features"] for row in rows], np.float64)
    y = np.array([row["label"] for row in rows])
    sources = np.array([row["source"] for row in rows])
    treatments = np.array([row["treatment"] for row in rows])
    held_out = np.zeros(len(rows))
    for source in np.unique(sources):
        mine = sources == source
        held_out[mine] = _fit(x[~mine], y[~mine], treatments[~mine]).raw(x[mine])
    bounds = elub_bounds(held_out, y)
    calibration = _fit(x, y, treatments).bounded(*bounds)
    lrs = LogisticCalibration(("raw",), (1.0,), 0.0, *bounds).predict(held_out)
    figures: dict[str, Any] = {"bounds": list(bounds), "pooled": _figures(lrs, y), "coefficients": _named(calibration)}
    innocent, edited = y == 0, y == 1
    figures["innocent"] = {str(t): _share(lrs[innocent & (treatments == t)]) for t in np.unique(treatments[innocent])}
    figures["edited"] = {}
    for name in np.unique(treatments[edited]):
        pick = innocent | (treatments == name)
        figures["edited"][str(name)] = {**_share(lrs[treatments == name]), "auc": round(auc(lrs[pick], y[pick]), 4)}
    figures["former grid at p = .01"] = _grids(rows)
    report(json.dumps(figures, indent=1))
    written = []
    for name, content in (("calibration.json", {"clip": calibration.to_dict()}), ("leave_one_out.json", figures)):
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        written.append(out / name)
    return written


def _fit(x: Array, y: npt.NDArray[Any], treatments: npt.NDArray[Any]) -> LogisticCalibration:
    """Every treatment of a class weighs the same. A trace never speaks for innocence: negative slopes become 0."""
    weights = np.array([1.0 / (treatments == t).sum() for t in treatments])
    keep = np.ones(x.shape[1], np.bool_)
    while True:
        fit = LogisticCalibration.fit(np.where(keep, x, 0.0), y, names=FEATURES, weights=weights, ridge=RIDGE)
        negative = keep & (np.array(fit.coefficients) < 0)
        if not negative.any():
            return fit
        keep &= ~negative


def _named(calibration: LogisticCalibration) -> dict[str, float]:
    named = dict(zip(calibration.names, calibration.coefficients, strict=True))
    return {name: round(value, 4) for name, value in {**named, "intercept": calibration.intercept}.items()}


def _share(lrs: Array) -> dict[str, float]:
    return {"n": len(lrs), "at_10": round(float((lrs >= 1).mean()), 4), "at_2": round(float((lrs >= 0.3).mean()), 4),
            "median": round(float(np.median(lrs)), 3), "max": round(float(lrs.max()), 3)}  # fmt: skip


def _grids(rows: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Per treatment: the share of clips with a former grid at p = 0.01, and how many clips were examined for one."""
    out: dict[str, list[float]] = {}
    for name in sorted({row["treatment"] for row in rows}):
        ps = [row["grid_p"] for row in rows if row["treatment"] == name and row["grid_p"] is not None]
        out[name] = [round(float(np.mean([p <= 0.011 for p in ps])), 4) if ps else 0.0, len(ps)]
    return out


def _figures(lrs: Array, y: npt.NDArray[Any]) -> dict[str, float]:
    out: dict[str, float] = {"n_innocent": int((y == 0).sum()), "n_edited": int((y == 1).sum())}
    measures = {"auc": auc, "cllr": cllr, "cllr_min": cllr_min}
    out.update({name: round(float(measure(lrs, y)), 4) for name, measure in measures.items()})
    for share in (0.01, 0.05):
        out[f"recall_at_{share:g}"] = round(float(recall_at_false_alarm(lrs, y, share)), 4)
    return out
