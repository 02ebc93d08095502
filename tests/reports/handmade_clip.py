"""Clips and recordings built by hand, for tests of whatever renders them: no file is decoded and no model runs.

The faces are crops of the astronaut that scikit-image ships; the sound is a buzz with gliding formants.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import handmade
import numpy as np
import numpy.typing as npt

from facevalue.examine import Examination
from facevalue.exhibit import Exhibit
from facevalue.faces import Face, FaceQuality
from facevalue.faces.track import Track, TrackView
from facevalue.finding import Finding, Question, Region, Status, Verdict
from facevalue.footage import Footage
from facevalue.media.clip import SAMPLE_RATE_HZ, THUMB_PX, ClipInfo, Frame, FrameTable, Sound

Pixels = npt.NDArray[np.uint8]
WIDTH, HEIGHT, RATE = 640, 360, 25.0
FACE_BOX = (64.0, 120.0, 110.0, 140.0)


@functools.cache
def _astronaut() -> Pixels:
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


def frame(seconds: float) -> Pixels:
    """A frame, uint8 (HEIGHT, WIDTH, 3): the astronaut, drifting and growing brighter."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    shift = int(40 * np.sin(seconds)) + 60
    picture[:, shift : shift + 512] = _astronaut()[:HEIGHT]
    return np.clip(picture * (0.8 + 0.2 * np.cos(seconds / 3)), 0, 255).astype(np.uint8)


def face(x: float, y: float, side: float, sharpness: float = 2.4) -> Face:
    quality = FaceQuality(side, sharpness, -6.0, 2.0, 0.5, 0.2, 0.0)
    return Face((x, y, side, side), np.zeros((5, 2), np.float32), 0.93, quality)


def view(seconds: float, number: int = 1) -> TrackView:
    """One look: a crop of the astronaut's face, mirrored for odd persons of even number."""
    half, (x, y) = 72, (224, 118)
    wobble = int(6 * np.sin(5 * seconds + number))
    crop = _astronaut()[y - half + wobble : y + half + wobble, x - half : x + half]
    crop = np.ascontiguousarray(crop[:, ::-1] if number % 2 == 0 else crop)
    origin = (150.0 if number == 1 else 380.0, 30.0)
    seen = face(origin[0] + 32, origin[1] + 28, 80)
    return TrackView(round(seconds * RATE), seconds, seen, crop, origin, 1.0, face(32, 28, 80))


def track(number: int, start: float, end: float, person: int = 0, looks: int = 24) -> Track:
    """A track over a stretch of time; person: its own number when 0."""
    times = np.arange(start, end + 1e-9, 0.2)
    x = 182.0 if number == 1 else 412.0
    boxes = np.tile(np.array([x, 58, 80, 80], np.float32), (len(times), 1))
    views = tuple(view(t, number) for t in np.linspace(start, end, looks)) if looks else ()
    empty = np.empty((0, 128), np.float32)
    marks = np.zeros((len(times), 5, 2), np.float32)
    return Track(number, person or number, times, boxes, marks, views, (), empty, np.empty(0))


def sound(seconds: float, start_s: float = 0.0, seed: int = 0) -> Sound:
    """Made speech: bursts of a buzz with moving formants, and a little noise between them."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * SAMPLE_RATE_HZ), dtype=np.float32) / SAMPLE_RATE_HZ
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.4 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    voice = np.zeros_like(t)
    for k in range(1, 40):
        formants = (700 + 300 * np.sin(1.7 * t), 1700 + 500 * np.sin(1.1 * t + 1), 2900 + 200 * np.sin(t))
        gain = sum(np.exp(-(((k * pitch - f) / 220) ** 2)) for f in formants) + 0.02
        voice += gain * np.sin(k * phase) / k**0.3
    talking = (np.sin(2 * np.pi * 0.9 * t) > -0.4) * (np.sin(2 * np.pi * 3.1 * t) > -0.8)
    samples = 3000 * voice * talking + rng.normal(0, 25, len(t))
    return Sound(np.clip(samples, -32768, 32767).astype(np.int16), start_s, 44_100, 2, "aac", 128_000)


def info(duration_s: float, *, pictures: bool = True, whole: bool = True, **changes: Any) -> ClipInfo:
    facts: dict[str, Any] = {
        "container": "mov,mp4,m4a,3gp,3g2,mj2" if pictures else "ogg",
        "width": WIDTH if pictures else 0,
        "height": HEIGHT if pictures else 0,
        "duration_s": duration_s,
        "frame_rate": RATE if pictures else 0.0,
        "codec": "h264" if pictures else "",
        "pixel_format": "yuv420p" if pictures else "",
        "rotation": 0,
        "picture_tracks": int(pictures),
        "audio_tracks": 1,
        "whole": whole,
        "segments": ((0.0, duration_s),),
    }
    return ClipInfo(**(facts | changes))


def table(duration_s: float) -> FrameTable:
    n = max(1, int(duration_s * RATE))
    times = np.arange(n) / RATE
    return FrameTable(
        times,
        np.full(n, 4000, np.int64),
        np.zeros(n, np.uint8),
        np.arange(n) % 50 == 0,
        np.full(n, 27, np.float32),
        np.zeros((n, THUMB_PX, THUMB_PX), np.uint8),
        np.zeros(n, np.int32),
    )


def footage(duration_s: float = 12.0, **changes: Any) -> Footage:
    parts: dict[str, Any] = {
        "info": info(duration_s),
        "table": table(min(duration_s, 600.0)),
        "stills": tuple(Frame(round(t * RATE), t, frame(t)) for t in np.linspace(0.3, duration_s - 0.4, 8)),
        "tracks": (track(1, 0.2, duration_s - 0.5), track(2, 4.1, 9.0, looks=12)),
        "cuts": np.array([4.04, 9.04]),
        "sound": sound(min(duration_s, 60.0)),
        "looks": 60,
    }
    return Footage(**(parts | changes))


def growth(start: float, end: float, level: float, points: int = 60) -> list[list[float]]:
    """A curve that grows towards a level and holds it, with a dip."""
    t = np.linspace(start, end, points)
    share = (t - start) / max(end - start, 1e-9)
    values = level * (1 - np.exp(-5 * share)) - 0.5 * np.exp(-(((share - 0.6) / 0.05) ** 2))
    return [[round(float(a), 3), round(float(b), 3)] for a, b in zip(t, values, strict=True)]


def curve(number: int | None, points: list[Any], log10_lr: float | None, label: str = "") -> Region:
    """The region that speaks for a whole track: points is how its evidence grows, around which moments scatter."""
    ends = (float(points[0][0]), float(points[-1][0]))
    moments = [[t, value + 0.6 * np.sin(9 * t)] for t, value in points[::3]]
    details: dict[str, Any] = {"curve": moments, "growth": points, "log10_lr": log10_lr}
    if number is not None:
        details["track"] = number
    return Region("span", label or (f"track {number}" if number else "voice"), None, span=ends, details=details)


def mask(seconds: float, number: int | None, box: tuple[float, ...] | None = None) -> Region:
    details: dict[str, Any] = {"time_s": seconds}
    if number is not None:
        details["track"] = number
    return Region("mask", "face", 0.8, box or (182.0, 58.0, 80.0, 80.0), handmade.blob(), details=details)


def findings(watched: Footage) -> tuple[Finding, ...]:
    """A swapped face in track 1, a bona fide one in track 2, a synthetic sentence, a cut."""
    first = watched.tracks[0] if watched.tracks else track(1, 0.2, 11.5)
    masks = tuple(mask(v.time_s, 1) for v in first.views[::3])
    swapped = (
        curve(1, growth(*first.span, 2.6), 2.4),
        curve(2, growth(4.1, 9.0, -1.5), -1.4),
        *masks,
    )
    sentence = Region("span", "spoken part 2", 0.94, span=(5.2, 7.9), details={"log10_lr": 1.7})
    other = Region("span", "spoken part 1", 0.12, span=(0.4, 4.3), details={"log10_lr": -0.9})
    repeated = Region("span", "repeated frames", 0.7, span=(9.0, 9.4), details={"frames": 10})
    gap = Region("span", "gap in the time stamps", None, span=(4.0, 4.2))
    voice = curve(None, growth(0.4, 11.2, 1.8), 1.6)
    say = "Track 1 shows a blending boundary along the jaw in most of its looks."
    return (
        Finding("face_blend", Question.FACE_SWAPPED, Status.FOUND, say, 0.93, 2.4, swapped, "face_blend"),
        Finding("temporal", Question.FACE_SWAPPED, Status.FOUND, "Identity drifts within track 1.", 0.7, 0.8,
                (curve(1, growth(*first.span, 0.9), 0.8),), "temporal"),
        Finding("voice", Question.VOICE_SYNTHETIC, Status.FOUND, "One sentence sounds synthetic.", 0.94, 1.6,
                (voice, other, sentence), "voice"),
        Finding("container", Question.EDITED, Status.FOUND, "Frames are repeated at 0:09.", 0.7, None,
                (gap, repeated), "container"),
    )  # fmt: skip


def exhibit(name: str, media_type: str) -> Exhibit:
    data = name.encode("utf-8", "backslashreplace")
    return Exhibit(name, data, hashlib.sha256(data).hexdigest(), media_type)


def examination(watched: Footage | None, **changes: Any) -> Examination:
    """An examination with footage."""
    parts: dict[str, Any] = {
        "exhibit": exhibit("interview.mp4", "video/mp4"),
        "findings": (),
        "opinion": handmade.opinion(Verdict.NO_SIGNS),
        "not_examined": (),
        "weights": {"face_blend.onnx": handmade.DIGEST},
        "timings_s": {"decode": 1.1, "faces": 2.4},
        "footage": watched,
    }
    return Examination(**(parts | changes))


def suspect(**changes: Any) -> Examination:
    """A clip of 12 s in which one of two persons looks swapped and one sentence sounds synthetic."""
    watched = changes.pop("footage", None) or footage()
    weighed = handmade.opinion(
        Verdict.SUSPECT,
        handmade.question("face_swapped", 2.4, "moderately_strong", "Rests on face_blend and temporal, track 1."),
        handmade.question("voice_synthetic", 1.6, "moderate", "Rests on voice; 0:05 to 0:08."),
        handmade.question("edited", None, "none", "container: frames are repeated at 0:09.", "examined"),
        handmade.question("lips_mismatched", None, "none", "lips: the mouth is too small.", "unexamined"),
        reasons=("The evidence is 250 times more likely if a face of track 1 (person 1) was swapped.",),
        short_side=360,
    )
    return examination(watched, **({"findings": findings(watched), "opinion": weighed} | changes))


def call(duration_s: float = 20.0, **changes: Any) -> Examination:
    """A recording without pictures, with one synthetic sentence."""
    heard = footage(
        duration_s, info=info(duration_s, pictures=False), table=None, stills=(), tracks=(), cuts=np.empty(0), looks=0,
        sound=sound(duration_s),
    )  # fmt: skip
    spoken = tuple(f for f in findings(footage()) if f.question is Question.VOICE_SYNTHETIC)
    weighed = handmade.opinion(
        Verdict.SUSPECT, handmade.question("voice_synthetic", 1.6, "moderate", "Rests on voice.")
    )
    parts = {"exhibit": exhibit("call.ogg", "audio/ogg"), "findings": spoken, "opinion": weighed}
    return examination(heard, **(parts | changes))
