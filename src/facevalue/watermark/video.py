"""A mark in a clip: the picture's mark in every frame, the same from frame to frame, so that reading adds frames up.

Streaming: one frame in, one frame out. The change is kept while frames carry it well and made anew when they do not
(a cut, a movement): a still mark costs the encoder little, survives prediction between frames, and does not flicker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from facevalue.watermark import code, evidence, host
from facevalue.watermark.informed import Host
from facevalue.watermark.lapped import SIDE, Plane, synthesise
from facevalue.watermark.pattern import scattered
from facevalue.watermark.payload import Payload
from facevalue.watermark.picture import MIN_MARK_PX, MIN_READ_PX, Pixels, added, check_pixels, soft_lying
from facevalue.watermark.reading import Reading

# A change is made stronger, step by step, until its first frame agrees with the code word this well; it is made anew
# once a frame agrees with less than a share of that.
LADDER_DB = (40.0, 39.0, 38.0, 37.0, 36.2)
_AGREEMENT, _KEEP = 0.88, 0.85
MOST_ALONE = 64
# Upright, and mirrored.
_ORIENTATIONS = (0, 4)


class Embedder:
    """Marks the frames of one clip, in order: `embedder(rgb)` gives the marked frame.

    rgb: uint8 (H, W, 3), all of one size, sides of at least MIN_MARK_PX. Raises UsageError for anything else.
    renewals: how often the change was made anew.
    """

    def __init__(self, payload: Payload) -> None:
        self._word = code.signs(payload.to_bytes())
        self._change: Plane | None = None
        self._plane = np.zeros((1, 1), np.float32)
        self._least = 0.0
        self.renewals = 0

    def __call__(self, rgb: Pixels) -> Pixels:
        """The frame with the mark in it."""
        check_pixels(rgb, MIN_MARK_PX, "marked")
        luma = host.working_luma(rgb)
        coefficients = host.coefficients_of(luma)
        if self._change is None or self._agreement(coefficients + self._change) < self._least:
            self._change = self._made(coefficients)
            self._plane = synthesise(scattered(self._change), *luma.shape)
            self._least = _KEEP * self._agreement(coefficients + self._change)
            self.renewals += 1
        return added(rgb, self._plane)

    def _made(self, coefficients: Plane) -> Plane:
        """The faintest change that its frame agrees with well, or the strongest."""
        frame, change = Host(coefficients, self._word), np.zeros_like(coefficients)
        for psnr in LADDER_DB:
            change = frame.change(255.0**2 / 10 ** (psnr / 10) * SIDE**2)
            if self._agreement(coefficients + change) >= _AGREEMENT:
                break
        return change

    def _agreement(self, coefficients: Plane) -> float:
        return evidence.agreement(host.heard(coefficients, host.strength(coefficients)), self._word)


class Listener:
    """Adds up what frames say: `add(rgb)` as they come, `reading()` whenever wanted.

    Together they say more than each alone, unless most were compressed hard: then a key frame among them says more than
    the sum. So the sum is tried first, then the frames one by one; all count as tries. Frames beyond MOST_ALONE only
    count in the sum, so that memory does not grow.
    """

    def __init__(self) -> None:
        self._heard = np.zeros((len(_ORIENTATIONS), code.CODE_BITS), np.float32)
        self._alone: list[code.Soft] = []
        self.frames = 0

    def add(self, rgb: Pixels) -> None:
        """One more frame, uint8 (H, W, 3), of any size from MIN_READ_PX. Raises UsageError for anything else."""
        check_pixels(rgb, MIN_READ_PX, "read")
        heard = soft_lying(rgb, _ORIENTATIONS)
        self._heard += heard
        self.frames += 1
        if len(self._alone) < MOST_ALONE:
            self._alone.append(heard)

    def reading(self) -> Reading | None:
        """The payload that the frames so far say, or None where none is above chance."""
        tries = len(_ORIENTATIONS) * (1 + len(self._alone))
        found = evidence.weighed(self._heard, tries)
        if found is None and len(self._alone) > 1:
            found = evidence.weighed(np.concatenate(self._alone), tries)
        if found is None:
            return None
        row, reading = found
        return replace(reading, orientation=_ORIENTATIONS[row % len(_ORIENTATIONS)])


def read(frames: Iterable[Pixels]) -> Reading | None:
    """The payload in some frames of one clip, or None. A few, spread over the clip, are enough."""
    listener = Listener()
    for frame in frames:
        listener.add(frame)
    return listener.reading()
