"""From records to rows of figures: pure arithmetic, no files.

At the level of a question, a picture without a likelihood ratio counts as LR = 1: leaving out what was not
answered would reward abstaining. At the level of an examiner, which may rightly be inapplicable, only its answers
count, and the share of abstentions stands beside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from facevalue.bench.records import Record
from facevalue.bench.robust import AS_IS
from facevalue.bench.sets import ANY_QUESTION
from facevalue.opinion import metrics

Interval = tuple[float, float, float]
Scorer = Callable[[Record], float | None]

FIGURES: dict[str, metrics.Figure] = {
    "auc": metrics.auc,
    "eer": metrics.eer,
    "recall_at_1": lambda scores, labels: metrics.recall_at_false_alarm(scores, labels, 0.01),
    "recall_at_5": lambda scores, labels: metrics.recall_at_false_alarm(scores, labels, 0.05),
    "cllr": metrics.cllr,
    "cllr_min": metrics.cllr_min,
    "brier": metrics.brier,
}
RANKING = ("auc", "eer", "recall_at_1", "recall_at_5")
# Fewer of either class than this give intervals too wide to print.
MIN_PER_CLASS = 5
EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one slice: a question, a set ("all" pools them), a regime ("all" is every quality, as received).

    held_out: false means that training has seen these pictures. examiner: None for the weighed opinion.
    figures: name to [value, low, high], bootstrap 95% intervals; see FIGURES. rates: verdict shares among the
    reals ("real_fake", "real_suspect_or_worse", ...) and the fakes ("fake_..."), Wilson 95% intervals, since a
    bootstrap of zero events would claim certainty. abstained: share without a likelihood ratio.
    """

    question: str
    set: str
    regime: str
    held_out: bool
    n_real: int
    n_fake: int
    abstained: float
    examiner: str | None = None
    figures: Mapping[str, Interval] = field(default_factory=dict)
    rates: Mapping[str, Interval] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready and rounded; undefined values are null."""
        out = {**asdict(self), "abstained": _finite(self.abstained)}
        for name in ("figures", "rates"):
            out[name] = {key: [_finite(v) for v in interval] for key, interval in out[name].items()}
        return out


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def opinion_scorer(question: str) -> Scorer:
    """The log10 LR of the weighed opinion on a question, or of the loudest question for "any"."""
    if question == ANY_QUESTION:
        return lambda record: record.log10_lr
    return lambda record: record.questions.get(question, {}).get("log10_lr")


def examiner_scorer(examiner: str) -> Scorer:
    """The calibrated log10 LR of one examiner, None where it gave none."""
    return lambda record: record.findings.get(examiner, {}).get("log10_lr")


def measure(records: Sequence[Record], *, draws: int = 400, seed: int = 0) -> list[Row]:
    """Every row of the report, for every question asked, held-out and in-sample pictures kept apart."""
    rows = []
    for question in sorted({q for r in records for q in r.asked}):
        for kept in (True, False):
            mine = [r for r in records if question in r.asked and r.held_out[question] is kept]
            for set_name, regime, part in slices(mine):
                rows.append(
                    row(part, question, set_name, regime, kept, opinion_scorer(question), draws=draws, seed=seed)
                )
    return rows


def measure_examiners(records: Sequence[Record], *, draws: int = 400, seed: int = 0) -> dict[str, list[Row]]:
    """The rows of each examiner's card: the slices of its own question, as far as it answered."""
    asked = {
        name: str(a.get("question")) for r in records for name, a in r.findings.items() if a.get("log10_lr") is not None
    }
    cards: dict[str, list[Row]] = {}
    for name, question in sorted(asked.items()):
        for kept in (True, False):
            mine = [r for r in records if question in r.asked and r.held_out[question] is kept]
            for set_name, regime, part in slices(mine, by_group=False):
                scorer = examiner_scorer(name)
                cards.setdefault(name, []).append(
                    row(part, question, set_name, regime, kept, scorer, examiner=name, draws=draws, seed=seed)
                )
    return cards


def slices(records: Sequence[Record], by_group: bool = True) -> Iterator[tuple[str, str, list[Record]]]:
    """(set, regime, records) of every slice that has a row; empty ones are left out."""
    original = [r for r in records if r.launder == AS_IS]
    if not original:
        return
    sets = sorted({r.set for r in original})
    yield EVERYTHING, EVERYTHING, original
    for name in sets:
        inside = [r for r in original if r.set == name]
        yield name, EVERYTHING, inside
        # A set of one source or one generator has said it all in its own row.
        for source in _several({r.source for r in inside} - {""}):
            yield name, f"source {source}", [r for r in inside if r.source == source]
        for generator in _several({r.generator for r in inside if r.label}):
            yield name, f"generator {generator}", _against(inside, generator)
    for regime in sorted({q for r in original for q in regimes_of(r)}):
        yield EVERYTHING, regime, [r for r in original if regime in regimes_of(r)]
    for step in sorted({r.launder for r in records} - {AS_IS}):
        yield EVERYTHING, f"laundered {step}", [r for r in records if r.launder == step]
    if by_group:
        for group in sorted({r.group for r in original} - {""}):
            yield EVERYTHING, f"group {group}", [r for r in original if r.group == group]


def _several(names: set[str]) -> list[str]:
    return sorted(names) if len(names) > 1 else []


def _against(records: Sequence[Record], generator: str) -> list[Record]:
    """A generator's fakes against the reals of the same sources, or of the whole set where those have none."""
    fakes = [r for r in records if r.label and r.generator == generator]
    sources = {r.source for r in fakes}
    reals = [r for r in records if not r.label]
    return fakes + ([r for r in reals if r.source in sources] or reals)


def regimes_of(record: Record) -> tuple[str, ...]:
    """The quality regimes of one picture as received."""
    q = record.quality
    return metrics.regimes(q.get("short_side"), q.get("jpeg_quality"), q.get("face_px"))


def row(
    records: Sequence[Record],
    question: str,
    set_name: str,
    regime: str,
    kept: bool,
    scorer: Scorer,
    *,
    examiner: str | None = None,
    draws: int = 400,
    seed: int = 0,
) -> Row:
    """The figures of one slice; ranking and cost figures only where both classes have MIN_PER_CLASS pictures."""
    scores = [scorer(r) for r in records]
    answered = [r for r, s in zip(records, scores, strict=True) if s is not None]
    measured = answered if examiner else records
    values = np.asarray([s if s is not None else 0.0 for s in scores if s is not None or not examiner], np.float64)
    labels = np.asarray([r.label for r in measured], np.int64)
    n_fake, n_real = int(labels.sum()), int((labels == 0).sum())
    figures = {}
    if min(n_real, n_fake) >= MIN_PER_CLASS and answered:
        clusters = [r.cluster for r in measured]
        groups = clusters if len(set(clusters)) < len(clusters) else None
        for name, figure in FIGURES.items():
            figures[name] = metrics.bootstrap_interval(figure, values, labels, groups, draws, seed)
    abstained = (len(records) - len(answered)) / len(records)
    rates = {} if examiner else verdict_rates(records)
    return Row(question, set_name, regime, kept, n_real, n_fake, abstained, examiner, figures, rates)


def verdict_rates(records: Sequence[Record]) -> dict[str, Interval]:
    """Shares of each kind of verdict among reals and fakes, with Wilson 95% intervals."""
    out: dict[str, Interval] = {}
    for label, side in ((0, "real"), (1, "fake")):
        n = sum(r.label == label for r in records)
        if n:
            rates = metrics.rates_at_verdict([r.verdict for r in records], [r.label for r in records], label)
            out |= {f"{side}_{name}": (share, *metrics.wilson(share, n)) for name, share in rates.items()}
    return out


# Verdicts that rest on metadata, which a re-encode strips; their change is no instability of the pixels' evidence.
METADATA_VERDICTS = {"altered", "declared_synthetic", "verified"}


def agreement(records: Sequence[Record], step: str = "q70") -> tuple[Interval, int] | None:
    """How often the verdict's question agrees between a file and its laundered copy: ((share, low, high), pairs).

    Among pairs where both decided on pixel evidence. An accusing verdict stands for its loudest question,
    "no_signs" for none. None when nothing was laundered so.
    """
    copies = {r.key: r for r in records if r.launder == step}
    pairs = [(r, copies[r.key]) for r in records if r.launder == AS_IS and r.key in copies]
    skip = METADATA_VERDICTS | set(metrics.ABSTAINING)
    decided = [(a, b) for a, b in pairs if a.verdict not in skip and b.verdict not in skip]
    if not decided:
        return None
    share = sum(verdict_question(a) == verdict_question(b) for a, b in decided) / len(decided)
    return (share, *metrics.wilson(share, len(decided))), len(decided)


def verdict_question(record: Record) -> str:
    """The question that an accusing verdict rests on; "" for a verdict that does not accuse."""
    if record.verdict not in metrics.ACCUSING:
        return ""
    ratios = {q: a["log10_lr"] for q, a in record.questions.items() if a.get("log10_lr") is not None}
    return max(ratios, key=lambda q: float(ratios[q]), default="")


def builds(records: Iterable[Record]) -> set[str]:
    """The versions and weights that the records come from; more than one: a run was resumed across a change."""
    return {r.build for r in records} - {""}
