"""The time line of a clip or a recording: everything that is known of it, on one axis of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facevalue.examine import Examination
from facevalue.finding import Question
from facevalue.footage import Footage
from facevalue.media.clip import SAMPLE_RATE_HZ, Sound
from facevalue.reports import evidence, lanes, moments, spectrogram, words
from facevalue.reports.clock import Axis, Tick, between, clock
from facevalue.reports.closeups import close_ups
from facevalue.reports.evidence import Curve, Span
from facevalue.reports.lanes import Bar, CurveRow, Lane, Thumb
from facevalue.reports.moments import FRAME, Moment, Said
from facevalue.reports.words import plain

MAX_CUTS = 300
MAX_GAPS = 100
FRAME_SLOTS = 10
# Questions that are asked of the sound; what else marks time marks the pictures, or the file as a whole.
OF_SOUND = frozenset({Question.VOICE_SYNTHETIC, Question.LIPS_MISMATCHED})
# Questions whose curve, when it is no track's, is one over the sound.
CURVES_OF_SOUND = OF_SOUND | {Question.EDITED}


@dataclass(frozen=True, slots=True)
class SoundRow:
    """The spectrogram. left, width: per cent of the axis. khz: labels of its frequency scale, per cent from the top.

    marks: spans of findings on the sound, over the picture.
    """

    uri: str
    left: float
    width: float
    khz: tuple[tuple[float, str], ...]
    marks: tuple[Bar, ...]
    curves: tuple[CurveRow, ...]
    note: str


@dataclass(frozen=True, slots=True)
class SpanRow:
    """The spans that one finding marks; rows: how many bars lie above each other."""

    examiner: str
    question: str
    bars: tuple[Bar, ...]
    rows: int
    left_out: int


@dataclass(frozen=True, slots=True)
class TimeLine:
    """All of it.

    first: the id of the moment that is shown at first. key: ids of those that are printed on paper. examined:
    stretches that were decoded, empty when all was. heats: (finding, name) of every heat map. missing: what is not
    drawn, in sentences. whole: curves over the whole frame, or of no track. aspect: of the frame, as CSS writes it.
    """

    duration: str
    ticks: tuple[Tick, ...]
    cuts: tuple[Tick, ...]
    examined: tuple[Bar, ...]
    moments: tuple[Moment, ...]
    first: str
    key: frozenset[str]
    frames: tuple[Thumb, ...]
    lanes: tuple[Lane, ...]
    whole: tuple[CurveRow, ...]
    sound: SoundRow | None
    spans: tuple[SpanRow, ...]
    heats: tuple[tuple[int, str], ...]
    missing: tuple[str, ...]
    aspect: str

    @property
    def has_curves(self) -> bool:
        """Whether any likelihood ratio is drawn over time."""
        return bool(self.curve_rows)

    @property
    def has_growth(self) -> bool:
        """Whether evidence that grows is drawn beside single moments."""
        return any(row.chart.thin for row in self.curve_rows)

    @property
    def curve_rows(self) -> tuple[CurveRow, ...]:
        """Every row of curves."""
        of_lanes = (row for lane in self.lanes for row in lane.curves)
        return (*self.whole, *of_lanes, *(self.sound.curves if self.sound else ()))


def axis_of(footage: Footage) -> Axis:
    """The axis of a clip: as long as it says it is, unless what decoded is longer, or nothing like as long."""
    sound, table = footage.sound, footage.table
    decoded = max(
        float(table.time_s[-1]) if table is not None and len(table) else 0.0,
        sound.start_s + sound.duration_s if sound is not None else 0.0,
        max((track.span[1] for track in footage.tracks or () if len(track.times)), default=0.0),
    )
    claimed = footage.info.duration_s
    if not np.isfinite(claimed) or claimed < decoded or (decoded > 0 and claimed > 20 * decoded + 60):
        claimed = decoded
    return Axis(float(claimed) if np.isfinite(claimed) and claimed > 0 else 1.0)


def build(exam: Examination) -> TimeLine | None:
    """The time line of an examination; None without footage."""
    footage = exam.footage
    if footage is None:
        return None
    axis = axis_of(footage)
    curves = evidence.curves(exam.findings, axis)
    marked = [evidence.spans(n, finding, axis) for n, finding in enumerate(exam.findings)]
    said = Said(exam.findings, curves, [span for spans, _ in marked for span in spans])
    ordered = lanes.by_importance(footage.tracks or (), curves)
    shared = lanes.share(ordered)
    drawn = {track.number for lane in shared for track in lane}
    names = [finding.examiner for finding in exam.findings]
    heard = close_ups(footage.sound, _heard(said, footage), names, axis) if footage.sound else ()
    shown = moments.choose(footage, [track for track in ordered if track.number in drawn], said, axis, heard)
    first = moments.strongest(shown, exam.findings)
    frames = [moment for moment in shown if moment.kind == FRAME]
    upright = footage.info.height > footage.info.width
    return TimeLine(
        duration=clock(axis.duration_s, 1),
        ticks=axis.ticks(),
        cuts=_cuts(footage, axis),
        examined=_examined(footage, axis),
        moments=tuple(shown),
        first=first.id if first else "",
        key=_key(shown, first),
        frames=lanes.strip(frames, axis, FRAME_SLOTS if not upright else 2 * FRAME_SLOTS),
        lanes=tuple(lanes.lane_view(lane, curves, shown, axis) for lane in shared),
        whole=lanes.curve_rows([c for c in curves if c.track is None and not _over_sound(c, footage)], axis),
        sound=_sound(footage, said, shown, axis),
        spans=_span_rows(exam, marked, shown, axis),
        heats=_heat_names(exam, shown),
        missing=_missing(footage, len(ordered) - len(drawn)),
        aspect=f"{max(1, footage.info.width)} / {max(1, footage.info.height)}",
    )


def _cuts(footage: Footage, axis: Axis) -> tuple[Tick, ...]:
    times = np.asarray(footage.cuts, np.float64)
    times = np.sort(times[np.isfinite(times)])
    if len(times) > MAX_CUTS:  # more lines than that are one grey area
        times = times[np.linspace(0, len(times) - 1, MAX_CUTS).astype(np.int64)]
    return tuple(Tick(axis.at(time), clock(time, 2)) for time in times.tolist())


def _examined(footage: Footage, axis: Axis) -> tuple[Bar, ...]:
    if footage.info.whole:
        return ()
    parts = (axis.clip(*segment) for segment in footage.info.segments[:MAX_CUTS])
    return tuple(_plain_bar(part, "decoded", axis) for part in parts if part is not None)


def _plain_bar(part: tuple[float, float], label: str, axis: Axis) -> Bar:
    left = axis.at(part[0])
    return Bar(left, round(axis.at(part[1]) - left, 3), label, f"{label}: {between(*part, 2)}", "")


def _key(shown: Sequence[Moment], first: Moment | None) -> frozenset[str]:
    """What is printed on paper, where nothing can be clicked: the first moment, the strongest of each track, and the
    strongest of the sound."""
    best: dict[int | None, Moment] = {}
    for moment in shown:
        if moment.kind != FRAME and _weight(moment) > _weight(best.get(moment.track)):
            best[moment.track] = moment
    strongest = sorted(best.values(), key=_weight, reverse=True)[:6]
    return frozenset(moment.id for moment in (*strongest, *([first] if first else [])))


def _weight(moment: Moment | None) -> tuple[bool, float]:
    if moment is None:
        return False, -np.inf
    return bool(moment.heats), moment.strength if moment.strength is not None else 0.0


def _heard(said: Said, footage: Footage) -> list[Span]:
    """The spans that mark the sound: those of findings about it, and every one where there is nothing else."""
    alone = not footage.info.has_pictures
    own = {curve.finding for curve in said.curves if _over_sound(curve, footage)}
    return [s for s in said.spans if alone or s.finding in own or said.findings[s.finding].question in OF_SOUND]


def _over_sound(curve: Curve, footage: Footage) -> bool:
    if footage.sound is None or curve.track is not None:
        return False
    return not footage.info.has_pictures or curve.question in CURVES_OF_SOUND


def _sound(footage: Footage, said: Said, shown: Sequence[Moment], axis: Axis) -> SoundRow | None:
    """The spectrogram with what is said of the sound."""
    sound = footage.sound
    if sound is None or not len(sound.samples):
        return None
    part = axis.clip(sound.start_s, sound.start_s + sound.duration_s) or (0.0, axis.duration_s)
    left, top_khz = axis.at(part[0]), SAMPLE_RATE_HZ / 2000
    return SoundRow(
        uri=spectrogram.png_uri(spectrogram.spectrogram_image(sound.samples)),
        left=left,
        width=round(axis.at(part[1]) - left, 3),
        khz=tuple((100 - 100 * khz / top_khz, f"{khz} kHz") for khz in (2, 4, 6)),
        marks=lanes.span_bars(_heard(said, footage), shown, axis),
        curves=lanes.curve_rows([c for c in said.curves if _over_sound(c, footage)], axis),
        note=sound_words(sound),
    )


def sound_words(sound: Sound) -> str:
    """The sound as stored, in one line."""
    channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
    rate = "" if sound.bit_rate is None else f", {sound.bit_rate / 1000:.0f} kbit/s"
    return plain(f"{sound.codec}, {sound.source_rate_hz / 1000:g} kHz, {channels}{rate}")


def _span_rows(
    exam: Examination, marked: Sequence[tuple[list[Span], int]], shown: Sequence[Moment], axis: Axis
) -> tuple[SpanRow, ...]:
    out = []
    for finding, (spans, left_out) in zip(exam.findings, marked, strict=True):
        if spans:
            bars = lanes.span_bars(spans, shown, axis)
            rows = 1 + max(bar.row for bar in bars)
            out.append(SpanRow(plain(finding.examiner), str(finding.question), bars, rows, left_out))
    return tuple(out)


def _heat_names(exam: Examination, shown: Sequence[Moment]) -> tuple[tuple[int, str], ...]:
    numbers = sorted({heat.finding for moment in shown for heat in moment.heats})
    return tuple((number, plain(exam.findings[number].examiner)) for number in numbers)


def _missing(footage: Footage, undrawn: int) -> tuple[str, ...]:
    out = []
    if footage.tracks is None and footage.info.has_pictures:
        out.append("Faces were not followed: no face detector could run.")
    elif not footage.tracks and footage.info.has_pictures:
        out.append("No face was found in the frames that were examined.")
    if undrawn > 0:
        out.append(f"{words.count(undrawn, 'further track')} of faces with weaker evidence not drawn.")
    if footage.info.has_pictures and footage.sound is None:
        out.append("There is no sound, or none that could be decoded.")
    return tuple(out)
