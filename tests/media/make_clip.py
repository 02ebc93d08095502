"""Makers of clips and sounds for tests: drawn with numpy, encoded with PyAV, returned as bytes.

`clip()` and `sound()` cover every container and codec that PyAV's own build can write; CLIPS and SOUNDS name ready-made
kinds. The picture shows a texture with a square that moves by 2 px a frame; the sound is a tone with pauses.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.int16]

CLOCK = Fraction(1, 12_800)  # the time base of pictures whose times are given: fine enough for every test
SQUARE_PX = 24


def scene(index: int = 0, size: tuple[int, int] = (160, 120)) -> Pixels:
    """Frame number `index`: uint8 (H, W, 3), a smooth texture, a red corner (top left), and a square that moves."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    out = np.stack([60 + 150 * x / width, 60 + 150 * y / height, 110 + 40 * np.sin(x / 5) * np.cos(y / 7)], axis=-1)
    side = min(SQUARE_PX, height // 4, width // 4)
    left = (2 * index) % max(width - side, 1)
    out[height // 2 : height // 2 + side, left : left + side] = 245
    out[: height // 4, : width // 4] = (200, 30, 30)
    return out.astype(np.uint8)


def scenes(count: int, size: tuple[int, int] = (160, 120)) -> Iterable[Pixels]:
    """The first `count` frames."""
    return (scene(i, size) for i in range(count))


def tone(seconds: float, rate: int = 44_100, channels: int = 1, hertz: float = 440.0) -> Samples:
    """int16 (n, channels): a tone at a quarter of full scale, silent in the last fifth of every second."""
    t = np.arange(round(seconds * rate)) / rate
    wave = 8000 * np.sin(2 * np.pi * hertz * t) * (t % 1.0 < 0.8)
    return np.repeat(wave.astype(np.int16)[:, None], channels, axis=1)


def clip(
    container: str = "mp4",
    video: str | None = "libx264",
    audio: str | None = "aac",
    *,
    seconds: float = 2.0,
    fps: int | Fraction = 25,
    size: tuple[int, int] = (160, 120),
    frames: Iterable[Pixels] | None = None,
    times: Sequence[float] | None = None,
    sound: Samples | None = None,
    sound_rate: int = 44_100,
    sound_start: float = 0.0,
    picture_start: float = 0.0,
    rotate: int = 0,
    aspect: Fraction | None = None,
    pixel_format: str | None = None,
    colour: Mapping[str, int] | None = None,
    options: Mapping[str, str] | None = None,
    muxer: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    video_tracks: int = 1,
    audio_tracks: int = 1,
) -> bytes:
    """A clip as bytes.

    video, audio: encoders, None for no such track. frames: uint8 (H, W, 3) arrays, by default `seconds` of scene()
    at `fps`; times: their presentation times in seconds (a variable rate). sound: int16 (n,) or (n, channels) at
    sound_rate. sound_start, picture_start: when a track begins, seconds. rotate: degrees clockwise that a player must
    turn it by. aspect: of a sample. colour: attributes of the encoder (color_range, colorspace, color_trc,
    color_primaries). options: the picture encoder's; muxer: the container's; metadata: the container's tags.
    """
    with _written(container, muxer) as (target, out):
        target.metadata.update(metadata or {})
        pictures = [_picture_stream(target, video, fps, size, rotate, aspect, pixel_format, colour, options, times)
                    for _ in range(video_tracks if video else 0)]  # fmt: skip
        if sound is None:
            sound = tone(seconds, sound_rate)
        sounds = [
            _sound_stream(target, audio, sound_rate, _columns(sound)) for _ in range(audio_tracks if audio else 0)
        ]
        shots = [] if not pictures else list(frames if frames is not None else scenes(round(seconds * fps), size))
        # Written in turn, a second of each: a muxer need not hold one track while it waits for the other.
        parts = _parts(shots, times, fps, picture_start, sound, sound_rate, sound_start)
        for shot, pts, chunk, at in parts:
            for stream in pictures:
                _encode_shots(target, stream, shot, pts, times is not None or picture_start > 0)
            for stream in sounds:
                _encode_sound(target, stream, chunk, at, sound_rate)
        for stream in (*pictures, *sounds):
            target.mux(stream.encode(None))
    return out[0]


def sound(
    container: str = "wav",
    codec: str = "pcm_s16le",
    *,
    samples: Samples | None = None,
    rate: int = 16_000,
    channels: int = 1,
    seconds: float = 2.0,
    bit_rate: int | None = None,
    muxer: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A sound file as bytes: int16 (n,) or (n, channels) `samples` at `rate`, by default tone()."""
    samples = tone(seconds, rate, channels) if samples is None else samples
    with _written(container, muxer) as (target, out):
        target.metadata.update(metadata or {})
        stream = _sound_stream(target, codec, rate, _columns(samples), bit_rate)
        _encode_sound(target, stream, samples, 0, rate)
        target.mux(stream.encode(None))
    return out[0]


def animation(
    kind: str = "WEBP", count: int = 10, size: tuple[int, int] = (96, 64), ms: Any = 80, **options: Any
) -> bytes:
    """An animated picture ("WEBP", "GIF" or "AVIF") of `count` scenes, ms milliseconds each (a number or a list)."""
    from PIL import Image

    shots = [Image.fromarray(shot) for shot in scenes(count, size)]
    out = io.BytesIO()
    shots[0].save(out, kind, save_all=True, append_images=shots[1:], duration=ms, loop=0, **options)
    return out.getvalue()


@contextlib.contextmanager
def _written(container: str, muxer: Mapping[str, str] | None) -> Iterator[tuple[Any, list[bytes]]]:
    """A container to write to; its bytes are in the list afterwards. (Some muxers read what they wrote.)"""
    out: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made"
        with av.open(str(path), "w", format=container, options=dict(muxer or {})) as target:
            yield target, out
        out.append(path.read_bytes())


def _columns(samples: Samples) -> int:
    return 1 if samples.ndim == 1 else samples.shape[1]


def _picture_stream(
    target: Any, codec: str | None, fps: Any, size: tuple[int, int], rotate: int, aspect: Fraction | None,
    pixel_format: str | None, colour: Mapping[str, int] | None, options: Mapping[str, str] | None, times: Any,
) -> Any:  # fmt: skip
    stream = target.add_stream(codec, rate=Fraction(fps), options={**_FAST.get(str(codec), {}), **(options or {})})
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format or {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(str(codec), "yuv420p")
    stream.thread_count = 1
    if times is not None:
        stream.codec_context.time_base = CLOCK
    if aspect is not None:
        stream.codec_context.sample_aspect_ratio = aspect
    if rotate:
        stream.set_display_rotation(-rotate)
    for name, value in (colour or {}).items():
        setattr(stream.codec_context, name, value)
    return stream


def _sound_stream(target: Any, codec: str | None, rate: int, channels: int, bit_rate: int | None = None) -> Any:
    stream = target.add_stream(codec, rate=rate, layout="mono" if channels == 1 else "stereo")
    if bit_rate or codec == "wmav2":
        stream.bit_rate = bit_rate or 128_000  # wmav2 has no default
    return stream


def _parts(
    shots: list[Pixels], times: Sequence[float] | None, fps: Any, picture_start: float, samples: Samples, rate: int,
    sound_start: float,
) -> Iterable[tuple[list[Pixels], list[float], Samples, int]]:  # fmt: skip
    when = [picture_start + (times[i] if times is not None else float(i / Fraction(fps))) for i in range(len(shots))]
    end = max([*when, sound_start + len(samples) / rate, 0.0])
    for second in range(int(end) + 1):
        inside = [i for i, t in enumerate(when) if second <= t < second + 1]
        start, stop = (round((s - sound_start) * rate) for s in (second, second + 1))
        start, stop = max(start, 0), max(stop, 0)
        at = start + round(sound_start * rate)
        yield [shots[i] for i in inside], [when[i] for i in inside], samples[start:stop], at


def _encode_shots(target: Any, stream: Any, shots: list[Pixels], times: list[float], on_clock: bool) -> None:
    for shot, seconds in zip(shots, times, strict=True):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shot), format="rgb24")
        context = stream.codec_context
        full = context.color_range == 2 or context.pix_fmt.startswith("yuvj")
        frame = frame.reformat(format=context.pix_fmt, dst_colorspace="itu709" if context.colorspace == 1 else None,
                               dst_color_range="JPEG" if full else None)  # fmt: skip
        base = CLOCK if on_clock else 1 / Fraction(context.framerate)
        frame.pts, frame.time_base = round(seconds / base), base
        target.mux(stream.encode(frame))


def _encode_sound(target: Any, stream: Any, samples: Samples, at: int, rate: int) -> None:
    flat = samples[:, None] if samples.ndim == 1 else samples
    for start in range(0, len(flat), 1 << 16):
        piece = np.ascontiguousarray(flat[start : start + (1 << 16)].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono" if flat.shape[1] == 1 else "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, at + start, Fraction(1, rate)
        target.mux(stream.encode(frame))


_FAST = {
    "libx264": {"preset": "ultrafast", "bf": "2", "crf": "20"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12"},
}

# name -> (container, video encoder, audio encoder, sniffed type)
CLIPS: dict[str, tuple[str, str, str | None, str]] = {
    "mp4": ("mp4", "libx264", "aac", "video/mp4"),
    "mov": ("mov", "libx264", "aac", "video/quicktime"),
    "mkv": ("matroska", "libx264", "libopus", "video/x-matroska"),
    "webm": ("webm", "libvpx", "libopus", "video/webm"),
    "webm_vp9": ("webm", "libvpx-vp9", "libopus", "video/webm"),
    "avi": ("avi", "mpeg4", "libmp3lame", "video/x-msvideo"),
    "avi_mjpeg": ("avi", "mjpeg", "pcm_s16le", "video/x-msvideo"),
    "ts": ("mpegts", "libx264", "aac", "video/mp2t"),
    "flv": ("flv", "libx264", "aac", "video/x-flv"),
    "wmv": ("asf", "wmv2", "wmav2", "video/x-ms-asf"),
    "hevc": ("mp4", "libx265", "aac", "video/mp4"),
    "av1": ("mp4", "libsvtav1", "aac", "video/mp4"),
    "silent": ("mp4", "libx264", None, "video/mp4"),
}

# name -> (container, encoder, rate, sniffed type)
SOUNDS: dict[str, tuple[str, str, int, str]] = {
    "wav": ("wav", "pcm_s16le", 16_000, "audio/wav"),
    "mp3": ("mp3", "libmp3lame", 44_100, "audio/mpeg"),
    "ogg": ("ogg", "libopus", 48_000, "audio/ogg"),
    "flac": ("flac", "flac", 44_100, "audio/flac"),
    "aac": ("adts", "aac", 44_100, "audio/aac"),
    "m4a": ("ipod", "aac", 44_100, "audio/mp4"),
    "amr": ("amr", "libopencore_amrnb", 8_000, "audio/amr"),
    "aiff": ("aiff", "pcm_s16be", 22_050, "audio/aiff"),
    "mka": ("matroska", "flac", 44_100, "audio/x-matroska"),
}


def a_clip(name: str, **how: Any) -> bytes:
    """One of CLIPS."""
    container, video, audio, _ = CLIPS[name]
    how = {"sound_rate": 48_000, "audio": audio, **how} if audio == "libopus" else {"audio": audio, **how}
    return clip(container, video, **how)


def a_sound(name: str, **how: Any) -> bytes:
    """One of SOUNDS."""
    container, codec, rate, _ = SOUNDS[name]
    return sound(container, codec, **{"rate": rate, **how})
