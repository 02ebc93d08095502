"""From traces to regions: spans with scores, a curve over time, and what could not be looked for."""

from __future__ import annotations

from collections.abc import Mapping

from facevalue.examiners.audio_edit.look import BIN_S, MAX_UNITS, NAMES, AudioCalibration
from facevalue.examiners.audio_edit.trace import Trace
from facevalue.examiners.audio_edit.words import INNOCENT, LABELS
from facevalue.finding import Region

MAX_SPANS = 24
MAX_POINTS = 600
# A mark below the unit is what one unedited sound in twenty shows: not worth a span.
LEAST_UNITS = 1.0


def mark_regions(
    traces: Mapping[str, Trace], calibrated: AudioCalibration, duration_s: float, start_s: float = 0.0
) -> tuple[Region, ...]:
    """Spans of the marks that stand out and that the calibration counts, the most telling first.

    details: "trace", "log10_lr" (of this mark alone), "measured" and "innocent" (clauses).
    """
    rows = []
    for name, trace in traces.items():
        if calibrated.weigh.coefficients[NAMES.index(name)] <= 0:
            continue
        for mark in trace.marks[:MAX_SPANS]:
            if calibrated.scales[name].units(mark.score, duration_s) >= LEAST_UNITS:
                rows.append((calibrated.mark_log10_lr(name, mark.score, duration_s), name, mark))
    rows.sort(key=lambda row: (-row[0], row[2].start_s))
    return tuple(
        Region(
            "span",
            LABELS[name],
            score=round(calibrated.scales[name].units(mark.score, duration_s) / MAX_UNITS, 4),
            span=(round(start_s + mark.start_s, 4), round(start_s + mark.end_s, 4)),
            details={"trace": name, "log10_lr": round(lr, 3), "measured": mark.text, "innocent": INNOCENT[name]},
        )
        for lr, name, mark in rows[:MAX_SPANS]
    )


def curve_region(
    traces: Mapping[str, Trace], calibrated: AudioCalibration, duration_s: float, start_s: float = 0.0
) -> Region:
    """log10 LR of every second (longer steps in longer sound), the largest in each, as one span over the sound."""
    curve = calibrated.curve(traces, duration_s)
    step = max(1, round(1.0 / BIN_S), -(-len(curve) // MAX_POINTS))
    edges = range(0, len(curve), step)
    points = [
        [round(start_s + min(duration_s, (i + step / 2) * BIN_S), 3), round(float(curve[i : i + step].max()), 3)]
        for i in edges
    ]
    span = (round(start_s, 4), round(start_s + duration_s, 4))
    details = {"log10_lr": round(float(curve.max()), 3), "curve": points}
    return Region("span", "traces of editing over time", span=span, details=details)


def note_regions(traces: Mapping[str, Trace]) -> tuple[Region, ...]:
    """What could not be looked for, and why."""
    return tuple(
        Region("field", "not looked for", field_name=name, value=trace.note)
        for name, trace in traces.items()
        if trace.note
    )
