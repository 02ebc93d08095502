"""From an exhibit to an examination: decode or watch, find faces, let every examiner look, weigh.

This is the one function behind every way in. A bad exhibit is an examination that says so, never an exception.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from facevalue import examine_clip
from facevalue._version import __version__
from facevalue.errors import DecodeError, FacevalueError, UnreadableError, UsageError
from facevalue.examiners.base import IMAGE, Examiner, Subject, kinds_of, load_examiners
from facevalue.examiners.copies import COPIES, Copy
from facevalue.exhibit import Exhibit, Source
from facevalue.faces import Face, detect_faces, detector_available
from facevalue.finding import Finding, Opinion, Question, Status, questions_asked
from facevalue.footage import Footage, Progress
from facevalue.media import Limits, Media, Picture, decode, picture_quality
from facevalue.opinion.weigh import STABILITY_FROM_LOG10_LR, declarations, needs_stability, unexamined, weigh
from facevalue.provenance.record import Provenance
from facevalue.provenance.trust import TrustSet, trust_set
from facevalue.verification import record, standing, verify_exhibit

SCHEMA = "facevalue.examination/1"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examination:
    """Exhibit, findings, opinion, what was not examined, and the versions and weights it all rests on.

    picture and faces, or footage for a clip or a sound, are kept for the writers of reports; they are None when
    nothing decoded.
    """

    exhibit: Exhibit
    findings: tuple[Finding, ...]
    opinion: Opinion
    not_examined: tuple[tuple[str, str], ...]
    weights: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    picture: Picture | None = field(default=None, repr=False, compare=False)
    faces: tuple[Face, ...] = field(default=(), repr=False)
    footage: Footage | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, examiner: str) -> Finding:
        """The finding of the examiner of that name. Raises KeyError."""
        for finding in self.findings:
            if finding.examiner == examiner:
                return finding
        raise KeyError(examiner)

    def to_dict(self) -> dict[str, Any]:
        """The examination in schema facevalue.examination/1, JSON-ready."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "facevalue", "version": __version__, "weights": dict(sorted(self.weights.items()))},
            "exhibit": {
                "name": self.exhibit.name,
                "sha256": self.exhibit.sha256,
                "bytes": self.exhibit.size,
                "media_type": self.exhibit.media_type,
                "kind": self.kind,
                **self._extent(),
            },
            "opinion": self.opinion.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
            "not_examined": [{"examiner": name, "why": why} for name, why in self.not_examined],
            "provenance": dict(self.provenance),
            "timings_s": {name: round(seconds, 4) for name, seconds in self.timings_s.items()},
        }

    @property
    def kind(self) -> str:
        """One of "image", "video", "audio" and "unknown", by the sniffed media type and what was found in it."""
        if self.footage is not None:
            return examine_clip.kind_of_footage(self.footage)
        return examine_clip.kind_by_type(self.exhibit.media_type)

    def _extent(self) -> dict[str, Any]:
        """Size, length and number of frames examined. A sound has no size, a picture no length."""
        picture = self.picture
        if self.footage is not None:
            return examine_clip.extent(self.footage)
        width, height = (picture.width, picture.height) if picture else (None, None)
        return {"width": width, "height": height, "duration_s": None, "frames_examined": 1 if picture else 0}

    def to_json(self, *, indent: int | None = None) -> str:
        """The examination as JSON text. Equal exhibits, versions and weights give equal text, timings excluded."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write a report; the suffix chooses the writer (.json, .html). Raises UsageError for another suffix."""
        from facevalue.reports import write_report

        return write_report(self, Path(path))


def check(
    source: Source,
    *,
    name: str | None = None,
    limits: Limits = Limits(),
    questions: Collection[str] | None = None,
    progress: Progress | None = None,
    trust: str | Path | None = None,
) -> Examination:
    """Examine one exhibit, a picture, a clip or a sound: a path, bytes or a binary file object.

    name replaces the exhibit's name in the result. limits bound its decoding. questions, if given, are the only
    ones asked (declarations inside the file are always read). progress is called with the share that is done, 0..1,
    now and then, for clips. trust: a PEM file of anchors that replaces the published ones when its credential is
    verified. Never raises for a bad exhibit: the examination says what was wrong with it. Raises UsageError for an
    unknown question, and for anchors that cannot be read.
    """
    asked, lists = questions_asked(questions), trust_set(trust)
    watch = _Watch()
    try:
        exhibit = Exhibit.open(source, name=name)
    except UnreadableError as error:
        return _nothing(Exhibit.unread(source, name=name), str(error), (), watch)
    watch.mark("read")
    if examine_clip.moves(exhibit):
        return _check_clip(exhibit, limits, asked, lists, watch, progress)
    examiners = _examiners(IMAGE, asked)
    try:
        media: Media | None = decode(exhibit, limits)
        refusal, facts = "", media.facts if media else {}
    except DecodeError as error:
        media, refusal, facts = None, str(error), error.facts
    watch.mark("decode")
    if media is None:
        return _undecoded(exhibit, refusal, facts, examiners, lists, watch)
    subject = _subject(exhibit, media, watch)
    findings = [_examine(e, subject, watch) for e in examiners]
    copies = _copies(subject, examiners, findings, watch) if needs_stability(findings) else {}
    quality = _quality_record(subject)
    found = _credential(exhibit, lists, watch)
    opinion = _with_notes(weigh(findings, copies, quality, standing=standing(found)), media.picture)
    return Examination(
        exhibit=exhibit,
        findings=tuple(findings),
        opinion=opinion,
        not_examined=_not_examined(findings, asked, examiners),
        weights=_weights(examiners),
        provenance=record(findings, facts, found),
        timings_s=watch.done(),
        picture=media.picture,
        faces=subject.faces or (),
    )


def _check_clip(
    exhibit: Exhibit, limits: Limits, asked: set[Question], lists: TrustSet, watch: _Watch, progress: Progress | None
) -> Examination:
    try:
        footage, facts = examine_clip.watch_exhibit(exhibit, limits, progress)
    except DecodeError as error:
        watch.mark("watch")
        kind = examine_clip.kind_by_type(exhibit.media_type)
        return _undecoded(exhibit, str(error), error.facts, _examiners(kind, asked), lists, watch)
    watch.mark("watch")
    kind = examine_clip.kind_of_footage(footage)
    examiners = _examiners(kind, asked)
    subject = Subject(exhibit, None, facts, None, None, footage)
    findings = []
    for done, examiner in enumerate(examiners):
        if progress:
            progress(examine_clip.WATCHING_SHARE + (1 - examine_clip.WATCHING_SHARE) * done / len(examiners))
        findings.append(_examine(examiner, subject, watch))
    copies = _clip_copies(subject, examiners, findings, watch) if needs_stability(findings) else {}
    found, quality = _credential(exhibit, lists, watch), examine_clip.quality_record(footage)
    opinion = weigh(findings, copies, quality, examine_clip.NOUNS[kind], standing(found))
    unseen = [*examine_clip.not_watched(footage), *examine_clip.unanswered(footage, examiners, asked)]
    return Examination(
        exhibit=exhibit,
        findings=tuple(findings),
        opinion=replace(opinion, reasons=(*opinion.reasons, *footage.notes)),
        not_examined=(*_unable(findings), *unseen),
        weights=_weights(examiners),
        provenance=record(findings, facts, found),
        timings_s={**watch.done(), **{f"watch: {part}": s for part, s in footage.timings_s.items()}},
        footage=footage,
    )


def _clip_copies(
    subject: Subject, examiners: Sequence[Examiner], findings: Sequence[Finding], watch: _Watch
) -> dict[str, list[Finding]]:
    """As _copies, of what was looked at and heard: not the whole clip goes through again."""
    laps, out = _Watch(), dict[str, list[Finding]]()
    for name, examiner, copy in examine_clip.copies(subject, _strong(examiners, findings), findings):
        out.setdefault(name, []).append(_examine(examiner, copy, laps))
    watch.mark("stability")
    return out


def check_many(
    sources: Iterable[Source],
    *,
    workers: int = 1,
    limits: Limits = Limits(),
    questions: Collection[str] | None = None,
    trust: str | Path | None = None,
) -> Iterator[Examination]:
    """Examine many exhibits, yielding each Examination as it is done; a bad one is an Examination too.

    workers threads share one set of models; each has a decoder process of its own. At most 2 x workers exhibits
    are in memory at a time, so sources may be endless. Raises UsageError as check does, and for workers < 1.
    """
    if workers < 1:
        raise UsageError("workers must be at least 1")
    questions_asked(questions), trust_set(trust)
    return _stream(iter(sources), workers, {"limits": limits, "questions": questions, "trust": trust})


def _stream(sources: Iterator[Source], workers: int, options: Mapping[str, Any]) -> Iterator[Examination]:
    with ThreadPoolExecutor(workers, thread_name_prefix="facevalue") as pool:
        running: set[Future[Examination]] = set()
        try:
            while True:
                for source in islice(sources, 2 * workers - len(running)):
                    running.add(pool.submit(check, source, **options))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


@cache
def installed_examiners() -> tuple[Examiner, ...]:
    """The examiners of this installation, by name; loaded once."""
    return tuple(load_examiners())


def _examiners(kind: str, asked: set[Question]) -> list[Examiner]:
    """Those for this kind of exhibit that answer what was asked; what the file says of itself is always read."""
    mine = [e for e in installed_examiners() if kind in kinds_of(e) or (kind == "unknown" and IMAGE in kinds_of(e))]
    return [e for e in mine if e.question in asked or e.question is Question.PROVENANCE]


class _Watch:
    """Seconds since the previous mark, by name."""

    def __init__(self) -> None:
        self.start = self.last = perf_counter()
        self.laps: dict[str, float] = {}

    def mark(self, name: str) -> None:
        now = perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self.last
        self.last = now

    def done(self) -> dict[str, float]:
        return {**self.laps, "total": perf_counter() - self.start}


def _subject(exhibit: Exhibit, media: Media, watch: _Watch) -> Subject:
    jpeg = media.facts.get("jpeg") if isinstance(media.facts.get("jpeg"), Mapping) else None
    quality = picture_quality(media.picture.pixels, jpeg.get("quality") if jpeg else None)
    faces = _faces(media.picture)
    watch.mark("faces")
    return Subject(exhibit, media.picture, media.facts, quality, faces)


def _faces(picture: Picture) -> tuple[Face, ...] | None:
    """None when no detector is installed or it failed: examiners of faces then say that they could not look."""
    try:
        return detect_faces(picture.pixels) if detector_available() else None
    except Exception:  # one picture must not end the run
        _log.debug("face detection failed", exc_info=True)
        return None


def _examine(examiner: Examiner, subject: Subject, watch: _Watch) -> Finding:
    try:
        return examiner.examine(subject)
    except FacevalueError as error:
        return Finding(examiner.name, examiner.question, Status.FAILED, str(error), card=examiner.name)
    except Exception as error:  # one examiner's defect must not cost the others' findings
        # The message may name a path on this machine; it goes to the log, never into a result.
        _log.debug("%s failed", examiner.name, exc_info=True)
        why = f"the examiner failed ({type(error).__name__})"
        return Finding(examiner.name, examiner.question, Status.FAILED, why, card=examiner.name)
    finally:
        watch.mark(examiner.name)


def _copies(
    subject: Subject, examiners: Sequence[Examiner], findings: Sequence[Finding], watch: _Watch
) -> dict[str, list[Finding]]:
    """Findings on re-encoded copies, by the examiners whose evidence is strong enough to need confirming."""
    again = [e for e in _strong(examiners, findings) if e.reads_pixels]
    laps = _Watch()
    out = {copy.name: [_examine(e, _copied(subject, copy), laps) for e in again] for copy in COPIES}
    watch.mark("stability")
    return out


def _strong(examiners: Sequence[Examiner], findings: Sequence[Finding]) -> list[Examiner]:
    strong = {f.examiner for f in findings if (f.log10_lr or 0.0) >= STABILITY_FROM_LOG10_LR}
    return [e for e in examiners if e.name in strong]


def _copied(subject: Subject, copy: Copy) -> Subject:
    assert subject.picture is not None
    pixels = copy.make(subject.pixels)
    scale = pixels.shape[1] / subject.pixels.shape[1]
    faces = tuple(f.scaled(scale) for f in subject.faces) if subject.faces is not None else None
    quality = picture_quality(pixels)
    return replace(subject, picture=replace(subject.picture, pixels=pixels), quality=quality, faces=faces)


def _quality_record(subject: Subject) -> dict[str, Any]:
    picture = subject.picture
    record: dict[str, Any] = subject.quality.to_dict() if subject.quality else {}
    record["faces"] = [f.quality.to_dict() for f in subject.faces or ()]
    record["decoded_fraction"] = round(picture.decoded_fraction, 3) if picture else 0.0
    return record


def _with_notes(opinion: Opinion, picture: Picture) -> Opinion:
    return replace(opinion, reasons=(*opinion.reasons, *picture.notes))


def _not_examined(
    findings: Sequence[Finding], asked: set[Question], examiners: Sequence[Examiner]
) -> tuple[tuple[str, str], ...]:
    out = _unable(findings)
    answered = {e.question for e in examiners}
    if Question.EDITED in asked and Question.EDITED not in answered:
        out.append(
            (str(Question.EDITED), "no examiner for splices, copy-moves or inpainting outside faces is installed")
        )
    return tuple(out)


def _unable(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(f.examiner, f.why) for f in findings if f.status in (Status.INAPPLICABLE, Status.FAILED)]


def _weights(examiners: Sequence[Examiner]) -> dict[str, str]:
    return {name: digest for e in examiners for name, digest in e.weights().items()}


def _credential(exhibit: Exhibit, lists: TrustSet, watch: _Watch) -> Provenance:
    found = verify_exhibit(exhibit, lists)
    watch.mark("credentials")
    return found


def _undecoded(
    exhibit: Exhibit,
    why: str,
    facts: Mapping[str, Any],
    examiners: Sequence[Examiner],
    lists: TrustSet,
    watch: _Watch,
) -> Examination:
    """Nothing decoded, but what the bytes declare can still be read."""
    readers = [e for e in examiners if not e.reads_pixels]
    blind = Subject(exhibit, None, facts, None, None)
    findings = [Finding("media", Question.PROVENANCE, Status.FAILED, why)]
    findings += [_examine(e, blind, watch) for e in readers] if facts else []
    found = _credential(exhibit, lists, watch)
    stands = standing(found)
    speaks = bool(declarations(findings)) or stands.decides
    silent = [e.question for e in examiners if e.reads_pixels]
    pixel = [(e.name, why) for e in examiners if e.reads_pixels]
    return Examination(
        exhibit=exhibit,
        findings=tuple(findings),
        opinion=weigh(findings, standing=stands) if speaks else unexamined(why, silent),
        not_examined=(("media", why), *pixel),
        weights=_weights(readers),
        provenance=record(findings, facts, found),
        timings_s=watch.done(),
    )


def _nothing(exhibit: Exhibit, why: str, findings: tuple[Finding, ...], watch: _Watch) -> Examination:
    return Examination(exhibit, findings, unexamined(why), (("exhibit", why),), {}, timings_s=watch.done())
