"""The trips that clips and recordings take: the same names as those of pictures, seeded and composable.

Clips are read frame by frame in the package's limited process and written as chat apps, sites and cameras would:
MP4 with H.264 and AAC, no metadata. Recordings go through a codec and come back as lossless ALAC in MP4. What declared
itself made or composited is known by then, and the copy is labelled again (lab.launder_copy).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from facevalue.errors import DecodeError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.lab.labels import declared_type
from facevalue.lab.launder import JOINED, Pixels, Step, broadcast, noise, scaled, screen_photo, screenshot_bars
from facevalue.lab.sound_trips import RATE_HZ, Codec, Samples, trip
from facevalue.media import ClipLimits, ClipReader, ReadPlan, open_clip

SoundStep = Callable[[Samples, np.random.Generator], Samples]
LIMITS = ClipLimits(pixels=9_000_000, frames=20_000, sound_seconds=3600.0)
MOST_SECONDS = 600.0
# Every frame, whatever the rate of the clip.
_EVERY_FRAME = ReadPlan(look_hz=1000.0, burst_every_s=1.0, burst_frames=0, whole_up_to_s=MOST_SECONDS)
_CLOCK = Fraction(1, 90_000)


def coded(container: str, encoder: str, rate_hz: int, *bit_rates: int) -> SoundStep:
    """Through a codec and back, at one of the bit rates."""

    def step(samples: Samples, rng: np.random.Generator) -> Samples:
        rate = int(rng.choice(bit_rates)) if bit_rates else None
        return trip(samples, Codec(container, encoder, rate_hz, rate))

    return step


def band(low_hz: float, high_hz: float) -> SoundStep:
    """Only what lies between, by a transform of the whole recording; the edges are soft over a tenth."""

    def step(samples: Samples, rng: np.random.Generator) -> Samples:
        spectrum = np.fft.rfft(samples.astype(np.float64))
        hertz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
        gain = np.clip((hertz - 0.9 * low_hz) / (0.1 * low_hz), 0, 1) * np.clip(
            (1.1 * high_hz - hertz) / (0.1 * high_hz), 0, 1
        )
        return _int16(np.fft.irfft(spectrum * gain, len(samples)))

    return step


def levelled(low: float = 0.5, high: float = 0.8) -> SoundStep:
    """Quiet parts louder, loud parts softer, as broadcasters do: amplitudes to a power below 1, over 50 ms."""

    def step(samples: Samples, rng: np.random.Generator) -> Samples:
        x = samples / 32768.0
        window = np.ones(RATE_HZ // 20) / (RATE_HZ // 20)
        level = np.sqrt(np.convolve(x**2, window, "same") + 1e-6)
        return _int16(x * level ** (float(rng.uniform(low, high)) - 1) * 0.4 * 32768)

    return step


def room() -> SoundStep:
    """A loudspeaker recorded across a room: a decaying echo of a quarter of a second, and hiss."""

    def step(samples: Samples, rng: np.random.Generator) -> Samples:
        count = RATE_HZ // 4
        echo = rng.normal(0, 1, count) * np.exp(-np.arange(count) / (RATE_HZ * rng.uniform(0.03, 0.08))) * 0.05
        echo[0] = 1.0
        size = len(samples) + count
        wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size), size)[: len(samples)]
        return _int16(wet + rng.normal(0, rng.uniform(5, 40), len(samples)))

    return step


SOUND_TRIPS: dict[str, Sequence[SoundStep]] = {
    "whatsapp": (coded("ogg", "libopus", 48_000, 16_000, 20_000, 24_000),),
    "telegram": (coded("ogg", "libopus", 48_000, 32_000, 48_000),),
    "x": (coded("mp4", "aac", 44_100, 64_000, 96_000),),
    "screenshot": (coded("mp4", "aac", 44_100, 96_000, 128_000),),
    "tv": (levelled(), coded("mp3", "libmp3lame", 44_100, 96_000, 128_000)),
    "phone": (band(300, 3400), coded("wav", "pcm_mulaw", 8_000)),
}


@dataclass(frozen=True, slots=True)
class ClipTrip:
    """How a clip is written. short_side: pixels at most, 0 keeps it. crf: x264's rate factor, lowest and highest.

    look: what happens to every frame alike; grain: what happens to each anew. sound: steps of its track.
    """

    short_side: int
    crf: tuple[int, int]
    sound: Sequence[SoundStep] = ()
    look: Step | None = None
    grain: Step | None = None


CLIP_TRIPS: dict[str, ClipTrip] = {
    "whatsapp": ClipTrip(480, (27, 31)),
    "telegram": ClipTrip(720, (24, 28)),
    "x": ClipTrip(720, (23, 27)),
    "screenshot": ClipTrip(0, (20, 25), look=screenshot_bars()),
    "tv": ClipTrip(576, (22, 28), (levelled(),), look=broadcast()),
    "phone": ClipTrip(0, (21, 26), (room(),), look=screen_photo(), grain=noise(1.0, 3.0)),
}


def launder_moving(exhibit: Exhibit, preset: str, seed: int) -> bytes:
    """A clip or a recording after one trip or several ("whatsapp+phone"), as an MP4 file. Seeded.

    Clips longer than MOST_SECONDS and what passes LIMITS are refused. Raises UsageError for a preset that such an
    exhibit cannot take, DecodeError or LimitError when it does not decode.
    """
    return after_trip(exhibit, preset, seed)[0]


def after_trip(exhibit: Exhibit, preset: str, seed: int) -> tuple[bytes, str | None]:
    """As launder_moving, and the digital source type that the exhibit's metadata declare, which the copy lacks."""
    rng = np.random.default_rng(seed)
    data, declared = b"", None
    for number, name in enumerate(preset.split(JOINED)):
        with open_clip(exhibit if number == 0 else Exhibit.open(data, name="trip.mp4"), LIMITS, _EVERY_FRAME) as clip:
            data, facts = _trip(clip, name, rng)
        if number == 0:
            declared = declared_type(facts)
    return data, declared


def _trip(clip: ClipReader, name: str, rng: np.random.Generator) -> tuple[bytes, Mapping[str, Any]]:
    known: Mapping[str, Any] = CLIP_TRIPS if clip.info.has_pictures else SOUND_TRIPS
    if name not in known:
        kind = "clips" if clip.info.has_pictures else "recordings"
        raise UsageError(f"{kind} take no trip called '{name}'; one of: {', '.join(known)}")
    if clip.info.duration_s > MOST_SECONDS:
        raise DecodeError(f"it lasts {clip.info.duration_s:.0f} s; trips are for at most {MOST_SECONDS:.0f} s")
    return (
        _clip_trip(clip, CLIP_TRIPS[name], rng) if clip.info.has_pictures else _sound_trip(clip, SOUND_TRIPS[name], rng)
    )


def _clip_trip(clip: ClipReader, how: ClipTrip, rng: np.random.Generator) -> tuple[bytes, Mapping[str, Any]]:
    out, constant = io.BytesIO(), int(rng.integers(1 << 32))
    crf = int(rng.integers(how.crf[0], how.crf[1] + 1))
    with av.open(out, "w", format="mp4") as target:
        rate = Fraction(clip.info.frame_rate or 25).limit_denominator(60_000)
        video = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "threads": "1", "crf": str(crf)})
        audio = target.add_stream("aac", rate=48_000, layout="mono") if clip.info.audio_tracks else None
        last = -1
        for frame in clip:
            pixels = _even(_seen(frame.pixels, how, constant, rng))
            if last < 0:
                video.height, video.width = pixels.shape[:2]
                video.pix_fmt, video.codec_context.time_base = "yuv420p", _CLOCK
            picture = av.VideoFrame.from_ndarray(_sized(pixels, video.width, video.height), format="rgb24")
            last = max(last + 1, round(frame.time_s / _CLOCK))
            picture.pts, picture.time_base = last, _CLOCK
            target.mux(video.encode(picture))
        if last < 0:
            raise DecodeError("no frame could be read")
        target.mux(video.encode(None))
        end = clip.end()
        if audio is not None and end.sound is not None:
            _write_sound(target, audio, _through(np.asarray(end.sound.samples), how.sound, rng))
    return out.getvalue(), end.facts


def _seen(pixels: Pixels, how: ClipTrip, constant: int, rng: np.random.Generator) -> Pixels:
    """A frame on this trip: the same camera, screen and light in every frame, and fresh grain."""
    if how.short_side:
        pixels = scaled(pixels, min(1.0, how.short_side / min(pixels.shape[:2])))
    if how.look is not None:
        pixels = how.look(pixels, np.random.default_rng(constant))
    return how.grain(pixels, rng) if how.grain is not None else pixels


def _sound_trip(
    clip: ClipReader, steps: Sequence[SoundStep], rng: np.random.Generator
) -> tuple[bytes, Mapping[str, Any]]:
    end = clip.end()
    if end.sound is None or not len(end.sound.samples):
        raise DecodeError("no sound could be read")
    out = io.BytesIO()
    with av.open(out, "w", format="ipod") as target:  # MP4 by the brand of sound, M4A
        stream = target.add_stream("alac", rate=RATE_HZ, layout="mono")
        _write_sound(target, stream, _through(np.asarray(end.sound.samples), steps, rng))
    return out.getvalue(), end.facts


def _through(samples: Samples, steps: Sequence[SoundStep], rng: np.random.Generator) -> Samples:
    for step in steps:
        samples = step(samples, rng)
    return samples


def _write_sound(target: Any, stream: Any, samples: Samples) -> None:
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format.name, "mono", context.sample_rate, frame_size=context.frame_size or 4096
    )
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), 0
    for part in (frame, None):
        for piece in resampler.resample(part):
            target.mux(stream.encode(piece))
    target.mux(stream.encode(None))


def _even(pixels: Pixels) -> Pixels:
    height, width = (side - side % 2 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def _sized(pixels: Pixels, width: int, height: int) -> Pixels:
    """A clip whose frames change size goes on at the size of the first."""
    if pixels.shape[:2] == (height, width):
        return pixels
    import cv2

    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _int16(values: np.ndarray[Any, np.dtype[np.float64]]) -> Samples:
    return np.clip(np.round(values), -32768, 32767).astype(np.int16)
