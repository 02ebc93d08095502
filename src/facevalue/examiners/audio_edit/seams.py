"""Seams: places where the sound before and the sound after were not recorded together, as two small networks see them.

The fast one looks at a quarter of a second on either side, with spectra of 8 ms and the residual of linear prediction
from the past and from the future: butt joints, short cross-fades, decays and vowels that end too early. The slow one
looks at four seconds on either side: noise floor, channel and reverberation of one place against those of another.
Both are trained on exact joints (`facevalue lab train audio_edit`) in sound that also holds what is innocent: lost
packets, clicks, gates, automatic gain. Neither sees the level of the recording as a whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facevalue.examiners.audio_edit.spectra import BANDS, FRAME_S, Floats, Samples, Spectra, mel_edges
from facevalue.examiners.audio_edit.splice import LEAST_DB, lone_db, pulses
from facevalue.examiners.audio_edit.trace import RATE_HZ, Mark, Trace, ranked
from facevalue.sessions import session

FAST_FILE, SLOW_FILE = "joints.onnx", "places.onnx"
# Fast network: 4 ms steps in, 8 ms out.
FAST_HOP = 64
FAST_WINDOW = 128
FAST_STRIDE = 2
FAST_OUT_S = FAST_STRIDE * FAST_HOP / RATE_HZ
# Bins of 125 Hz, single ones below 750 Hz, then ever wider.
FAST_EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 28, 32, 37, 42, 48, 54, 59, 65)
FAST_CHANNELS = len(FAST_EDGES) - 1 + 3
FAST_CONTEXT = 128  # steps on either side of a chunk: more than the network sees
FAST_CHUNK = 16_384  # about a minute
# Slow network: four frames of the common spectra make a step of a sixteenth of a second.
SLOW_FRAMES = 4
SLOW_S = SLOW_FRAMES * FRAME_S
SLOW_CHANNELS = 2 * BANDS
UNIT_DB = 15.0
# Log-odds below which nothing is worth a mark; scores are counted from here.
LEAST_LOGIT = -6.0
MARKS = 60
SIDE_S = 1.0


@dataclass(frozen=True, slots=True)
class Networks:
    """Where the two networks lie."""

    fast: Path
    slow: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Networks:
        """Under their usual names."""
        return cls(folder / FAST_FILE, folder / SLOW_FILE)


def fast_inputs(samples: Samples) -> Floats:
    """What the fast network is given: float32 (FAST_CHANNELS, steps of 4 ms).

    Band levels in units of 15 dB around the recording's median level, then how lone a pulse is (see splice), and the
    residual's level under the predictors of the past and of the future against its own median.
    """
    steps = len(samples) // FAST_HOP
    out = np.zeros((FAST_CHANNELS, steps), np.float32)
    bands = out[:-3]
    for start in range(0, steps, FAST_CHUNK):
        bands[:, start : start + FAST_CHUNK] = _bands(samples, start, min(FAST_CHUNK, steps - start))
    if steps:
        bands -= np.median(bands)
        out[-3:] = _residuals(samples, steps)
    out[:-3] /= UNIT_DB
    np.clip(out, -6.0, 6.0, out=out)
    return out


def _bands(samples: Samples, start: int, count: int) -> Floats:
    first = start * FAST_HOP - (FAST_WINDOW - FAST_HOP) // 2
    last = first + (count - 1) * FAST_HOP + FAST_WINDOW
    piece = np.asarray(samples[max(0, first) : last], np.float32)
    piece = np.pad(piece, (max(0, -first), 0), mode="reflect" if len(piece) > FAST_WINDOW else "constant")
    piece = np.pad(piece, (0, last - first - len(piece)))
    window = np.hanning(FAST_WINDOW + 2)[1:-1].astype(np.float32)
    spectrum = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(piece, FAST_WINDOW)[::FAST_HOP] * window, axis=1)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
    pooled = np.add.reduceat(power, FAST_EDGES[:-1], axis=1) / np.diff(FAST_EDGES).astype(np.float32)
    return np.asarray(10 * np.log10(pooled / float((window**2).sum()) + 1 / 12).T, np.float32)


def _residuals(samples: Samples, steps: int) -> Floats:
    past, future = pulses(samples)
    out = np.zeros((3, steps), np.float32)
    if not len(past):
        return out
    lone = np.maximum(lone_db(past, future), LEAST_DB)
    for row, values in enumerate((lone, 10 * np.log10(past), 10 * np.log10(future))):
        whole = np.pad(values, (0, max(0, 8 * steps - len(values))), mode="edge")[: 8 * steps]
        out[row] = whole.reshape(steps, 8).max(axis=1)
    out[0] = np.maximum(out[0], -15.0) / 10.0
    out[1:] = (out[1:] - np.median(out[1:])) / UNIT_DB
    return out


def slow_inputs(spectra: Spectra) -> Floats:
    """What the slow network is given: float32 (SLOW_CHANNELS, steps of 1/16 s).

    In each step the quietest and the mean level of each band against the band's median over the recording.
    """
    steps = len(spectra.frames) // SLOW_FRAMES
    frames = spectra.frames[: steps * SLOW_FRAMES].astype(np.float32).reshape(steps, SLOW_FRAMES, BANDS)
    if not steps:
        return np.zeros((SLOW_CHANNELS, 0), np.float32)
    low, mean = frames.min(axis=1), frames.mean(axis=1)
    usual = np.median(low, axis=0)
    out = np.concatenate([low - usual, mean - usual], axis=1).T / UNIT_DB
    return np.ascontiguousarray(np.clip(out, -6.0, 6.0), np.float32)


def run_network(path: Path, inputs: Floats, stride: int = 1, context: int = FAST_CONTEXT) -> Floats:
    """Logits of a seam, float32 (steps / stride,), of inputs (channels, steps), in chunks of bounded size."""
    steps = inputs.shape[1] // stride * stride
    network = session(path)
    parts = []
    for start in range(0, steps, FAST_CHUNK):
        stop = min(steps, start + FAST_CHUNK)
        first, last = max(0, start - context), min(steps, stop + context)
        (logits,) = network.run(None, {"inputs": np.ascontiguousarray(inputs[None, :, first:last])})
        parts.append(logits[0, (start - first) // stride : (stop - first) // stride])
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def fast_logits(samples: Samples, path: Path) -> Floats:
    """Log-odds of a joint in every 8 ms, float32 (n,)."""
    return run_network(path, fast_inputs(samples), FAST_STRIDE)


def slow_logits(spectra: Spectra, path: Path) -> Floats:
    """Log-odds of a change of place in every sixteenth of a second, float32 (n,)."""
    return run_network(path, slow_inputs(spectra))


def find_joints(samples: Samples, spectra: Spectra, path: Path) -> Trace:
    """Marks of the fast network, 8 ms and more wide; scores are log-odds counted from LEAST_LOGIT."""
    logits = fast_logits(samples, path)
    edge = int(0.1 / FAST_OUT_S)
    marks = _marks(logits, FAST_OUT_S, edge, FAST_OUT_S / 2, functools.partial(_joint_text, spectra))
    return ranked("splice", marks, apart_s=0.08)


def find_places(spectra: Spectra, path: Path) -> Trace:
    """Marks of the slow network, an eighth of a second wide; scores as in find_joints."""
    logits = slow_logits(spectra, path)
    edge = int(0.4 / SLOW_S)
    marks = _marks(logits, SLOW_S, edge, SLOW_S, functools.partial(_place_text, spectra))
    return ranked("place", marks, apart_s=0.6)


def _marks(logits: Floats, step_s: float, edge: int, half_s: float, text: Callable[[float], str]) -> list[Mark]:
    """The strongest local maxima away from the ends, with what was measured there."""
    inner = logits[edge : len(logits) - edge]
    if len(inner) < 3:
        return []
    peak = (inner[1:-1] >= inner[:-2]) & (inner[1:-1] > inner[2:]) & (inner[1:-1] > LEAST_LOGIT)
    at = np.flatnonzero(peak) + 1
    at = at[np.argsort(-inner[at], kind="stable")][:MARKS]
    marks = []
    for i in at:
        middle = (float(i) + edge + 0.5) * step_s
        score = float(inner[i]) - LEAST_LOGIT
        marks.append(Mark(max(0.0, middle - half_s), middle + half_s, score, text(middle)))
    return marks


def _joint_text(spectra: Spectra, at_s: float) -> str:
    left, right = _sides(spectra, at_s, 0.06)
    difference = right.mean(axis=0) - left.mean(axis=0)
    return f"the spectrum does not go on across it, {_most(difference)}"


def _place_text(spectra: Spectra, at_s: float) -> str:
    left, right = _sides(spectra, at_s, SIDE_S)
    quiet = np.asarray(np.quantile(right, 0.15, axis=0) - np.quantile(left, 0.15, axis=0), np.float32)
    return f"background, channel or room differ between the seconds before and after, the quiet moments {_most(quiet)}"


def _sides(spectra: Spectra, at_s: float, reach_s: float) -> tuple[Floats, Floats]:
    frames = spectra.frames
    middle = int(np.clip(at_s / FRAME_S, 1, max(1, len(frames) - 1)))
    width = max(1, int(reach_s / FRAME_S))
    return (
        frames[max(0, middle - width) : middle].astype(np.float32),
        frames[middle : middle + width].astype(np.float32),
    )


def _most(difference: Floats) -> str:
    edges = mel_edges()
    band = int(np.argmax(np.abs(difference)))
    return f"most by {difference[band]:+.0f} dB near {edges[band]:.0f}-{edges[band + 1]:.0f} Hz"
