"""Reading a clip: frames as they are decoded in a limited process, then everything else that was learnt.

    with open_clip(exhibit) as clip:
        for frame in clip:
            ...
        end = clip.end()

The process decodes ahead of its reader, but never far: memory grows with neither the length of the clip nor the
slowness of the reader. What was delivered stays valid whatever happens later: a process that dies, hangs or passes a
limit ends the clip early, and a fresh one still reads the sound and the facts.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import numpy as np

from facevalue.errors import DecodeError, LimitError, UnreadableError
from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.media.clip import SAMPLE_RATE_HZ, ClipEnd, ClipInfo, Frame, Sound
from facevalue.media.clip_animated import ANIMATED_TYPES
from facevalue.media.clip_plan import ClipLimits, ReadPlan
from facevalue.media.clip_store import SampleStore
from facevalue.media.clip_wire import MAX_ROW_BYTES, MAX_SAMPLE_BYTES, ROW, Rows, info_of, request, table_of
from facevalue.sandbox.frames import EXIT_NO_MEMORY, memory_sentence
from facevalue.sandbox.pool import Worker, WorkerGone, WorkerLate, WorkerNotStarted, describe_exit

_MODULE = "facevalue.media.clip_worker"
# One arena: each further one reserves 64 MiB of address space, which the memory limit counts.
_ENV = {"MALLOC_ARENA_MAX": "1"}
_MAX_NOTES = 40
_DEFAULT_LIMITS, _DEFAULT_PLAN = ClipLimits(), ReadPlan()


def open_clip(exhibit: Exhibit, limits: ClipLimits = _DEFAULT_LIMITS, plan: ReadPlan = _DEFAULT_PLAN) -> ClipReader:
    """Start reading a clip, a sound, or an animated picture. Use it as a context manager.

    Raises DecodeError when the file is none or nothing in it decodes, LimitError when opening it would pass a limit;
    both carry `.facts`. Safe to call from several threads; each reader has a process of its own.
    """
    return ClipReader(exhibit, limits, plan)


class ClipReader:
    """One pass over a clip: iterate over it once, then call end().

    info: what is known beforehand. share: of the picture track that has been read, 0..1, for showing progress.
    Iterating yields the frames that the plan wants, in presentation order; Frame.look and Frame.burst tell why.
    """

    def __init__(self, exhibit: Exhibit, limits: ClipLimits, plan: ReadPlan) -> None:
        if not exhibit.size:
            raise DecodeError("the file is empty")
        if not (is_clip_type(exhibit.media_type) or exhibit.media_type in ANIMATED_TYPES):
            raise DecodeError(f"this ({exhibit.media_type}) is neither a clip, nor sound, nor an animated picture")
        self._exhibit, self._limits, self._plan = exhibit, limits, plan
        self._open = contextlib.ExitStack()
        self._worker: Worker | None = None
        self._left = limits.budget(0.0)
        self._op = "clip"
        self._rows: list[Rows] = []
        self._frames = 0
        self._store = SampleStore()
        self._sound: Mapping[str, Any] | None = None
        self._facts: dict[str, Any] = {}
        self._end: Mapping[str, Any] = {}
        self._notes: list[str] = []
        self._lost = False
        self._finished = False
        self._result: ClipEnd | None = None
        self._buffer = bytearray()
        self.share = 0.0
        try:
            self._fd = self._open.enter_context(exhibit.open_binary()).fileno()
            self.info = self._start()
        except UnreadableError as error:
            raise DecodeError(str(error)) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, wherever it is."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None
        self._open.close()

    def __iter__(self) -> Iterator[Frame]:
        """The wanted frames not delivered yet. Raises DecodeError or LimitError when there is nothing at all."""
        while not self._finished:
            frame = self._step()
            if frame is not None:
                yield frame

    def end(self) -> ClipEnd:
        """All else; reads what is left (frames that were not asked for are passed over)."""
        if self._result is None:
            for _ in self:
                pass
            self._result = self._conclude()
        return self._result

    # -- the conversation ----------------------------------------------------------------------------------------------

    def _start(self) -> ClipInfo:
        self._launch("clip")
        while True:
            try:
                header, size = self._header()
                if header.get("kind") == "info":
                    info = info_of(header, self._limits)
                    self._left += self._limits.budget(float(header["material_s"])) - self._limits.budget(0.0)
                    return info
                self._take(header, size)
            except (WorkerGone, WorkerLate) as gone:
                message, limit = self._why(gone)
                self._rescue(sound=False)
                raise (LimitError if limit else DecodeError)(message, self._facts) from None
            except (KeyError, TypeError, ValueError):
                raise DecodeError("the decoding process answered nonsense", self._facts) from None

    def _launch(self, op: str) -> None:
        try:
            # An environment without the limit of one arena may be what the platform's allocator needs; it is harmless.
            self._worker = Worker(_MODULE, (self._fd,), _ENV)
        except WorkerNotStarted as error:
            raise DecodeError(f"the decoding process could not be started: {error}", self._facts) from None
        self._op = op
        ask = request(op, self._fd, self._exhibit.media_type, self._limits, self._plan)
        with contextlib.suppress(WorkerGone, WorkerLate):  # reading says the same, with more to say
            self._worker.send(ask, b"", time.monotonic() + self._limits.stall_seconds)

    def _step(self) -> Frame | None:
        """Read one answer and deal with it."""
        try:
            header, size = self._header()
            if header.get("kind") == "frame":
                return self._frame(header, size)
            self._take(header, size)
        except (KeyError, TypeError, ValueError):
            self._fall(WorkerGone(self._kill()))
        except (WorkerGone, WorkerLate) as gone:
            self._fall(gone)
        return None

    def _take(self, header: Mapping[str, Any], size: int) -> None:
        kind = header.get("kind")
        if kind == "rows":
            self._rows.append(self._read_rows(size))
        elif kind == "samples":
            self._store.add(self._payload(size, MAX_SAMPLE_BYTES))
            if self._store.bytes > 2 * SAMPLE_RATE_HZ * (self._limits.sound_seconds + 1):
                raise ValueError
        elif kind == "sound":
            self._sound = header
        elif kind == "facts":
            self._facts = header["facts"] if isinstance(header["facts"], dict) else {}
        elif kind == "error":
            self._refused(str(header["message"]), bool(header["limit"]))
        elif kind == "end":
            self._end = {**self._end, **header} if not self._lost else {**header, **self._end}
            self._finished = True
        elif kind == "beat":
            self.share = min(max(float(header["share"]), 0.0), 1.0)

    def _refused(self, message: str, limit: bool) -> None:
        """The worker cannot go on. Without anything delivered that is an error, else it is the clip's end."""
        if self._op != "clip":
            self._note(message)
            self._finished = True
            return
        if self._delivered:
            self._lost = True
            self._note(f"{message}; what had been decoded by then was examined")
            self._rescue(sound=self._wants_sound())
            self._finished = True
            return
        self._finished = True
        raise (LimitError if limit else DecodeError)(message, self._facts)

    @property
    def _delivered(self) -> bool:
        return bool(self._rows) or self._frames > 0 or self._store.bytes > 0

    def _read_rows(self, size: int) -> Rows:
        if size % ROW.itemsize or size > MAX_ROW_BYTES:
            raise ValueError
        known = sum(map(len, self._rows))
        if known + size // ROW.itemsize > self._limits.frames + 1:
            raise ValueError
        return np.frombuffer(bytes(self._payload(size, MAX_ROW_BYTES)), ROW)

    def _frame(self, header: Mapping[str, Any], size: int) -> Frame:
        width, height = int(header["width"]), int(header["height"])
        alone = not header["look"] and int(header["burst"]) < 0 and int(header["run"]) >= 0
        shape = (height, width) if alone else (height, width, 3)
        if (width, height) != (self.info.width, self.info.height) or size != math.prod(shape):
            raise ValueError
        pixels = np.empty(shape, np.uint8)
        self._into(memoryview(pixels.data).cast("B"))
        pixels.flags.writeable = False
        self._frames += 1
        return Frame(
            int(header["index"]),
            float(header["time_s"]),
            pixels,
            bool(header["look"]),
            int(header["burst"]),
            int(header["segment"]),
            int(header["run"]),
        )

    def _payload(self, size: int, most: int) -> bytearray:
        if size > most:
            raise ValueError
        out = bytearray(size)
        self._into(memoryview(out))
        return out

    # -- waiting -------------------------------------------------------------------------------------------------------

    def _header(self) -> tuple[dict[str, Any], int]:
        worker, start = self._live(), time.monotonic()
        try:
            return worker.read_header(start + self._patience())
        finally:
            self._left -= time.monotonic() - start

    def _into(self, view: memoryview) -> None:
        worker, start = self._live(), time.monotonic()
        try:
            worker.read_into(view, start + self._patience())
        finally:
            self._left -= time.monotonic() - start

    def _patience(self) -> float:
        return max(min(self._left, self._limits.stall_seconds), 0.0)

    def _live(self) -> Worker:
        if self._worker is None:
            raise ValueError("the clip was closed")
        return self._worker

    def _kill(self) -> int:
        code = self._worker.kill() if self._worker is not None else 0
        self._worker = None
        return code

    # -- when the worker is lost ---------------------------------------------------------------------------------------

    def _fall(self, gone: WorkerGone | WorkerLate) -> None:
        """The process is gone: note it, and have a fresh one read what does not depend on the pictures."""
        message, limit = self._why(gone)
        if self._op != "clip":
            self._finished = True
            self._note(f"what was left was not examined: {message}")
            return
        self._lost = True
        self._rescue(sound=self._wants_sound())
        self._finished = True
        if not self._delivered:
            raise (LimitError if limit else DecodeError)(message, self._facts)
        self._note(f"{message}; what had been decoded by then was examined")

    def _wants_sound(self) -> bool:
        return self._sound is None and self.info.audio_tracks > 0 and self._plan.sound

    def _rescue(self, sound: bool) -> None:
        """Facts, and the sound if it is still wanted, from a fresh process."""
        self._kill()
        self._left = self._limits.budget(0.0)
        self._finished = False
        with contextlib.suppress(DecodeError):
            self._launch("rest" if sound else "facts")
            while not self._finished:
                self._step()
        self._kill()

    def _why(self, gone: WorkerGone | WorkerLate) -> tuple[str, bool]:
        if isinstance(gone, WorkerLate):
            if self._left > 0:
                return f"decoding stood still for {self._limits.stall_seconds:g} s and was stopped", True
            return "decoding took longer than its limit and was stopped", True
        if gone.returncode == EXIT_NO_MEMORY:
            return memory_sentence(self._limits.memory_bytes), True
        if gone.returncode == -signal.SIGXCPU:
            return "decoding took longer than its limit of processor time and was stopped", True
        return f"the decoder crashed on this file ({describe_exit(gone.returncode)})", False

    def _note(self, note: str) -> None:
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(note)

    # -- the end -------------------------------------------------------------------------------------------------------

    def _conclude(self) -> ClipEnd:
        self._kill()
        end = self._end
        for note in list(end.get("notes") or [])[:_MAX_NOTES]:
            self._note(str(note)[:400])
        changed = self._exhibit.change_note()
        if changed:
            self._notes.insert(0, changed)
        table = table_of(self._rows)
        truncated = self._lost or bool(end.get("truncated"))
        fraction = float(end.get("decoded_fraction", 1.0))
        if self._lost:
            fraction = self.share
        return ClipEnd(
            table=table,
            sound=self._sound_read(),
            facts=self._facts,
            truncated=truncated,
            decoded_fraction=min(max(fraction, 0.0), 1.0),
            notes=tuple(self._notes),
            decode_s=float(end.get("decode_s", 0.0)),
        )

    def _sound_read(self) -> Sound | None:
        known, end = self._sound, self._end
        if known is None or not self._store.bytes:
            return None
        rate = known.get("bit_rate")
        gaps = tuple((float(at), float(length)) for at, length in end.get("gaps") or ())
        return Sound(
            samples=self._store.samples(),
            start_s=float(end.get("sound_start_s") or 0.0),
            source_rate_hz=int(known.get("source_rate_hz") or 0),
            channels=int(known.get("channels") or 0),
            codec=str(known.get("codec"))[:80],
            bit_rate=int(rate) if rate else None,
            loss=min(max(float(end.get("sound_loss", 0.0)), 0.0), 1.0),
            gaps=gaps,
            tracks=int(known.get("tracks") or 1),
        )
