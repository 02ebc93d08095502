"""The trips of sound that robustness is measured under: phone lines, low-rate codecs, noise. Fixed and seeded.

The mono track at 16 kHz goes through one step and comes back as WAV, so that only the step differs. Noise is white,
its level set against the root mean square of the loudest half of the 20 ms frames, so that pauses do not count.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError

RATE_HZ = 16_000
# Longer recordings are cut: a trip measures robustness, not patience.
MAX_SECONDS = 600
FRAME = 320

Samples = npt.NDArray[np.int16]


def read_sound(path: Path) -> Samples:
    """The first audio track, mono, int16 at 16 kHz, at most ten minutes. Raises DecodeError when there is none."""
    parts: list[Samples] = []
    try:
        with av.open(str(path)) as source:
            if not source.streams.audio:
                raise DecodeError(f"{path.name} has no audio track")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            for frame in source.decode(source.streams.audio[0]):
                parts += [np.asarray(part.to_ndarray()[0], np.int16) for part in resampler.resample(frame)]
                if sum(map(len, parts)) > MAX_SECONDS * RATE_HZ:
                    break
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError(f"{path.name} cannot be read: {error}") from None
    if not parts:
        raise DecodeError(f"{path.name} holds no sound")
    return np.concatenate(parts)[: MAX_SECONDS * RATE_HZ]


def through(samples: Samples, container: str, codec: str, rate: int, bit_rate: int = 0) -> Samples:
    """Encode and decode once, resampled to the codec's rate on the way; int16 at 16 kHz in and out."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream: Any = target.add_stream(codec, rate=rate, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        down = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        for frame in _frames(samples):
            for part in down.resample(frame):
                target.mux(stream.encode(part))
        for part in down.resample(None):
            target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    out.seek(0)
    parts: list[Samples] = []
    with av.open(out, "r") as source:
        up = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        for frame in source.decode(source.streams.audio[0]):
            parts += [np.asarray(part.to_ndarray()[0], np.int16) for part in up.resample(frame)]
    return np.concatenate(parts) if parts else samples[:0]


def _frames(samples: Samples) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), RATE_HZ):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, start : start + RATE_HZ]), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        yield frame


def noisy(samples: Samples, snr_db: float, seed: int) -> Samples:
    """White noise at that ratio to the active level."""
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    power = np.sort((whole**2).mean(axis=1)) if len(whole) else np.zeros(1)
    active = power[len(power) // 2 :].mean()
    noise = np.random.default_rng(seed).normal(0, np.sqrt(active / 10 ** (snr_db / 10)), len(samples))
    return np.clip(np.round(samples + noise), -32768, 32767).astype(np.int16)


Step = Callable[[Samples, int], Samples]

SOUND_STEPS: dict[str, Step] = {
    "g711": lambda samples, seed: through(samples, "wav", "pcm_mulaw", 8_000),
    "amr": lambda samples, seed: through(samples, "amr", "libopencore_amrnb", 8_000, 12_200),
    "opus16": lambda samples, seed: through(samples, "ogg", "libopus", 48_000, 16_000),
    "mp3_48": lambda samples, seed: through(samples, "mp3", "libmp3lame", 16_000, 48_000),
    "noise20": lambda samples, seed: noisy(samples, 20.0, seed),
    "noise10": lambda samples, seed: noisy(samples, 10.0, seed),
    "noise5": lambda samples, seed: noisy(samples, 5.0, seed),
}


def relaunder_sound(path: Path, step: str) -> tuple[str, bytes]:
    """A recording after one of SOUND_STEPS, as WAV: (file name, bytes). Raises DecodeError when it cannot be read."""
    samples = read_sound(path)
    try:
        made = SOUND_STEPS[step](samples, zlib.crc32(path.name.encode()))
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError(f"{path.name} cannot be re-encoded: {error}") from None
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as target:
        stream: Any = target.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for frame in _frames(made):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return f"{path.stem}.wav", out.getvalue()
