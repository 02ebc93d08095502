"""Frame tables drawn by code: a patch that wanders over a texture, and whatever is done to its frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facevalue.media.clip import KIND_B, KIND_I, KIND_P, FrameTable


def thumbs(count: int, seed: int = 0, speed: float = 0.4) -> np.ndarray:
    """uint8 (count, 32, 32): a bright patch on a smooth path over a still texture, a little noise on all of it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:32, 0:32].astype(np.float64)
    texture = 110 + 40 * np.sin(x / 4 + seed) * np.cos(y / 5)
    path = np.cumsum(rng.normal(0, 0.05, (count + 50, 2)), axis=0)
    path = np.stack([np.convolve(p, np.ones(51) / 51, "valid") for p in path.T], axis=1)[:count]
    steps = np.arange(count)[:, None] * speed * [0.11, 0.07]
    out = []
    for cx, cy in 16 + 9 * np.sin(path * 3 + steps):
        patch = 90 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 30)
        out.append(np.clip(texture + patch + rng.normal(0, 0.3, (32, 32)), 0, 255))
    return np.round(out).astype(np.uint8)


def table(
    pictures: np.ndarray,
    *,
    fps: float = 25.0,
    times: Sequence[float] | None = None,
    gop: int = 250,
    keys: Sequence[int] | None = None,
    size: np.ndarray | None = None,
    qp: np.ndarray | None = None,
    b_frames: int = 0,
    segment: np.ndarray | None = None,
    seed: int = 0,
) -> FrameTable:
    """A table of the pictures: a key frame every `gop` frames (or at `keys`), packets of about 1 kB and noise."""
    n = len(pictures)
    rng = np.random.default_rng(seed)
    key = np.zeros(n, np.bool_)
    key[list(keys) if keys is not None else slice(0, n, gop)] = True
    kind = np.full(n, KIND_P, np.uint8)
    if b_frames:
        kind[np.arange(n) % (b_frames + 1) != 0] = KIND_B
    kind[key] = KIND_I
    drawn = np.exp(rng.normal(7.0, 0.15, n)) if size is None else size
    drawn = np.where(key, 8.0, 1.0) * drawn
    return FrameTable(
        time_s=np.arange(n) / fps if times is None else np.asarray(times, np.float64),
        bytes=drawn.astype(np.int64),
        kind=kind,
        key=key,
        qp=np.full(n, np.nan, np.float32) if qp is None else qp.astype(np.float32),
        thumb=pictures,
        segment=np.zeros(n, np.int32) if segment is None else segment.astype(np.int32),
    )
