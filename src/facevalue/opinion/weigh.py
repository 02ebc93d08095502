"""Weighing: findings on the exhibit and on its re-encoded copies, into one opinion. Pure functions, no I/O.

Examiners of one question look at the same pixels, so their errors are not independent and their likelihood ratios
must not be multiplied. "Synthetic in one of the ways that were examined, each equally likely beforehand" is a
mixture, whose likelihood ratio is the mean of theirs; with one examiner for a question it is that examiner's own.
No weight is set by hand. Questions stay apart: each has its own propositions and its own opinion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from facevalue.finding import DECLARES_SYNTHETIC, Finding, Opinion, Question, QuestionOpinion, Region, Status, Verdict
from facevalue.opinion.bands import band
from facevalue.opinion.standing import NO_STANDING, Standing

# The contract's thresholds on log10 LR.
FAKE_LOG10_LR = 3.0
SUSPECT_LOG10_LR = 1.0
# Re-encoded copies are examined from here on: half a band below the first threshold that accuses.
STABILITY_FROM_LOG10_LR = 0.7

EXAMINED, INCONCLUSIVE, UNEXAMINED = "examined", "inconclusive", "unexamined"

PICTURE = "picture"


def not_proof(noun: str = PICTURE) -> str:
    """The sentence that goes with every verdict that accuses of nothing. noun: what the exhibit is."""
    return f"Absence of detection is not proof that a {noun} is authentic."


NOT_PROOF = not_proof()

_PLAIN = {
    Question.GENERATED: "that the {noun} was generated",
    Question.FACE_SWAPPED: "that a face in it was swapped or blended",
    Question.EDITED: "that the {noun} was edited",
    Question.VOICE_SYNTHETIC: "that the voice is synthetic",
    Question.LIPS_MISMATCHED: "that lips and speech do not belong together",
    Question.PROVENANCE: "what the file says of itself",
}


def needs_stability(findings: Sequence[Finding]) -> bool:
    """Whether any likelihood ratio is high enough that it must survive re-encoding."""
    return any((f.log10_lr or 0.0) >= STABILITY_FROM_LOG10_LR for f in findings)


def weigh(
    findings: Sequence[Finding],
    copies: Mapping[str, Sequence[Finding]] | None = None,
    quality: Mapping[str, Any] | None = None,
    noun: str = PICTURE,
    standing: Standing = NO_STANDING,
) -> Opinion:
    """One opinion from the findings on the exhibit, and from where it stands towards its credential.

    copies: findings on re-encoded copies by the copy's plain name ("JPEG quality 70"), when they were examined.
    quality: the record that is reported with the opinion. noun: what the exhibit is called ("picture", "clip").
    """
    asked = [q for q in Question if any(f.question == q for f in findings)]
    by_question = {str(q): _question(q, findings, copies or {}, noun) for q in asked}
    declared = declarations(findings)
    judged = [o for o in by_question.values() if o.log10_lr is not None]
    loudest = max(judged, key=lambda o: o.log10_lr if o.log10_lr is not None else -np.inf, default=None)
    verdict = _verdict(bool(declared), judged, by_question.values(), findings, standing)
    deciding = verdict in (Verdict.ALTERED, Verdict.VERIFIED)
    reasons: list[str] = [standing.sentence] if deciding else []
    if declared:
        values = "; ".join(dict.fromkeys(f"{r.field_name}: {r.value}" for r in declared))
        reasons.append(f"The file declares that a model made or composited it ({values}).")
    reasons += [o.why for o in sorted(judged, key=lambda o: -(o.log10_lr or 0.0))]
    reasons += [
        o.why
        for o in by_question.values()
        if o.status != EXAMINED and o.why not in reasons and o.question != Question.PROVENANCE
    ]
    if standing.sentence and not deciding:
        reasons.append(f"Credential: {standing.sentence}")
    if verdict in (Verdict.NO_SIGNS, Verdict.INCONCLUSIVE):
        reasons.append(not_proof(noun))
    log10_lr = loudest.log10_lr if loudest else None
    return Opinion(verdict, log10_lr, band(log10_lr), by_question, tuple(dict.fromkeys(reasons)), dict(quality or {}))


def declarations(findings: Sequence[Finding]) -> list[Region]:
    """The fields that state, rather than hint, that a model made or composited the exhibit."""
    fields = [r for f in findings for r in f.regions if r.kind == "field" and r.label == DECLARES_SYNTHETIC]
    return [r for r in fields if r.details.get("strength", "statement") == "statement"]


def unexamined(why: str, questions: Sequence[Question] = ()) -> Opinion:
    """The opinion on an exhibit that nothing could be examined of."""
    by_question = {str(q): QuestionOpinion(q, UNEXAMINED, None, band(None), why) for q in questions}
    return Opinion(Verdict.UNEXAMINED, None, band(None), by_question, (why,))


def mean_lr(log10_lrs: Sequence[float]) -> float:
    """log10 of the mean of likelihood ratios."""
    values = np.asarray(log10_lrs, np.float64)
    top = float(values.max())
    return top + float(np.log10(np.mean(10.0 ** (values - top))))


def _question(
    question: Question, findings: Sequence[Finding], copies: Mapping[str, Sequence[Finding]], noun: str
) -> QuestionOpinion:
    mine = [f for f in findings if f.question == question]
    names = tuple(f.examiner for f in mine)
    numbers = [f.log10_lr for f in mine if f.log10_lr is not None and f.status in (Status.FOUND, Status.CLEAR)]
    if not numbers:
        spoke = any(f.status in (Status.FOUND, Status.CLEAR) for f in mine)
        why = " ".join(f"{f.examiner}: {f.why}" for f in mine)
        return QuestionOpinion(question, EXAMINED if spoke else UNEXAMINED, None, band(None), why, names)
    original = mean_lr(numbers)
    opinion = QuestionOpinion(question, EXAMINED, original, band(original), _numbers(question, original, noun), names)
    again = {name: _copy_lr(mine, [f for f in rows if f.question == question]) for name, rows in copies.items()}
    return _steadied(opinion, {name: lr for name, lr in again.items() if lr is not None}, noun)


def _copy_lr(mine: Sequence[Finding], copy: Sequence[Finding]) -> float | None:
    """The question's LR with what was said anew of the copy; who was not asked again keeps what it said."""
    anew = {f.examiner: f for f in copy}
    if not any(f.examiner in anew and anew[f.examiner].log10_lr is not None for f in mine):
        return None
    said = [anew.get(f.examiner, f) for f in mine if f.status in (Status.FOUND, Status.CLEAR)]
    return mean_lr([f.log10_lr for f in said if f.log10_lr is not None])


def _steadied(opinion: QuestionOpinion, copies: Mapping[str, float], noun: str) -> QuestionOpinion:
    """Evidence that does not survive a re-encode is not evidence: the weakest copy rules, a lost band abstains."""
    original = opinion.log10_lr
    if original is None or not copies or original < STABILITY_FROM_LOG10_LR:
        return opinion
    name, weakest = min(copies.items(), key=lambda item: item[1])
    if weakest >= original or band(weakest) == band(original):
        steady = min(original, weakest)
        return replace(opinion, log10_lr=steady, band=band(steady), why=_numbers(opinion.question, steady, noun))
    lowered = replace(opinion, log10_lr=weakest, band=band(weakest))
    change = f"log10 LR {original:+.1f} falls to {weakest:+.1f} in a copy ({name})"
    if original >= SUSPECT_LOG10_LR > weakest:
        return replace(
            lowered,
            status=INCONCLUSIVE,
            why=f"Inconclusive {_about(opinion.question)}: not stable under re-encoding, {change}.",
        )
    return replace(lowered, why=f"{_numbers(opinion.question, weakest, noun)} Lowered: {change}.")


def _about(question: Question) -> str:
    return f"on the question '{question}'"


def _numbers(question: Question, log10_lr: float, noun: str) -> str:
    ratio = 10.0 ** abs(log10_lr)
    times = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"
    if band(log10_lr) == "neutral":
        return f"The evidence hardly speaks either way on the question '{question}' (log10 LR {log10_lr:+.2f})."
    plain = _PLAIN[question].format(noun=noun)
    if log10_lr > 0:
        return f"The evidence is {times} times more likely if it is true {plain} than if it is not."
    return f"The evidence is {times} times more likely if it is not true {plain}."


def _verdict(
    declared: bool,
    judged: Sequence[QuestionOpinion],
    every: Any,
    findings: Sequence[Finding],
    standing: Standing,
) -> Verdict:
    if standing.differs:
        return Verdict.ALTERED
    if declared:
        return Verdict.DECLARED_SYNTHETIC
    steady = [o.log10_lr for o in judged if o.status == EXAMINED and o.log10_lr is not None]
    if any(lr >= FAKE_LOG10_LR for lr in steady):
        return Verdict.FAKE
    if any(lr >= SUSPECT_LOG10_LR for lr in steady):
        return Verdict.SUSPECT
    if standing.upheld:
        return Verdict.VERIFIED
    if any(o.status == INCONCLUSIVE for o in every):
        return Verdict.INCONCLUSIVE
    if judged:
        return Verdict.NO_SIGNS
    pixel = [f for f in findings if f.question != Question.PROVENANCE]
    if any(f.status in (Status.FOUND, Status.CLEAR) for f in findings) and pixel:
        return Verdict.INCONCLUSIVE
    return Verdict.UNEXAMINED
