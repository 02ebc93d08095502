"""One self-contained HTML file per examination: no request leaves it, and it works without its script."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from facevalue._version import __version__
from facevalue.examine import Examination
from facevalue.examiners.base import Card
from facevalue.reports import overlay, timeline, tracks, view, words
from facevalue.reports.cards import load_cards
from facevalue.reports.credentials import credentials_view
from facevalue.reports.layers import build_faces, build_layers


def write_html(exam: Examination, path: Path) -> Path:
    """Write the report of one examination as one HTML file."""
    # A name may hold bytes that are no text; words.plain shows those of names, this is for what it did not see.
    path.write_bytes(render_html(exam).encode("utf-8", "backslashreplace"))
    return path


def render_html(
    exam: Examination, *, cards: Mapping[str, Card] | None = None, written: datetime.datetime | None = None
) -> str:
    """The report as HTML text. cards: by examiner name, those of the installed examiners by default."""
    cards = load_cards() if cards is None else cards
    return render("report.html.j2", written=written, **_exhibit(exam), **_opinion(exam), **_basis(exam, cards))


def render(template: str, *, written: datetime.datetime | None = None, **context: Any) -> str:
    """Render a template with the shared style, script and Content-Security-Policy."""
    script = _asset("report.js")
    moment = written or datetime.datetime.now(datetime.UTC)
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(_asset("report.css")),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=content_security_policy(script),
            version=__version__,
            written=moment.strftime("%Y-%m-%d %H:%M UTC"),
            words=words,
            **context,
        )
    )


def content_security_policy(script: str) -> str:
    """Allows inline style, data: pictures and exactly one script, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _exhibit(exam: Examination) -> dict[str, Any]:
    footage = exam.footage
    picture = exam.picture if footage is None else None
    watched = picture or footage
    kind = exam.kind
    return {
        "exhibit": exam.exhibit,
        "name": words.plain(exam.exhibit.name),
        "kind": kind,
        "thing": words.thing(kind),
        "size": view.size_words(exam),
        "picture": picture,
        "picture_uri": overlay.jpeg_uri(overlay.reduced(picture.pixels)) if picture else None,
        "notes": [words.plain(note) for note in watched.notes] if watched else [],
        "layers": build_layers(exam) if picture else [],
        "faces": build_faces(exam) if picture else [],
        "line": timeline.build(exam),
        "tracks": tracks.build_tracks(exam),
        "footage_rows": view.footage_rows(exam),
        "clip_style": Markup(_asset("clip.css")) if footage else "",  # noqa: S704 - our own file
        "ramp": overlay.ramp_css(),
    }


def _opinion(exam: Examination) -> dict[str, Any]:
    opinion, kind = exam.opinion, exam.kind
    return {
        "verdict": words.verdict_words(opinion.verdict, kind),
        "overall_lr": words.lr_words(opinion.log10_lr),
        "reasons": view.verdict_reasons(opinion),
        "questions": [view.question_view(q, kind) for q in opinion.by_question.values()],
        "segments": view.scale_segments(),
        # Each face's record stands beside its crop.
        "quality": view.record_rows({k: v for k, v in opinion.quality.items() if k != "faces"}),
    }


def _basis(exam: Examination, cards: Mapping[str, Card]) -> dict[str, Any]:
    return {
        "findings": [view.finding_view(f, exam.kind) for f in exam.findings],
        "fields": view.field_views(exam),
        "methods": view.method_views(exam, cards),
        "not_examined": [(words.plain(name), words.plain(why)) for name, why in exam.not_examined],
        "weights": [(words.plain(name), words.plain(digest)) for name, digest in sorted(exam.weights.items())],
        # Declarations are fields of findings, and stand in the table of those; credentials have a section of their own.
        "provenance": view.record_rows(
            {k: v for k, v in exam.provenance.items() if k not in ("declarations", "credentials")}
        ),
        "credentials": credentials_view(exam.provenance.get("credentials")),
        "timings": [(words.plain(name), f"{seconds:.2f} s") for name, seconds in exam.timings_s.items()],
        "rerun": view.rerun_commands(exam, __version__),
    }


@functools.cache
def _asset(name: str) -> str:
    return (files("facevalue.reports") / "templates" / name).read_text(encoding="utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = words.plain
    return environment
