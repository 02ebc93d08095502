"""The words of every report."""

from __future__ import annotations

import pytest

from facevalue.finding import Question, Verdict
from facevalue.opinion.weigh import not_proof
from facevalue.reports import words


def test_every_verdict_and_question_has_words() -> None:
    assert set(words.VERDICTS) == {str(v) for v in Verdict}
    assert set(words.PROPOSITIONS) == {str(q) for q in Question}
    for said in words.VERDICTS.values():
        assert said.headline.endswith(".")
        assert said.caution.endswith(".")


@pytest.mark.parametrize(
    ("log10_lr", "expected"),
    [
        (1.38, "LR 24 (log10 +1.4)"),
        (-1.4, "LR 1/25 (log10 -1.4)"),
        (0.0, "LR 1 (log10 +0.0)"),
        (3.08, "LR 1,200 (log10 +3.1)"),
        (-5.0, "LR 1/100,000 (log10 -5.0)"),
        (None, "no LR"),
    ],
)
def test_likelihood_ratio_reads_as_a_number(log10_lr: float | None, expected: str) -> None:
    assert words.lr_words(log10_lr) == expected


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        ("moderate", "moderate support for synthesis"),
        ("moderately_strong_for_bona_fide", "moderately strong support for bona fide"),
        ("neutral", "no support either way"),
        ("neutral_for_bona_fide", "no support either way"),
        ("none", "no likelihood ratio"),
    ],
)
def test_band_names_the_proposition_it_supports(band: str, expected: str) -> None:
    assert words.band_words(band, "generated") == expected


@pytest.mark.parametrize(("kind", "thing"), [("image", "picture"), ("video", "clip"), ("audio", "recording")])
def test_words_are_those_of_the_kind_of_exhibit(kind: str, thing: str) -> None:
    others = {"picture", "clip", "recording"} - {thing, "recording"}  # a genuine picture or clip is a recording too
    for question in Question:
        if kind == "audio" and question in (Question.GENERATED, Question.FACE_SWAPPED, Question.LIPS_MISMATCHED):
            continue  # never asked of a sound
        stated = words.propositions(str(question), kind)
        if kind != "image":
            assert not any(other in f"{stated.synthetic} {stated.bona_fide}" for other in others)
    assert f"Bona fide {thing}s reach" in words.verdict_words("suspect", kind).caution
    assert not any("{" in words.verdict_words(str(v), kind).caution for v in Verdict)
    assert words.thing("unknown") == "file"


def test_no_proof_is_recognised_whatever_the_exhibit_is_called() -> None:
    assert all(words.is_not_proof(not_proof(noun)) for noun in ("picture", "clip", "recording", "sound"))
    assert not words.is_not_proof("The thumbnail differs.")


def test_sentence_says_which_proposition_is_favoured() -> None:
    assert "24 times more probable if the first" in words.lr_sentence("generated", 1.38)
    assert "25 times more probable if the second" in words.lr_sentence("generated", -1.4)
    assert "equally probable" in words.lr_sentence("generated", 0.0)


@pytest.mark.parametrize(
    "hostile", ["\x1b[31mred", "a\u202etxt.exe", "\x9b31m", "\udcff.jpg", "\u2028", "\x00", "\u200b"]
)
def test_plain_shows_what_would_steer_a_terminal(hostile: str) -> None:
    shown = words.plain(hostile)
    assert shown.isprintable()
    assert "\\" in shown
    shown.encode("utf-8")


def test_plain_keeps_ordinary_text_of_any_script() -> None:
    text = "Grüße, 写真 نمی\u200cشود 👩\u200d🚀.jpg"
    assert words.plain(text) == text
    assert words.plain("two\nlines\tand a tab") == "two lines and a tab"
