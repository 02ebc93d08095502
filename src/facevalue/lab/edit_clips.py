"""Edited clips and innocent ones beside them, made from real clips: what calibrates the container examiner.

Every clip is first recorded anew by an encoder that is set up as a camera's (`recorder`), so that its life before the
edit is known. Innocent treatments and edits then start from the same decoded recording and end in the same encoders;
only what happens between differs. Everything is drawn from a seeded generator.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError

Pixels = npt.NDArray[np.uint8]
Rng = np.random.Generator
MAX_FRAMES = 160
MAX_WIDTH = 256
MIN_FRAMES = 72
CLOCK = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class Shots:
    """Frames uint8 (H, W, 3) with even sides, frames per second, and times in seconds (None: evenly spaced)."""

    frames: list[Pixels]
    fps: int
    times: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One clip: label 1 for an edit, 0 for an innocent treatment; its treatment's name; its bytes (MP4)."""

    label: int
    treatment: str
    data: bytes


def read_shots(path: Path, most: int = MAX_FRAMES) -> Shots:
    """The first frames of a clip at most MAX_WIDTH wide. Raises DecodeError when there are fewer than MIN_FRAMES."""
    frames: list[Pixels] = []
    try:
        with av.open(str(path)) as source:
            stream = source.streams.video[0]
            fps = round(float(stream.average_rate or 25))
            for frame in source.decode(stream):
                frames.append(_fit(frame.to_ndarray(format="rgb24")))
                if len(frames) >= most:
                    break
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise DecodeError(f"{path.name} does not decode: {type(error).__name__}") from None
    if len(frames) < MIN_FRAMES:
        raise DecodeError(f"{path.name} is too short")
    return Shots(frames, min(max(fps, 10), 60))


def _fit(pixels: Any) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1.0, MAX_WIDTH / max(width, height))
    size = (int(width * scale) // 2 * 2, int(height * scale) // 2 * 2)
    return np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode(shots: Shots, options: dict[str, str], codec: str = "libx264") -> bytes:
    """An MP4 of the shots."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        stream: Any = target.add_stream(codec, rate=shots.fps, options=options)
        stream.height, stream.width = shots.frames[0].shape[:2]
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        stream.codec_context.time_base = CLOCK
        for i, pixels in enumerate(shots.frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            seconds = shots.times[i] if shots.times is not None else i / shots.fps
            frame.pts, frame.time_base = round(seconds / CLOCK), CLOCK
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def decode(data: bytes, fps: int) -> Shots:
    """The frames of a clip made here."""
    with av.open(io.BytesIO(data), "r") as source:
        return Shots([np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in source.decode(video=0)], fps)


def recorder(rng: Rng) -> dict[str, str]:
    """An encoder set up as cameras' are: a key frame at a fixed distance, few or no B frames, a good rate."""
    gop = int(rng.choice([12, 15, 24, 30]))
    crf, b_frames = str(int(rng.integers(18, 25))), str(int(rng.choice([0, 0, 2])))
    return {"preset": "veryfast", "crf": crf, "g": str(gop), "bf": b_frames, "sc_threshold": "0"}


def exporter(rng: Rng) -> dict[str, str]:
    """An encoder set up as editors and converters set it up."""
    return {"preset": "veryfast", "crf": str(int(rng.integers(18, 27))), "g": str(int(rng.choice([50, 125, 250])))}


def messenger(shots: Shots, rng: Rng) -> bytes:
    """What a chat app makes of a clip: smaller, coarser, key frames of its own."""
    scale = float(rng.uniform(0.6, 0.9))
    height, width = shots.frames[0].shape[:2]
    size = (int(width * scale) // 2 * 2, int(height * scale) // 2 * 2)
    small = [np.asarray(cv2.resize(f, size, interpolation=cv2.INTER_AREA), np.uint8) for f in shots.frames]
    options = {"preset": "veryfast", "crf": str(int(rng.integers(25, 31))), "g": str(int(rng.choice([30, 60, 250])))}
    return encode(Shots(small, shots.fps, shots.times), options)


# -- innocent ----------------------------------------------------------------------------------------------------------


def _as_exported(shots: Shots, rng: Rng) -> bytes:
    return encode(shots, exporter(rng))


def _twice(shots: Shots, rng: Rng) -> bytes:
    return messenger(decode(messenger(shots, rng), shots.fps), rng)


def _trimmed(shots: Shots, rng: Rng) -> bytes:
    start, stop = int(rng.integers(3, 20)), len(shots.frames) - int(rng.integers(3, 20))
    return encode(Shots(shots.frames[start:stop], shots.fps), exporter(rng))


def _hevc(shots: Shots, rng: Rng) -> bytes:
    options = {"preset": "ultrafast", "crf": "26", "x265-params": "log-level=none:pools=1"}
    return encode(shots, options, "libx265")


def _variable(shots: Shots, rng: Rng) -> bytes:
    """A phone's variable rate: unsteady steps, and single frames that were never recorded."""
    steps = rng.uniform(0.75, 1.35, len(shots.frames)) / shots.fps
    times = np.cumsum(steps)
    keep = [i for i in range(len(times)) if i < 2 or rng.random() > 0.04]
    return encode(Shots([shots.frames[i] for i in keep], shots.fps, [float(times[i]) for i in keep]), recorder(rng))


def _faster(shots: Shots, rng: Rng) -> bytes:
    """24 to 30 frames a second: every fourth frame is shown twice."""
    frames = [f for i, f in enumerate(shots.frames) for f in ([f, f] if i % 4 == 3 else [f])]
    return encode(Shots(frames, 30), exporter(rng))


def _slower(shots: Shots, rng: Rng) -> bytes:
    """30 to 25 frames a second: every sixth frame is left out."""
    return encode(Shots([f for i, f in enumerate(shots.frames) if i % 6 != 5], 25), exporter(rng))


def _screen(shots: Shots, rng: Rng) -> bytes:
    """A recording of a screen: a still page, a pointer that moves now and then, a page that changes."""
    page = shots.frames[0].copy()
    frames, x, y = [], 20.0, 20.0
    for i in range(len(shots.frames)):
        if i and i % 70 == 0:
            page = shots.frames[min(i, len(shots.frames) - 1)].copy()
        if (i // 20) % 3 == 1:
            x, y = (x + 3) % (page.shape[1] - 8), (y + 2) % (page.shape[0] - 8)
        frame = page.copy()
        frame[int(y) : int(y) + 6, int(x) : int(x) + 6] = 255
        frames.append(frame)
    return encode(Shots(frames, shots.fps), exporter(rng))


# -- edits -------------------------------------------------------------------------------------------------------------


def _place(shots: Shots, length: int, rng: Rng) -> int:
    margin = len(shots.frames) // 5
    return int(rng.integers(margin, max(len(shots.frames) - margin - length, margin + 1)))


def _taken_out(shots: Shots, rng: Rng) -> Shots:
    length = int(rng.integers(8, 41))
    at = _place(shots, length, rng)
    return Shots(shots.frames[:at] + shots.frames[at + length :], shots.fps)


def _taken_out_in_time(shots: Shots, rng: Rng) -> Shots:
    length = int(rng.integers(4, 21))
    at = _place(shots, length, rng)
    keep = [i for i in range(len(shots.frames)) if not at <= i < at + length]
    return Shots([shots.frames[i] for i in keep], shots.fps, [i / shots.fps for i in keep])


def _frozen(shots: Shots, rng: Rng) -> Shots:
    length = int(rng.integers(6, 31))
    at = _place(shots, length, rng)
    frames = list(shots.frames)
    frames[at : at + length] = [frames[at]] * length
    return Shots(frames, shots.fps)


def _repeated(shots: Shots, rng: Rng) -> Shots:
    length = int(rng.integers(15, 41))
    source, at = _place(shots, length, rng), _place(shots, length, rng)
    copied = shots.frames[source : source + length]
    return Shots(shots.frames[:at] + copied + shots.frames[at:], shots.fps)


def _covered(shots: Shots, rng: Rng) -> Shots:
    """A stretch is covered with an earlier one of the same length: what surveillance footage is forged with."""
    length = int(rng.integers(15, 41))
    half = len(shots.frames) // 2
    source = int(rng.integers(2, max(half - length, 3)))
    at = int(rng.integers(half, max(len(shots.frames) - length - 2, half + 1)))
    frames = list(shots.frames)
    frames[at : at + length] = frames[source : source + length]
    return Shots(frames, shots.fps)


def _reordered(shots: Shots, rng: Rng) -> Shots:
    third = len(shots.frames) // 3
    at = third + int(rng.integers(0, third // 2))
    return Shots(shots.frames[at:] + shots.frames[:at], shots.fps)


INNOCENT: dict[str, Callable[[Shots, Rng], bytes]] = {
    "encoded again": _as_exported,
    "chat app": messenger,
    "chat app twice": _twice,
    "trimmed": _trimmed,
    "HEVC": _hevc,
    "variable rate": _variable,
    "24 to 30": _faster,
    "30 to 25": _slower,
    "screen": _screen,
}
EDITS: dict[str, Callable[[Shots, Rng], Shots]] = {
    "frames taken out": _taken_out,
    "frames taken out, time kept": _taken_out_in_time,
    "frozen": _frozen,
    "stretch repeated": _repeated,
    "stretch covered": _covered,
    "parts reordered": _reordered,
}


def make(shots: Shots, rng: Rng, treatments: Sequence[str] | None = None) -> list[Made]:
    """Every innocent treatment ("recorded" among them) and every edit of one clip; each edit also after a chat app."""
    setting = recorder(rng)
    recorded = encode(shots, setting)
    life = decode(recorded, shots.fps)
    out = [Made(0, "recorded", recorded)]
    out += [Made(0, name, treat(life, rng)) for name, treat in INNOCENT.items()]
    for name, edit in EDITS.items():
        changed = edit(life, rng)
        exported = encode(changed, exporter(rng))
        out.append(Made(1, name, exported))
        if changed.times is None:
            out.append(Made(1, f"{name}, chat app", messenger(decode(exported, shots.fps), rng)))
    return [m for m in out if treatments is None or m.treatment in treatments]
