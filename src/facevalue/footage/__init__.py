"""Footage: what examiners of clips and sound are given. One pass over the clip, bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.exhibit import Exhibit
from facevalue.faces import Track, Tracker, detector_available, scene_cuts
from facevalue.footage.stills import MAX_STILLS, StillKeeper
from facevalue.media import ClipLimits, ReadPlan, open_clip
from facevalue.media.clip import ClipEnd, ClipInfo, Frame, FrameTable, Sound

Progress = Callable[[float], None]

_log = logging.getLogger(__name__)
_DEFAULT_LIMITS, _DEFAULT_PLAN = ClipLimits(), ReadPlan(run_s=4.0)


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip or a sound, watched once.

    info: see ClipInfo. table: one row per decoded frame, None for sound alone. stills: at most MAX_STILLS full frames
    spread over the clip, never from a transition, for examiners of whole pictures and for reports. tracks: faces over
    time; None when no detector could run. cuts: times (s) of scene cuts. sound: None without an audio track.
    truncated, notes: as for a Picture. looks: frames that were searched for faces. facts: JSON-ready facts from the
    bytes, with "container". timings_s: seconds by part of the work ("decode": in the worker, beside the others).
    """

    info: ClipInfo
    table: FrameTable | None
    stills: tuple[Frame, ...]
    tracks: tuple[Track, ...] | None
    cuts: npt.NDArray[np.float64]
    sound: Sound | None
    truncated: bool = False
    decoded_fraction: float = 1.0
    notes: tuple[str, ...] = ()
    looks: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)


def watch(
    exhibit: Exhibit,
    limits: ClipLimits = _DEFAULT_LIMITS,
    plan: ReadPlan = _DEFAULT_PLAN,
    progress: Progress | None = None,
) -> Footage:
    """Watch a clip, a sound or an animated picture from start to end, once.

    progress: called with the share that is done, 0..1, now and then. Frames are looked at as they are decoded and
    let go; what is kept does not grow with the length of the clip. Raises DecodeError (LimitError among them) when
    nothing in the file decodes; it carries `.facts`.
    """
    with open_clip(exhibit, limits, plan) as clip:
        seen = _Watcher()
        seen.take(clip, lambda: progress(clip.share) if progress else None)
        end = clip.end()
        info = clip.info
    if progress:
        progress(1.0)
    return seen.footage(info, end)


class _Watcher:
    """Takes the frames of one clip; its tracker is given up, not the clip, should it fail."""

    def __init__(self) -> None:
        self.tracker = Tracker() if detector_available() else None
        self.stills = StillKeeper()
        self.looks = 0
        self.follow_s = 0.0
        self.notes: list[str] = []

    def take(self, frames: Iterable[Frame], after_each: Callable[[], None]) -> None:
        """Look at every frame."""
        for frame in frames:
            self.looks += frame.look
            if frame.look:
                self.stills.offer(frame)
            self._follow(partial(_add, frame=frame))
            after_each()

    def _follow(self, step: Callable[[Tracker], Any]) -> Any:
        if self.tracker is None:
            return None
        start = perf_counter()
        try:
            return step(self.tracker)
        except Exception as error:  # one frame must not end the run
            _log.debug("following faces failed", exc_info=True)
            self.tracker = None
            self.notes.append(f"following faces through the clip failed ({type(error).__name__})")
            return None
        finally:
            self.follow_s += perf_counter() - start

    def footage(self, info: ClipInfo, end: ClipEnd) -> Footage:
        """All that was seen."""
        start = perf_counter()
        table = end.table
        cuts = scene_cuts(table.thumb, table.time_s) if table is not None else np.zeros(0)
        cutting_s = perf_counter() - start
        tracks = self._follow(lambda tracker: tracker.finish(cuts.tolist()))
        if not info.has_pictures or not self.looks:
            tracks = ()  # there was nothing in which a face could be
        timings = {"decode": end.decode_s, "follow": self.follow_s, "cuts": cutting_s}
        return Footage(
            info=info,
            table=table,
            stills=self.stills.kept(cuts),
            tracks=tracks,
            cuts=cuts,
            sound=end.sound,
            truncated=end.truncated,
            decoded_fraction=end.decoded_fraction,
            notes=(*end.notes, *self.notes),
            looks=self.looks,
            facts=end.facts,
            timings_s=timings,
        )


def _add(tracker: Tracker, *, frame: Frame) -> None:
    tracker.add(frame.index, frame.time_s, frame.pixels, look=frame.look, burst=frame.burst, run=frame.run)


__all__ = ["MAX_STILLS", "Footage", "Progress", "watch"]
