"""What is kept of a clip or a sound to compare it: hashes and reduced copies of a few frames a second, its sound."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.fingerprint import picture
from facevalue.media import ReadPlan, decode, is_animated, open_clip

Pixels = npt.NDArray[np.uint8]

# Frames a second of short clips; a longer one has fewer, so that there are never more than MAX_LOOKS.
LOOKS_HZ = 5.0
MAX_LOOKS = 900
KEPT_PX = 640
_KEPT_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Look:
    """One frame. time_s: when. hash: PDQ. copy: reduced, as JPEG of high quality."""

    time_s: float
    hash: picture.Pdq
    copy: bytes = field(repr=False)

    def pixels(self) -> Pixels:
        """uint8 (h, w, 3), the longer side at most KEPT_PX."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.copy, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


@dataclass(frozen=True, slots=True)
class Watched:
    """A clip or a sound, watched once.

    looks: in order of time, step_s apart. sound: int16 mono at 16 kHz, perhaps empty.
    start_s: when the sound begins. digest: of all that was decoded. size: width and height of the frames.
    """

    looks: tuple[Look, ...]
    step_s: float
    sound: npt.NDArray[np.int16] = field(repr=False)
    start_s: float
    duration_s: float
    size: tuple[int, int]
    digest: str

    @property
    def has_sound(self) -> bool:
        """Whether there is any."""
        return bool(len(self.sound))


def watch(exhibit: Exhibit) -> Watched:
    """Watch a clip, a sound, an animated picture, or a still one (a clip of one frame). Raises DecodeError."""
    if not (is_clip_type(exhibit.media_type) or is_animated(exhibit)):
        rgb = decode(exhibit).picture.pixels
        look = _look(0.0, rgb)
        digest = hashlib.sha256(np.ascontiguousarray(rgb).tobytes()).hexdigest()
        return Watched((look,), 1.0, np.empty(0, np.int16), 0.0, 0.0, (rgb.shape[1], rgb.shape[0]), digest)
    seen, looks = hashlib.sha256(), _Looks()
    plan = ReadPlan(look_hz=LOOKS_HZ, burst_frames=0, whole_up_to_s=1e9)
    with open_clip(exhibit, plan=plan) as reader:
        for frame in reader:
            seen.update(np.ascontiguousarray(frame.pixels).data)
            looks.offer(frame.time_s, frame.pixels)
        end, info = reader.end(), reader.info
    heard = end.sound
    samples = heard.samples if heard is not None else np.empty(0, np.int16)
    seen.update(np.ascontiguousarray(samples).data)
    length = max(info.duration_s, heard.start_s + heard.duration_s if heard is not None else 0.0)
    start = heard.start_s if heard is not None else 0.0
    return Watched(tuple(looks.kept), looks.step_s, samples, start, length, (info.width, info.height), seen.hexdigest())


class _Looks:
    """Keeps looks evenly spread, at most MAX_LOOKS: whenever there are more, every second one goes."""

    def __init__(self) -> None:
        self.kept: list[Look] = []
        self.step_s = 1 / LOOKS_HZ

    def offer(self, time_s: float, rgb: Pixels) -> None:
        """Take the frame when it is its turn."""
        if self.kept and time_s < self.kept[-1].time_s + 0.75 * self.step_s:
            return
        self.kept.append(_look(time_s, rgb))
        if len(self.kept) > MAX_LOOKS:
            self.kept, self.step_s = self.kept[::2], 2 * self.step_s


def _look(time_s: float, rgb: Pixels) -> Look:
    scale = min(1.0, KEPT_PX / max(rgb.shape[:2]))
    small = rgb if scale == 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    coded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _KEPT_QUALITY])[1]
    return Look(time_s, picture.pdq(rgb), coded.tobytes())
