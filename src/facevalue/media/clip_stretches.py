"""Where to decode: the whole picture track, or stretches of it that begin at key frames. Runs in the worker."""

from __future__ import annotations

from dataclasses import dataclass

from facevalue.media.clip_open import Opened
from facevalue.media.clip_packets import Track
from facevalue.media.clip_plan import ReadPlan, Span, segments_of

# A header may understate a clip's length by so much before it is left at that.
_OVERRUN = 1.25
_KEY_WITHIN_PACKETS = 2000


@dataclass(frozen=True, slots=True)
class Stretches:
    """spans: (first key frame, end) in seconds, ascending, without overlap; whole: it is the one span of the clip.

    duration_s: of the picture track, measured where it could be. seeking: whether a span is reached by a jump.
    """

    spans: tuple[Span, ...]
    whole: bool
    duration_s: float
    notes: tuple[str, ...] = ()

    @property
    def material_s(self) -> float:
        """Seconds to decode."""
        return sum(stop - start for start, stop in self.spans)


def plan_stretches(opened: Opened, track: Track, plan: ReadPlan) -> Stretches:
    """Measure the track as far as that is cheap, and choose. Leaves the container at the start of the first span."""
    duration = track_duration(opened, track)
    wanted = segments_of(duration, plan)
    if len(wanted) == 1 and duration <= plan.whole_up_to_s:
        return Stretches(((0.0, plan.whole_up_to_s * _OVERRUN),), True, duration)
    spans = _landings(track, wanted, plan)
    notes = []
    if len(spans) < len(wanted):
        notes.append(f"only {len(spans)} of {len(wanted)} stretches can be reached by their key frames")
    minutes, seconds = divmod(round(duration), 60)
    taken = sum(b - a for a, b in spans)
    notes.insert(
        0,
        f"the clip lasts {minutes} min {seconds} s: {taken:.0f} s of it, in {len(spans)} stretches spread over its "
        "length, were examined",
    )
    return Stretches(spans, False, duration, tuple(notes))


def track_duration(opened: Opened, track: Track) -> float:
    """Seconds from the start of the presentation to the end of the track.

    From the index where every sample is in it, else as declared, else by reading all packets without decoding them.
    """
    indexed = _indexed_end(opened, track)
    if indexed:
        return indexed
    declared = track.seconds(track.stream.duration) if track.stream.duration else None
    if opened.duration_s or declared:
        return max(opened.duration_s, 0.0) or (declared or 0.0) + opened.base_s
    return scanned_end(opened, track)


def _indexed_end(opened: Opened, track: Track) -> float:
    entries = track.stream.index_entries
    if not opened.is_mov or len(entries) < 2:
        return 0.0
    last, before = entries[len(entries) - 1], entries[len(entries) - 2]
    stamp = last.timestamp + max(last.timestamp - before.timestamp, 0)
    return max(track.seconds(stamp) or 0.0, 0.0)


def scanned_end(opened: Opened, track: Track) -> float:
    """The end by reading every packet; the container stands at its start again afterwards."""
    end = 0.0
    for packet in track.packets():
        at = track.seconds(packet.pts if packet.pts is not None else packet.dts)
        end = max(end, (at or 0.0) + track.length(packet))
    track.total = 0
    track.seek(0.0)
    return end


def _landings(track: Track, wanted: tuple[Span, ...], plan: ReadPlan) -> tuple[Span, ...]:
    """For each wanted stretch the key frame that a jump reaches; those that share one become one, longer stretch."""
    shares: dict[float, int] = {}
    for start, _ in wanted:
        landing = _landing(track, start)
        if landing is not None:
            shares[landing] = shares.get(landing, 0) + 1
    track.total = 0
    starts = sorted(shares)
    if not starts:
        track.seek(0.0)
        return ((0.0, plan.whole_up_to_s),)
    ends = [*starts[1:], float("inf")]
    return tuple(
        (start, min(start + plan.segment_s * shares[start], end)) for start, end in zip(starts, ends, strict=True)
    )


def _landing(track: Track, start: float) -> float | None:
    if not track.seek(start):
        return None
    for number, packet in enumerate(track.packets()):
        if packet.is_keyframe:
            at = track.seconds(packet.pts if packet.pts is not None else packet.dts)
            return None if at is None else round(at, 6)
        if number > _KEY_WITHIN_PACKETS:
            return None
    return None
