"""Calibrating clips: how frames of one track join into one likelihood ratio, for face_blend and for generated.

    python -m facevalue.lab.calibrate_tracks --data DATA --cache FOLDER --install

Reads DATA/videos/{real,fake}; the prefix of a name is its source. Real swaps are few, so tracks of real clips are
blended by the lab, with one seed a clip so that neighbouring frames share the blend, beside the same views after the
same trip through JPEG. Talking heads are whole-face synthesis: they count for `generated` and not for `face_blend`.
Scores are cached, since only the fit is cheap. Every figure is of sources that the fit had not seen, and so are the
bounds (ELUB).
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import FacevalueError
from facevalue.examiners.face_blend import examiner as face_blend
from facevalue.examiners.face_blend.tracks import TRACKS_FILE, TrackLook, chosen_views, clip_blockiness
from facevalue.examiners.generated import examiner as generated
from facevalue.exhibit import Exhibit
from facevalue.faces import Track, TrackView
from facevalue.footage import Footage, watch
from facevalue.lab import blend
from facevalue.models import model_path
from facevalue.opinion.calibrate import elub_bounds
from facevalue.opinion.metrics import auc, cllr, cllr_min
from facevalue.opinion.over_time import TrackModel, TrackScores

Report = Callable[[str], None]
Row = dict[str, Any]

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".webp", ".avi"}
# Names (their prefix, or the part that tells) of clips in which a face was swapped; other fakes are talking heads.
SWAPS = ("ffpp", "dfdc", "ghost")
MADE_VIEWS = 8
QUALITIES = (60, 92)


def clips(data: Path) -> list[tuple[Path, int, str]]:
    """(path, label, source) of every clip; 1 is fake."""
    out = []
    for name, label in (("real", 0), ("fake", 1)):
        folder = data / "videos" / name
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix.lower() in SUFFIXES:
                out.append((path, label, path.stem.partition("_")[0]))
    return out


def collect(
    data: Path, cache: Path, report: Report = print, open_footage: Callable[[Path], Footage] | None = None
) -> list[Row]:
    """Scores of every clip, one row a track (face_blend) or a clip (generated); cached by clip in cache/."""
    cache.mkdir(parents=True, exist_ok=True)
    opened = open_footage or (lambda path: watch(Exhibit.open(path)))
    rows: list[Row] = []
    previous: TrackView | None = None
    for path, label, source in clips(data):
        kept = cache / f"{label}_{path.name}.json"
        if not kept.is_file():
            try:
                footage = opened(path)
            except FacevalueError as error:
                report(f"{path.name}: {error}")
                continue
            found = read_clip(footage, path.name, label, previous)
            kept.write_text(json.dumps(found), encoding="utf-8")
            previous = _some_view(footage, label) or previous
            report(f"{path.name}: {len(found)} rows")
        rows += [{**row, "source": source, "clip": path.name} for row in json.loads(kept.read_text(encoding="utf-8"))]
    return rows


def read_clip(footage: Footage, name: str, label: int, partner: TrackView | None) -> list[Row]:
    """Rows of one clip; real ones are blended as well. partner: a face of another clip, for composites."""
    tracks = [t for t in footage.tracks or () if chosen_views(t)]
    blockiness = clip_blockiness(footage)
    rows = [_row("as is", label, look) for look in face_blend.look_at_tracks(tracks, blockiness)]
    if label == 0 and tracks:
        rows += _made(tracks[0], blockiness, zlib.crc32(name.encode()), partner)
    moments = generated.look_at_moments(footage, model_path(generated.CLIP_MODEL))
    if moments:
        scores, times = [m.score for m in moments], [m.time_s for m in moments]
        rows.append({"examiner": "generated", "kind": "as is", "label": label, "scores": scores, "times": times})
    return rows


def _row(kind: str, label: int, look: TrackLook) -> Row:
    track = {"track": look.track.number, "size_px": float(np.median([v.face.size_px for v in look.views]))}
    scores, times = look.scores.tolist(), look.times.tolist()
    return {"examiner": "face_blend", "kind": kind, "label": label, "scores": scores, "times": times, **track}


def _made(track: Track, blockiness: float, seed: int, partner: TrackView | None) -> list[Row]:
    """The track's views after one trip through JPEG: as they are, blended with themselves, and with another face."""
    views = chosen_views(track)[:: max(1, -(-len(chosen_views(track)) // MADE_VIEWS))]
    quality = int(np.random.default_rng(seed).integers(*QUALITIES))
    makers: dict[str, Callable[[blend.RealFace], npt.NDArray[np.uint8]]] = {
        "laundered": lambda face: face.pixels,
        "self-blend": lambda face: blend.self_blend(face, np.random.default_rng(seed)).pixels,
    }
    if partner is not None:
        other = blend.RealFace(partner.crop, partner.in_crop.landmarks)
        regions = [str(np.random.default_rng(seed).choice(blend.WHOLE))]
        makers["composite"] = lambda face: blend.composite(face, other, np.random.default_rng(seed), regions).pixels
    out = []
    for kind, make in makers.items():
        forged = [replace(v, crop=_jpeg(make(blend.RealFace(v.crop, v.in_crop.landmarks)), quality)) for v in views]
        look = face_blend.look_at_tracks([replace(track, views=tuple(forged))], blockiness)[0]
        out.append(_row(kind, int(kind != "laundered"), look))
    return out


def _jpeg(pixels: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def _some_view(footage: Footage, label: int) -> TrackView | None:
    views = [v for t in (footage.tracks or ())[:1] for v in t.views] if label == 0 else []
    return max(views, key=lambda v: v.face.size_px, default=None)


def is_swap(row: Row) -> bool:
    """Whether a fake row is of a swapped or blended face, as opposed to a talking head."""
    return row["kind"] != "as is" or str(row["source"]) in SWAPS


def rows_for(examiner: str, rows: Iterable[Row]) -> list[Row]:
    """The rows that the examiner's model is fitted on: its own fakes, and all reals."""
    mine = [row for row in rows if row["examiner"] == examiner and row["scores"]]
    wanted = is_swap if examiner == "face_blend" else lambda row: not is_swap(row)
    return [row for row in mine if not row["label"] or wanted(row)]


def fit(rows: Sequence[Row]) -> tuple[TrackModel, dict[str, Any]]:
    """The model of all rows, bounded by what sources left out in turn support, and the figures of that."""
    labels = np.array([row["label"] for row in rows])
    left_out = leave_sources_out(rows)
    model = TrackModel.fit(_scores(rows), _weights(rows))
    bounds = elub_bounds(left_out, labels)
    model = replace(model, calibration=model.calibration.bounded(*bounds))
    lrs = replace(model.calibration, names=("held out",), coefficients=(1.0,), intercept=0.0).predict(left_out)
    figures: dict[str, Any] = {"pooled, sources left out": _figures(lrs, labels), "bounds": list(bounds)}
    kinds = np.array([row["kind"] for row in rows])
    for kind in sorted(set(kinds[labels == 1])):
        pick = (labels == 0) | (kinds == kind)
        figures[f"fakes: {kind}"] = _figures(lrs[pick], labels[pick])
    clips_alone = kinds == "as is"
    figures["clips as they are"] = _figures(lrs[clips_alone], labels[clips_alone])
    figures["sources"] = len({row["source"] for row in rows})
    return model, figures


def leave_sources_out(rows: Sequence[Row]) -> npt.NDArray[np.float64]:
    """log10 LR of each row, float64 (n,), by a model that saw no clip of its source; unbounded."""
    out = np.zeros(len(rows))
    for source in sorted({row["source"] for row in rows}):
        rest = [row for row in rows if row["source"] != source]
        model = TrackModel.fit(_scores(rest), _weights(rest))
        for i, row in enumerate(rows):
            if row["source"] == source:
                out[i] = float(model.calibration.raw([model.raw(row["scores"], row["times"])])[0])
    return out


def _scores(rows: Sequence[Row]) -> list[TrackScores]:
    return [
        TrackScores(
            np.array(row["scores"], np.float64), np.array(row["times"], np.float64), row["label"], row["source"]
        )
        for row in rows
    ]


def _weights(rows: Sequence[Row]) -> list[float]:
    """A source weighs the square root of its size within its class."""
    keys = [(row["source"], row["label"]) for row in rows]
    return [keys.count(key) ** -0.5 for key in keys]


def _figures(log10_lrs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> dict[str, float]:
    reals, fakes = log10_lrs[labels == 0], log10_lrs[labels == 1]
    out = {"n_real": len(reals), "n_fake": len(fakes)}
    figures = {
        "auc": auc(log10_lrs, labels),
        "cllr": cllr(log10_lrs, labels),
        "cllr_min": cllr_min(log10_lrs, labels),
        "reals_at_10": float((reals >= 1).mean()),
        "fakes_at_10": float((fakes >= 1).mean()),
    }
    return {**out, **{name: round(float(value), 4) for name, value in figures.items()}}


def write(rows: Sequence[Row], folders: dict[str, Path], report: Report = print) -> list[Path]:
    """Fit and write tracks.json of each examiner into its folder; an examiner without both classes is left alone."""
    written = []
    for examiner, key in (("face_blend", "track"), ("generated", "clip")):
        mine = rows_for(examiner, rows)
        if {row["label"] for row in mine} != {0, 1}:
            report(f"{examiner}: no fakes, or no reals, to fit on")
            continue
        model, figures = fit(mine)
        path = folders[examiner] / TRACKS_FILE
        text = json.dumps({key: model.to_dict(), "sources_left_out": figures}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        report(f"{examiner}: {json.dumps(figures)}")
        written.append(path)
    return written


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="where scores are kept; delete it after a training")
    parser.add_argument("--install", action="store_true", help="write into the package instead of the cache")
    given = parser.parse_args()
    rows = collect(given.data, given.cache)
    own = {"face_blend": face_blend.FOLDER, "generated": generated.FOLDER}
    folders = own if given.install else {name: given.cache / name for name in own}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    write(rows, folders)


if __name__ == "__main__":
    main()
