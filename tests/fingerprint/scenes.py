"""Pictures and sounds drawn by code: enough detail for hashes and features, and no two alike."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def scene(seed: int, width: int = 420, height: int = 300) -> Pixels:
    """Shapes of all sizes over a soft background."""
    rng = np.random.default_rng(seed)
    soft = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    out = np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    for _ in range(90):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        at = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        size = int(rng.integers(4, 46))
        if rng.random() < 0.5:
            cv2.circle(out, at, size, colour, -1 if rng.random() < 0.7 else 2, cv2.LINE_AA)
        else:
            end = (at[0] + size, at[1] + int(rng.integers(3, 40)))
            cv2.rectangle(out, at, end, colour, -1 if rng.random() < 0.7 else 2)
    return out


def jpeg(rgb: Pixels, quality: int) -> bytes:
    """As a JPEG file."""
    data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return data.tobytes()


def recoded(rgb: Pixels, quality: int) -> Pixels:
    """Through a JPEG file."""
    data = np.frombuffer(jpeg(rgb, quality), np.uint8)
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def png(rgb: Pixels) -> bytes:
    """As a PNG file."""
    return cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()


def tune(seconds: float, seed: int) -> npt.NDArray[np.int16]:
    """Short tones one after the other, mono at 16 kHz."""
    rng, rate = np.random.default_rng(seed), 16_000
    out, place = np.zeros(round(seconds * rate)), 0
    while place < len(out):
        length = int(rate * rng.uniform(0.06, 0.2))
        tone = sum(np.sin(2 * np.pi * rng.uniform(300, 3000) * np.arange(length) / rate) for _ in range(3))
        part = (np.hanning(length) * tone)[: len(out) - place]
        out[place : place + len(part)] += part
        place += int(0.7 * length)
    return np.asarray(out / np.abs(out).max() * 12_000, np.int16)
