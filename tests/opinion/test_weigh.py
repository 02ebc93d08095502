"""Weighing findings into an opinion: thresholds, the order of verdicts, stability, the mixture, declarations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.finding import DECLARES_SYNTHETIC, Finding, Question, Region, Status, Verdict
from facevalue.opinion.bands import band
from facevalue.opinion.weigh import (
    FAKE_LOG10_LR,
    NOT_PROOF,
    STABILITY_FROM_LOG10_LR,
    SUSPECT_LOG10_LR,
    declarations,
    mean_lr,
    needs_stability,
    unexamined,
    weigh,
)

LRS = st.floats(-6, 6, allow_nan=False)
COPY = "JPEG quality 70"


def looked(lr: float | None, question: Question = Question.GENERATED, name: str = "eye") -> Finding:
    status = Status.CLEAR if lr is None or lr < 1 else Status.FOUND
    return Finding(name, question, status, f"{name} looked", None if lr is None else 0.5, lr)


def silent(question: Question = Question.GENERATED, status: Status = Status.INAPPLICABLE) -> Finding:
    return Finding("mute", question, status, "no face was found")


def metadata(*strengths: str) -> Finding:
    regions = tuple(
        Region("field", DECLARES_SYNTHETIC, field_name=f"field {i}", value=f"value {i}", details={"strength": s})
        for i, s in enumerate(strengths)
    )
    status = Status.FOUND if regions else Status.CLEAR
    return Finding("metadata", Question.PROVENANCE, status, "read the metadata", regions=regions)


@pytest.mark.parametrize(
    ("lr", "verdict"),
    [
        (FAKE_LOG10_LR, Verdict.FAKE),
        (FAKE_LOG10_LR - 0.01, Verdict.SUSPECT),
        (SUSPECT_LOG10_LR, Verdict.SUSPECT),
        (SUSPECT_LOG10_LR - 0.01, Verdict.NO_SIGNS),
        (0.0, Verdict.NO_SIGNS),
        (-4.0, Verdict.NO_SIGNS),
    ],
)
def test_thresholds_are_those_of_the_contract(lr: float, verdict: Verdict) -> None:
    opinion = weigh([looked(lr)])
    assert opinion.verdict is verdict
    assert opinion.log10_lr == pytest.approx(lr)
    assert opinion.band == band(lr)


def test_the_loudest_question_speaks_first_and_decides() -> None:
    opinion = weigh([looked(-2.0), looked(1.3, Question.FACE_SWAPPED), metadata()])
    assert opinion.verdict is Verdict.SUSPECT
    assert opinion.log10_lr == pytest.approx(1.3)
    assert opinion.reasons[0] == opinion.by_question["face_swapped"].why
    assert opinion.by_question["generated"].log10_lr == pytest.approx(-2.0)


def test_no_signs_says_that_it_is_no_proof() -> None:
    assert NOT_PROOF in weigh([looked(-3.0)]).reasons


def test_the_order_of_findings_does_not_matter() -> None:
    findings = [looked(1.2), looked(0.3, Question.FACE_SWAPPED), metadata("hint"), silent(Question.EDITED)]
    opinions = [weigh(list(order)) for order in permutations(findings)]
    assert len({(o.verdict, o.log10_lr, o.reasons) for o in opinions}) == 1


# Declarations


@pytest.mark.parametrize("lr", [None, -5.0, 0.0, 2.0, 5.0])
def test_a_declaration_beats_every_forensic_verdict(lr: float | None) -> None:
    opinion = weigh([looked(lr), metadata("statement")])
    assert opinion.verdict is Verdict.DECLARED_SYNTHETIC
    assert "field 0: value 0" in opinion.reasons[0]
    assert opinion.log10_lr == lr


def test_hints_are_not_declarations() -> None:
    assert declarations([metadata("hint", "hint")]) == []
    assert weigh([looked(-1.0), metadata("hint")]).verdict is Verdict.NO_SIGNS
    assert [r.field_name for r in declarations([metadata("hint", "statement")])] == ["field 1"]


def test_a_field_without_a_strength_is_a_statement() -> None:
    region = Region("field", DECLARES_SYNTHETIC, field_name="AIGC", value="1")
    assert declarations([Finding("other", Question.PROVENANCE, Status.FOUND, "", regions=(region,))]) == [region]


# Nothing to go on


def test_metadata_alone_do_not_settle_a_picture() -> None:
    assert weigh([metadata(), silent()]).verdict is Verdict.INCONCLUSIVE
    assert weigh([metadata()]).verdict is Verdict.UNEXAMINED
    assert weigh([silent(), silent(Question.PROVENANCE, Status.FAILED)]).verdict is Verdict.UNEXAMINED
    assert weigh([]).verdict is Verdict.UNEXAMINED


def test_why_nothing_was_said_is_stated() -> None:
    opinion = weigh([silent(), metadata()])
    question = opinion.by_question["generated"]
    assert (question.status, question.log10_lr, question.band) == ("unexamined", None, "none")
    assert "mute: no face was found" in opinion.reasons
    assert opinion.log10_lr is None


def test_a_failed_finding_never_counts_even_with_a_number() -> None:
    failed = Finding("eye", Question.GENERATED, Status.FAILED, "it failed", 0.9, 5.0)
    assert weigh([failed, looked(-1.0, name="other")]).verdict is Verdict.NO_SIGNS


def test_unexamined_carries_its_reason_to_every_question() -> None:
    opinion = unexamined("the file is empty", [Question.GENERATED])
    assert opinion.verdict is Verdict.UNEXAMINED
    assert opinion.reasons == ("the file is empty",)
    assert opinion.by_question["generated"].why == "the file is empty"


# Stability


def test_who_is_not_asked_again_of_a_copy_keeps_what_it_said() -> None:
    """Of two examiners of one question the strong one alone is asked of the copy: its fall must show."""
    said = [looked(2.0, name="strong"), looked(-0.5, name="weak")]
    whole = weigh(said).by_question["generated"].log10_lr
    steady = weigh(said, {COPY: [looked(2.0, name="strong")]}).by_question["generated"]
    fallen = weigh(said, {COPY: [looked(0.3, name="strong")]}).by_question["generated"]
    assert steady.log10_lr == pytest.approx(whole)
    assert fallen.log10_lr == pytest.approx(mean_lr([0.3, -0.5]))
    assert fallen.status == "inconclusive"


def test_copies_are_wanted_from_half_a_band_below_the_first_accusation() -> None:
    assert STABILITY_FROM_LOG10_LR < SUSPECT_LOG10_LR
    assert needs_stability([looked(STABILITY_FROM_LOG10_LR)])
    assert not needs_stability([looked(STABILITY_FROM_LOG10_LR - 0.01), looked(None), silent()])


def test_evidence_that_a_copy_loses_is_inconclusive_and_says_why() -> None:
    opinion = weigh([looked(1.5)], {COPY: [looked(0.1)], "resized": [looked(1.4)]})
    assert opinion.verdict is Verdict.INCONCLUSIVE
    question = opinion.by_question["generated"]
    assert question.status == "inconclusive"
    assert question.log10_lr == pytest.approx(0.1)
    assert "not stable under re-encoding" in question.why
    assert COPY in question.why
    assert question.why in opinion.reasons
    assert NOT_PROOF in opinion.reasons


def test_evidence_that_a_copy_weakens_is_lowered_and_says_why() -> None:
    opinion = weigh([looked(3.2)], {COPY: [looked(1.6)]})
    assert opinion.verdict is Verdict.SUSPECT
    assert opinion.log10_lr == pytest.approx(1.6)
    assert "Lowered: log10 LR +3.2 falls to +1.6" in opinion.reasons[0]


def test_a_copy_in_the_same_band_lowers_without_a_word() -> None:
    opinion = weigh([looked(1.9)], {COPY: [looked(1.2)]})
    assert opinion.log10_lr == pytest.approx(1.2)
    assert "Lowered" not in opinion.reasons[0]
    assert "16 times" in opinion.reasons[0], "the sentence must tell the number that is given"


@given(LRS, st.lists(LRS, max_size=4))
def test_copies_never_raise_and_the_weakest_rules(original: float, copies: list[float]) -> None:
    opinion = weigh([looked(original)], {f"copy {i}": [looked(lr)] for i, lr in enumerate(copies)})
    assert opinion.log10_lr is not None
    if original < STABILITY_FROM_LOG10_LR:
        assert opinion.log10_lr == pytest.approx(original)
    else:
        assert opinion.log10_lr == pytest.approx(min([original, *copies]))
    assert opinion.band == band(opinion.log10_lr)
    if opinion.verdict is Verdict.FAKE:
        assert min([original, *copies]) >= FAKE_LOG10_LR


def test_a_copy_on_which_nothing_could_be_said_changes_nothing() -> None:
    assert weigh([looked(1.5)], {COPY: [silent()]}).log10_lr == pytest.approx(1.5)


def test_one_unstable_question_does_not_hide_another() -> None:
    findings = [looked(1.5), looked(2.0, Question.FACE_SWAPPED)]
    opinion = weigh(findings, {COPY: [looked(0.0), looked(2.0, Question.FACE_SWAPPED)]})
    assert opinion.verdict is Verdict.SUSPECT
    assert opinion.by_question["generated"].status == "inconclusive"


# The mixture of examiners of one question


@given(st.lists(LRS, min_size=1, max_size=6))
def test_the_mixture_lies_between_its_parts(lrs: list[float]) -> None:
    assert min(lrs) - 1e-9 <= mean_lr(lrs) <= max(lrs) + 1e-9
    assert mean_lr(lrs) == pytest.approx(np.log10(np.mean(10.0 ** np.array(lrs))), abs=1e-6)
    assert mean_lr(lrs) >= max(lrs) - np.log10(len(lrs)) - 1e-9
    assert mean_lr(lrs[::-1]) == pytest.approx(mean_lr(lrs))


@given(LRS)
def test_one_examiner_keeps_its_own_number(lr: float) -> None:
    assert mean_lr([lr]) == pytest.approx(lr)
    assert weigh([looked(lr)]).by_question["generated"].log10_lr == pytest.approx(lr)


def test_large_numbers_do_not_overflow() -> None:
    assert mean_lr([400.0, -400.0]) == pytest.approx(400 - np.log10(2))


def test_examiners_of_one_question_are_mixed_not_multiplied() -> None:
    opinion = weigh([looked(1.0, name="one"), looked(1.0, name="two")])
    assert opinion.log10_lr == pytest.approx(1.0)
    assert opinion.by_question["generated"].finding_names == ("one", "two")


@given(st.lists(st.tuples(st.sampled_from([Question.GENERATED, Question.FACE_SWAPPED]), LRS), max_size=5))
def test_questions_stay_apart(rows: list[tuple[Question, float]]) -> None:
    opinion = weigh([looked(lr, question, f"eye{i}") for i, (question, lr) in enumerate(rows)])
    for question in {q for q, _ in rows}:
        mine = [lr for q, lr in rows if q == question]
        assert opinion.by_question[str(question)].log10_lr == pytest.approx(mean_lr(mine))
