"""A mouth from speech alone: band levels, as the examiner of lips reads them, to how open, wide and round it is.

Open vowels are loud between 600 and 1700 Hz (first formant high), rounded ones below 600 Hz with little above, spread
vowels and sibilants above 1700 Hz with a nearly closed mouth, bilabials are dips in all bands. Lips move before they
sound, so the mouth leads a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UsageError
from facevalue.examiners.lips.speech import STEP_S, speech_of
from facevalue.exhibit import Exhibit
from facevalue.lab.reenactment.watching import LONGEST_S, smooth
from facevalue.media import ClipLimits, ReadPlan, open_clip
from facevalue.media.clip import SAMPLE_RATE_HZ
from facevalue.sound.vad import speech_probability

Floats = npt.NDArray[np.float32]

LEAD_S, STEADY_S = 0.04, 0.035
WIDEST_GAP, WIDER, ROUNDER = 0.2, 0.07, 0.55
SHORTEST_S = 0.5


@dataclass(frozen=True, slots=True)
class Talk:
    """time_s: float64 (n,). shapes: float32 (n, 3): gap in eye distances, wider (share of the width), rounder 0..1."""

    time_s: npt.NDArray[np.float64]
    shapes: Floats
    duration_s: float


def talk_of(path: Path) -> Talk:
    """The mouth of a recording or of a clip's sound, at most LONGEST_S of it.

    Raises UsageError when there is no sound to speak of, DecodeError or UnreadableError when it cannot be read.
    """
    with open_clip(Exhibit.open(path), ClipLimits(), ReadPlan(pictures=False)) as clip:
        sound = clip.end().sound
    if sound is None:
        raise DecodeError("it has no sound")
    samples = np.asarray(sound.samples[: int(LONGEST_S * SAMPLE_RATE_HZ)], np.int16)
    if len(samples) < SHORTEST_S * SAMPLE_RATE_HZ or not samples.any():
        raise UsageError(f"{path.name} holds less than {SHORTEST_S:g} s of sound")
    return shaped(samples, speech_probability(samples))


def shaped(samples: npt.NDArray[np.int16], probability: Floats) -> Talk:
    """The same from samples, int16 at 16 kHz; probability: of speech, see sound.vad."""
    speech = speech_of(samples, 0.0, probability)
    low, middle = speech.levels[:, :2].mean(axis=1), speech.levels[:, 2:4].mean(axis=1)
    high, over_all = speech.levels[:, 4:6].mean(axis=1), speech.levels[:, -1]
    spoken = smooth(speech.probability, 0.06 / STEP_S)
    voiced = np.clip((over_all - 0.55) / 0.45, 0, 1) ** 1.3 * np.clip(2 * spoken, 0, 1)
    openness = np.clip((middle - 0.45) / 0.5, 0, 1)
    by = WIDEST_GAP * voiced * (0.35 + 0.65 * openness)
    rounder = ROUNDER * voiced * np.clip((low - high - 0.05) / 0.35, 0, 1)
    wider = WIDER * np.clip((high - low + 0.15) / 0.35, 0, 1) * np.clip(2 * spoken, 0, 1)
    shapes = smooth(np.stack([by, wider, rounder], axis=1).astype(np.float32), STEADY_S / STEP_S)
    return Talk(speech.time_s - LEAD_S, shapes, len(samples) / SAMPLE_RATE_HZ)


__all__ = ["Talk", "shaped", "talk_of"]
