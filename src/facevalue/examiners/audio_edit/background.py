"""The background on both sides: noise floor, its level, and the band it fills.

The floor of a window is the mean of its quietest stretches (minimum statistics: Martin 2001), so that speech does not
count. Two recordings in two places differ in the shape of the floor's spectrum; a changed gain shifts all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.changes import (
    contrasts,
    highest,
    lowest_third,
    peaks,
    shape_and_level,
    spread,
    steps,
    windowed,
)
from facevalue.examiners.audio_edit.spectra import QUARTER_S, ROUNDING_DB, Floats, Spectra, mel_edges
from facevalue.examiners.audio_edit.trace import Mark, Trace, ranked

# Window lengths in quarter seconds: an insert of a second shows in short ones, a faint change in long ones.
WIDTHS = (4, 8, 16, 32)
# A band this close to rounding (dB) on both sides holds no background.
SILENT_DB = 3.0
MAX_Z = 6.0
MARKS_PER_WIDTH = 40
MIN_BANDS = 4
MIN_BAND_STEP_HZ = 500.0

Prior = Mapping[str, float]


def default_prior() -> dict[str, float]:
    """Standard deviations (dB) to start from when a calibration is first made."""
    return {f"{kind}{w}": usual for kind, usual in (("shape", 4.0), ("level", 4.0), ("band", 1000.0)) for w in WIDTHS}


def _heard(spectra: Spectra) -> npt.NDArray[np.bool_]:
    """Bands that hold more than rounding most of the time, bool (BANDS,)."""
    return np.asarray(np.median(spectra.floor, axis=0) > ROUNDING_DB + SILENT_DB, np.bool_)


def find_background(spectra: Spectra, prior: Prior) -> tuple[Trace, Trace]:
    """Changes of the floor's shape and of its level. prior: "shape4", "level4", ...: dB, from unedited sound."""
    heard = _heard(spectra)
    if heard.sum() < MIN_BANDS:
        note = "no background noise above rounding"
        return Trace("background", note=note), Trace("level", note=note)
    shapes: list[Mark] = []
    levels: list[Mark] = []
    for width in WIDTHS:
        difference = steps(contrasts(spectra.floor[:, heard], width, lowest_third), width)
        if len(difference) == 0:
            continue
        shape, level = shape_and_level(difference)
        z = np.minimum(np.abs(shape) / spread(shape, width, prior[f"shape{width}"]), MAX_Z)
        strength = np.sqrt((z**2).mean(axis=1))
        shapes += _marks(strength, width, lambda i, d=shape: _shape_text(d[i], heard))  # type: ignore[misc]
        scale = spread(level[:, None], width, prior[f"level{width}"])[0]
        levels += _marks(np.abs(level) / scale, width, lambda i, d=level: _level_text(d[i]))  # type: ignore[misc]
    return ranked("background", shapes, apart_s=1.0), ranked("level", levels, apart_s=1.0)


def find_band(spectra: Spectra, prior: Prior) -> Trace:
    """Changes of the highest frequency that the sound reaches: another codec, line or resampler on one side."""
    marks: list[Mark] = []
    for width in WIDTHS[1:]:
        # The loudest level of each 250 Hz bin, relative to the loudest bin of 1-3 kHz: how far up speech reaches.
        top = _reach(spectra, width)
        if len(top) <= width:
            continue
        step = (top[width:] - top[:-width]).astype(np.float32)
        scale = max(MIN_BAND_STEP_HZ, float(spread(step[:, None], width, prior[f"band{width}"])[0]))
        for i in peaks(np.abs(step), 4, MARKS_PER_WIDTH):
            at = _edge(step, i, width)
            text = f"sound reaches {top[at] / 1000:.1f} kHz before and {top[at + width] / 1000:.1f} kHz after"
            start = (at + width - 1) * QUARTER_S
            marks.append(Mark(start, start + 2 * QUARTER_S, float(abs(step[i])) / scale, text))
    return ranked("band", marks, apart_s=1.0)


def _edge(step: Floats, index: int, width: int) -> int:
    """Where a plateau of the step that holds `index` begins (the band narrows) or ends (it widens).

    A window reaches as high as its loudest moment, so that a step is full for as long as one wide moment is in it.
    """
    direction = -1 if step[index] < 0 else 1
    at = index
    while 0 <= at + direction < len(step) and abs(at + direction - index) <= width:
        if abs(step[at + direction]) < 0.9 * abs(step[index]) or step[at + direction] * step[index] < 0:
            break
        at += direction
    return at


def _reach(spectra: Spectra, width: int) -> Floats:
    """Highest frequency (Hz) whose loudest level in each window is above a hole: 12 dB over the emptiest bin."""
    loud = windowed(spectra.peak, width, highest)
    floor = max(float(np.quantile(loud, 0.02)) if loud.size else 0.0, ROUNDING_DB + 6)
    above = loud > floor + 12
    return np.asarray((loud.shape[1] - above[:, ::-1].argmax(axis=1)) * 250.0 * above.any(axis=1), np.float32)


def _marks(strength: npt.NDArray[np.floating], width: int, text: Callable[[int], str]) -> list[Mark]:
    found = peaks(strength, 4, MARKS_PER_WIDTH)
    return [Mark((i + width - 1) * QUARTER_S, (i + width + 1) * QUARTER_S, float(strength[i]), text(i)) for i in found]


def _shape_text(shape: npt.NDArray[np.float32], heard: npt.NDArray[np.bool_]) -> str:
    edges = mel_edges()
    index = np.flatnonzero(heard)[int(np.argmax(np.abs(shape)))]
    value = float(shape[int(np.argmax(np.abs(shape)))])
    return f"the background changes its colour, by {value:+.0f} dB near {edges[index]:.0f}-{edges[index + 1]:.0f} Hz"


def _level_text(level: float) -> str:
    return f"the background steps by {level:+.0f} dB"
