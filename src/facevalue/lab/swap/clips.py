"""A swap in a clip: the face is followed, then exchanged frame by frame; time stamps and sound stay as they are.

The clip is read twice in the package's limited process: once to follow the face, once to draw. Both drafts, the clip
and its mask, are written into a temporary folder; what leaves it goes through lab.labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.lab.swap.likeness import Likeness
from facevalue.lab.swap.points import FacePoints
from facevalue.lab.swap.render import Rendered, render
from facevalue.lab.swap.tone import Tone
from facevalue.lab.swap.track import Follower
from facevalue.media import ClipLimits, ClipReader, ReadPlan, open_clip

Pixels = npt.NDArray[np.uint8]
LIMITS = ClipLimits(pixels=9_000_000, frames=20_000, sound_seconds=3600.0)
MOST_SECONDS = 600.0
_EVERY_FRAME = ReadPlan(look_hz=1000.0, burst_every_s=1.0, burst_frames=0, whole_up_to_s=MOST_SECONDS)
_CLOCK = Fraction(1, 90_000)
# Share of a frame's own colours in the tone that is used: the light changes slowly, noise at once.
TONE_SHARE = 0.15
_CRF = "14"
_COPIED = {"aac", "mp3", "ac3", "alac"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """frames: of the clip. changed: in how many of them the face was exchanged. notes: what the copy lacks."""

    frames: int
    changed: int
    notes: tuple[str, ...]


def draw_clip(
    likeness: Likeness, target: Exhibit, path: Path, draft: Path, mask: Path, face: int | None, progress: Progress
) -> Drawn:
    """Write the clip with the face exchanged to draft (.mp4), and the mask beside it (.mkv, FFV1, lossless).

    path: the target's file, from which the sound is copied. face: which face of the first frame that shows one, from
    the left; None for the largest. Raises UsageError when no face is found, DecodeError.
    """
    followed = _followed(target, face, progress)
    wanted = {start + i: (start, points) for start, run in followed.segments() for i, points in enumerate(run)}
    if not wanted:
        raise UsageError(f"{target.name} shows no face long enough to exchange it")
    notes: list[str] = []
    with open_clip(target, LIMITS, _EVERY_FRAME) as clip, _Writer(draft, mask, clip, path, notes) as writer:
        changed = 0
        for i, (frame, made) in enumerate(_drawn(likeness, clip, wanted)):
            writer.frame(frame.time_s, made.pixels if made else frame.pixels, made.mask if made else None)
            changed += made is not None
            progress("drawing", i + 1, len(followed.found))
        writer.finish()
    return Drawn(len(followed.found), changed, tuple(notes))


def _followed(target: Exhibit, face: int | None, progress: Progress) -> Follower:
    follower = Follower(target.name, face)
    with open_clip(target, LIMITS, _EVERY_FRAME) as clip:
        if not clip.info.has_pictures:
            raise UsageError(f"{target.name} has no picture track")
        if clip.info.duration_s > MOST_SECONDS:
            raise UsageError(f"{target.name} is longer than {MOST_SECONDS:.0f} s")
        expected = round(clip.info.duration_s * (clip.info.frame_rate or 25))
        for i, frame in enumerate(clip):
            follower.look(np.ascontiguousarray(frame.pixels))
            progress("following the face", i + 1, max(expected, i + 1))
    if not follower.found:
        raise DecodeError("no frame could be read")
    return follower


def _drawn(
    likeness: Likeness, clip: ClipReader, wanted: dict[int, tuple[int, FacePoints]]
) -> Iterator[tuple[Any, Rendered | None]]:
    tone: Tone | None = None
    segment = -1
    for i, frame in enumerate(clip):
        if i not in wanted:
            yield frame, None
            continue
        start, points = wanted[i]
        tone, segment = (tone if start == segment else None), start
        pixels = np.ascontiguousarray(frame.pixels)
        made = render(likeness.pixels, likeness.points, pixels, points, tone, TONE_SHARE)
        tone = made.tone if made is not None else tone
        yield frame, made


class _Writer:
    """Frames into the draft, masks into theirs, and the sound of the target's file as it is."""

    def __init__(self, draft: Path, mask: Path, clip: ClipReader, path: Path, notes: list[str]) -> None:
        self._rate = Fraction(clip.info.frame_rate or 25).limit_denominator(60_000)
        self._targets = (av.open(str(draft), "w", format="mp4"), av.open(str(mask), "w", format="matroska"))
        # What the limited process has read to its end is only taken apart here, not decoded.
        self._sound = av.open(str(path), metadata_errors="replace") if clip.info.audio_tracks else None
        self._path, self._notes = path, notes
        self._last = -1
        self._streams: tuple[Any, Any] | None = None
        self._copies: dict[int, Any] = {}

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for target in self._targets:
            target.close()
        if self._sound is not None:
            self._sound.close()

    def frame(self, time_s: float, pixels: Pixels, mask: npt.NDArray[np.float32] | None) -> None:
        height, width = (side - side % 2 for side in pixels.shape[:2])
        if self._streams is None:
            self._streams = self._opened(width, height)
        size = self._streams[0].width, self._streams[0].height
        if (width, height) != size:
            raise UsageError("the clip's frames change their size: such clips are not drawn on")
        shown = np.zeros((height, width), np.uint8) if mask is None else np.round(mask * 255).astype(np.uint8)
        self._last = max(self._last + 1, round(time_s / _CLOCK))
        values = (np.ascontiguousarray(pixels[:height, :width]), np.ascontiguousarray(shown[:height, :width]))
        for target, stream, plane, form in zip(self._targets, self._streams, values, ("rgb24", "gray"), strict=True):
            frame = av.VideoFrame.from_ndarray(plane, format=form)
            frame.pts, frame.time_base = self._last, _CLOCK
            target.mux(stream.encode(frame))

    def _opened(self, width: int, height: int) -> tuple[Any, Any]:
        picture: Any = self._targets[0].add_stream("libx264", rate=self._rate, options={"crf": _CRF, "preset": "fast"})
        mask: Any = self._targets[1].add_stream("ffv1", rate=self._rate)
        for stream, form in ((picture, "yuv420p"), (mask, "gray")):
            stream.width, stream.height, stream.pix_fmt = width, height, form
            stream.codec_context.time_base = _CLOCK
        for track in self._sound.streams.audio if self._sound is not None else ():
            if track.codec_context.name in _COPIED:
                self._copies[track.index] = self._targets[0].add_stream_from_template(track)
            else:
                self._notes.append(
                    f"a sound track stored as {track.codec_context.name} was left out: MP4 has none such"
                )
        return picture, mask

    def finish(self) -> None:
        """The last frames, and the sound."""
        if self._streams is None:
            raise DecodeError("no frame could be read")
        for target, stream in zip(self._targets, self._streams, strict=True):
            target.mux(stream.encode(None))
        if self._sound is not None and self._copies:
            for packet in self._sound.demux([s for s in self._sound.streams.audio if s.index in self._copies]):
                if packet.dts is not None:
                    packet.stream = self._copies[packet.stream.index]
                    self._targets[0].mux(packet)
