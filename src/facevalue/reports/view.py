"""An examination as the plain words and numbers that a template prints; nothing here knows HTML."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from facevalue.examine import Examination
from facevalue.examiners.base import Card
from facevalue.finding import CONTRADICTION, DECLARES_SYNTHETIC, Finding, Opinion, QuestionOpinion, Region
from facevalue.reports import words
from facevalue.reports.cards import Rates, rates, regimes
from facevalue.reports.clock import between, clock
from facevalue.reports.evidence import MAX_REGIONS, notes_of, number, time_of
from facevalue.reports.timeline import sound_words
from facevalue.reports.words import plain

SCALE_END_LOG10 = 5.0
MAX_VALUE_CHARS = 2_000
MAX_ROWS = 80
MAX_PLACES = 40


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question's card. position: of the marker on the scale, per cent from bona fide to synthetic."""

    name: str
    ask: str
    synthetic: str
    bona_fide: str
    status: str
    lr: str
    band: str
    sentence: str
    why: str
    position: float | None


@dataclass(frozen=True, slots=True)
class FindingView:
    """One row of the findings table."""

    examiner: str
    question: str
    status: str
    result: str
    score: str
    lr: str
    where: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class FieldView:
    """One metadata field that a finding points at; meaning: what is made of it."""

    examiner: str
    field: str
    value: str
    meaning: str
    kind: str


@dataclass(frozen=True, slots=True)
class MethodView:
    """Excerpts of one examiner's card; card is None when none was found, rates when nothing was measured."""

    name: str
    card: Card | None
    rates: Rates | None


def size_words(exam: Examination) -> str:
    """The size of what decoded in a few words: pixels, duration; empty when nothing did."""
    footage = exam.footage
    if footage is None:
        return f"{exam.picture.width} × {exam.picture.height} px" if exam.picture else ""
    info = footage.info
    frame = f"{info.width} × {info.height} px, " if info.has_pictures else ""
    return f"{frame}{info.duration_s:.1f} s" if info.duration_s < 60 else f"{frame}{clock(info.duration_s)} long"


def footage_rows(exam: Examination) -> list[tuple[str, str]]:
    """What a clip or recording is made of, as rows of a record."""
    footage = exam.footage
    if footage is None:
        return []
    info, sound = footage.info, footage.sound
    rows = [("Container", plain(info.container)), ("Duration", f"{info.duration_s:.3f} s ({clock(info.duration_s)})")]
    if info.has_pictures:
        turned = f", turned by {info.rotation}°" if info.rotation else ""
        rate = f", {info.frame_rate:.3f} frames a second" if info.frame_rate else ""
        rows += [
            ("Dimensions", f"{info.width} × {info.height} px as shown{turned}"),
            ("Video track", plain(f"{info.codec}, {info.pixel_format}{rate}")),
            ("Frames decoded", f"{len(footage.table):,}" if footage.table is not None else "none"),
            ("Tracks of faces", "not followed" if footage.tracks is None else f"{len(footage.tracks):,}"),
            ("Scene cuts", f"{len(footage.cuts):,}"),
        ]
    if sound is not None:
        loss = f", {sound.loss:.1%} of the packets lost" if sound.loss else ""
        gaps = f", {words.count(len(sound.gaps), 'gap')} in its time stamps" if sound.gaps else ""
        rows.append(("Sound", f"{sound_words(sound)}; {sound.duration_s:.3f} s from {sound.start_s:.3f} s{loss}{gaps}"))
    several = [("video", info.picture_tracks), ("audio", info.audio_tracks)]
    rows += [(f"Further {name} tracks", f"{n - 1}, not examined") for name, n in several if n > 1]
    if not info.whole:
        rows.append(
            ("Examined", f"{len(info.segments):,} stretches of it, {sum(e - s for s, e in info.segments):.1f} s in all")
        )
    return rows


def question_view(opinion: QuestionOpinion, kind: str = "image") -> QuestionView:
    """The words and the place on the scale of one question's opinion on an exhibit of a kind."""
    name, lr = str(opinion.question), opinion.log10_lr
    stated = words.propositions(name, kind)
    examined = opinion.status == "examined"
    return QuestionView(
        name=name,
        ask=stated.ask,
        synthetic=stated.synthetic,
        bona_fide=stated.bona_fide,
        status=plain(opinion.status),
        lr=words.lr_words(lr),
        band=words.band_words(opinion.band, name, kind) if examined or lr is not None else plain(opinion.status),
        sentence="" if lr is None else words.lr_sentence(name, lr),
        why=plain(opinion.why),
        position=None if lr is None else scale_position(lr),
    )


def verdict_reasons(opinion: Opinion) -> list[str]:
    """The reasons that belong beside the verdict: the deciding one, and whatever no question's card says anyway.

    Where the verdict is that a question stayed open, the reasons of those questions are the deciding ones.
    """
    asked = opinion.by_question.values()
    elsewhere = {q.why for q in asked if q.status != "inconclusive"}
    reasons = [r for r in opinion.reasons if not words.is_not_proof(r)]
    return [plain(r) for i, r in enumerate(reasons) if i == 0 or r not in elsewhere]


def scale_position(log10_lr: float) -> float:
    """Per cent from the left (bona fide) of a scale that ends at LR 1/100,000 and 100,000."""
    return round(50 + 50 * max(-1.0, min(1.0, log10_lr / SCALE_END_LOG10)), 1)


def scale_segments() -> list[tuple[str, float, str]]:
    """The bands along the scale, left to right: name, width in per cent, side."""
    edges = (*words.BAND_EDGES, SCALE_END_LOG10)
    names = ("weak", "moderate", "moderately strong", "strong", "very strong")
    half = [(n, 50 * (b - a) / SCALE_END_LOG10) for n, a, b in zip(names, edges, edges[1:], strict=False)]
    neutral = ("neutral", 100 * words.BAND_EDGES[0] / SCALE_END_LOG10, "middle")
    left = [(n, w, "bona-fide") for n, w in reversed(half)]
    return [*left, neutral, *((n, w, "synthetic") for n, w in half)]


def finding_view(finding: Finding, kind: str = "image") -> FindingView:
    """One finding on an exhibit of a kind as a row of text."""
    thing = words.thing(kind)
    return FindingView(
        examiner=plain(finding.examiner),
        question=str(finding.question),
        status=str(finding.status),
        result=words.STATUSES.get(str(finding.status), str(finding.status)),
        score="–" if finding.score is None else f"{finding.score:.2f}",
        lr="–" if finding.log10_lr is None else words.lr_words(finding.log10_lr),
        where=_places(finding, thing),
        why=plain(finding.why),
    )


def _places(finding: Finding, thing: str) -> tuple[str, ...]:
    """At most MAX_PLACES places in words. Heat maps of moments are seen above the time line, and only counted here."""
    placed = [region for region in islice(finding.regions, MAX_REGIONS) if region.kind != "field"]
    moments = [seconds for r in placed if r.kind == "mask" and (seconds := time_of(r)) is not None]
    placed = [region for region in placed if region.kind != "mask" or time_of(region) is None]
    shown = tuple(_where(region, thing) for region in placed[:MAX_PLACES])
    if moments:
        maps = words.count(len(moments), "heat map")
        shown = (*shown, f"{maps} of moments from {min(moments):.2f} s to {max(moments):.2f} s")
    rest = len(placed) - MAX_PLACES
    return shown if rest <= 0 else (*shown, f"{words.count(rest, 'further place')} in the JSON report")


def _where(region: Region, thing: str) -> str:
    label = plain(region.label) + ("" if region.score is None else f", score {region.score:.2f}")
    if (log10_lr := number(region.details.get("log10_lr"))) is not None:
        label += f", {words.lr_words(log10_lr)}"
    if region.kind == "span" and region.span is not None:
        start, end = region.span
        clocked = f" ({between(start, end)})" if max(start, end) >= 60 else ""
        return "; ".join((f"{label}: {start:.2f} s to {end:.2f} s{clocked}", *notes_of(region)))
    if (seconds := time_of(region)) is not None:
        label += f" at {seconds:.2f} s"
    place = f"the whole {thing}" if thing == "picture" else "the whole frame"
    if region.box is not None:
        x, y, w, h = region.box
        place = f"{w:.0f} × {h:.0f} px at {x:.0f}, {y:.0f}"
    return f"{label}: {'heat map of ' if region.kind == 'mask' else ''}{place}"


def field_views(exam: Examination) -> list[FieldView]:
    """Every metadata field that a finding points at: declarations first, then contradictions, then the rest."""
    order = {DECLARES_SYNTHETIC: 0, CONTRADICTION: 1}
    pairs = [(f, r) for f in exam.findings for r in f.regions if r.kind == "field"]
    return [_field(f, r) for f, r in sorted(pairs, key=lambda p: order.get(p[1].label, 2))]


def _field(finding: Finding, region: Region) -> FieldView:
    verb = "hints" if words.is_hint(region) else "states"
    meanings = {DECLARES_SYNTHETIC: f"{verb} that a model made or composited it", CONTRADICTION: "contradiction"}
    kinds = {DECLARES_SYNTHETIC: "other" if words.is_hint(region) else "declared", CONTRADICTION: "contradiction"}
    value = plain(region.value or "")
    if len(value) > MAX_VALUE_CHARS:
        value = f"{value[:MAX_VALUE_CHARS]}… ({len(value):,} characters)"
    return FieldView(
        plain(finding.examiner),
        plain(region.field_name or "–"),
        value,
        meanings.get(region.label, plain(region.label).replace("_", " ")),
        kinds.get(region.label, "other"),
    )


def method_views(exam: Examination, cards: Mapping[str, Card]) -> list[MethodView]:
    """One entry per examiner that left a finding, with the error rates for this exhibit's quality."""
    out, here = [], regimes(exam.opinion.quality)
    for finding in exam.findings:
        card = cards.get(finding.card or "") or cards.get(finding.examiner)
        out.append(MethodView(plain(finding.examiner), card, rates(card, here) if card else None))
    return out


def rerun_commands(exam: Examination, version: str) -> list[tuple[str, str]]:
    """What repeats the examination: command, and what it must show."""
    name = shlex.quote(plain(exam.exhibit.name))
    return [
        (f"python -m pip install facevalue=={version}", "the version of this report"),
        ("facevalue models pull --all", "the weights, checked against their pinned sha256"),
        (f"sha256sum -- {name}", exam.exhibit.sha256 or "a file that can be read"),
        (f"facevalue check --json -- {name}", "the same JSON, timings excluded"),
    ]


def record_rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A JSON-ready record as at most MAX_ROWS rows of text; nested records become paths such as "c2pa, signer"."""
    rows = [(plain(key).replace("_", " "), plain(value)) for key, value in _flat(record, ())]
    if len(rows) > MAX_ROWS:
        rows[MAX_ROWS:] = [("…", f"{len(rows) - MAX_ROWS} further entries stand in the JSON report")]
    return rows


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, (*path, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping | list | tuple) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _flat(inner, (*path, str(number)))
    elif value not in ([], (), ""):
        yield ", ".join(path), _value(value)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if value is None or isinstance(value, bool):
        return {None: "not applicable", True: "yes", False: "no"}[value]
    return f"{value:.3g}" if isinstance(value, float) else str(value)
