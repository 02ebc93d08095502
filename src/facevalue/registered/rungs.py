"""The rungs of the ladder that finds an original again, cheap to dear; each asks a registry one kind of question.

A rung believes nothing that it can compute itself: whoever the registry proposes must carry, among the bindings of its
signed claim, the value that the suspect agrees with.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from facevalue import fingerprint, watermark
from facevalue.errors import UsageError
from facevalue.fingerprint import agree, clip, local, picture, sound
from facevalue.registered.prints import Prints, marks_in
from facevalue.registered.sources import Told

# One claim that a rung led to, and what it said of it.
Hit = tuple[Told, str]
Ask = Callable[..., list[Told]]
_TURNS = (
    "as it is",
    "rotated by 90 degrees",
    "rotated by 180 degrees",
    "rotated by 270 degrees",
    "upside down",
    "mirrored",
    "transposed",
    "transposed about the other diagonal",
)
# An alignment that shows less of the original than this has too little of its mark.
_LEAST_SEEN = 0.2
_MOST_ALIGNED = 4
MARK = watermark.PICTURE_ALGORITHM


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is looked for. sha256, asset_hash: of the file; asset_hash only where its own credential's binding holds."""

    sha256: bytes
    asset_hash: bytes | None
    prints: Prints


def by_sha256(ask: Ask, suspect: Suspect) -> list[Hit]:
    """Claims on these very bytes."""
    found = [told for told in ask(sha256=suspect.sha256.hex()) if told.entry.content == suspect.sha256]
    return [(told, "every byte is the same") for told in found]


def by_asset_hash(ask: Ask, suspect: Suspect) -> list[Hit]:
    """Claims with the hard binding that the suspect's credential has and keeps."""
    wanted = suspect.asset_hash
    assert wanted is not None
    found = [told for told in ask(asset_hash=wanted.hex()) if told.entry.asset_hash == wanted]
    return [(told, "what its credential binds is the same, byte for byte") for told in found]


def by_watermark(ask: Ask, suspect: Suspect) -> list[Hit] | str:
    """Claims with the payload that is read from the suspect as it lies; else why there is none."""
    read = marks_in(suspect.prints)
    if not read:
        return "no watermark was read"
    return [
        (told, f"the watermark {reading.payload} was read (chance of a false one: 1e{reading.log10_false_alarm:.0f})")
        for alg, reading in read
        for told in _having(ask, alg, reading.payload.to_bytes())
    ] or f"the watermark {read[0][1].payload} was read, which nobody registered here"


def by_pdq(ask: Ask, suspect: Suspect) -> list[Hit]:
    """Claims whose PDQ is within 31 bits of that of the suspect, of it without its borders, or turned or mirrored."""
    hits: dict[int, tuple[int, Hit]] = {}
    for view, hashes in enumerate(suspect.prints.hashes):
        for turn, own in enumerate(hashes):
            for told in _asked(ask, fingerprint.PDQ, own.bits):
                values = [b.value for b in told.entry.bindings if b.alg == fingerprint.PDQ and len(b.value) == 32]
                bits = min((picture.distance(own.bits, value) for value in values), default=picture.BITS)
                if bits <= picture.MAX_DISTANCE and bits < hits.get(told.leaf, (picture.BITS,))[0]:
                    borders = " without its borders" if view else ""
                    said = f"{bits} of {picture.BITS} bits differ, the picture{borders} {_TURNS[turn]}"
                    hits[told.leaf] = (bits, (told, said))
    return [hit for _, hit in hits.values()]


def by_features(ask: Ask, suspect: Suspect) -> list[Hit]:
    """Claims whose local features agree with those of the suspect under one map."""
    hits: dict[int, tuple[int, Hit]] = {}
    for own in suspect.prints.features:
        for told in _asked(ask, fingerprint.LOCAL, own.to_bytes()):
            found = alignment(own, told)
            if found is not None and found.inliers > hits.get(told.leaf, (0,))[0]:
                said = f"{found.inliers} local features agree" + (", mirrored" if found.mirrored else "")
                hits[told.leaf] = (found.inliers, (told, said))
    return [hit for _, hit in hits.values()]


def alignment(own: local.Features, told: Told) -> agree.Agreement | None:
    """How the suspect lies on a registered picture, from the features in its claim; None when they do not agree."""
    best: agree.Agreement | None = None
    for value in _values(told, fingerprint.LOCAL):
        try:
            found = agree.agreement(own, local.Features.from_bytes(value))
        except ValueError:
            continue
        if found is not None and found.inliers >= agree.MIN_INLIERS and (best is None or found.inliers > best.inliers):
            best = found
    return best


def by_aligned_watermark(suspect: Suspect, claims: Iterable[Told]) -> list[Hit]:
    """Of claims whose features agree: those whose registered payload is read once the suspect lies as they did."""
    rgb, hits = suspect.prints.rgb, []
    if rgb is None or not suspect.prints.features:
        return []
    for told in itertools.islice(claims, _MOST_ALIGNED):
        payloads = _values(told, watermark.PICTURE_ALGORITHM)
        found = alignment(suspect.prints.features[0], told)
        if not payloads or found is None:
            continue
        reading = _read_aligned(rgb, found, told)
        if reading is not None and reading.payload.to_bytes() in payloads:
            hits.append((told, f"laid over the original, the watermark {reading.payload} was read"))
    return hits


def by_moments(ask: Ask, suspect: Suspect) -> list[Hit]:
    """Claims on clips in which seconds of the suspect occur in the same order."""
    own = suspect.prints.moments
    assert own is not None
    hits = []
    for told in _each(ask, fingerprint.CLIP, own.to_values()):
        found = _aligned(lambda v: clip.align(own, clip.of_values(v)), _values(told, fingerprint.CLIP))
        if found is not None:
            hits.append((told, f"{found.agreeing} moments agree, {_place(found)}"))
    return hits


def by_landmarks(ask: Ask, suspect: Suspect) -> list[Hit]:
    """Claims on sounds in which landmarks of the suspect occur at one offset."""
    own = suspect.prints.landmarks
    assert own is not None
    hits = []
    for told in _each(ask, fingerprint.SOUND, own.to_values()):
        found = _aligned(lambda v: sound.align(own, sound.of_values(v)), _values(told, fingerprint.SOUND))
        if found is not None:
            hits.append((told, f"{found.agreeing} landmarks agree, {_place(found)}"))
    return hits


# -- within --------------------------------------------------------------------------------------------------------


def _asked(ask: Ask, alg: str, value: bytes) -> list[Told]:
    return ask(alg=alg, value=base64.b64encode(value).decode("ascii"))


def _having(ask: Ask, alg: str, value: bytes) -> list[Told]:
    return [told for told in _asked(ask, alg, value) if value in _values(told, alg)]


def _each(ask: Ask, alg: str, values: Iterable[bytes]) -> list[Told]:
    return list({told.leaf: told for value in values for told in _asked(ask, alg, value)}.values())


def _values(told: Told, alg: str) -> list[bytes]:
    return [binding.value for binding in told.entry.bindings if binding.alg == alg]


def _aligned(align: Callable[[list[bytes]], clip.TimeMap | None], values: list[bytes]) -> clip.TimeMap | None:
    try:
        return align(values) if values else None
    except ValueError:
        return None


def _place(found: clip.TimeMap) -> str:
    start, end = found.span_s
    pace = "" if found.speed == 1.0 else f", at {found.speed:g} times the speed"
    return f"{start:.1f} to {end:.1f} s here are {found.offset_s + found.speed * start:.1f} s and after there{pace}"


def _read_aligned(rgb: picture.Pixels, found: agree.Agreement, told: Told) -> watermark.Reading | None:
    width, height = local.Features.from_bytes(_values(told, fingerprint.LOCAL)[0]).size
    # Marks are read at a working size: a larger frame would only cost memory.
    scale = min(1.0, 1600 / max(width, height))
    matrix = found.matrix * scale
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    laid = np.asarray(cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_CUBIC), np.uint8)
    known = np.asarray(cv2.warpAffine(np.ones(rgb.shape[:2], np.uint8), matrix, size, flags=cv2.INTER_NEAREST)) > 0
    if known.mean() < _LEAST_SEEN:
        return None
    try:
        return watermark.picture.read(laid, known)
    except UsageError:
        return None
