"""The process that decodes one clip: `python -m facevalue.media.clip_worker`. One request on stdin, answers on stdout.

It limits itself (facevalue.sandbox) before it looks at the file, which it has as an inherited, read-only descriptor. A
second thread writes the answers, so that decoding goes on while the reader is busy; what waits to be written is
bounded, and decoding stops until the reader catches up. See clip_wire for what is said, clip_reader for the other end.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import warnings
from typing import Any

import numpy as np

from facevalue.media.clip import Pixels
from facevalue.media.clip_colour import Shape
from facevalue.media.clip_complete import completeness, kept_share
from facevalue.media.clip_facts import read_clip_facts
from facevalue.media.clip_flipbook import TYPES as ANIMATED
from facevalue.media.clip_flipbook import Flipbook, open_flipbook, read_flipbook
from facevalue.media.clip_open import Opened, Refused, codec_name, frame_rate, open_clip_file
from facevalue.media.clip_outbox import Outbox
from facevalue.media.clip_packets import Track
from facevalue.media.clip_pictures import THREADS, PictureReader, PicturesRead
from facevalue.media.clip_plan import ClipLimits, ReadPlan
from facevalue.media.clip_sound import SoundRead, SoundReader, sound_facts
from facevalue.media.clip_stretches import Stretches, scanned_end
from facevalue.media.clip_wire import MAX_SAMPLE_BYTES, ROW
from facevalue.sandbox.frames import (
    EXIT_NO_MEMORY,
    MAX_HEADER_BYTES,
    memory_sentence,
    pack,
    read_frame,
    take_over_stdio,
)
from facevalue.sandbox.limits import limit_for_good, limit_memory, limit_seconds

_ROWS_AT_ONCE = 64
_BEAT_S = 0.25
# One second of sound costs about this much of what a second of pictures may cost.
_SOUND_SHARE = 0.05
# After decoding was stopped for want of memory, facts may still take this much.
_ANSWER_BYTES = 256 << 20


class _Pictures:
    """The sink that sends pictures to the reader (see clip_pictures.Sink)."""

    def __init__(self, job: Job) -> None:
        self.job, self.sent_info = job, False
        self._rows: list[tuple[Any, ...]] = []
        self._beat = 0.0

    def first(self, shape: Shape, pixel_format: str, stretches: Stretches) -> None:
        self.sent_info = True
        self.job.send_info(shape, pixel_format, stretches)

    def row(self, row: tuple[Any, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.flush()

    def frame(
        self, index: int, time_s: float, pixels: Pixels, look: bool, burst: int, segment: int, run: int = -1
    ) -> None:
        self.flush()
        height, width = pixels.shape[:2]
        header = {"kind": "frame", "index": index, "time_s": time_s, "width": width, "height": height}
        header |= {"look": look, "burst": burst, "segment": segment, "run": run}
        self.job.outbox.put(header, np.ascontiguousarray(pixels).data.cast("B"))

    def progress(self, share: float) -> None:
        now = time.monotonic()
        if now - self._beat > _BEAT_S:
            self._beat = now
            self.job.outbox.put({"kind": "beat", "share": round(share, 4)})

    def flush(self) -> None:
        """Send the rows that have gathered."""
        if self._rows:
            rows, self._rows = np.array(self._rows, ROW), []
            self.job.outbox.put({"kind": "rows", "rows": len(rows)}, memoryview(rows.tobytes()))


class Job:
    """One request, from opening the file to the last answer."""

    def __init__(self, request: dict[str, Any], outbox: Outbox) -> None:
        self.op, self.fd, self.media_type = str(request["op"]), int(request["fd"]), str(request["media_type"])
        self.limits, self.plan = ClipLimits(**request["limits"]), ReadPlan(**request["plan"])
        self.outbox = outbox
        self.opened: Opened | None = None
        self.book: Flipbook | None = None
        self.pictures: PicturesRead | None = None
        self.sound: SoundRead | None = None
        self.notes: list[str] = []
        self.started = time.monotonic()
        self._stirred = False

    def run(self) -> None:
        """Answer in full; a refusal is an answer too."""
        try:
            if self.op != "facts":
                self._decode()
        except Refused as refusal:
            self._refuse(str(refusal), refusal.limit)
            return
        except MemoryError:
            self._refuse(memory_sentence(self.limits.memory_bytes), True)
            return
        except Exception as error:  # what PyAV or Pillow make of a hostile file is not known in advance
            self._refuse(f"reading the file failed ({type(error).__name__})", False)
            return
        self._send_facts()
        self._send_end()

    def _decode(self) -> None:
        if self.media_type in ANIMATED:
            self.book = open_flipbook(self.fd, self.media_type, self.limits)
            self._read_pictures()
            return
        self.opened = open_clip_file(self.fd, self.media_type, self.limits)
        self.notes += self.opened.notes
        if self.op == "clip" and self.plan.pictures and self.opened.pictures is not None:
            self._read_pictures()
        if self.pictures is None and self.op == "clip":
            self._only_sound()
        if self.opened.sound is not None and self.plan.sound:
            self._read_sound()
        if self.op == "clip" and self.pictures is None and (self.sound is None or self.sound.start_s is None):
            raise Refused(self._why_nothing())

    def _read_pictures(self) -> None:
        sink, self._stirred = _Pictures(self), True
        try:
            if self.book is not None:
                self.pictures = read_flipbook(self.book, self.plan, self.limits, sink)
            elif self.opened is not None:
                self.pictures = PictureReader(self.opened, self.plan, self.limits, sink).run()
        except Refused as refusal:
            if self.opened is None or self.opened.sound is None or not self.plan.sound:
                raise
            self.notes.append(f"{refusal}; only the sound was examined")
        except MemoryError:
            if self.opened is None or self.opened.sound is None or sink.sent_info:
                raise
            self.notes.append(f"the pictures were not examined: {memory_sentence(self.limits.memory_bytes)}")
        sink.flush()

    def _only_sound(self) -> None:
        opened = self.opened
        assert opened is not None
        if opened.sound is None:
            raise Refused(self._why_nothing())
        if not opened.duration_s and self.plan.sound:
            opened.duration_s = scanned_end(opened, Track(opened, opened.sound))
        self.send_info(None, "", Stretches((), True, opened.duration_s))

    def _why_nothing(self) -> str:
        opened = self.opened
        if opened is not None and opened.notes and opened.pictures is None and opened.sound is None:
            return f"nothing in the file can be examined: {'; '.join(opened.notes)}"
        if opened is not None and opened.sound is not None:
            return "the sound is empty or damaged: none of it decodes"
        return "the file holds neither a picture track nor an audio track"

    # -- sound ---------------------------------------------------------------------------------------------------------

    def _read_sound(self) -> None:
        opened = self.opened
        assert opened is not None
        if self._stirred:  # opened anew, its start is reached whatever its index is worth
            fresh = open_clip_file(self.fd, self.media_type, self.limits)
            opened.container, opened.pictures, opened.sound = fresh.container, None, fresh.sound
        self.outbox.put({"kind": "sound", **sound_facts(opened)})
        self.sound = SoundReader(opened, self.limits, self._send_samples).run()
        self.notes += self.sound.notes

    def _send_samples(self, samples: bytes) -> None:
        for start in range(0, len(samples), MAX_SAMPLE_BYTES):
            self.outbox.put({"kind": "samples"}, memoryview(samples)[start : start + MAX_SAMPLE_BYTES])

    # -- answers -------------------------------------------------------------------------------------------------------

    def send_info(self, shape: Shape | None, pixel_format: str, stretches: Stretches) -> None:
        """Send ClipInfo, and widen the limit on processor time to what there is to decode."""
        opened, stream = self.opened, self.opened.pictures if self.opened else None
        duration = max(stretches.duration_s, opened.duration_s if opened else 0.0)
        material = min(stretches.material_s, duration or stretches.material_s) + _SOUND_SHARE * duration
        limit_seconds(THREADS * self.limits.budget(material))
        width, height = shape.shown if shape else (0, 0)
        shown = stream if shape else None
        spans = [(0.0, duration)] if stretches.whole else stretches.spans
        self.outbox.put(
            {
                "kind": "info",
                "container": self.book.codec if self.book else opened.container.format.name if opened else "",
                "width": width,
                "height": height,
                "duration_s": duration,
                "frame_rate": frame_rate(shown) if shown else 0.0,
                "codec": codec_name(shown) if shown else self.book.codec if self.book else "",
                "pixel_format": pixel_format,
                "rotation": shape.rotation if shape else 0,
                "picture_tracks": opened.picture_tracks if opened else 1,
                "audio_tracks": opened.audio_tracks if opened else 0,
                "whole": stretches.whole,
                "segments": spans,
                "material_s": material,
            }
        )

    def _facts(self) -> dict[str, Any]:
        tags = dict(self.opened.container.metadata) if self.opened else {}
        with os.fdopen(os.dup(self.fd), "rb") as stream:
            facts = read_clip_facts(stream, os.fstat(self.fd).st_size, self.media_type, tags)
        if len(pack(facts)) > MAX_HEADER_BYTES // 2:
            return {"error": "the file's facts are too many to carry"}
        return facts

    def _send_facts(self) -> None:
        try:
            facts = self._facts()
        except Exception as error:  # whatever a hostile file provokes in there must not cost the pictures
            facts = {"error": f"the facts could not be read ({type(error).__name__}: {str(error)[:200]})"}
        self.outbox.put({"kind": "facts", "facts": facts})

    def _send_end(self) -> None:
        self.outbox.put(self._end())

    def _end(self) -> dict[str, Any]:
        sound = self.sound
        end: dict[str, Any] = {"kind": "end", "decode_s": time.monotonic() - self.started - self.outbox.blocked_s}
        if sound is not None:
            end |= {"sound_start_s": sound.start_s, "sound_loss": sound.loss, "gaps": sound.gaps}
        fraction, truncated, note = completeness(
            self.opened, self.pictures, sound, kept_share(self.fd, self.media_type)
        )
        end["notes"] = [*([note] if note else []), *(self.pictures.notes if self.pictures else []), *self.notes]
        return {**end, "truncated": truncated, "decoded_fraction": fraction}

    def _refuse(self, message: str, limit: bool) -> None:
        self.book = None
        limit_memory(_ANSWER_BYTES)
        self._send_facts()
        self.outbox.put({"kind": "error", "message": message, "limit": limit})


def main() -> None:
    """Serve one request."""
    requests, answers = take_over_stdio()
    outbox = Outbox(answers)
    warnings.simplefilter("ignore")
    gc.freeze()  # what is loaded stays; collecting frames (clip_pictures) need not look at it each time
    limit_for_good()
    outbox.put({"kind": "hello"})
    frame = read_frame(requests)
    if frame is None:
        return
    try:
        request = frame[0]
        limits = ClipLimits(**request["limits"])
        limit_memory(limits.memory_bytes)
        limit_seconds(THREADS * limits.budget(0.0))
        Job(request, outbox).run()
        outbox.close()
    except MemoryError:
        os._exit(EXIT_NO_MEMORY)
    sys.stdout.flush()
    os._exit(0)  # nothing is left to tidy, and tearing decoders down after a hostile file may crash


if __name__ == "__main__":
    main()
