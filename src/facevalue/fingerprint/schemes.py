"""Fingerprints that are looked up by words and compared by geometry or in time: what a registry needs to know of them.

A value gives words, integers that values of the same content share some of. Who shares enough words is a candidate,
and the values themselves decide: they hold everything that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.fingerprint import agree, clip, local, sound

Words = npt.NDArray[np.int64]

LOCAL = "org.facevalue.local.1"
CLIP = "org.facevalue.clip.1"
SOUND = "org.facevalue.sound.1"
# Every word is below this.
WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a registry calls. All raise ValueError for a value that is none.

    words(value): unique, 0 .. 2**WORD_BITS, what a value is kept under. probes(value): what it is looked up by.
    score(queries, values): what agrees between two contents, by all values that they have; 0 when they do not belong
    together. least: words to share before values are compared.
    """

    words: Callable[[bytes], Words]
    probes: Callable[[bytes], Words]
    score: Callable[[Sequence[bytes], Sequence[bytes]], int]
    least: int


def _bit_order() -> npt.NDArray[np.int64]:
    """Which bits of a descriptor go into which word: spread, so that no word hangs on one part of it."""
    return np.random.default_rng(20_030_101).permutation(128)[:96].reshape(4, 24)


_ORDER = _bit_order()
_WEIGHTS = 1 << np.arange(24, dtype=np.int64)


def _local_words(value: bytes) -> Words:
    return _words_of(local.Features.from_bytes(value))


def _local_probes(value: bytes) -> Words:
    """Of the picture and of its mirror image."""
    seen = local.Features.from_bytes(value)
    return np.union1d(_words_of(seen), _words_of(seen.mirrored()))


def _words_of(seen: local.Features) -> Words:
    bits = np.unpackbits(seen.bits, axis=1).astype(np.int64)
    words = np.stack([bits[:, places] @ _WEIGHTS | number << 24 for number, places in enumerate(_ORDER)], axis=1)
    return np.unique(words)


def _local_score(queries: Sequence[bytes], values: Sequence[bytes]) -> int:
    best = 0
    for query in queries:
        one = local.Features.from_bytes(query)
        for value in values:
            found = agree.agreement(one, local.Features.from_bytes(value))
            best = max(best, found.inliers if found is not None else 0)
    return best if best >= agree.MIN_INLIERS else 0


def _clip_score(queries: Sequence[bytes], values: Sequence[bytes]) -> int:
    found = clip.align(clip.of_values(queries), clip.of_values(values))
    return found.agreeing if found else 0


def _sound_score(queries: Sequence[bytes], values: Sequence[bytes]) -> int:
    found = sound.align(sound.of_values(queries), sound.of_values(values))
    return found.agreeing if found else 0


def _clip_words(value: bytes) -> Words:
    return clip.words(clip.Moments.from_bytes(value).bits)


def _sound_words(value: bytes) -> Words:
    return np.unique(sound.Landmarks.from_bytes(value).hashes)


SCHEMES = {
    LOCAL: Scheme(_local_words, _local_probes, _local_score, 2),
    CLIP: Scheme(_clip_words, _clip_words, _clip_score, 2),
    SOUND: Scheme(_sound_words, _sound_words, _sound_score, 4),
}
