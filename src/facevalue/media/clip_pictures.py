"""Reading the picture track: a row for every decoded frame, pixels for those that are wanted. Runs in the worker."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from facevalue.media.clip import KIND_B, KIND_I, KIND_P, KIND_UNKNOWN, Pixels
from facevalue.media.clip_clock import Clock
from facevalue.media.clip_colour import Painter, Shape, shape_of
from facevalue.media.clip_open import Opened, Refused, frame_rate
from facevalue.media.clip_packets import Track
from facevalue.media.clip_plan import ClipLimits, ReadPlan, Schedule, runs_of
from facevalue.media.clip_stretches import Stretches, plan_stretches
from facevalue.sandbox.limits import room_bytes

THREADS = 2
_KINDS = {1: KIND_I, 2: KIND_P, 3: KIND_B}  # AVPictureType
_TOLERANCE_S = 0.5
_FIRST_PICTURES = 8
# PyAV ties a frame and its side data into a ring, which only the collector undoes.
_COLLECT_EVERY = 8


class Sink(Protocol):
    """Where decoded pictures go."""

    def first(self, shape: Shape, pixel_format: str, stretches: Stretches) -> None:
        """Called once, before all else."""

    def row(self, row: tuple[Any, ...]) -> None:
        """One row of the frame table, in the order of clip_wire.ROW."""

    def frame(
        self, index: int, time_s: float, pixels: Pixels, look: bool, burst: int, segment: int, run: int = -1
    ) -> None:
        """One wanted frame."""

    def progress(self, share: float) -> None:
        """The share of the stretches that is done, 0..1."""


@dataclass
class PicturesRead:
    """How it ended. frames: decoded. end_s: end of the last frame. truncated: the track ends before it should."""

    frames: int = 0
    end_s: float = 0.0
    truncated: bool = False
    decoded_fraction: float = 1.0
    notes: list[str] = field(default_factory=list)


class PictureReader:
    """Reads one picture track once."""

    def __init__(self, opened: Opened, plan: ReadPlan, limits: ClipLimits, sink: Sink) -> None:
        self.opened, self.plan, self.limits, self.sink = opened, plan, limits, sink
        self.track = Track(opened, opened.pictures)
        self.done = PicturesRead()
        self._schedule = Schedule(plan)
        self._clock = Clock(1 / (frame_rate(opened.pictures) or 25.0))
        self._painter: Painter | None = None
        self._resized = self._corrupt = 0
        self._prepare()

    def _prepare(self) -> None:
        context = self.opened.pictures.codec_context
        context.thread_count, context.thread_type = THREADS, "AUTO"
        context.options = {"export_side_data": "venc_params", "max_pixels": str(self.limits.pixels)}

    def run(self) -> PicturesRead:
        """Read it all. Raises Refused when no frame decodes; MemoryError."""
        stretches = plan_stretches(self.opened, self.track, self.plan)
        self.done.notes += stretches.notes
        if self.opened.sound is not None and self.plan.sound:
            spans = ((0.0, stretches.duration_s),) if stretches.whole else stretches.spans
            self._schedule = Schedule(self.plan, runs_of(spans, self.plan))
        reached = 0
        try:
            for number, _ in enumerate(stretches.spans):
                reached += self._read_stretch(number, stretches)
                if self.done.frames >= self.limits.frames:
                    self.done.notes.append(f"only the first {self.limits.frames:,} frames were examined")
                    break
        except MemoryError:
            if not self.done.frames:
                raise
            self.done.notes.append("decoding the pictures was stopped: it needs more memory than the limit allows")
            self.done.truncated = True
        if not self.done.frames:
            context = self.opened.pictures.codec_context
            # Some decoders call it damage when they get no memory for their first pictures.
            if self.track.lost and room_bytes() < _FIRST_PICTURES * 1.5 * context.width * context.height:
                raise MemoryError
            raise Refused(self._why_nothing())
        self._conclude(stretches, reached)
        return self.done

    def _read_stretch(self, number: int, stretches: Stretches) -> bool:
        """Decode one stretch; whether it was reached to its end."""
        start, stop = stretches.spans[number]
        if not stretches.whole and not self.track.seek(start):
            return False
        before = self._clock.last
        begun = False
        for frame in self._frames(stretches.whole):
            raw = self.track.time_of(frame)
            # After a jump a decoder may hand out frames of the last stretch, or from before its key frame.
            if not stretches.whole and (raw is None or raw < start - 1e-3 or (before is not None and raw <= before)):
                continue
            if raw is not None and raw >= stop:
                if stretches.whole:
                    self.done.notes.append(
                        "the clip goes on after the end that its header declares; that was not examined"
                    )
                return True
            time_s = self._clock.place(raw)
            if not begun:
                self._schedule.start(time_s)
                begun = True
            self._take(frame, time_s, number, stretches)
            if self.done.frames >= self.limits.frames:
                return True
        return stretches.whole

    def _frames(self, whole: bool) -> Iterator[Any]:
        if not whole:
            self.opened.pictures.codec_context.flush_buffers()
        return self.track.frames()

    def _take(self, frame: Any, time_s: float, segment: int, stretches: Stretches) -> None:
        if self._painter is None:
            shape = shape_of(frame, self.opened.pictures.sample_aspect_ratio)
            self._painter = Painter(shape)
            self.sink.first(shape, frame.format.name, stretches)
        painter, done = self._painter, self.done
        self._resized += (frame.width, frame.height) != painter.shape.stored
        self._corrupt += frame.is_corrupt
        kind = _KINDS.get(int(frame.pict_type), KIND_UNKNOWN)
        thumb = painter.thumb(frame)
        self.sink.row((time_s, self.track.size_of(frame), mean_qp(frame), segment, kind, int(frame.key_frame), thumb))
        look, burst = self._schedule.wants(time_s)
        run = self._schedule.run(time_s)
        if look or burst >= 0:
            index = done.frames if stretches.whole else -1
            self.sink.frame(index, time_s, painter.paint(frame), look, burst, segment, run)
        elif run >= 0:
            index = done.frames if stretches.whole else -1
            self.sink.frame(index, time_s, painter.luma(frame), look, burst, segment, run)
        done.frames += 1
        if done.frames % _COLLECT_EVERY == 0:
            gc.collect()
        seconds = self.track.length(frame)
        done.end_s = time_s + (seconds if 0 < seconds < 60 else self._clock.interval_s)
        self.sink.progress(_share(time_s, segment, stretches))

    def _why_nothing(self) -> str:
        if self.track.lost:
            return f"none of the {self.track.total} packets of the picture track decodes"
        return "the picture track is empty"

    def _conclude(self, stretches: Stretches, reached: int) -> None:
        done, notes = self.done, self.done.notes
        if stretches.whole:
            expected = stretches.duration_s
            if done.end_s < expected - max(_TOLERANCE_S, 0.03 * expected):
                done.decoded_fraction = done.end_s / expected
        elif reached < len(stretches.spans) - 1:  # the last one may end with the clip
            done.decoded_fraction = max(reached, 0.5) / len(stretches.spans)
        done.truncated = done.truncated or self.track.broken
        notes += self.track.loss_note("picture") + self._clock.notes()
        if self._resized:
            notes.append(f"{self._resized} frames have another size than the first and were scaled to it")
        if self._corrupt:
            notes.append(f"{self._corrupt} frames are damaged; the decoder filled in what is missing")


def _share(time_s: float, segment: int, stretches: Stretches) -> float:
    if stretches.whole:
        return min(time_s / stretches.duration_s, 1.0) if stretches.duration_s else 0.0
    start, stop = stretches.spans[segment]
    return min((segment + (time_s - start) / max(stop - start, 1e-6)) / len(stretches.spans), 1.0)


def mean_qp(frame: Any) -> float:
    """Mean quantiser over the frame's blocks where the decoder exports them (H.264, MPEG-2/4, VP9), else NaN."""
    params = frame.side_data.get("VIDEO_ENC_PARAMS")
    if params is None:
        return float("nan")
    base, count = float(params.qp), int(params.nb_blocks)
    if not count:
        return base
    offset, step = int(params.blocks_offset), int(params.block_size)
    raw = np.frombuffer(params, np.uint8)
    if step % 4 or offset % 4 or step < 20 or offset + count * step > len(raw):
        return base
    # AVVideoBlockParams: src_x, src_y, w, h, delta_qp, all int32.
    deltas = raw[offset : offset + count * step].view(np.int32).reshape(count, step // 4)[:, 4]
    return base + float(deltas.mean())
