"""Fingerprints: what finds a content again when its bytes have changed. Pure: arrays in, values out.

    picture.pdq(rgb), .dihedral(rgb), .trimmed(rgb)     the perceptual hash, its rotations, a picture without borders
    local.features(rgb), agree.agreement(a, b)          features that survive crops, bars and captions
    clip.moments(frames), clip.align(a, b)              PDQ once a second, and alignment in time
    sound.landmarks(samples), sound.align(a, b)         peaks of a spectrogram, and alignment in time
    iscc.image_code(rgb), iscc.instance_code(data)      the identifier of ISO 24138

`bindings`, `clip_bindings` and `sound_bindings` give what a registry is told of an original: pairs of an algorithm's
name, as registry.words has it, and a value.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from facevalue.fingerprint import agree, borders, clip, iscc, local, picture, schemes, sound
from facevalue.fingerprint.schemes import CLIP, LOCAL, SOUND

PDQ = "org.facevalue.pdq.1"
ISCC = "io.iscc.v0"
Bindings = tuple[tuple[str, bytes], ...]


def bindings(rgb: picture.Pixels) -> Bindings:
    """What a picture, uint8 (h, w, 3) sRGB upright, is registered with.

    PDQ of the whole, and of the picture without its borders where it has any; local features; the ISCC Image-Code. A
    picture without detail has no PDQ and no features that mean anything: they are left out.
    """
    found = [(PDQ, h.bits) for h in (picture.pdq(view) for view in views(rgb)) if h.usable]
    seen = local.features(rgb)
    if len(seen):
        found.append((LOCAL, seen.to_bytes()))
    found.append((ISCC, iscc.to_bytes(iscc.image_code(rgb))))
    return tuple(dict.fromkeys(found))


def views(rgb: picture.Pixels) -> tuple[picture.Pixels, ...]:
    """The picture, and the picture without its borders where that is another."""
    x, y, width, height = borders.trimmed(rgb)
    if (width, height) == (rgb.shape[1], rgb.shape[0]):
        return (rgb,)
    return (rgb, np.ascontiguousarray(rgb[y : y + height, x : x + width]))


def clip_bindings(frames: Iterable[tuple[float, picture.Pixels]]) -> Bindings:
    """What a clip is registered with, from (time in seconds, frame) in order: PDQ once a second."""
    seen = clip.moments(frames)
    return tuple((CLIP, value) for value in seen.to_values()) if len(seen) else ()


def sound_bindings(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]], rate: int = sound.RATE_HZ) -> Bindings:
    """What a sound is registered with, mono int16 (n,) at 16 kHz: its landmarks. Raises ValueError for another rate."""
    seen = sound.landmarks(samples, rate)
    return tuple((SOUND, value) for value in seen.to_values()) if len(seen) else ()


__all__ = [
    "CLIP",
    "ISCC",
    "LOCAL",
    "PDQ",
    "SOUND",
    "agree",
    "bindings",
    "borders",
    "clip",
    "clip_bindings",
    "iscc",
    "local",
    "picture",
    "schemes",
    "sound",
    "sound_bindings",
    "views",
]
