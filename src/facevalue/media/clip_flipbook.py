"""Animated WebP, GIF and AVIF, read frame by frame with Pillow. Runs in the worker."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facevalue.media.clip import KIND_UNKNOWN, THUMB_PX, Pixels
from facevalue.media.clip_animated import SHORT_MS, SHOWN_MS, animation_seconds
from facevalue.media.clip_colour import Shape
from facevalue.media.clip_open import Refused
from facevalue.media.clip_pictures import PicturesRead, Sink
from facevalue.media.clip_plan import ClipLimits, ReadPlan, Schedule
from facevalue.media.clip_stretches import Stretches

TYPES = {"image/webp": "WEBP", "image/gif": "GIF", "image/avif": "AVIF"}
_NAMES = {"WEBP": "webp", "GIF": "gif", "AVIF": "av1"}


@dataclass
class Flipbook:
    """An animated picture that is open. seconds: its length as declared, 0.0 when that is unknown."""

    image: Image.Image
    frames: int
    seconds: float

    @property
    def codec(self) -> str:
        """The codec of its frames."""
        return _NAMES[str(self.image.format)]


def open_flipbook(fd: int, media_type: str, limits: ClipLimits) -> Flipbook:
    """Open by the sniffed type alone. Raises Refused."""
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as raw:
        data = raw.read()
    Image.MAX_IMAGE_PIXELS = limits.pixels
    try:
        if media_type == "image/avif":
            from PIL import AvifImagePlugin  # noqa: F401 - registers itself
        image = Image.open(io.BytesIO(data), formats=[TYPES[media_type]])
        frames = int(getattr(image, "n_frames", 1))
    except MemoryError:
        raise
    except Exception:
        raise Refused(f"the file is damaged or not what it claims to be ({media_type}): it cannot be opened") from None
    if image.width * image.height > limits.pixels:
        raise Refused(f"the animation declares {image.width} x {image.height} pixels, more than the limit", limit=True)
    return Flipbook(image, frames, animation_seconds(data, media_type))


def read_flipbook(book: Flipbook, plan: ReadPlan, limits: ClipLimits, sink: Sink) -> PicturesRead:
    """Every frame in order, up to the plan's whole_up_to_s. Raises Refused when none decodes."""
    done, schedule = PicturesRead(), Schedule(plan)
    shape = Shape(book.image.size, book.image.size)
    stretches = Stretches(((0.0, plan.whole_up_to_s),), True, book.seconds)
    for index, (time_s, seconds, pixels) in enumerate(_frames(book)):
        if time_s >= plan.whole_up_to_s or index >= limits.frames:
            done.notes.append(f"only the first {time_s:.0f} s of the animation were examined")
            break
        if not index:
            sink.first(shape, book.image.mode, stretches)
            schedule.start(time_s)
        sink.row((time_s, -1, float("nan"), 0, KIND_UNKNOWN, int(index == 0), _thumb(pixels)))
        look, burst = schedule.wants(time_s)
        if look or burst >= 0:
            sink.frame(index, time_s, pixels, look, burst, 0)
        done.frames, done.end_s = index + 1, time_s + seconds
        sink.progress((index + 1) / max(book.frames, 1))
    if not done.frames:
        raise Refused("no frame of the animation decodes")
    if done.frames < book.frames and not done.notes:
        done.truncated, done.decoded_fraction = True, done.frames / book.frames
    return done


def _frames(book: Flipbook) -> Iterator[tuple[float, float, Pixels]]:
    """(start, length in seconds, pixels) of each frame that decodes, up to the first that does not."""
    time_s = 0.0
    for index in range(book.frames):
        try:
            book.image.seek(index)
            pixels = _on_white(book.image)
        except MemoryError:
            raise
        except Exception:  # Pillow raises many kinds on damaged frames
            return
        ms = float(book.image.info.get("duration") or 0)
        seconds = (ms if SHORT_MS < ms < 3.6e6 else SHOWN_MS) / 1000
        yield time_s, seconds, pixels
        time_s += seconds


def _on_white(image: Image.Image) -> Pixels:
    image.load()
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return np.asarray(image.convert("RGB"))
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    return np.asarray(ground.convert("RGB"))


def _thumb(pixels: Pixels) -> Pixels:
    grey = Image.fromarray(pixels).convert("L")
    return np.asarray(grey.resize((THUMB_PX, THUMB_PX), Image.Resampling.BOX))
