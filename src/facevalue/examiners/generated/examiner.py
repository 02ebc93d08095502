"""The examiner of whole-picture synthesis. See heads.py for how its likelihood ratio comes about."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import ModelError
from facevalue.examiners.base import Subject, sha256_file
from facevalue.examiners.generated.embed import ClipEmbedder
from facevalue.examiners.generated.heads import PHOTO_WHOLE, PHOTO_WINDOW, Combined, Combiner, Evidence, feature_vector
from facevalue.examiners.generated.tracks import (
    TRACKS_FILE,
    Moment,
    clip_model,
    main_tracks,
    moment_regions,
    read_moments,
)
from facevalue.examiners.generated.views import (
    INPUT_PX,
    portrait_view,
    to_clip_input,
    whole_inputs,
    whole_view,
    window_boxes,
    window_views,
)
from facevalue.faces import Face
from facevalue.finding import Finding, Question, Region, Status
from facevalue.footage import Footage
from facevalue.media import picture_quality
from facevalue.models import model_path
from facevalue.sessions import session

CLIP_MODEL = "clip-vit-b16-int8"
HEADS_FILE, RESIDUAL_FILE, CALIBRATION_FILE = "heads.onnx", "residual.onnx", "calibration.json"
MIN_SIDE_PX = 64
# A window more or less moves a picture's log10 LR little: two more than two by a standard deviation of 0.11 (of 8
# stills and photographs of cameras, within-picture variance of the logits 1.2). So the second half of the windows is
# read where the picture is within a few deviations of mattering, or beyond; elsewhere it could change no verdict.
WINDOWS = 4
MATTERS_FROM_LOG10_LR = 0.3
MAX_PORTRAITS = 3
FOUND_LOG10_LR = 1.0

Pixels = npt.NDArray[np.uint8]
FOLDER = Path(__file__).parent

_embedder_lock = threading.Lock()


class GeneratedExaminer:
    """Is the whole picture, or a face in it, the work of a generator?"""

    name = "generated"
    question = Question.GENERATED
    reads_pixels = True
    kinds = frozenset({"image", "video"})
    folder = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 by file name; the CLIP file is pinned by `models pull` and named by its pinned hash."""
        own = {
            f"generated/{name}": sha256_file(FOLDER / name)
            for name in (HEADS_FILE, RESIDUAL_FILE, CALIBRATION_FILE, TRACKS_FILE)
            if (FOLDER / name).is_file()
        }
        try:
            from facevalue.models import model

            model_path(CLIP_MODEL)
            return {**own, CLIP_MODEL: model(CLIP_MODEL).file_sha256}
        except ModelError:
            return own

    def examine(self, subject: Subject) -> Finding:
        """One finding; its regions are the heads (kind field), the windows looked at and the faces (kind box)."""
        missing = [name for name in (HEADS_FILE, RESIDUAL_FILE, CALIBRATION_FILE) if not (FOLDER / name).is_file()]
        if missing:
            return self._inapplicable(f"its weights are missing from this installation: {', '.join(missing)}")
        if subject.footage is not None:
            return self._examine_clip(subject.footage)
        if min(subject.pixels.shape[:2]) < MIN_SIDE_PX:
            return self._inapplicable(f"the picture is smaller than {MIN_SIDE_PX} px")
        if float(subject.pixels[::4, ::4].std()) < 2.0:
            return self._inapplicable("the picture is nearly one flat colour: there is no texture to judge")
        try:
            clip = model_path(CLIP_MODEL)
        except ModelError as error:
            return self._inapplicable(str(error))
        evidence, faces = collect(subject.pixels, subject.faces or (), clip)
        combined = combiner()(evidence)
        found = combined.log10_lr >= FOUND_LOG10_LR
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why(combined, evidence, found),
            score=_sigmoid(combined.raw * 2.302585),
            log10_lr=combined.log10_lr,
            regions=_regions(subject.pixels, evidence, combined, faces),
            card=self.name,
        )

    def _examine_clip(self, footage: Footage) -> Finding:
        """One finding for a clip; its regions are spans: the moments that were read, and the tracks' portraits."""
        if not (FOLDER / TRACKS_FILE).is_file():
            return self._inapplicable(f"its calibration for clips is missing from this installation: {TRACKS_FILE}")
        if clip_model().says_nothing:
            return self._inapplicable(
                "on the clips it was calibrated with, its heads tell generated from recorded no better than chance"
            )
        if footage.info.has_pictures and min(footage.info.width, footage.info.height) < MIN_SIDE_PX:
            return self._inapplicable(f"the clip is smaller than {MIN_SIDE_PX} px")
        try:
            moments = look_at_moments(footage, model_path(CLIP_MODEL))
        except ModelError as error:
            return self._inapplicable(str(error))
        if not moments:
            return self._inapplicable("no frame of the clip could be read")
        model = clip_model()
        scores, times = [m.score for m in moments], [m.time_s for m in moments]
        log10_lr = model.log10_lr(scores, times)
        found = log10_lr >= FOUND_LOG10_LR
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why_clip(moments, found),
            score=_sigmoid(model.raw(scores, times) * 2.302585),
            log10_lr=log10_lr,
            regions=moment_regions(moments, model, main_tracks(footage)),
            card=self.name,
        )

    def _inapplicable(self, why: str) -> Finding:
        return Finding(self.name, self.question, Status.INAPPLICABLE, why, card=self.name)


def collect(pixels: Pixels, faces: Sequence[Face], clip: Path) -> tuple[Evidence, list[Face]]:
    """The raw logits of one picture and the faces whose portraits were read.

    Half of the windows are read first, the others where the picture so far is not clearly below what matters. That
    leaves the likelihood ratio what it is: when to stop depends on nothing but what was read (Wald 1945).
    """
    whole, windows = whole_view(pixels), window_views(pixels, WINDOWS)
    portraits = [(face, view) for face in faces[:MAX_PORTRAITS] if (view := portrait_view(pixels, face)) is not None]
    ends, first = whole_inputs(whole), windows[: (len(windows) + 1) // 2]
    rows = _read(clip, [*ends, *(to_clip_input(view) for view in [*first, *(view for _, view in portraits)])])
    family_names = [name for name in head_names() if name not in (PHOTO_WHOLE, PHOTO_WINDOW)]
    evidence = Evidence(
        whole=float(np.mean([row[PHOTO_WHOLE] for row in rows[: len(ends)]])),
        windows=[row[PHOTO_WINDOW] for row in rows[len(ends) : len(ends) + len(first)]],
        residual=[residual_logit(window) for window in first],
        portraits=[{name: row[name] for name in family_names} for row in rows[len(ends) + len(first) :]],
        sharpness=view_sharpness(whole),
        blockiness=view_blockiness(windows or [whole]),
    )
    rest = windows[len(first) :]
    if rest and combiner()(evidence).log10_lr >= MATTERS_FROM_LOG10_LR:
        further = [row[PHOTO_WINDOW] for row in _read(clip, [to_clip_input(view) for view in rest])]
        residual = [*evidence.residual, *(residual_logit(window) for window in rest)]
        evidence = replace(evidence, windows=[*evidence.windows, *further], residual=residual)
    return evidence, [face for face, _ in portraits]


def _read(clip: Path, clip_inputs: Sequence[npt.NDArray[np.float32]]) -> list[dict[str, float]]:
    """Every head's logit of each CLIP input."""
    return [head_logits(feature_vector(features)) for features in _embedder(clip).several(clip_inputs)]


def look_at_moments(footage: Footage, clip: Path) -> list[Moment]:
    """The moments of a clip as the examiner reads them; the lab's calibration does the same. clip: the CLIP model."""
    embed = _embedder(clip)

    def read(clip_input: npt.NDArray[np.float32]) -> dict[str, float]:
        return head_logits(feature_vector(embed(clip_input)))

    return read_moments(footage, read, residual_logit, combiner())


def view_sharpness(view: Pixels) -> float:
    """log10 of the variance of the Laplacian of a view's luma."""
    return float(np.log10(max(cv2.Laplacian(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var(), 1e-3)))


def view_blockiness(views: Sequence[Pixels]) -> float:
    """Mean blockiness of views (facevalue.media.picture_quality): a JPEG estimate from what the heads look at.

    From pixels and not from quantisation tables, so that a copy saved as PNG is not taken for an uncompressed picture.
    """
    return float(np.mean([picture_quality(view).blockiness for view in views]))


@functools.cache
def combiner() -> Combiner:
    """The shipped calibration."""
    return Combiner.load(FOLDER / CALIBRATION_FILE)


def _embedder(path: Path) -> ClipEmbedder:
    with _embedder_lock:
        return _open_embedder(path)


@functools.cache
def _open_embedder(path: Path) -> ClipEmbedder:
    return ClipEmbedder(path)


def head_names() -> list[str]:
    """The heads in the order of their logits."""
    return str(session(FOLDER / HEADS_FILE).get_modelmeta().custom_metadata_map["heads"]).split(",")


def head_logits(vector: npt.NDArray[np.float32]) -> dict[str, float]:
    """Every head's logit for one feature vector, float32 (13824,)."""
    values = np.asarray(session(FOLDER / HEADS_FILE).run(["logits"], {"features": vector[None]})[0])[0]
    return dict(zip(head_names(), (float(v) for v in values), strict=True))


def residual_logit(window: Pixels) -> float:
    """The residual network's logit for one native window, uint8 (240, 240, 3)."""
    cut = (window.shape[0] - INPUT_PX) // 2
    inner = window[cut : cut + INPUT_PX, cut : cut + INPUT_PX]
    batch = np.ascontiguousarray(inner.transpose(2, 0, 1)[None]).astype(np.float32)
    return float(np.asarray(session(FOLDER / RESIDUAL_FILE).run(["logit"], {"windows": batch})[0])[0])


def _sigmoid(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(x, -60, 60))))


_NAMES = {PHOTO_WHOLE: "photographs, whole picture", PHOTO_WINDOW: "photographs, native windows"}


def _why(combined: Combined, evidence: Evidence, found: bool) -> str:
    looked = f"the whole picture, {len(evidence.windows)} native windows and {len(evidence.portraits)} portraits"
    if not evidence.windows:
        looked = f"the whole picture and {len(evidence.portraits)} portraits (it is too small for native windows)"
    if not found:
        return f"No traces of a generator strong enough to report in {looked}; that does not prove a photograph."
    loudest = (
        "the picture as a whole" if not combined.faces or combined.photo >= max(combined.faces) else "a face in it"
    )
    return f"Compared with known photographs and known generators, {loudest} looks generated ({looked} were read)."


def _why_clip(moments: Sequence[Moment], found: bool) -> str:
    portraits = sum(len(m.faces) for m in moments)
    looked = f"{len(moments)} moment{'s' * (len(moments) != 1)} of the clip with {portraits} portrait"
    looked += "s" * (portraits != 1)
    if not found:
        return f"No traces of a generator strong enough to report in {looked}; that does not prove a camera."
    return f"Compared with known recordings and known generators, the clip looks generated ({looked} were read)."


def _regions(pixels: Pixels, evidence: Evidence, combined: Combined, faces: Sequence[Face]) -> tuple[Region, ...]:
    out = [
        Region(
            "field",
            "head: photographs of any subject",
            score=_sigmoid(combined.photo * 2.302585),
            field_name="photo",
            details={"log10_lr": round(combined.photo, 3), "whole_logit": round(evidence.whole, 3)},
        )
    ]
    boxes = window_boxes(pixels, WINDOWS)[: len(evidence.windows)]
    for box, logit, residual in zip(boxes, evidence.windows, evidence.residual, strict=True):
        out.append(
            Region(
                "box",
                "native window",
                score=_sigmoid(logit),
                box=box,
                details={"residual_score": round(_sigmoid(residual), 4)},
            )
        )
    for i, (face, lr, families) in enumerate(zip(faces, combined.faces, combined.families, strict=True), 1):
        details = {
            "log10_lr": round(lr, 3),
            "families_log10_lr": {k: round(v, 3) for k, v in families.items()},
            "quality": face.quality.to_dict(),
        }
        out.append(
            Region("box", f"face {i}: portrait heads", score=_sigmoid(lr * 2.302585), box=face.box, details=details)
        )
    return tuple(out)
