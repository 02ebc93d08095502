"""Trips of sound through codecs and back, aligned: the same for edited and unedited sound."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError

RATE_HZ = 16_000
Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Codec:
    """How a sound is stored. container and encoder as FFmpeg calls them; rate_hz of the stored sound."""

    container: str
    encoder: str
    rate_hz: int
    bit_rate: int | None = None
    layout: str = "mono"


CODECS: dict[str, Codec] = {
    "wav": Codec("wav", "pcm_s16le", 16_000),
    "mp3 64k": Codec("mp3", "libmp3lame", 44_100, 64_000),
    "mp3 128k": Codec("mp3", "libmp3lame", 44_100, 128_000),
    "aac 64k": Codec("mp4", "aac", 44_100, 64_000),
    "opus 24k": Codec("ogg", "libopus", 48_000, 24_000),
    "amr 12k2": Codec("amr", "libopencore_amrnb", 8_000, 12_200),
    "g711": Codec("wav", "pcm_mulaw", 8_000),
}


def encode(samples: Samples, codec: str | Codec) -> bytes:
    """int16 (n,) at 16 kHz as a file of a codec or one of CODECS. Raises UsageError for one unknown or not built in."""
    if not isinstance(codec, Codec) and codec not in CODECS:
        raise UsageError(f"a codec is one of {', '.join(CODECS)}")
    spec = codec if isinstance(codec, Codec) else CODECS[codec]
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format=spec.container) as out:
            stream = out.add_stream(spec.encoder, rate=spec.rate_hz, layout=spec.layout)
            assert isinstance(stream, av.AudioStream)
            if spec.bit_rate:
                stream.bit_rate = spec.bit_rate
            form = stream.codec_context.format.name
            resampler = av.AudioResampler(
                form, spec.layout, spec.rate_hz, frame_size=stream.codec_context.frame_size or 0
            )
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), 0
            for part in (frame, None):
                for piece in resampler.resample(part):
                    out.mux(stream.encode(piece))
            out.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise UsageError(f"{spec.encoder} cannot be written by this build: {type(error).__name__}") from error
    return buffer.getvalue()


def decode(data: bytes) -> Samples:
    """The first audio track of a file as int16 (n,), mono, 16 kHz. Raises UsageError when there is none."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            resampler = av.AudioResampler("s16", "mono", RATE_HZ)
            parts = [g.to_ndarray()[0] for f in container.decode(audio=0) for g in resampler.resample(f)]
            parts += [g.to_ndarray()[0] for g in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise UsageError(f"no sound could be read: {type(error).__name__}") from error
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def trip(samples: Samples, codec: str | Codec) -> Samples:
    """There and back through a codec or one of CODECS, aligned to the sample where the codec delays."""
    back = decode(encode(samples, codec))
    return align(samples, back)


def align(original: Samples, copy: Samples) -> Samples:
    """copy without the delay of a codec (up to 0.2 s), as long as the original."""
    probe = min(len(original), len(copy), 4 * RATE_HZ)
    size = 1 << int(np.ceil(np.log2(2 * probe)))
    a, b = (np.fft.rfft(x[:probe].astype(np.float64), size) for x in (original, copy))
    product = np.fft.irfft(b * np.conj(a), size)
    reach = min(3200, probe - 1)
    lag = int(np.argmax(np.concatenate([product[-reach:], product[: reach + 1]]))) - reach
    shifted = copy[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, np.int16), copy])
    return np.pad(shifted, (0, max(0, len(original) - len(shifted))))[: len(original)]
