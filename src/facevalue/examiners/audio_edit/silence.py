"""Digital silence in the middle of an analogue background, and steps of the zero line and of the clipping level."""

from __future__ import annotations

import numpy as np

from facevalue.examiners.audio_edit.changes import contrasts, peaks, spread
from facevalue.examiners.audio_edit.spectra import QUARTER_S, Samples, Spectra
from facevalue.examiners.audio_edit.trace import RATE_HZ, Mark, Trace, ranked

# A run of one value this long (samples) does not come out of a microphone with noise of a few steps.
MIN_RUN = 160
CHUNK = 1 << 22
# Noise (standard deviation in steps) without which constant runs are no wonder.
MIN_NOISE = 1.5
EDGE_S = 0.15


def constant_runs(samples: Samples) -> list[tuple[int, int]]:
    """(start, end) of every run of at least MIN_RUN equal samples in int16 (n,), read in chunks."""
    piece = MIN_RUN // 2  # every such run holds a whole aligned piece
    count = len(samples) // piece
    still: list[int] = []
    for first in range(0, count, CHUNK // piece):
        rows = np.asarray(samples[first * piece : min(count, first + CHUNK // piece) * piece]).reshape(-1, piece)
        flat = np.flatnonzero(rows[:, 0] == rows[:, -1])
        flat = flat[(rows[flat] == rows[flat, :1]).all(axis=1)]
        still += (flat + first).tolist()
    runs: list[tuple[int, int]] = []
    for index in still:
        start, end = index * piece, (index + 1) * piece
        if runs and start < runs[-1][1]:
            continue
        if runs and start == runs[-1][1] and samples[start] == samples[start - 1]:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    grown = [_grown(samples, a, b) for a, b in runs]
    return [(a, b) for a, b in grown if b - a >= MIN_RUN]


def _grown(samples: Samples, start: int, end: int) -> tuple[int, int]:
    """A run with its ends moved out to where the value changes; at most MIN_RUN samples are missing on a side."""
    value = samples[start]
    before = np.asarray(samples[max(0, start - MIN_RUN) : start])[::-1] != value
    after = np.asarray(samples[end : end + MIN_RUN]) != value
    return (
        start - (int(before.argmax()) if before.any() else len(before)),
        end + (int(after.argmax()) if after.any() else len(after)),
    )


def find_silence(samples: Samples, gaps: tuple[tuple[float, float], ...] = ()) -> Trace:
    """Constant runs inside a noisy background. gaps: (time_s, seconds) that the decoder filled; they do not count.

    One such run is telling; many are what a noise gate or a chat application makes, so a run's score is divided by
    the number of runs.
    """
    noise = _noise(samples)
    if noise < MIN_NOISE:
        return Trace("silence", note="the sound is so quiet that constant samples are no wonder")
    inner = [r for r in constant_runs(samples) if _inside(r, len(samples)) and not _filled(r, gaps)]
    marks = []
    for start, end in inner[: 50 * 400]:
        seconds = (end - start) / RATE_HZ
        text = f"{seconds * 1000:.0f} ms of exactly constant samples inside a background that never rests"
        marks.append(Mark(start / RATE_HZ, end / RATE_HZ, 3.0 / len(inner), text))
    return ranked("silence", marks)


def _noise(samples: Samples) -> float:
    """A low quantile of the standard deviation of 20 ms pieces without constant ones, in steps."""
    usable = len(samples) // 320
    step = max(1, usable // 20_000)
    rows = np.asarray(samples[: usable * 320], np.int16).reshape(usable, 320)[::step].astype(np.float32)
    deviations = rows.std(axis=1)
    moving = deviations[deviations > 0.3]
    return float(np.quantile(moving, 0.05)) if len(moving) > 10 else 0.0


def _inside(run: tuple[int, int], length: int) -> bool:
    edge = int(EDGE_S * RATE_HZ)
    return run[0] > edge and run[1] < length - edge


def _filled(run: tuple[int, int], gaps: tuple[tuple[float, float], ...]) -> bool:
    a, b = run[0] / RATE_HZ, run[1] / RATE_HZ
    return any(a < at + seconds + 0.1 and b > at - 0.1 for at, seconds in gaps)


def find_offset(spectra: Spectra) -> Trace:
    """Steps of the mean sample value: another converter on one side. Score: step over its own spread."""
    marks: list[Mark] = []
    for width in (8, 16):
        step = contrasts(spectra.dc[:, None], width, lambda rows: np.asarray(np.median(rows, axis=-1), np.float32))
        if len(step) == 0:
            continue
        # Half a step of int16 is the least that rounding lets one see.
        z = np.abs(step[:, 0]) / max(0.5, float(spread(step, width, 4.0)[0]))
        for i in peaks(z, 4, 20):
            text = f"the zero line moves by {step[i, 0]:+.1f} steps of 16 bits"
            marks.append(Mark((i + width - 1) * QUARTER_S, (i + width + 1) * QUARTER_S, float(z[i]), text))
    return ranked("offset", marks, apart_s=1.0)


def find_clipping(spectra: Spectra) -> Trace:
    """Places between a stretch that is clipped at one level and a stretch that goes on above that level.

    Flat tops (three or more samples at the extreme) at a level that other quarters exceed by more than 5 % say that
    the two were not recorded by one chain. Score: log2 of the number of flat quarters at the level, plus 1.
    """
    clipped = np.flatnonzero((spectra.flat >= 4) & (spectra.top > 500))
    marks: list[Mark] = []
    if len(clipped):
        level = float(np.median(spectra.top[clipped]))
        same = clipped[np.abs(spectra.top[clipped] / level - 1) < 0.01]
        over = np.flatnonzero(spectra.top > 1.05 * level)
        if len(same) >= 3 and len(over):
            at = int(over[np.argmin(np.abs(over[:, None] - same[None, :256]).min(axis=1))])
            near = int(same[np.argmin(np.abs(same - at))])
            lo, hi = sorted((at, near))
            text = f"flat tops at {level:.0f} on one side, peaks of {spectra.top[at]} on the other"
            marks.append(Mark(lo * QUARTER_S, (hi + 1) * QUARTER_S, float(np.log2(len(same)) + 1), text))
    return ranked("clipping", marks)
