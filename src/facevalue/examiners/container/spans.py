"""From traces to regions on the time line, each with the innocent cause that would leave the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from facevalue.examiners.container.structure import Change
from facevalue.examiners.container.timing import Lengths
from facevalue.examiners.container.traces import GRID_CHANCE, Traces
from facevalue.finding import Region

# A lone step is shown from here on; what is smaller counts in the calibration but is met in most clips of gestures.
SHOWN_JUMP = 3.0
GRID_P = 0.01
MAX_SPANS = 40

# Which feature a trace belongs to; None where it was not calibrated.
FEATURE_OF = {"frozen": "freeze", "jump": "jump", "repeated": "clone", "gap": "gap", "off_grid": "off grid",
              "encoding_change": "encoding change", "grid_break": "grid break"}  # fmt: skip
LABELS = {
    "frozen": "the picture stands still between movements",
    "jump": "the picture jumps inside a scene",
    "repeated": "a moving stretch is shown twice",
    "gap": "time goes on without frames",
    "off_grid": "a key frame off the fixed grid",
    "encoding_change": "the encoding changes while the picture goes on",
    "grid_break": "the rhythm of a former encoding breaks",
    "former_encoding": "traces of a former encoding",
    "copied_frames": "frames are repeated in a steady rhythm",
    "left_out_frames": "frames are left out in a steady rhythm",
    "variable_rate": "the frame rate varies",
    "lengths": "pictures and sound differ in length",
    "sound_gap": "time goes on without sound",
}
INNOCENT = {
    "frozen": "a call or a stream that stalls, a recorder that could not keep up, and a title or slide between scenes",
    "jump": "a recorder that drops frames, a shake or a flash, and a jump cut such as interviews are full of",
    "repeated": "a loop that is meant as one, a replay, and an animation or a machine that repeats itself exactly",
    "gap": "a recording that was paused, a phone in poor light, and frames that were lost on the way",
    "off_grid": "an encoder that sets a key frame where the picture changes, or where a viewer joined a stream",
    "encoding_change": "a rate control that reacts to the picture, and a stream that follows the network",
    "grid_break": "frames that a recorder or a converter dropped, and chance in a short clip",
    "former_encoding": "every chat app, platform and converter encodes again: alone this says nothing of an edit",
    "copied_frames": "a conversion of the frame rate, such as 24 to 30 a second",
    "left_out_frames": "a conversion of the frame rate, such as 30 to 25 a second",
    "variable_rate": "phones, screen recorders and browsers record at a variable rate",
    "lengths": "a trim at a key frame, and recorders that stop their tracks at different moments",
    "sound_gap": "a recording that was paused, and packets that were lost on the way",
}


def span(kind: str, start: float, end: float, score: float | None = None, **details: Any) -> Region:
    """A region on the time line with its label and its innocent cause."""
    # Values of numpy are not JSON-ready.
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in details.items()}
    return Region("span", LABELS[kind], score=score, span=(float(start), float(max(end, start))),
                  details={"trace": kind, "innocent": INNOCENT[kind], **plain})  # fmt: skip


def spans_of(traces: Traces) -> Iterator[Region]:
    """Every trace of one stretch as a region; those that speak for an edit first."""
    time, step = traces.stretch.time_s, traces.stretch.frame_s

    def at(frame: int) -> float:
        return float(time[min(max(frame, 0), len(time) - 1)])

    for freeze in traces.freezes:
        yield span("frozen", at(freeze.start), at(freeze.end), frames=freeze.end - freeze.start,
                   motion_before=freeze.before, motion_after=freeze.after)  # fmt: skip
    for clone in traces.clones:
        yield span("repeated", at(clone.second), at(clone.second + clone.length - 1), frames=clone.length,
                   first_shown_s=round(at(clone.first), 3), distance=clone.distance)  # fmt: skip
    for jump in traces.jumps:
        if jump.ratio >= SHOWN_JUMP:
            yield span("jump", at(jump.frame - 1), at(jump.frame), ratio=jump.ratio, step=jump.step)
    for gap in traces.gaps:
        yield span("gap", at(gap.frame - 1), at(gap.frame), seconds=gap.seconds, missing_frames=gap.missing)
    for key in traces.off_grid:
        yield span("off_grid", at(key.frame), at(key.frame) + step, distance=key.distance, usual=traces.groups.period)
    for change in traces.changes:
        yield _change(change, at(change.frame), step)
    if traces.grid_break is not None and traces.grid_break.gain > 2 * GRID_CHANCE:
        found = traces.grid_break
        yield span("grid_break", at(found.frame), at(found.frame) + found.period * step, period=found.period,
                   shift=found.shift, gain=found.gain)  # fmt: skip
    yield from _innocent(traces, at(0), at(len(time) - 1))


def _change(change: Change, time_s: float, step: float) -> Region:
    return span("encoding_change", time_s, time_s + step, quantiser_step=change.qp, spending_ratio=change.spending)


def _innocent(traces: Traces, start: float, end: float) -> Iterator[Region]:
    if traces.grid is not None and traces.grid.p <= GRID_P:
        yield span("former_encoding", start, end, period=traces.grid.period, phase=traces.grid.phase,
                   strength=traces.grid.strength, p=traces.grid.p)  # fmt: skip
    if traces.cadence is not None:
        yield span("copied_frames", start, end, every=traces.cadence.every, share=traces.cadence.share)
    if traces.drops is not None:
        yield span("left_out_frames", start, end, every=traces.drops.every, strength=traces.drops.strength)
    if traces.rate.variable:
        yield span("variable_rate", start, end, varying=traces.rate.varying, step_s=traces.rate.step_s)


def length_spans(found: Lengths, end_s: float) -> Iterator[Region]:
    """Where pictures and sound do not begin or end together."""
    if found.excess > 0:
        late = min(end_s, end_s + found.end)
        yield span("lengths", late, max(end_s, end_s + found.end), start_s=found.start, end_s=found.end)
