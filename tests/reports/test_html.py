"""The HTML report: complete, self-contained, and nothing in it comes from a file unescaped."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import handmade
import numpy as np
import pytest

from facevalue.finding import DECLARES_SYNTHETIC, Finding, Question, Region, Status, Verdict
from facevalue.opinion.weigh import NOT_PROOF
from facevalue.reports.html import render_html
from facevalue.reports.view import verdict_reasons

ATTACK = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{7*7}}"


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(exam: Any = None, **options: Any) -> Page:
    return Page(render_html(exam or handmade.suspect(), cards=handmade.cards(), **options))


def test_report_holds_what_a_court_asks_for() -> None:
    exam = handmade.suspect()
    text = page(exam).text
    for wanted in (
        "There are signs that it is synthetic or manipulated",
        "LR 24 (log10 +1.4)",
        "moderate support for a manipulated face",
        "moderate support for bona fide",
        "At least one face was swapped, reenacted, blended in or retouched.",
        "Face 1 shows a blending boundary along the jaw.",
        "Absence of detection is not proof of authenticity.",
        "Missing credentials are not evidence of a fake.",
        "The exhibit holds no sound.",
        "Below 64 px it cannot judge.",
        exam.exhibit.sha256,
        handmade.DIGEST,
        "facevalue check --json -- street.jpg",
        "differs from the picture",
        "No examiner answers this question yet.",
    ):
        assert wanted in text


def test_error_rates_are_those_of_this_quality() -> None:
    text = page().text
    assert "measured at this quality" in text
    assert "0.95 (0.9 to 0.98)" in text  # faces of 160 px and more
    assert "0.61 (0.5 to 0.7)" not in text  # small faces
    assert "0.99" not in text  # seen in training
    assert "Not measured at this quality nor overall." in text  # the card of `generated`
    assert "No card was found for this method" in text  # metadata


def test_error_rates_fall_back_to_the_overall_ones() -> None:
    exam = handmade.suspect(
        opinion=handmade.opinion(Verdict.SUSPECT, short_side=100, jpeg_quality=20, faces=[{"size_px": 70.0}])
    )
    text = page(exam).text
    assert "measured over all qualities, not for this one" in text
    assert "0.91 (0.89 to 0.93)" in text


def test_no_reason_is_said_twice() -> None:
    """Beside the verdict stands what decided it; the other questions' reasons stand on their own cards."""
    deciding, other, note = "The deciding reason.", "The other question's reason.", "Only here."
    weighed = handmade.opinion(
        Verdict.SUSPECT,
        handmade.question("face_swapped", 1.4, "moderate", deciding),
        handmade.question("generated", -1.0, "moderate_for_bona_fide", other),
        reasons=(deciding, other, note, NOT_PROOF),
    )
    exam = handmade.suspect(opinion=weighed)
    assert verdict_reasons(exam.opinion) == [deciding, note]
    text = page(exam).text
    assert text.count(other) == 1
    assert text.count(note) == 1
    assert NOT_PROOF not in text
    assert "not proof of authenticity" in text


def test_an_inconclusive_verdict_shows_which_question_stayed_open() -> None:
    first, open_ = "A louder question.", "Inconclusive: not stable."
    weighed = handmade.opinion(
        Verdict.INCONCLUSIVE,
        handmade.question("generated", 0.6, "weak", first),
        handmade.question("face_swapped", 0.1, "neutral", open_, "inconclusive"),
        reasons=(first, open_),
    )
    assert verdict_reasons(weighed) == [first, open_]


def test_a_hint_is_not_shown_as_a_statement() -> None:
    details = {"strength": "hint"}
    hint = Region("field", DECLARES_SYNTHETIC, field_name="PNG prompt", value="graph", details=details)
    finding = Finding("metadata", Question.PROVENANCE, Status.FOUND, "It hints.", regions=(hint,))
    text = page(handmade.suspect(findings=(finding,))).text
    assert "hints that a model made or composited it" in text
    assert "states that a model made or composited it" not in text


def test_hostile_text_is_escaped_everywhere() -> None:
    field = Region("field", DECLARES_SYNTHETIC, field_name=ATTACK, value=ATTACK)
    box = Region("box", ATTACK, 0.9, (10, 10, 50, 50))
    mask = Region("mask", ATTACK, 0.9, None, handmade.blob())
    finding = Finding(ATTACK, Question.GENERATED, Status.FOUND, ATTACK, 0.5, 1.0, (field, box, mask), ATTACK)
    weighed = handmade.opinion(
        Verdict.FAKE, handmade.question("generated", 1.0, "moderate", ATTACK), reasons=(ATTACK,), **{ATTACK: ATTACK}
    )
    exam = handmade.suspect(
        exhibit=handmade.exhibit(ATTACK),
        findings=(finding,),
        opinion=weighed,
        not_examined=((ATTACK, ATTACK),),
        weights={ATTACK: ATTACK},
        provenance={ATTACK: [ATTACK]},
        timings_s={ATTACK: 1.0},
        picture=handmade.picture(notes=(ATTACK,)),
    )
    html = render_html(exam, cards={})
    found = Page(html)
    assert len(found.all("script")) == 1
    assert all("onerror" not in attributes for _, attributes in found.tags)
    assert "<img src=x" not in html
    assert "{{7*7}}" in html
    assert "alert('x')" in found.text  # shown, as text


def test_direction_marks_and_escapes_are_shown_not_obeyed() -> None:
    exam = handmade.suspect(exhibit=handmade.exhibit("a\u202egpj.exe\x1b[2J\udcff"))
    html = render_html(exam, cards={})
    assert "a\\u202egpj.exe\\x1b[2J\\udcff" in html
    assert not set("\u202e\x1b") & set(html)


def test_page_is_self_contained_and_locked_down() -> None:
    html = render_html(handmade.suspect(), cards={})
    found = Page(html)
    sources = [v for _, a in found.tags for k, v in a.items() if k in {"src", "href"} and v]
    assert sources
    assert all(s.startswith(("data:", "#")) for s in sources)
    assert not re.search(r"url\(|@import|https?://", html)
    policy = next(m["content"] for m in found.all("meta") if m.get("http-equiv") == "Content-Security-Policy") or ""
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert not any(k.startswith("on") for _, a in found.tags for k in a)


def test_layers_are_switched_by_labelled_inputs() -> None:
    found = page()
    inputs = {a["id"]: a for a in found.all("input") if a["id"] != "opacity"}
    assert set(inputs) == {"on-faces", "on-boxes-0", "on-heat-none", "on-heat-0", "on-heat-1", "zoom"}
    assert {a["for"] for a in found.all("label")} >= set(inputs)
    assert "checked" in inputs["on-heat-0"]  # the map of the finding that found something
    assert "checked" not in inputs["on-heat-1"]


def test_a_box_is_placed_in_per_cent_of_the_picture() -> None:
    style = next(a["style"] for a in page().all("div") if (a.get("class") or "").startswith("box"))
    assert style == "left:31.25%;top:25.0%;width:25.0%;height:33.33%"


@pytest.mark.parametrize("box", [(-900.0, 0.0, 10.0, 10.0), (float("nan"), 0.0, 1.0, 1.0), (0.0, 0.0, 1e12, 1e12)])
def test_absurd_boxes_do_no_harm(box: tuple[float, float, float, float]) -> None:
    regions = (Region("box", "absurd", 0.5, box),)
    if box[0] == box[0]:
        regions += (Region("mask", "absurd", 0.5, box, handmade.blob()),)
    finding = Finding("third_party", Question.EDITED, Status.FOUND, "why", 0.5, None, regions)
    assert "third_party" in page(handmade.suspect(findings=(finding,))).text


def test_scale_stands_where_the_number_says() -> None:
    marks = [a["style"] for a in page().all("div") if a.get("class") == "marker"]
    assert marks == ["left:63.8%", "left:36.0%"]
    labels = [a["aria-label"] or "" for a in page().all("div") if a.get("class") == "bar"]
    assert "LR 24 (log10 +1.4), moderate support" in labels[0]


def test_large_pictures_are_reduced() -> None:
    import io

    from PIL import Image

    pixels = np.zeros((1000, 4000, 3), np.uint8)
    source = next(a["src"] for a in page(handmade.suspect(pixels=pixels)).all("img") if a.get("class") == "base") or ""
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        assert (image.format, image.size) == ("JPEG", (1600, 400))


def test_every_verdict_renders_without_a_picture() -> None:
    for verdict in Verdict:
        exam = handmade.suspect(opinion=handmade.opinion(verdict), picture=None, faces=(), findings=())
        assert "No method left a finding." in page(exam).text


def test_bytes_that_could_not_be_read_are_said_to_be_so() -> None:
    assert "not computed: the bytes could not be read" in page(handmade.unreadable(sha256="")).text


def test_declaration_is_named() -> None:
    text = page(handmade.declared()).text
    assert "states that a model made or composited it" in text
    assert "trainedAlgorithmicMedia" in text


def test_endless_metadata_is_cut() -> None:
    assert "… (100,000 characters)" in page(handmade.declared("x" * 100_000)).text


def test_same_examination_gives_the_same_page() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
    first, second = (render_html(handmade.suspect(), cards={}, written=moment) for _ in range(2))
    assert first == second
    assert "2026-01-02 03:04 UTC" in first


def test_nested_provenance_reads_as_a_table_and_ends() -> None:
    c2pa = {"signer": "Someone", "valid": True, "actions": [{"action": "c2pa.created"}], "empty": []}
    text = page(handmade.suspect(provenance={"c2pa": c2pa, "many": {f"key {i}": i for i in range(200)}})).text
    assert "c2pa, actions, 1, action c2pa.created" in text
    assert "c2pa, valid yes" in text
    assert "123 further entries stand in the JSON report" in text


def test_a_question_without_a_number_has_no_mark_on_a_scale() -> None:
    weighed = handmade.opinion(
        Verdict.INCONCLUSIVE, handmade.question("generated", None, "none", "Unstable.", "inconclusive")
    )
    found = page(handmade.suspect(opinion=weighed))
    assert "no opinion Unstable." in found.text
    assert not [a for a in found.all("div") if a.get("class") == "marker"]
