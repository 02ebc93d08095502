"""The re-encodings of clips that robustness is measured under: H.264 and HEVC at several qualities, a chat app's copy.

One thread and fixed presets: the same clip and step give the same bytes with one build of the encoders. Metadata is
dropped, as sites do. Sound goes along as AAC.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from facevalue.errors import DecodeError

# Longer clips are cut: a trip measures robustness, not patience.
MAX_SECONDS = 60.0
MAX_FRAMES = 10_000
# FFmpeg repeats these for ever, and no site re-encodes them as clips.
ANIMATIONS = {".webp", ".gif", ".avif"}


@dataclass(frozen=True, slots=True)
class ClipStep:
    """codec: of the pictures. crf: its constant rate factor. short_side: pixels at most, 0 keeps the size.

    sound_bits: of the AAC track, bits per second.
    """

    codec: str
    crf: int
    short_side: int = 0
    sound_bits: int = 96_000


CLIP_STEPS: dict[str, ClipStep] = {
    "h264_crf23": ClipStep("libx264", 23),
    "h264_crf32": ClipStep("libx264", 32),
    "h264_crf40": ClipStep("libx264", 40),
    "hevc_crf30": ClipStep("libx265", 30),
    "chat": ClipStep("libx264", 30, 480, 48_000),
}
_OPTIONS = {
    "libx264": {"preset": "veryfast", "threads": "1"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1"},
}


def relaunder_clip(path: Path, step: str) -> tuple[str, bytes]:
    """A clip after one of CLIP_STEPS, as MP4: (file name, bytes). Raises DecodeError when it cannot be read."""
    if path.suffix.lower() in ANIMATIONS:
        raise DecodeError(f"{path.name} is an animation, which no step re-encodes")
    out = io.BytesIO()
    try:
        with av.open(str(path)) as source, av.open(out, "w", format="mp4") as target:
            if not source.streams.video:
                raise DecodeError(f"{path.name} has no picture track")
            _transcode(source, target, CLIP_STEPS[step])
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError(f"{path.name} cannot be re-encoded: {error}") from None
    return f"{path.stem}.mp4", out.getvalue()


def _transcode(source: Any, target: Any, step: ClipStep) -> None:
    pictures = source.streams.video[0]
    width, height = _size(pictures.width, pictures.height, step.short_side)
    rate = Fraction(pictures.average_rate or 25).limit_denominator(60_000)
    video = target.add_stream(step.codec, rate=rate, options={**_OPTIONS[step.codec], "crf": str(step.crf)})
    video.width, video.height, video.pix_fmt = width, height, "yuv420p"
    sound = source.streams.audio[0] if source.streams.audio else None
    audio = target.add_stream("aac", rate=48_000, layout="mono") if sound else None
    if audio is not None:
        audio.bit_rate = step.sound_bits
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
    for frame in _until(source.decode(*[s for s in (pictures, sound) if s is not None])):
        if isinstance(frame, av.VideoFrame):
            target.mux(video.encode(frame.reformat(width=width, height=height, format="yuv420p")))
        else:
            for part in resampler.resample(frame):
                target.mux(audio.encode(part))  # type: ignore[union-attr]
    target.mux(video.encode(None))
    if audio is not None:
        target.mux(audio.encode(None))


def _until(frames: Iterator[Any]) -> Iterator[Any]:
    # Counted as well as timed: some demuxers repeat a looped file for ever, or give no times.
    for frame in islice(frames, MAX_FRAMES):
        if frame.time is not None and frame.time > MAX_SECONDS:
            return
        if isinstance(frame, av.VideoFrame):
            frame.pict_type = av.video.frame.PictureType.NONE  # the encoder chooses
        yield frame


def _size(width: int, height: int, short_side: int) -> tuple[int, int]:
    scale = min(1.0, short_side / min(width, height)) if short_side else 1.0
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
