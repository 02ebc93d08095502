"""What a report quotes from an examiner's card: method, limits, and the error rates measured at this quality."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevalue.examiners.base import Card, load_examiners
from facevalue.opinion import metrics

# What `bench run` writes for "every set" and "every quality".
EVERYTHING = "all"
_PLACE = frozenset({"set", "regime", "held_out", "n_real", "n_fake", "abstained"})
_FIGURE_NAMES = {
    "auc": "AUC",
    "eer": "EER",
    "cllr": "Cllr",
    "cllr_min": "Cllr min",
    "brier": "Brier",
    "recall_at_1": "recall at 1% false alarms",
    "recall_at_5": "recall at 5% false alarms",
}


@dataclass(frozen=True, slots=True)
class RateRow:
    """One measured slice: its set and quality in words, the counts of reals and fakes, the figures as printed."""

    place: str
    counts: str
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Error rates chosen for one exhibit. scope: which rows these are, in words; columns: names of the figures."""

    scope: str
    columns: tuple[str, ...]
    rows: tuple[RateRow, ...]


@functools.cache
def load_cards() -> Mapping[str, Card]:
    """Cards of every installed examiner, by the examiner's name and by the card's own; unreadable ones are left out."""
    cards: dict[str, Card] = {}
    for examiner in load_examiners():
        try:
            card = Card.load(examiner.folder)
        except (OSError, KeyError, TypeError, ValueError):
            continue  # the report says "no card" for it
        cards[examiner.name] = card
        cards.setdefault(card.name, card)
    return cards


def regimes(quality: Mapping[str, Any]) -> frozenset[str]:
    """The quality regimes an exhibit falls into, from the opinion's quality record, named as the cards name them."""
    if "short_side" not in quality:
        return frozenset()
    numbers = (quality["short_side"], quality.get("jpeg_quality"), _largest_face(quality.get("faces")))
    return frozenset(metrics.regimes(*(v if isinstance(v, int | float) else None for v in numbers)))


def _largest_face(faces: Any) -> float | None:
    return max((float(face["size_px"]) for face in faces or () if "size_px" in face), default=None)


def rates(card: Card, here: frozenset[str]) -> Rates | None:
    """The rows of card.measured for these regimes, else the overall ones; None when there are neither.

    Rows on pictures that training had not seen go before any others, which are only quoted when nothing else is
    there, and say so.
    """
    for held_out in (True, False):
        rows = [row for row in card.measured if bool(row.get("held_out", True)) is held_out]
        exact = [row for row in rows if row.get("regime") in here]
        overall = [row for row in rows if row.get("regime", EVERYTHING) == EVERYTHING]
        pooled = [row for row in overall if row.get("set", EVERYTHING) == EVERYTHING] or overall
        if exact or pooled:
            scope = "measured at this quality" if exact else "measured over all qualities, not for this one"
            scope += "" if held_out else ", ON PICTURES SEEN IN TRAINING and therefore too good"
            return _rates(scope, [*exact, *pooled])
    return None


def _rates(scope: str, rows: Sequence[Mapping[str, Any]]) -> Rates:
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in _PLACE))
    return Rates(scope, tuple(figure_name(key) for key in keys), tuple(_row(row, keys) for row in rows))


def _row(row: Mapping[str, Any], keys: Sequence[str]) -> RateRow:
    set_name, regime = str(row.get("set", EVERYTHING)), str(row.get("regime", EVERYTHING))
    place = "every quality" if regime == EVERYTHING else regime
    if set_name != EVERYTHING:
        place = f"{set_name}, {place}"
    counts = f"{row['n_real']:,} / {row['n_fake']:,}" if "n_real" in row and "n_fake" in row else ""
    return RateRow(place, counts, tuple(figure(row.get(key)) for key in keys))


def figure_name(key: str) -> str:
    """A figure's name as printed."""
    return _FIGURE_NAMES.get(key, key.replace("_", " "))


def figure(value: Any) -> str:
    """A figure as printed: [value, low, high] becomes "0.91 (0.88 to 0.94)"; a missing one a dash."""
    if value is None or (isinstance(value, list) and value[:1] == [None]):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float | Sequence) or isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return _number(value)
    numbers = [_number(v) for v in value]
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]})" if len(numbers) == 3 else ", ".join(numbers)


def _number(value: Any) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def measured_lines(card: Card) -> list[str]:
    """Every measured row of a card as one line of text."""
    out = []
    for row in card.measured:
        seen = "" if row.get("held_out", True) else ", seen in training"
        place = f"{row.get('set', EVERYTHING)} / {row.get('regime', EVERYTHING)}{seen}"
        figures = [f"{figure_name(key)} {figure(value)}" for key, value in row.items() if key not in _PLACE]
        out.append(f"{place}: {'; '.join(figures)}")
    return out
