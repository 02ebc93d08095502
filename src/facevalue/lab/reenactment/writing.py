"""The encoded draft of a reenactment, with the driver's sound, and the file of its masks."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UsageError
from facevalue.lab.edits.edit import Mask, Pixels
from facevalue.lab.labels import put

SOUND_HZ, SOUND_RATE = 48_000, 128_000
_OPTIONS = {"preset": "veryfast", "crf": "17"}


def encode(
    frames: Iterable[tuple[float, Pixels]],
    size: tuple[int, int],
    fps: int,
    driver: Path,
    lasts: Callable[[], float],
    out: Path,
) -> None:
    """Frames with their times as H.264, the driver's sound as AAC beside them where it has any, in an MP4.

    lasts: how long the sound may be, seconds; asked for when all frames are there.
    """
    with av.open(str(out), "w", format="mp4") as target:
        picture: Any = target.add_stream("libx264", rate=fps, options=_OPTIONS)
        picture.width, picture.height = size
        picture.pix_fmt, picture.thread_count = "yuv420p", 1  # with more threads bytes would differ by machine
        picture.codec_context.time_base = Fraction(1, 90_000)
        with contextlib.ExitStack() as open_files:
            sound = _sound(target, driver, lasts, open_files)
            for time_s, pixels in frames:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.pts, frame.time_base = round(time_s * 90_000), Fraction(1, 90_000)
                target.mux(picture.encode(frame))
            target.mux(picture.encode(None))
            for packets in sound:
                target.mux(packets)


def _sound(target: Any, driver: Path, lasts: Callable[[], float], open_files: contextlib.ExitStack) -> Iterator[Any]:
    """Packets of the driver's first sound track, read when they are asked for; nothing where there is none."""
    try:
        source = open_files.enter_context(av.open(str(driver)))
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError(f"{driver.name} does not decode: {type(error).__name__}") from None
    if not source.streams.audio:
        return iter(())
    stream: Any = target.add_stream("aac", rate=SOUND_HZ)
    stream.layout, stream.bit_rate = "stereo", SOUND_RATE
    return _packets(source, stream, lasts)


def _packets(source: Any, stream: Any, lasts: Callable[[], float]) -> Iterator[Any]:
    resampler = av.AudioResampler("fltp", "stereo", SOUND_HZ)
    left, start = int(lasts() * SOUND_HZ), 0
    with contextlib.suppress(av.FFmpegError):  # a damaged end: what came before it stays
        for heard in source.decode(audio=0):
            heard.pts = None
            for frame in resampler.resample(heard):
                kept = np.ascontiguousarray(frame.to_ndarray()[:, :left], np.float32)
                if not kept.shape[1]:
                    break
                left -= kept.shape[1]
                piece = av.AudioFrame.from_ndarray(kept, "fltp", "stereo")
                piece.sample_rate, piece.pts, piece.time_base = SOUND_HZ, start, Fraction(1, SOUND_HZ)
                start += kept.shape[1]
                yield stream.encode(piece)
            if left <= 0:
                break
    yield stream.encode(None)


def write_masks(packed: list[npt.NDArray[np.uint8]], times: list[float], size: tuple[int, int], path: Path) -> None:
    """One mask a frame as .npz: `masks` uint8 (n, height * width / 8, rounded up), bits; `time_s`; `shape`."""
    buffer = io.BytesIO()
    shape = np.array([size[1], size[0]], np.int64)
    np.savez_compressed(buffer, masks=np.stack(packed), time_s=np.array(times), shape=shape)
    put(path, buffer.getvalue())


def packed(mask: Mask) -> npt.NDArray[np.uint8]:
    """A mask as bits, row by row."""
    return np.packbits(mask.ravel())


def read_masks(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Times (n,) and masks, bool (n, H, W), of a file that write_masks wrote. Raises UsageError when it is none."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            height, width = (int(v) for v in stored["shape"])
            bits = np.unpackbits(stored["masks"], axis=1)[:, : height * width]
            return np.asarray(stored["time_s"], np.float64), bits.reshape(-1, height, width).astype(np.bool_)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path.name} holds no masks: {type(error).__name__}") from None


__all__ = ["encode", "packed", "read_masks", "write_masks"]
