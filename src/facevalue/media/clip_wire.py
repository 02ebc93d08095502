"""What travels between a reader of clips and its worker, on top of the frames of facevalue.sandbox.frames.

The reader sends one request (JSON, no payload); the file itself is an inherited, read-only descriptor. The worker
answers with frames of these kinds, in this order; those in brackets may be missing, and rows, frame and beat mix:

    info      ClipInfo and the length of what will be decoded
    [rows]    payload: ROW records, one per decoded frame, in presentation order
    [frame]   one wanted frame; payload: RGB
    [beat]    a sign of life with the share that is done
    [sound]   what is known of the audio track
    [samples] payload: int16, little-endian, SAMPLE_RATE_HZ
    [facts]   JSON-ready facts
    end       notes and counts
    error     instead of all that follows: a message, and whether it is a limit

The reader believes none of it unchecked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.media.clip import THUMB_PX, ClipInfo, FrameTable
from facevalue.media.clip_plan import ClipLimits, ReadPlan

ROW = np.dtype(
    [
        ("time_s", "<f8"),
        ("bytes", "<i8"),
        ("qp", "<f4"),
        ("segment", "<i4"),
        ("kind", "u1"),
        ("key", "u1"),
        ("thumb", "u1", (THUMB_PX, THUMB_PX)),
    ]
)
Rows = npt.NDArray[Any]
MAX_SAMPLE_BYTES = 1 << 22
MAX_ROW_BYTES = 1 << 20


def request(op: str, fd: int, media_type: str, limits: ClipLimits, plan: ReadPlan) -> dict[str, Any]:
    """The one request of a worker's life. op: "clip", or "rest" for all but the pictures."""
    return {"op": op, "fd": fd, "media_type": media_type, "limits": asdict(limits), "plan": asdict(plan)}


def table_of(parts: Sequence[Rows]) -> FrameTable | None:
    """The frame table of all rows; None without any."""
    if not parts:
        return None
    rows = np.concatenate(parts)
    column = {name: np.ascontiguousarray(rows[name]) for name in ROW.names or ()}
    column["key"] = column["key"].astype(np.bool_)
    for array in column.values():
        array.flags.writeable = False
    return FrameTable(**column)


def info_of(header: Mapping[str, Any], limits: ClipLimits) -> ClipInfo:
    """ClipInfo from a worker's header. ValueError, TypeError or KeyError when it makes no sense."""
    width, height = int(header["width"]), int(header["height"])
    # Rotation keeps the number of pixels, and the aspect of a sample adds at most MAX_ASPECT of them (clip_colour).
    if min(width, height) < 0 or width * height > 4 * limits.pixels:
        raise ValueError("an impossible frame size")
    duration, rate = float(header["duration_s"]), float(header["frame_rate"])
    if not (np.isfinite(duration) and np.isfinite(rate) and duration >= 0 and rate >= 0):
        raise ValueError("an impossible duration")
    return ClipInfo(
        container=str(header["container"])[:80],
        width=width,
        height=height,
        duration_s=duration,
        frame_rate=rate,
        codec=str(header["codec"])[:80],
        pixel_format=str(header["pixel_format"])[:80],
        rotation=int(header["rotation"]),
        picture_tracks=int(header["picture_tracks"]),
        audio_tracks=int(header["audio_tracks"]),
        whole=bool(header["whole"]),
        segments=tuple((float(a), float(b)) for a, b in header["segments"][:10_000]),
    )
