"""Marking clips: every frame's luma is marked and encoded anew as H.264; time stamps and sound stay as they are.

The luma plane is marked as it is stored, so that nothing is converted. A rotation is applied to the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.marking.marked import MarkedFile
from facevalue.watermark import PICTURE_ALGORITHM, Payload, picture, video

# Sniffed type -> container to write.
CLIPS = {"video/mp4": "mp4", "video/quicktime": "mov", "video/x-matroska": "matroska"}
_CODEC, _CRF, _PRESET = "libx264", "16", "medium"
_PLAIN = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12"}

Plane = npt.NDArray[np.uint8]
Change = Callable[[list[Plane]], list[Plane]]


def mark_clip(exhibit: Exhibit, out: Path, payload: Payload) -> MarkedFile:
    """Write a marked copy. Raises UsageError for clips of more than 8 bits, or without a picture track."""
    notes = ["the picture was encoded anew as H.264; the sound was copied as it is"]
    marker = FrameMarker(payload)
    frames = rewrite_clip(
        exhibit, out, CLIPS[exhibit.media_type], lambda planes: [marker(planes[0]), *planes[1:]], notes
    )
    return MarkedFile(out, exhibit.media_type, PICTURE_ALGORITHM, payload, marker.psnr_db, frames, tuple(notes))


def rewrite_clip(
    exhibit: Exhibit,
    out: Path,
    container: str,
    change: Change,
    notes: list[str],
    texts: Mapping[str, str] | None = None,
) -> int:
    """Write a copy with every frame changed, encoded anew as H.264, and the sound as it is; returns how many frames.

    change: from a frame's planes as they are stored, upright, luma first, uint8 (h, w) each, to planes of the same
    sizes. notes: sentences on what the copy lacks are added. texts: text fields of the container, beside the source's
    own. Raises UsageError for clips of more than 8 bits, or without a picture track.
    """
    with exhibit.open_binary() as stream, av.open(stream, "r", metadata_errors="replace") as source:
        if not source.streams.video:
            raise UsageError("the file has no picture track; its sound alone is not marked in this container")
        with av.open(str(out), "w", format=container) as target:
            work = _Clip(source, target, change, notes)
            target.metadata.update(texts or {})
            work.run()
    if not work.frames:
        raise UsageError("no frame of the clip could be decoded")
    return work.frames


class FrameMarker:
    """Hides one payload in the luma of a clip's frames, in order: `marker(luma)`, uint8 (h, w), gives the marked one.

    Raises UsageError for frames too small to hold a mark.
    """

    def __init__(self, payload: Payload) -> None:
        self._embed = video.Embedder(payload)
        self._error, self._values = 0.0, 0

    def __call__(self, luma: Plane) -> Plane:
        """The luma with the mark in it."""
        if min(luma.shape) < picture.MIN_MARK_PX:
            raise UsageError(f"a clip needs {picture.MIN_MARK_PX} pixels on its shorter side to be marked")
        marked = self._embed(np.repeat(luma[:, :, None], 3, axis=2))[:, :, 0]
        self._error += float(((marked.astype(np.float32) - luma) ** 2).sum(dtype=np.float64))
        self._values += luma.size
        return marked

    @property
    def psnr_db(self) -> float:
        """Of the luma over all frames, before compression."""
        return float(10 * np.log10(255.0**2 * self._values / self._error)) if self._error else 99.0


class _Clip:
    """One clip on its way from container to container."""

    def __init__(self, source: Any, target: Any, change: Change, notes: list[str]) -> None:
        self._source, self._target = source, target
        self._pictures = source.streams.video[0]
        self._change = change
        self._encoder: Any = None
        self.frames = 0
        target.metadata.update({str(k): str(v) for k, v in source.metadata.items()})
        self._copied = {s.index: target.add_stream_from_template(s) for s in source.streams.audio}
        left = len(source.streams) - 1 - len(self._copied)
        if left:
            notes.append(f"{left} further track(s), neither sound nor the first picture track, were left out")
        self._notes = notes

    def run(self) -> None:
        """Every packet once, in the file's order. Sound waits until the encoder stands, which opens the container."""
        waiting: list[Any] = []
        for packet in self._source.demux([self._pictures, *self._source.streams.audio]):
            if packet.stream.index in self._copied:
                if packet.dts is not None:
                    waiting.append(packet)
            else:
                for frame in packet.decode():
                    self._picture(frame)
            if self._encoder is not None:
                self._pass(waiting)
        if self._encoder is not None:
            self._target.mux(self._encoder.encode(None))
            self._pass(waiting)

    def _pass(self, waiting: list[Any]) -> None:
        for packet in waiting:
            packet.stream = self._copied[packet.stream.index]
            self._target.mux(packet)
        waiting.clear()

    def _picture(self, frame: Any) -> None:
        turns = _quarter_turns(frame)
        planes = self._change(list(_planes(frame, turns)))
        self.frames += 1
        made = _frame(planes, _written_format(frame, turns))
        made.pts, made.time_base = frame.pts, frame.time_base
        for name in ("color_range", "colorspace"):
            setattr(made, name, getattr(frame, name))
        if self._encoder is None:
            self._encoder = self._opened(made, turns)
        self._target.mux(self._encoder.encode(made))

    def _opened(self, frame: Any, turns: int) -> Any:
        if turns:
            self._notes.append(f"the rotation of {turns * 90} degrees was applied to the frames")
        like = self._pictures.codec_context
        stream = self._target.add_stream(_CODEC, rate=self._pictures.average_rate or 25)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
        stream.options = {"crf": _CRF, "preset": _PRESET}
        stream.time_base = stream.codec_context.time_base = self._pictures.time_base
        for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(stream.codec_context, name, getattr(like, name))
        aspect = like.sample_aspect_ratio
        if aspect:
            stream.codec_context.sample_aspect_ratio = 1 / aspect if turns % 2 else aspect
        return stream


def _quarter_turns(frame: Any) -> int:
    """Quarter turns anticlockwise by which a player shows the frame; whole quarters only."""
    degrees = round(float(getattr(frame, "rotation", 0) or 0))
    return degrees // 90 % 4 if degrees % 90 == 0 else 0


def _written_format(frame: Any, turns: int) -> str:
    name = _named(frame)
    return {"yuv422p": "yuv444p"}.get(name, name) if turns % 2 else name


def _named(frame: Any) -> str:
    name = str(frame.format.name)
    if name not in _PLAIN:
        raise UsageError(f"clips stored as {name} are not marked: convert to 8-bit YUV first")
    return {"nv12": "yuv420p"}.get(name, name).replace("yuvj", "yuv")


def _planes(frame: Any, turns: int) -> Iterator[Plane]:
    """Luma and chroma as stored, turned upright."""
    name = _written_format(frame, turns)
    if name != str(frame.format.name).replace("yuvj", "yuv"):
        frame = frame.reformat(format=name)
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        yield np.ascontiguousarray(np.rot90(rows, turns))


def _frame(planes: list[Plane], form: str) -> Any:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, form)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())
    return frame
