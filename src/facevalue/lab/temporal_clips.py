"""Clips with blended faces and their originals: what calibrates the examiner `temporal`. All drawn from a seed.

A swap is made frame by frame, as swapping programs work: find the face, warp it to the alignment template, put another
face there (a moving face of another clip, or the face itself with changed features, at the resolution that a generator
has), match colours, warp back, blend. What is estimated anew in every frame (landmarks, features, colours) carries an
error of its own; programs smooth it over time or do not. Original and swap then leave through the same encoder, with
the same size, rate and quality, so that nothing but the swap tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError
from facevalue.examiners.temporal.drift import pose
from facevalue.exhibit import Exhibit
from facevalue.faces import Burst, Face, Track, similarity, track_detect
from facevalue.faces.align import TEMPLATE
from facevalue.faces.embed import WIDTH, embed_face
from facevalue.faces.track_follow import EMBED_EVERY_S, EMBED_MAX_YAW, EMBED_MIN_PX
from facevalue.faces.track_keep import Embeddings, OpenBurst
from facevalue.lab.blend import OUTLINES, WHOLE, match_colour
from facevalue.lab.edit_clips import Shots, decode, encode
from facevalue.media import ReadPlan, open_clip
from facevalue.media.clip_plan import Schedule

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

MAX_SECONDS, MIN_FRAMES = 2.4, 24
# Of the square that is cut out: its side in sides of the face, and at most in pixels.
ROOM, MAX_SIDE = 2.4, 320
LOOK_EVERY = 10
# The canvas that a face is swapped on covers this range of the template's unit square, in x and y.
CANVAS = (-0.3, 1.3)
# How far what is estimated per frame is smoothed: standard deviation of a Gaussian over time, in frames.
SMOOTHING = (0.0, 0.0, 1.0, 2.5)
GENERATOR_PX = (64, 96, 128, 160, 224)
CRFS = (18, 23, 28, 32)
EARLY_S = 0.05
EVERY_FRAME = ReadPlan(look_hz=1000.0, burst_frames=0, sound=False, whole_up_to_s=3600.0)


@dataclass(frozen=True, slots=True)
class FaceRun:
    """Frames of one shot, with the landmarks, float32 (5, 2), of its main face where it was found."""

    shots: Shots
    landmarks: tuple[Floats | None, ...]

    @property
    def pose(self) -> npt.NDArray[np.float64]:
        """The median yaw and pitch, float64 (2,), as facevalue.examiners.temporal.drift.pose gives them."""
        return np.median(pose(np.stack([lm for lm in self.landmarks if lm is not None])), axis=0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one swap is made.

    content: "own" (the face itself, changed) or "other" (a face of another clip). generator_px: side of the canvas.
    smoothing: over time, in frames. jitter: of the landmarks, as a share of the distance of the eyes. colour: of the
    frame-by-frame colour error, in levels. wobble: of the generated features from frame to frame, and shift: the same
    for all frames, both in units of the template. outline: of the mask. feather: in units of the template. poisson:
    gradient-domain blending. missed: share of frames that the program leaves alone. crf: of H.264.
    """

    content: str
    generator_px: int
    smoothing: float
    jitter: float
    colour: float
    wobble: float
    shift: float
    outline: str
    feather: float
    poisson: bool
    missed: float
    crf: int


def draw_recipe(rng: Rng, content: str, smoothing: float, crf: int) -> Recipe:
    """A recipe; what is not given is drawn."""
    return Recipe(
        content=content,
        generator_px=int(rng.choice(GENERATOR_PX)),
        smoothing=smoothing,
        jitter=float(np.exp(rng.uniform(np.log(0.002), np.log(0.02)))),
        colour=float(np.exp(rng.uniform(np.log(0.15), np.log(3.0)))),
        wobble=float(np.exp(rng.uniform(np.log(0.001), np.log(0.012)))),
        shift=float(rng.uniform(0.01, 0.04)),
        outline=str(rng.choice(WHOLE)),
        feather=float(np.exp(rng.uniform(np.log(0.02), np.log(0.09)))),
        poisson=bool(rng.random() < 0.25),
        missed=float(rng.choice([0.0, 0.0, 0.0, 0.03])),
        crf=crf,
    )


def read_run(path: Path, seconds: float = MAX_SECONDS) -> FaceRun:
    """The first seconds in which a clip shows a face, cut to the square around it, at most MAX_SIDE pixels wide.

    Raises DecodeError when fewer than MIN_FRAMES are left, or fewer in which the face is found.
    """
    frames: list[Pixels] = []
    square: tuple[int, int, int] | None = None
    with open_clip(Exhibit.open(path), plan=EVERY_FRAME) as clip:
        rate = min(max(round(clip.info.frame_rate or 25.0), 10), 60)
        for i, frame in enumerate(clip):
            if square is None and i % LOOK_EVERY == 0:
                square = _square(frame.pixels)
            if square is not None:
                frames.append(_cut(frame.pixels, *square))
            if len(frames) >= seconds * rate:
                break
    landmarks = find_faces(frames)
    if sum(lm is not None for lm in landmarks) < MIN_FRAMES:
        raise DecodeError(f"no face is seen for long enough in {path.name}")
    return FaceRun(Shots(frames, rate), landmarks)


def _square(pixels: Pixels) -> tuple[int, int, int] | None:
    """Left, top and side of the square around the largest face, inside the frame; None without a face."""
    face = next(iter(track_detect.look(pixels, track_detect.CAREFUL_SIDE_PX)), None)
    if face is None:
        return None
    (x, y, w, h), (height, width) = face.box, pixels.shape[:2]
    side = min(round(max(w, h) * ROOM), height, width)
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    return min(max(left, 0), width - side), min(max(top, 0), height - side), side


def _cut(pixels: Pixels, left: int, top: int, side: int) -> Pixels:
    size = min(side, MAX_SIDE) // 2 * 2
    part = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return np.ascontiguousarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def find_faces(frames: Sequence[Pixels]) -> tuple[Floats | None, ...]:
    """Landmarks of the main face of each frame, followed from frame to frame."""
    out: list[Floats | None] = []
    box: track_detect.Box | None = None
    for pixels in frames:
        face = track_detect.close_look(pixels, box) if box is not None else None
        if face is None:
            face = next(iter(track_detect.look(pixels, track_detect.CAREFUL_SIDE_PX)), None)
        box = face.box if face is not None else box
        out.append(face.landmarks if face is not None else None)
    return tuple(out)


def over_time(values: npt.ArrayLike, sigma: float) -> npt.NDArray[np.float64]:
    """Values (n, ...) smoothed along the first axis by a Gaussian of sigma frames; the ends are held."""
    rows = np.asarray(values, np.float64)
    if sigma <= 0:
        return rows
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(rows.reshape(len(rows), -1), ((reach, reach), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)
    return np.asarray(smooth.reshape(rows.shape), np.float64)


class _Errors:
    """What a program estimates anew in each of n frames is off by this much; smoothing acts on the errors as well."""

    def __init__(self, n: int, recipe: Recipe, rng: Rng) -> None:
        self.landmarks = over_time(rng.normal(0, recipe.jitter, (n, 5, 2)), recipe.smoothing)
        self.gain = over_time(rng.normal(0, recipe.colour / 128, (n, 1)), recipe.smoothing)
        self.offset = over_time(rng.normal(0, recipe.colour, (n, 3)), recipe.smoothing)
        self.field = over_time(rng.normal(0, recipe.wobble, (n, 2, 5, 5)), recipe.smoothing)
        self.field += rng.normal(0, recipe.shift, (1, 2, 5, 5)) * (recipe.content == "own")
        self.missed = rng.random(n) < recipe.missed


def to_canvas(landmarks: npt.NDArray[Any], px: int) -> npt.NDArray[np.float64]:
    """The 2x3 similarity from a frame to a canvas of px pixels."""
    return similarity(landmarks.astype(np.float32), _template(px))


def _template(px: int) -> Floats:
    return np.asarray((TEMPLATE - CANVAS[0]) / (CANVAS[1] - CANVAS[0]) * px, np.float32)


def canvas_mask(outline: str, px: int, feather: float) -> Floats:
    """The soft mask of one swap on its canvas, float32 (px, px), 0..1; it ends before the canvas does."""
    points = (np.array(OUTLINES[outline], np.float32) - CANVAS[0]) / (CANVAS[1] - CANVAS[0]) * px
    hard = np.zeros((px, px), np.uint8)
    cv2.fillPoly(hard, [np.round(points * 16).astype(np.int32)], 255, shift=4)
    sigma = max(0.5, feather / (CANVAS[1] - CANVAS[0]) * px)
    return np.asarray(cv2.GaussianBlur(hard.astype(np.float32) / 255.0, (0, 0), sigma), np.float32)


def swap(run: FaceRun, donor: FaceRun | None, recipe: Recipe, rng: Rng) -> list[Pixels]:
    """The frames with the main face swapped. donor: the clip whose face is put in when content is "other"."""
    places = [i for i, lm in enumerate(run.landmarks) if lm is not None]
    found = np.stack([lm for lm in run.landmarks if lm is not None]).astype(np.float64)
    errors = _Errors(len(places), recipe, rng)
    eyes = np.hypot(*(found[:, 1] - found[:, 0]).T)
    marks = over_time(found, recipe.smoothing) + errors.landmarks * eyes[:, None, None]
    mask = canvas_mask(recipe.outline, recipe.generator_px, recipe.feather)
    faces = _donor_faces(donor, recipe, len(places)) if donor is not None and recipe.content == "other" else None
    out = list(run.shots.frames)
    for k, i in enumerate(places):
        if errors.missed[k]:
            continue
        warp = to_canvas(marks[k], recipe.generator_px)
        own = _canvas(out[i], warp, recipe.generator_px)
        made = own if faces is None else match_colour(faces[k], own, mask)
        made = _recoloured(_wobbled(made, errors.field[k]), errors.gain[k], errors.offset[k])
        out[i] = _paste(out[i], made, mask, warp, recipe.poisson)
    return out


def _donor_faces(donor: FaceRun, recipe: Recipe, n: int) -> list[Pixels]:
    """Canvases of the other clip's face, to and fro over time, its landmarks smoothed as the program smooths."""
    seen = [(f, lm) for f, lm in zip(donor.shots.frames, donor.landmarks, strict=True) if lm is not None]
    marks = over_time(np.stack([lm for _, lm in seen]), recipe.smoothing)
    turn = np.abs((np.arange(n) + len(seen) - 1) % max(2 * len(seen) - 2, 1) - (len(seen) - 1))
    px = recipe.generator_px
    return [_canvas(seen[j][0], to_canvas(marks[j], px), px) for j in turn.tolist()]


def _canvas(frame: Pixels, warp: npt.NDArray[np.float64], px: int) -> Pixels:
    """The face on a canvas; reduced by area first where the canvas is much coarser than the frame."""
    scale = float(np.hypot(warp[0, 0], warp[1, 0]))
    if scale < 0.6:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.45 / scale), np.uint8)
    moved = cv2.warpAffine(frame, warp, (px, px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _wobbled(canvas: Pixels, field: npt.NDArray[np.float64]) -> Pixels:
    """Features moved by a smooth field, float (2, 5, 5), in units of the template."""
    px = canvas.shape[0]
    unit = px / (CANVAS[1] - CANVAS[0])
    dx, dy = (cv2.resize(f.astype(np.float32) * unit, (px, px), interpolation=cv2.INTER_CUBIC) for f in field)
    gx, gy = np.meshgrid(np.arange(px, dtype=np.float32), np.arange(px, dtype=np.float32))
    moved = cv2.remap(canvas, gx + dx, gy + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _recoloured(canvas: Pixels, gain: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> Pixels:
    mean = float(canvas.mean())
    out = (canvas.astype(np.float32) - mean) * float(1 + gain[0]) + mean + offset.astype(np.float32)
    return np.asarray(np.clip(np.round(out), 0, 255), np.uint8)


def _paste(frame: Pixels, canvas: Pixels, mask: Floats, warp: npt.NDArray[np.float64], poisson: bool) -> Pixels:
    height, width = frame.shape[:2]
    back = cv2.invertAffineTransform(warp)
    face = cv2.warpAffine(canvas, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    alpha = np.asarray(cv2.warpAffine(mask, back, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    if poisson:
        face = _cloned(frame, np.asarray(face, np.uint8), alpha)
    blended = frame + alpha[..., None] * (face.astype(np.float32) - frame)
    return np.asarray(np.round(blended), np.uint8)


def _cloned(frame: Pixels, face: Pixels, alpha: Floats) -> Pixels:
    """The face with its gradients on the frame's border values (Perez et al. 2003)."""
    hard = (alpha > 0.1).astype(np.uint8) * 255
    hard[:2] = hard[-2:] = 0
    hard[:, :2] = hard[:, -2:] = 0
    x, y, w, h = cv2.boundingRect(hard)
    if w <= 8 or h <= 8:
        return face
    # The clone writes into the mask it is given, hence the copy.
    return np.asarray(cv2.seamlessClone(face, frame, hard.copy(), (x + w // 2, y + h // 2), cv2.NORMAL_CLONE), np.uint8)


def through_encoder(shots: Shots, crf: int) -> Shots:
    """The shots after H.264 with that quality, as they are then decoded."""
    return decode(encode(shots, {"preset": "veryfast", "crf": str(crf)}), shots.fps)


def main_track(shots: Shots, landmarks: Sequence[Floats | None]) -> Track | None:
    """The face of a clip made here as a track: bursts, embeddings and positions as an examination takes them.

    landmarks: where the face was before swapping and encoding; it is found anew there. None when it is not.
    """
    schedule, embed_due = Schedule(ReadPlan()), 0.0
    schedule.start(0.0)
    keeper, vectors, times, faces = _BurstKeeper(), Embeddings(), [], []
    for i, (pixels, known) in enumerate(zip(shots.frames, landmarks, strict=True)):
        time_s = i / shots.fps
        look, burst = schedule.wants(time_s)
        keeper.turn(burst)
        due = look and time_s >= embed_due - EARLY_S
        face = track_detect.close_look(pixels, box_of(known)) if known is not None and (due or burst >= 0) else None
        if face is None:
            continue
        times.append(time_s)
        faces.append(face)
        keeper.add(time_s, pixels, face)
        if due and face.size_px >= EMBED_MIN_PX and abs(face.quality.yaw) <= EMBED_MAX_YAW:
            vectors.add(time_s, embed_face(pixels, face.landmarks))
            embed_due = time_s + EMBED_EVERY_S
    keeper.turn(-1)
    if not keeper.done:
        return None
    boxes, marks = np.array([f.box for f in faces], np.float32), np.stack([f.landmarks for f in faces])
    known_as = np.stack(vectors.vectors) if vectors.vectors else np.zeros((0, WIDTH), np.float32)
    bursts = tuple(keeper.done)
    return Track(1, 1, np.array(times), boxes, marks, (), bursts, known_as, np.array(vectors.times, np.float64))


class _BurstKeeper:
    """Collects the bursts of one face."""

    def __init__(self) -> None:
        self.done: list[Burst] = []
        self._open: OpenBurst | None = None
        self._number = -1

    def turn(self, number: int) -> None:
        """The frames that follow are of this burst; -1 for none."""
        if number != self._number and self._open is not None:
            closed = self._open.closed()
            self.done += [closed] if closed is not None else []
            self._open = None
        self._number = number

    def add(self, time_s: float, pixels: Pixels, face: Face) -> None:
        """A frame with the face; kept when it is of a burst."""
        if self._number >= 0:
            self._open = self._open or OpenBurst.around(face, pixels)
            self._open.add(time_s, pixels, face)


def box_of(landmarks: Floats) -> track_detect.Box:
    """About the box that the detector gives a face with these landmarks."""
    warp = similarity(TEMPLATE, landmarks)
    unit = float(np.hypot(warp[0, 0], warp[1, 0]))
    x, y = warp[:, :2] @ np.array([0.5, 0.62]) + warp[:, 2]
    return (x - 0.42 * unit, y - 0.55 * unit, 0.84 * unit, 1.1 * unit)
