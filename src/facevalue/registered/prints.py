"""What a file is found by: decoded in the limited process that every exhibit is decoded in, then fingerprinted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facevalue import fingerprint, watermark
from facevalue.errors import DecodeError, UsageError
from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.fingerprint import clip, local, picture, sound
from facevalue.media import Limits, ReadPlan, decode, is_animated, open_clip
from facevalue.media.clip import Frame
from facevalue.registry.words import Binding

Pixels = npt.NDArray[np.uint8]

# One frame a second, all of a clip up to half an hour; a longer one is sampled.
PLAN = ReadPlan(look_hz=1.0, burst_frames=0, whole_up_to_s=1800.0)
# A mark that needs more frames than these was lost.
MOST_MARKED_FRAMES = 64
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Prints:
    """What was computed of a file. kind: "image", "clip", "sound", or "" when nothing decoded: refusal says why.

    rgb: the picture. hashes: PDQ of the picture and of it without its borders, each in eight orientations. features:
    local features of the same views. moments, landmarks: of a clip and of a sound. samples: the sound, int16 at 16 kHz.
    seen_mark: the watermark in a clip's frames.
    """

    kind: str = ""
    refusal: str = ""
    rgb: Pixels | None = field(default=None, repr=False)
    hashes: tuple[tuple[picture.Pdq, ...], ...] = ()
    features: tuple[local.Features, ...] = ()
    moments: clip.Moments | None = None
    landmarks: sound.Landmarks | None = None
    samples: npt.NDArray[np.int16] | None = field(default=None, repr=False)
    seen_mark: watermark.Reading | None = None


def prints_of(exhibit: Exhibit, limits: Limits = _DEFAULT_LIMITS) -> Prints:
    """The fingerprints of an exhibit. Never raises for a bad file: its refusal says why there are none."""
    try:
        if moves(exhibit):
            return _of_clip(exhibit)
        return of_picture(decode(exhibit, limits).picture.pixels)
    except DecodeError as error:
        return Prints(refusal=str(error))


def moves(exhibit: Exhibit) -> bool:
    """Whether it is a clip, a sound or an animated picture."""
    return is_clip_type(exhibit.media_type) or is_animated(exhibit)


def of_picture(rgb: Pixels) -> Prints:
    """The fingerprints of a picture, uint8 (h, w, 3)."""
    views = fingerprint.views(rgb)
    hashes = tuple(found for found in (picture.dihedral(view) for view in views) if found[0].usable)
    seen = tuple(found for found in (local.features(view) for view in views) if len(found))
    return Prints("image", rgb=rgb, hashes=hashes, features=seen)


def _of_clip(exhibit: Exhibit, *, marks: bool = True) -> Prints:
    listener = watermark.video.Listener()
    with open_clip(exhibit, plan=PLAN) as reader:
        frames = _overheard(reader, listener) if marks else reader
        seen = clip.moments((frame.time_s, frame.pixels) for frame in frames)
        heard = reader.end().sound
        pictures = reader.info.has_pictures
    samples = heard.samples if heard is not None else None
    landmarks = sound.landmarks(samples) if samples is not None else None
    mark = listener.reading() if listener.frames else None
    return Prints("clip" if pictures else "sound", "", None, (), (), seen, landmarks, samples, mark)


def _overheard(frames: Iterable[Frame], listener: watermark.video.Listener) -> Iterator[Frame]:
    """The frames as they are, the first ones shown to the listener as well."""
    for frame in frames:
        if listener.frames < MOST_MARKED_FRAMES and min(frame.pixels.shape[:2]) >= watermark.picture.MIN_READ_PX:
            listener.add(frame.pixels)
        yield frame


def bindings_of(exhibit: Exhibit, limits: Limits = _DEFAULT_LIMITS) -> tuple[Binding, ...]:
    """The fingerprints that an original is registered with, whatever it is; none when it does not decode."""
    try:
        if not moves(exhibit):
            found = fingerprint.bindings(decode(exhibit, limits).picture.pixels)
        else:
            seen = _of_clip(exhibit, marks=False)
            frames = seen.moments.to_values() if seen.moments is not None and len(seen.moments) else ()
            notes = seen.landmarks.to_values() if seen.landmarks is not None and len(seen.landmarks) else ()
            found = (*((fingerprint.CLIP, v) for v in frames), *((fingerprint.SOUND, v) for v in notes))
    except DecodeError:
        return ()
    return tuple(Binding(name, value) for name, value in found)


def marks_in(prints: Prints) -> list[tuple[str, watermark.Reading]]:
    """The watermark in what was decoded, pixels before sound, with the name of its algorithm; empty without one."""
    if prints.seen_mark is not None:
        return [(watermark.PICTURE_ALGORITHM, prints.seen_mark)]
    try:
        found = watermark.picture.read(prints.rgb) if prints.rgb is not None else None
        if found is not None:
            return [(watermark.PICTURE_ALGORITHM, found)]
        if prints.samples is not None:
            heard = watermark.speech.read(prints.samples, sound.RATE_HZ)
            return [(watermark.SPEECH_ALGORITHM, heard)] if heard is not None else []
    except UsageError:  # too small, or too short, to hold a mark
        pass
    return []


def fingerprinter() -> Callable[[bytes, str], Iterable[Binding]]:
    """For the registry's service: the soft bindings that an uploaded file is looked up by."""
    return lambda data, _: questions_of(prints_of(Exhibit.open(data)))


def questions_of(prints: Prints) -> list[Binding]:
    """Every soft binding to ask for: watermark, hashes of all orientations, features, moments, landmarks, ISCC."""
    hashes = dict.fromkeys(h.bits for h in itertools.chain.from_iterable(prints.hashes))
    found = [Binding(alg, reading.payload.to_bytes()) for alg, reading in marks_in(prints)]
    found += [Binding(fingerprint.PDQ, bits) for bits in hashes]
    found += [Binding(fingerprint.LOCAL, f.to_bytes()) for f in prints.features]
    if prints.rgb is not None:
        found.append(Binding(fingerprint.ISCC, fingerprint.iscc.to_bytes(fingerprint.iscc.image_code(prints.rgb))))
    found += [Binding(fingerprint.CLIP, value) for value in prints.moments.to_values()] if prints.moments else []
    found += [Binding(fingerprint.SOUND, value) for value in prints.landmarks.to_values()] if prints.landmarks else []
    return found
