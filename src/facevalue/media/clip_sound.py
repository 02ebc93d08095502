"""Reading an audio track: mono int16 at SAMPLE_RATE_HZ, gaps in its time stamps filled with silence. In the worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import av

from facevalue.media.clip import SAMPLE_RATE_HZ
from facevalue.media.clip_open import Opened, codec_name
from facevalue.media.clip_packets import Track
from facevalue.media.clip_plan import ClipLimits

# Stamps are rounded to milliseconds in some containers, and encoders pause for less than this.
GAP_S = 0.1
_RATES = range(1_000, 768_001)
_SEND_BYTES = 1 << 18
# Frames of some 20 ms each are joined: what a call to the resampler costs is mostly the call.
_RESAMPLE_AT_ONCE = 1 << 15
_MAX_GAPS = 10_000
_SPARE_SILENCE_S = 60.0


@dataclass
class SoundRead:
    """How it ended. start_s: None when nothing decoded. samples: written, at SAMPLE_RATE_HZ."""

    start_s: float | None = None
    samples: int = 0
    loss: float = 0.0
    broken: bool = False
    gaps: list[tuple[float, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sound_facts(opened: Opened) -> dict[str, Any]:
    """What is known before decoding: rate (Hz), channels, codec, bit rate (None when unknown)."""
    context = opened.sound.codec_context
    return {
        "source_rate_hz": int(context.sample_rate or 0),
        "channels": int(context.layout.nb_channels if context.layout else 0),
        "codec": codec_name(opened.sound),
        "bit_rate": int(context.bit_rate) if context.bit_rate else None,
        "tracks": opened.audio_tracks,
    }


class SoundReader:
    """Reads one audio track once; write() takes bytes of int16 samples in order."""

    def __init__(self, opened: Opened, limits: ClipLimits, write: Callable[[bytes], None]) -> None:
        self.opened, self.write = opened, write
        self.track = Track(opened, opened.sound)
        self.done = SoundRead()
        self._most = int(limits.sound_seconds * SAMPLE_RATE_HZ)
        self._silence_left = opened.duration_s + _SPARE_SILENCE_S
        self._resampler: Any = None
        self._gathered: Any = None
        self._form: Any = None
        self._expected = 0.0
        self._overlaps = 0
        self._pending = bytearray()

    def run(self) -> SoundRead:
        """Read it all. Raises MemoryError."""
        done = self.done
        for frame in self.track.frames():
            if frame.sample_rate not in _RATES or not frame.samples:
                continue
            ahead = done.samples + self._waiting() + frame.samples * SAMPLE_RATE_HZ // frame.sample_rate
            if ahead > self._most:
                done.notes.append(f"only the first {self._most // SAMPLE_RATE_HZ:,} s of the sound were examined")
                break
            self._place(frame)
            self._resample(frame)
        self._flush_resampler()
        self._send(0)
        done.loss = self.track.lost / self.track.total if self.track.total else 0.0
        done.broken = self.track.broken
        done.notes += self.track.loss_note("audio")
        if self._overlaps:
            done.notes.append(f"the time stamps of the sound step back {self._overlaps} times; they were read on")
        return done

    def _waiting(self) -> int:
        """Samples, at SAMPLE_RATE_HZ, that were decoded but not yet resampled."""
        return 0 if self._gathered is None else self._gathered.samples * SAMPLE_RATE_HZ // self._form[2]

    def _place(self, frame: Any) -> None:
        """Compare the frame's stamp with where the sound has got to; a step ahead becomes silence."""
        at = self.track.seconds(frame.pts)
        seconds = frame.samples / frame.sample_rate
        if self.done.start_s is None:
            self.done.start_s = self._expected = at if at is not None else 0.0
        elif at is not None and abs(at - self._expected) > GAP_S:
            if at > self._expected:
                self._fill(at - self._expected)
            else:
                self._overlaps += 1
            self._expected = at
        self._expected += seconds

    def _fill(self, seconds: float) -> None:
        if len(self.done.gaps) < _MAX_GAPS:
            self.done.gaps.append((round(self._expected, 4), round(seconds, 4)))
        self._empty_gathered()
        filled = min(seconds, self._silence_left, (self._most - self.done.samples) / SAMPLE_RATE_HZ)
        if filled < seconds and not any("believed" in note for note in self.done.notes):
            self.done.notes.append(
                "the time stamps of the sound jump further than the file is long; not all were believed"
            )
        self._silence_left -= filled
        left = max(int(filled * SAMPLE_RATE_HZ), 0)
        while left:
            piece = min(left, _SEND_BYTES)
            self._append(bytes(2 * piece))
            left -= piece

    def _resample(self, frame: Any) -> None:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            self._flush_resampler()
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
            self._gathered, self._form = av.AudioFifo(), form
        frame.pts = None  # placed already; the resampler must not fill gaps a second time
        self._gathered.write(frame)
        if self._gathered.samples >= _RESAMPLE_AT_ONCE:
            self._collect(self._gathered.read())

    def _empty_gathered(self) -> None:
        if self._gathered is not None and self._gathered.samples:
            self._collect(self._gathered.read())

    def _flush_resampler(self) -> None:
        self._empty_gathered()
        if self._resampler is not None:
            self._collect(None)

    def _collect(self, frame: Any) -> None:
        try:
            resampled = self._resampler.resample(frame)
        except (av.FFmpegError, ValueError):  # a layout that cannot be mixed
            self.track.lost += 1
            return
        for out in resampled:
            self._append(memoryview(out.planes[0])[: 2 * out.samples])

    def _append(self, piece: bytes | memoryview) -> None:
        self._pending += piece
        self.done.samples += len(piece) // 2
        self._send(_SEND_BYTES)

    def _send(self, at_least: int) -> None:
        if self._pending and len(self._pending) >= at_least:
            self.write(bytes(self._pending))
            self._pending.clear()
