"""What happens to speech on its way: rooms, noise, resampling, phone lines, codecs. Applied alike to both classes.

Functions over float32 (n,) at 16 kHz in -1..1; every random choice comes from the generator that is passed in.
Non-linear and filtering steps follow RawBoost (Tak et al. 2022), without its impulse noise.
"""

from __future__ import annotations

import fractions
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter, resample_poly

RATE_HZ = 16_000
ENCODE_STEP = 1 << 15
ALIGN_SAMPLES = 14_000

Wave = npt.NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder of PyAV: container, encoder name, sample rate it runs at, bit rates (bit/s) to draw from."""

    container: str
    encoder: str
    rate_hz: int
    bit_rates: tuple[int, ...]


CODECS: Mapping[str, Codec] = {
    "mp3": Codec("mp3", "libmp3lame", 16_000, (16_000, 24_000, 32_000, 48_000, 64_000)),
    "mp3-44k": Codec("mp3", "libmp3lame", 44_100, (48_000, 64_000, 96_000, 128_000)),
    "aac": Codec("adts", "aac", 16_000, (16_000, 24_000, 32_000, 48_000)),
    "aac-44k": Codec("adts", "aac", 44_100, (48_000, 64_000, 96_000)),
    "opus": Codec("ogg", "libopus", 48_000, (8_000, 12_000, 16_000, 24_000, 32_000, 48_000)),
    "vorbis": Codec("ogg", "vorbis", 16_000, (32_000, 48_000, 64_000)),
    "amr": Codec("amr", "libopencore_amrnb", 8_000, (4_750, 5_900, 7_400, 12_200)),
    "mu-law": Codec("wav", "pcm_mulaw", 8_000, (0,)),
    "a-law": Codec("wav", "pcm_alaw", 8_000, (0,)),
    "g722": Codec("wav", "g722", 16_000, (0,)),
    "g726": Codec("wav", "g726", 8_000, (24_000, 32_000, 40_000)),
}
PHONE = ("amr", "mu-law", "a-law", "g726")
RESAMPLE_HZ = (8_000, 11_025, 12_000, 22_050, 24_000, 44_100, 48_000)


def available(name: str) -> bool:
    """Whether this build of FFmpeg has the encoder."""
    try:
        av.Codec(CODECS[name].encoder, "w")
    except (av.FFmpegError, ValueError):
        return False
    return True


def resampled(wave: Wave, from_hz: int, to_hz: int) -> Wave:
    """At another rate, polyphase with a Kaiser window."""
    if from_hz == to_hz:
        return wave
    ratio = fractions.Fraction(to_hz, from_hz)
    return np.asarray(resample_poly(wave, ratio.numerator, ratio.denominator), np.float32)


def through_codec(wave: Wave, name: str, bit_rate: int) -> Wave:
    """Encoded and decoded in memory, float32 (n,): the encoder's delay is taken out by correlation, the length kept."""
    codec = CODECS[name]
    pcm = np.clip(np.round(resampled(wave, RATE_HZ, codec.rate_hz) * 32767), -32768, 32767).astype(np.int16)
    back = resampled(_decode(_encode(pcm, codec, bit_rate)), codec.rate_hz, RATE_HZ)
    return aligned(back, wave)


def aligned(back: Wave, wave: Wave, most: int = 4_000) -> Wave:
    """`back` moved by the lag (at most `most` samples) that fits it best to `wave`, at wave's length."""
    n = len(wave)
    back = np.pad(back, (0, max(0, n - len(back))))[: n + most]
    # The loudest second or so is enough to find a lag.
    first = max(0, int(np.argmax(np.abs(wave))) - ALIGN_SAMPLES // 2)
    piece, heard = wave[first : first + ALIGN_SAMPLES], back[first : first + ALIGN_SAMPLES + most]
    size = 1 << int(np.ceil(np.log2(2 * ALIGN_SAMPLES + most)))
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size))
    lag = int(np.argmax(np.fft.irfft(product, size)[: most + 1]))
    return np.asarray(np.pad(back[lag : lag + n], (0, max(0, n - len(back[lag : lag + n])))), np.float32)


def _encode(pcm: npt.NDArray[np.int16], codec: Codec, bit_rate: int) -> bytes:
    buffer = io.BytesIO()
    layout = "stereo" if codec.encoder == "vorbis" else "mono"  # FFmpeg's own Vorbis is stereo only
    options = {"strict": "experimental"} if codec.encoder == "vorbis" else {}
    with av.open(buffer, "w", format=codec.container) as container:
        # PyAV's types do not say that an audio encoder makes an audio stream.
        stream: Any = container.add_stream(codec.encoder, rate=codec.rate_hz, options=options)
        stream.layout = layout
        if bit_rate:
            stream.bit_rate = bit_rate
        formats = stream.codec.audio_formats
        resampler = av.AudioResampler(formats[0].name if formats else "s16", layout, codec.rate_hz)
        for start in range(0, len(pcm), ENCODE_STEP):
            frame = av.AudioFrame.from_ndarray(pcm[None, start : start + ENCODE_STEP], format="s16", layout="mono")
            frame.sample_rate, frame.pts = codec.rate_hz, start
            frame.time_base = fractions.Fraction(1, codec.rate_hz)
            for part in resampler.resample(frame):
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _decode(data: bytes) -> Wave:
    with av.open(io.BytesIO(data), "r") as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=container.streams.audio[0].rate)
        parts = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([part.to_ndarray().ravel() for part in parts]).astype(np.float32)


def room(wave: Wave, rng: Rng) -> Wave:
    """Reverberation by a synthetic room: exponentially decaying noise, RT60 .12-.9 s, direct sound 0-18 dB above."""
    rt60, ratio_db = rng.uniform(0.12, 0.9), rng.uniform(0, 18)
    n = int(rt60 * RATE_HZ)
    tail = rng.normal(size=n) * 10.0 ** (-3.0 * np.arange(n) / n)
    # High frequencies die first.
    tail = lfilter([1.0], [1.0, -rng.uniform(0.0, 0.7)], tail)
    delay = int(rng.uniform(0.002, 0.02) * RATE_HZ)
    impulse = np.concatenate([np.zeros(delay), tail])
    impulse *= 10.0 ** (-ratio_db / 20) / np.sqrt((impulse**2).sum() + 1e-12)
    impulse[0] = 1.0
    return np.asarray(fftconvolve(wave, impulse)[: len(wave)], np.float32)


def coloured_noise(n: int, rng: Rng) -> Wave:
    """Noise of unit power, float32 (n,), whose spectrum falls with f^0 to f^-2."""
    spectrum = np.fft.rfft(rng.normal(size=n))
    frequency = np.maximum(np.arange(len(spectrum)), 8)
    noise = np.fft.irfft(spectrum * frequency ** (-rng.uniform(0, 1)), n)
    return np.asarray(noise / (noise.std() + 1e-9), np.float32)


def noisy(wave: Wave, rng: Rng, snr_db: float, other: Wave | None = None) -> Wave:
    """With coloured noise, or with `other` sound (repeated or cut to length), snr_db below it."""
    if other is None or not other.any():
        noise = coloured_noise(len(wave), rng)
    else:
        noise = np.resize(np.roll(other, rng.integers(len(other))), len(wave)).astype(np.float32)
    gain = np.sqrt((wave**2).mean() / ((noise**2).mean() + 1e-12)) * 10.0 ** (-snr_db / 20)
    return np.asarray(wave + noise * np.float32(gain), np.float32)


def tone_curve(wave: Wave, rng: Rng) -> Wave:
    """Linear-phase filter through random gains, up to 9 dB, at eight frequencies."""
    gains = 10.0 ** (rng.uniform(-9, 9, 8) / 20)
    response = np.interp(np.linspace(0, 7, 129), np.arange(8), gains)
    kernel = np.roll(np.fft.irfft(response), 128) * np.hanning(256)
    return np.asarray(fftconvolve(wave, kernel, mode="same"), np.float32)


def harmonics(wave: Wave, rng: Rng) -> Wave:
    """Second to fourth powers mixed in 12-30 dB below, as cheap electronics do."""
    peak = float(np.abs(wave).max()) + 1e-9
    unit = wave / peak
    out = unit.copy()
    for power in (2, 3, 4):
        out += unit**power * np.float32(10.0 ** (-rng.uniform(12, 30) / 20))
    return np.asarray((out - out.mean()) * peak, np.float32)


def clipped(wave: Wave, rng: Rng) -> Wave:
    """Cut at 30-90% of its peak."""
    limit = float(np.abs(wave).max()) * rng.uniform(0.3, 0.9)
    return np.asarray(np.clip(wave, -limit, limit), np.float32)


def band_limited(wave: Wave, rng: Rng) -> Wave:
    """Taken to another sample rate and back."""
    rate = int(rng.choice(RESAMPLE_HZ))
    out = resampled(resampled(wave, RATE_HZ, rate), rate, RATE_HZ)[: len(wave)]
    return np.pad(out, (0, len(wave) - len(out)))


def other_speed(wave: Wave, rng: Rng) -> Wave:
    """Played up to 8% faster or slower, pitch included; the length changes with it."""
    step = rng.uniform(0.92, 1.08)
    return np.asarray(np.interp(np.arange(0, len(wave) - 1, step), np.arange(len(wave)), wave), np.float32)


def coded(wave: Wave, rng: Rng, names: tuple[str, ...] = tuple(CODECS)) -> Wave:
    """Through a random codec of `names` at a random bit rate; one that FFmpeg lacks or that fails changes nothing."""
    name = str(rng.choice(names))
    bit_rate = int(rng.choice(CODECS[name].bit_rates))
    peak = float(np.abs(wave).max())
    try:
        return through_codec(wave / max(1.0, peak), name, bit_rate)
    except (av.FFmpegError, ValueError, IndexError):
        return wave


# Probability of each step of a random journey, in the order in which they happen.
Step = Callable[[Wave, Rng], Wave]
JOURNEY: tuple[tuple[float, Step], ...] = (
    (0.35, other_speed),
    (0.30, room),
    (0.35, tone_curve),
    (0.15, harmonics),
    (0.08, clipped),
    (0.25, band_limited),
)
NOISE_CHANCE, CODEC_CHANCE, PHONE_CHANCE, SECOND_CODEC_CHANCE = 0.35, 0.75, 0.3, 0.15


def journey(wave: Wave, rng: Rng, other: Wave | None = None, speed: bool = True) -> Wave:
    """A random chain of speed, room, tone, distortion, resampling, noise (or `other` sound) and codecs; -35..-15 dB.

    speed: whether it may change, and the length with it.
    """
    for chance, step in JOURNEY:
        if rng.random() < chance and (speed or step is not other_speed):
            wave = step(wave, rng)
    if rng.random() < NOISE_CHANCE:
        wave = noisy(wave, rng, rng.uniform(3, 30), other if rng.random() < 0.4 else None)
    wave = at_level(wave, rng.uniform(-35, -15))
    if rng.random() < CODEC_CHANCE:
        wave = coded(wave, rng, PHONE) if rng.random() < PHONE_CHANCE else coded(wave, rng)
        if rng.random() < SECOND_CODEC_CHANCE:
            wave = coded(wave, rng)
    return wave


def at_level(wave: Wave, level_db: float) -> Wave:
    """Scaled to an RMS in dB re full scale; silence stays."""
    rms = float(np.sqrt((wave.astype(np.float64) ** 2).mean()))
    return wave if rms < 1e-6 else np.asarray(wave * np.float32(10.0 ** (level_db / 20) / rms), np.float32)


# The named channels that held-out clips are judged through.
CHANNELS: Mapping[str, Step] = {
    "clean": lambda wave, rng: wave,
    "phone, G.711": lambda wave, rng: through_codec(wave, "mu-law", 0),
    **({"mobile, AMR": lambda wave, rng: through_codec(wave, "amr", 12_200)} if available("amr") else {}),
    "Opus 12 kbit/s": lambda wave, rng: through_codec(wave, "opus", 12_000),
    "MP3 32 kbit/s": lambda wave, rng: through_codec(wave, "mp3", 32_000),
    "noise, 20 dB": lambda wave, rng: noisy(wave, rng, 20.0),
    "noise, 10 dB": lambda wave, rng: noisy(wave, rng, 10.0),
    "noise, 5 dB": lambda wave, rng: noisy(wave, rng, 5.0),
    "room": room,
}
