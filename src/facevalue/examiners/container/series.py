"""From a frame table to series: how much each frame differs from the one before, how large its packet is for its kind.

All analysis of this examiner starts here. Nothing looks across a jump of the decoder (FrameTable.segment).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.media.clip import KIND_B, KIND_I, FrameTable

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Mean absolute difference of thumbnails (grey levels) at which a frame counts as a copy of the one before: a decoder
# that was told to skip every block repeats it exactly, one re-encoding later the difference stays far below this.
COPY_LEVEL = 0.06
# In a scene that moves more, the share of the usual difference that a repeated frame may still show, and its limit: an
# encoder goes on refining a frame that it repeats.
COPY_SHARE = 0.1
MOST_COPY_LEVEL = 0.2
# A scene that moves by less than this (grey levels from frame to frame) is still: a copy there means nothing.
MOTION_LEVEL = 0.25
WINDOW = 12


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames without a jump of the decoder. All arrays of one length n, in presentation order.

    first: index of its first frame in the table. time_s. diff: mean absolute luma difference (grey levels) to the frame
    before, NaN for the first. usual: the median of diff around each frame, copies and the frame itself left out.
    excess: log size of the packet less the median of its kind around it and less what its motion explains, in robust
    standard deviations; NaN for key frames and unknown sizes. thumbs: float32 (n, 1024).
    """

    first: int
    time_s: Array
    diff: Array
    usual: Array
    excess: Array
    key: Bools
    kind: npt.NDArray[np.uint8]
    qp: Array
    log_bytes: Array
    thumbs: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def frame_s(self) -> float:
        """The usual time from frame to frame, seconds; 0.04 where it cannot be told."""
        steps = np.diff(self.time_s)
        steps = steps[steps > 0]
        return float(np.median(steps)) if steps.size else 0.04

    @property
    def copies(self) -> Bools:
        """Frames that repeat the one before: nothing changes, or next to nothing in a scene that moves much."""
        level = np.clip(COPY_SHARE * self.usual, COPY_LEVEL, MOST_COPY_LEVEL)
        return np.asarray(np.nan_to_num(self.diff, nan=np.inf) < level, np.bool_)

    @property
    def moving(self) -> Bools:
        """Frames around which something moves."""
        return np.asarray(self.usual > MOTION_LEVEL, np.bool_)


def stretches(table: FrameTable, shortest: int = 8) -> Iterator[Stretch]:
    """The stretches of a table that hold at least `shortest` frames."""
    edges = np.flatnonzero(np.diff(table.segment)) + 1
    for part in np.split(np.arange(len(table)), edges):
        if len(part) >= shortest:
            yield _stretch(table, part)


def _stretch(table: FrameTable, part: npt.NDArray[np.int64]) -> Stretch:
    thumbs = table.thumb[part].reshape(len(part), -1).astype(np.float32)
    diff = np.full(len(part), np.nan)
    diff[1:] = np.abs(np.diff(thumbs, axis=0)).mean(axis=1)
    size = table.bytes[part].astype(np.float64)
    log_bytes = np.where(size > 0, np.log(np.maximum(size, 1.0)), np.nan)
    key = np.asarray(table.key[part], np.bool_)
    kind = table.kind[part]
    return Stretch(
        first=int(part[0]),
        time_s=table.time_s[part].astype(np.float64),
        diff=diff,
        usual=rolling_median(np.where(diff < COPY_LEVEL, np.nan, diff)),
        excess=_excess(log_bytes, kind, key, diff),
        key=key,
        kind=kind,
        qp=table.qp[part].astype(np.float64),
        log_bytes=log_bytes,
        thumbs=thumbs,
    )


def rolling_median(values: Array, window: int = WINDOW) -> Array:
    """Median of the `window` values on either side of each, itself and NaN left out; 0 where there are none."""
    padded = np.pad(values, window, constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * window + 1)
    others = np.delete(views, window, axis=1)
    empty = np.isnan(others).all(axis=1, keepdims=True)
    others = np.where(empty, 0.0, others)
    return np.asarray(np.nanmedian(others, axis=1), np.float64)


def _excess(log_bytes: Array, kind: npt.NDArray[np.uint8], key: Bools, diff: Array) -> Array:
    """Each class of frame for itself; what motion explains (least squares on its logarithm) is taken out first."""
    out = np.full(len(log_bytes), np.nan)
    motion = np.log(np.maximum(np.nan_to_num(diff, nan=COPY_LEVEL), COPY_LEVEL))
    usable = np.asarray(~key & np.isfinite(log_bytes) & (kind != KIND_I), np.bool_)
    role = roles(kind)
    for name in np.unique(role):
        group = np.asarray((role == name) & usable, np.bool_)
        if group.sum() < 8:
            continue
        rest = log_bytes[group] - rolling_median(log_bytes[group], 6)
        moved = motion[group] - rolling_median(motion[group], 6)
        slope = float(moved @ rest) / max(float(moved @ moved), 1e-9)
        rest = rest - slope * moved
        spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
        out[group] = rest / max(spread, 0.03)
    return out


def roles(kind: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """What part each frame plays in its mini-group, int64 (n,): frames of one part cost alike.

    A B frame by the length of its run of B frames and its place in it (the middle one is a reference, the others are
    not), any other by the length of the run before it (the further its reference, the dearer). Without this, the
    encoder's own rhythm of B frames would pass for the grid of a former encoding.
    """
    out = np.zeros(len(kind), np.int64)
    start = 0
    for i in range(len(kind) + 1):
        if i < len(kind) and kind[i] == KIND_B:
            continue
        length = i - start
        out[start:i] = 100 + 20 * min(length, 17) + np.minimum(np.arange(length), 19)
        if i < len(kind):
            out[i] = min(length, 17)
        start = i + 1
    return out
