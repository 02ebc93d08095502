"""Copies of 16 kHz sound as a phone line or a chat app makes them: evidence that does not survive one is weak."""

from __future__ import annotations

import fractions
import io

import av
import numpy as np
import numpy.typing as npt

from facevalue.sound.levels import RATE_HZ

PHONE_CUT_HZ = 3400.0
MU = 255.0
OPUS_BIT_RATE = 24_000
OPUS_RATE_HZ = 48_000

Pcm = npt.NDArray[np.int16]


def phone_copy(samples: Pcm) -> Pcm:
    """As a phone line leaves it: nothing above 3400 Hz, eight bits of mu-law (ITU-T G.711). int16 (n,) both."""
    if not len(samples):
        return samples
    spectrum = np.fft.rfft(samples.astype(np.float64) / 32768.0)
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    narrow = np.fft.irfft(spectrum * (frequency <= PHONE_CUT_HZ), len(samples))
    squeezed = np.sign(narrow) * np.log1p(MU * np.minimum(np.abs(narrow), 1.0)) / np.log1p(MU)
    coarse = np.round(squeezed * 127.0) / 127.0
    wide = np.sign(coarse) * np.expm1(np.abs(coarse) * np.log1p(MU)) / MU
    # The line's other end reconstructs through the same filter.
    out = np.fft.irfft(np.fft.rfft(wide) * (frequency <= PHONE_CUT_HZ), len(samples))
    return np.clip(np.round(out * 32767.0), -32768, 32767).astype(np.int16)


def opus_copy(samples: Pcm) -> Pcm | None:
    """As a chat app sends it: Opus at 24 kbit/s and back. int16 (n,) -> int16 (n,). None where FFmpeg has no Opus."""
    try:
        return _opus(samples)
    except (av.FFmpegError, ValueError, IndexError):
        return None


def _opus(samples: Pcm) -> Pcm:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE_HZ)
        stream.codec_context.layout, stream.codec_context.bit_rate = "mono", OPUS_BIT_RATE
        to_opus = av.AudioResampler("s16", "mono", OPUS_RATE_HZ)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, fractions.Fraction(1, RATE_HZ)
        for part in [*to_opus.resample(frame), *to_opus.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as back:
        to_mono = av.AudioResampler("s16", "mono", RATE_HZ)
        parts = [p.to_ndarray().ravel() for f in back.decode(audio=0) for p in to_mono.resample(f)]
        parts += [p.to_ndarray().ravel() for p in to_mono.resample(None)]
    out = np.concatenate(parts)[: len(samples)]
    return np.pad(out, (0, len(samples) - len(out))).astype(np.int16)
