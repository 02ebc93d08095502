"""Following faces through a clip: one track per person and appearance, without mixing them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.faces.detect import Face

Pixels = npt.NDArray[np.uint8]
CROP_MARGIN = 1.8
CROP_MAX_PX = 384
BURST_MARGIN = 1.8
BURST_PX = 128
# Of one track.
MAX_VIEWS = 32
MAX_BURSTS = 4
MAX_POSITIONS = 2000
MAX_EMBEDDINGS = 256
MAX_RUN_FRAMES = 1200
MOUTH_PX = 64
# Of one clip: tracks that keep views and bursts, and tracks at all, by screen share.
MAX_VIEWED_TRACKS = 8
MAX_TRACKS = 128


@dataclass(frozen=True, slots=True)
class TrackView:
    """One look at a tracked face: the frame's index and time, the face (in frame pixels), and a native-size crop.

    crop: uint8 RGB, the square of CROP_MARGIN x the longer side of the box, moved and shrunk to lie inside the frame,
    at the frame's own resolution unless its side passes CROP_MAX_PX (then reduced by area). origin: left and top of
    the crop in the frame; scale: crop pixels per frame pixel. in_crop: the face in the crop's pixels.
    """

    index: int
    time_s: float
    face: Face
    crop: Pixels
    origin: tuple[float, float]
    scale: float
    in_crop: Face


@dataclass(frozen=True, slots=True)
class Burst:
    """Neighbouring frames of one track at the clip's own rate: what motion is read from.

    time_s: float64 (n,). landmarks: float32 (n, 5, 2) in frame pixels. crops: uint8 (n, 128, 128, 3), one fixed square
    of the frame around the face over the whole burst (no per-frame alignment, so that real motion stays). box: that
    square, x, y, side, side in frame pixels.
    """

    time_s: npt.NDArray[np.float64]
    landmarks: npt.NDArray[np.float32]
    crops: Pixels
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class MouthRun:
    """Consecutive frames of one track, the mouth alone: what is compared with speech. Only of clips with sound.

    time_s: float64 (n,), ascending. crops: uint8 (n, MOUTH_PX, MOUTH_PX), grey, upright, cut by landmarks that are
    interpolated between looks (track_run.mouth_map). eyes_px: float32 (n,), distance of the eyes in frame pixels as the
    alignment of all five landmarks has it: the scale of the crop.
    """

    time_s: npt.NDArray[np.float64]
    crops: Pixels
    eyes_px: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Track:
    """One person from one appearance to the next cut or loss.

    number: 1.. by screen share. times and boxes: every detection or tracked position, float64 (n,) and float32
    (n, 4) x, y, width, height in frame pixels; landmarks float32 (n, 5, 2). views: at most MAX_VIEWS looks spread over
    the track, best quality within each stretch. bursts: at most MAX_BURSTS. person: tracks of one clip with the same
    number show the same person as far as the embedding tells (matching within this clip only). runs: mouths at the
    clip's own rate, in order of time, at most MAX_RUN_FRAMES frames together; only of the main tracks.
    """

    number: int
    person: int
    times: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]
    views: tuple[TrackView, ...]
    bursts: tuple[Burst, ...]
    embeddings: npt.NDArray[np.float32]
    embedding_times: npt.NDArray[np.float64]
    runs: tuple[MouthRun, ...] = ()

    @property
    def span(self) -> tuple[float, float]:
        """First and last time, seconds."""
        return float(self.times[0]), float(self.times[-1])
