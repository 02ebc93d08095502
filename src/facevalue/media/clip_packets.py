"""Packets of one track and the frames in them, however damaged the file. Runs in the worker."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import av

from facevalue.media.clip_open import FAR_S, Opened

_MAX_DEMUX_ERRORS = 20
_MAX_SIZES = 1024
_MAX_PENDING = 24  # more than any decoder holds back: 16 for reordering, and one for each thread
# Found by bisection over decoding times, which run ahead of presentation times.
_UNINDEXED = frozenset({"mpegts", "mpeg"})
_UNINDEXED_EARLY_S = 1.0


class Track:
    """One stream of an opened file. total, lost: packets seen, and those that did not decode; broken: reading ended
    at an error rather than at the end of the track.
    """

    def __init__(self, opened: Opened, stream: Any) -> None:
        self.opened, self.stream = opened, stream
        self.total = self.lost = 0
        self.broken = False
        self._sizes: dict[int, int] = {}
        self._ordered = opened.container.format.name == "avi"
        self._pending: list[int] = []
        base = stream.time_base  # made anew at each access
        self._over = int(base.numerator) if base else 0
        self._under = int(base.denominator) if base else 1

    def seconds(self, stamp: int | None) -> float | None:
        """A time stamp as seconds of the presentation; None when there is none or it is absurd."""
        if stamp is None or not self._over:
            return None
        at = stamp * self._over / self._under - self.opened.base_s
        return at if abs(at) < FAR_S else None

    def length(self, part: Any) -> float:
        """Seconds that a frame or packet says it lasts; 0.0 when it does not."""
        return int(part.duration or 0) * self._over / self._under

    def packets(self) -> Iterator[Any]:
        """Packets from where the container stands; damage is stepped over a few times before it ends the track."""
        self.broken = False
        for _ in range(_MAX_DEMUX_ERRORS):
            try:
                for packet in self.opened.container.demux(self.opened.only(self.stream)):
                    if packet.size or packet.dts is not None:  # the demuxer's own last packet only flushes
                        self.total += 1
                        yield packet
                self.broken = False
                return
            except MemoryError:
                raise
            except (av.FFmpegError, ValueError, OSError):
                self.broken = True

    def frames(self) -> Iterator[Any]:
        """Decoded frames, the last ones of the decoder's queue included."""
        for packet in self.packets():
            self._remember(packet)
            yield from self._decoded(packet)
        yield from self._decoded(None)

    def _remember(self, packet: Any) -> None:
        if packet.pts is None:
            return
        if len(self._sizes) >= _MAX_SIZES:
            del self._sizes[next(iter(self._sizes))]
        self._sizes[packet.pts] = packet.size
        if self._ordered:
            heapq.heappush(self._pending, packet.pts)
            while len(self._pending) > _MAX_PENDING:  # some packets gave no frame
                heapq.heappop(self._pending)

    def size_of(self, frame: Any) -> int:
        """Bytes of the packet that a frame came in; -1 when that is unknown. To be asked once per frame."""
        return self._sizes.pop(frame.pts, -1)

    def time_of(self, frame: Any) -> float | None:
        """Presentation time of a frame, seconds; to be asked once per frame.

        AVI numbers packets in the order of decoding and knows no other. Frames come in the order of presentation and
        at a constant rate, so that each has the smallest number which is not taken yet.
        """
        return self.seconds(heapq.heappop(self._pending) if self._pending else frame.pts)

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            return list(self.stream.decode(packet))
        except MemoryError:
            raise
        except EOFError:
            return []
        except (av.FFmpegError, ValueError, OSError) as error:
            if getattr(error, "errno", None) == 12:
                raise MemoryError from None
            if packet is not None:
                self.lost += 1
                if self._pending and packet.pts in self._pending:
                    self._pending.remove(packet.pts)
                    heapq.heapify(self._pending)
            return []

    def seek(self, time_s: float) -> bool:
        """Go to the last key frame at or before time_s, seconds of the presentation; whether that was possible.

        Where a container has no index, decoding may have to begin a little earlier to meet that key frame.
        """
        if self.opened.container.format.name in _UNINDEXED:
            time_s -= _UNINDEXED_EARLY_S
        self._pending.clear()
        stamp = int((time_s + self.opened.base_s) / self.stream.time_base)
        try:
            self.opened.container.seek(stamp, backward=True, stream=self.stream)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError, OSError, OverflowError):
            return False
        return True

    def loss_note(self, what: str) -> list[str]:
        """A sentence when packets were lost."""
        if not self.lost:
            return []
        return [f"{self.lost} of {self.total} packets of the {what} track did not decode"]
