"""From the container's facts to field regions: who wrote the file, what was joined or rewritten, what it declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from facevalue.examiners.container.declared import declarations
from facevalue.finding import DECLARES_SYNTHETIC, Region
from facevalue.media.facts.text import clean

Facts = Mapping[str, Any]
MAX_VALUE = 300
# Tracks of one recording are stamped within seconds; a day allows for a clock that was set in between.
TIME_SLACK = timedelta(days=1)
_REWRITERS = ("editor", "platform", "recorder")


def records(facts: Facts, name: str) -> list[Mapping[str, Any]]:
    """The mappings of a list in the facts; empty when it is none."""
    value = facts.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def field_regions(facts: Facts) -> list[Region]:
    """Regions of kind "field": declarations, what was joined or rewritten, structure, writers."""
    return [*_declared(facts), *_joined(facts), *_rewritten(facts), *_times(facts), *_oddities(facts), *_writers(facts)]


def _region(label: str, name: str, value: object, innocent: str = "", **details: Any) -> Region:
    if innocent:
        details["innocent"] = innocent
    harmless = {key: clean(item, MAX_VALUE) if isinstance(item, str) else item for key, item in details.items()}
    return Region("field", label, field_name=clean(name, 120), value=clean(str(value), MAX_VALUE), details=harmless)


def _declared(facts: Facts) -> Iterator[Region]:
    for record in declarations(records(facts, "strings")):
        yield _region(
            DECLARES_SYNTHETIC, f"container {record['field']}", record["value"], kind="container_text",
            strength=record["strength"], meaning=record["meaning"],
        )  # fmt: skip


def _joined(facts: Facts) -> Iterator[Region]:
    """A track in several encodings, or put together by an edit list."""
    for i, track in enumerate(records(facts, "tracks"), 1):
        kind = str(track.get("kind", "track"))
        if isinstance(track.get("sample_descriptions"), int):
            value = f"{track['sample_descriptions']} descriptions"
            innocent = "a recorder that changes its settings while it records"
            yield _region("joined", f"track {i} ({kind})", value, innocent, kind="sample_descriptions", strength="hint")
        edits = track.get("edits")
        real = (
            [e for e in edits if isinstance(e, list) and len(e) == 2 and e[1] != -1] if isinstance(edits, list) else []
        )
        if len(real) > 1:
            innocent = (
                "a phone's own trimming or slow motion, which keeps the whole recording and only lists what is shown"
            )
            value = f"{len(real)} pieces in the edit list"
            yield _region("joined", f"track {i} ({kind})", value, innocent, kind="edit_list", strength="hint")


def _rewritten(facts: Facts) -> Iterator[Region]:
    writers = records(facts, "writers")
    cameras = [w for w in writers if w.get("kind") == "camera"]
    others = [w for w in writers if w.get("kind") in _REWRITERS]
    libraries = [w for w in writers if "Lavf" in str(w.get("writer"))]
    if cameras and (others or libraries):
        value = f"{cameras[0].get('writer')}; written by {(others or libraries)[0].get('writer')}"
        innocent = "any converter, messenger or platform writes the file again and keeps the camera's fields"
        yield _region("rewritten", "camera and writer", value, innocent, kind="rewritten", strength="hint")


def _times(facts: Facts) -> Iterator[Region]:
    movie = facts.get("movie")
    created = _moment(movie.get("created")) if isinstance(movie, Mapping) else None
    if created is None:
        return
    for i, track in enumerate(records(facts, "tracks"), 1):
        other = _moment(track.get("media_created"))
        if other is not None and abs(other - created) > TIME_SLACK:
            innocent = (
                "an export that copies a track from another file, and cameras whose clock was set while recording"
            )
            value = f"file {created:%Y-%m-%d %H:%M}, track {other:%Y-%m-%d %H:%M}"
            yield _region("times differ", f"track {i}", value, innocent, kind="times", strength="hint")


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _oddities(facts: Facts) -> Iterator[Region]:
    odd = facts.get("oddities")
    for sentence in (odd if isinstance(odd, list) else [])[:8]:
        innocent = "a recording or a transfer that broke off"
        yield _region("structure", "container structure", sentence, innocent, kind="oddity")
    if isinstance(facts.get("error"), str):
        yield _region("structure", "container structure", facts["error"], kind="unread")


def _writers(facts: Facts) -> Iterator[Region]:
    for writer in records(facts, "writers"):
        evidence = writer.get("evidence")
        notes = [clean(str(e), 160) for e in evidence][:6] if isinstance(evidence, list) else []
        value = f"consistent with {writer.get('writer')}"
        yield _region("writer", "written by", value, kind=str(writer.get("kind")), evidence=notes)
    for mark in records(facts, "marks"):
        settings = mark.get("settings")
        if isinstance(settings, Mapping) and settings:
            named = ", ".join(f"{k} {v}" for k, v in list(settings.items())[:12])
            yield _region(
                "encoder settings", f"{mark.get('encoder')} {mark.get('version', '')}".strip(), named, kind="marks"
            )
    order = facts.get("order")
    if isinstance(order, list) and order:
        value = " ".join(map(str, order[:24]))
        brands = facts.get("brands")
        extra = {"brands": str(brands.get("major"))} if isinstance(brands, Mapping) else {}
        yield _region("order", f"{facts.get('format', 'container')} order", value, kind="order", **extra)
    if facts.get("location") is True:
        yield _region("location", "place of recording", "present", kind="location")


def statements(regions: Sequence[Region]) -> list[Region]:
    """The regions that declare synthesis."""
    return [r for r in regions if r.label == DECLARES_SYNTHETIC]
