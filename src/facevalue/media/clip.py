"""The decoded view of an exhibit that holds moving pictures, sound, or both. Everything here is bounded in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

SAMPLE_RATE_HZ = 16_000
THUMB_PX = 32
# Values of FrameTable.kind.
KIND_UNKNOWN, KIND_I, KIND_P, KIND_B = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame: upright sRGB, uint8 (H, W, 3), read-only, at the size it is shown with.

    index: its place among the decoded frames of the picture track in presentation order, as far as they are known
    (-1 where the decoder has jumped). time_s: presentation time from the start of the presentation, seconds.
    look: one of the frames at ReadPlan.look_hz. burst: number of the burst of consecutive frames it belongs to,
    counted from 0 over the clip, -1 when it is in none. A frame can be both. segment: as in FrameTable. run: number of
    the run of consecutive frames it belongs to (ReadPlan.run_s), or -1; a frame that is in a run alone comes as its
    luma, full range, uint8 (H, W).
    """

    index: int
    time_s: float
    pixels: Pixels
    look: bool = True
    burst: int = -1
    segment: int = 0
    run: int = -1


@dataclass(frozen=True, slots=True)
class FrameTable:
    """One row per frame that was decoded, in presentation order; arrays of one length n.

    time_s: float64, presentation time in seconds. bytes: int64, size of the coded packet, -1 unknown. kind: uint8,
    KIND_*. key: bool. qp: float32, mean quantiser of the frame, NaN where the codec does not tell. thumb: uint8
    (n, THUMB_PX, THUMB_PX), luma reduced by area. segment: int32, number of the stretch that was decoded without a
    jump (all 0 when the whole clip was decoded).
    """

    time_s: npt.NDArray[np.float64]
    bytes: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]
    key: npt.NDArray[np.bool_]
    qp: npt.NDArray[np.float32]
    thumb: npt.NDArray[np.uint8]
    segment: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time_s)


@dataclass(frozen=True, slots=True)
class Sound:
    """One audio track, mixed to mono and resampled to SAMPLE_RATE_HZ.

    samples: int16 (n,), read-only, perhaps a memory map of a file without a name. start_s: presentation time of its
    first sample. source_rate_hz, channels, codec, bit_rate: as stored (bit_rate None when unknown). loss: share of
    the stored packets that did not decode. gaps: (time_s, seconds) where time stamps jump; filled with silence.
    tracks: how many audio tracks the file has; the first one (or the one marked default) is examined.
    """

    samples: npt.NDArray[np.int16]
    start_s: float
    source_rate_hz: int
    channels: int
    codec: str
    bit_rate: int | None
    loss: float = 0.0
    gaps: tuple[tuple[float, float], ...] = ()
    tracks: int = 1

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What is known of a clip before its frames are read.

    width, height: as shown (rotation and sample aspect applied), 0 without a picture track. duration_s: of the
    presentation. frame_rate: average, 0.0 when unknown. codec, pixel_format: of the picture track. rotation: degrees
    clockwise that were applied. picture_tracks, audio_tracks: counts. whole: every frame is decoded; False when only
    segments are (see segments: (start_s, end_s) each). has_sound: an audio track is present.
    """

    container: str
    width: int
    height: int
    duration_s: float
    frame_rate: float
    codec: str
    pixel_format: str
    rotation: int
    picture_tracks: int
    audio_tracks: int
    whole: bool
    segments: tuple[tuple[float, float], ...]

    @property
    def has_pictures(self) -> bool:
        """Whether there are frames to look at."""
        return self.width > 0


@dataclass(frozen=True, slots=True)
class ClipEnd:
    """What is known of a clip once it has been read to the end.

    table: None without a picture track. sound: None without an audio track or where none decoded. facts: JSON-ready
    facts from the bytes, as for pictures, with "container" among them. truncated, decoded_fraction, notes: as for a
    Picture. decode_s: seconds the worker spent decoding.
    """

    table: FrameTable | None
    sound: Sound | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    truncated: bool = False
    decoded_fraction: float = 1.0
    notes: tuple[str, ...] = ()
    decode_s: float = 0.0
