"""From stretches that two recordings share to what was removed, inserted and replaced. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from facevalue.comparison.record import Change

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch that both have: (start, end) in seconds in the original and in the suspect."""

    original: Span
    suspect: Span


def gaps(stretches: Sequence[Stretch], lengths: tuple[float, float], least_s: float, what: str) -> list[Change]:
    """What lies between stretches, which ascend in both: changes of what ("pictures" or "sound").

    lengths: of the original and of the suspect, seconds. least_s: a gap that is shorter is rounding.
    """
    edges = [Stretch((0.0, 0.0), (0.0, 0.0)), *stretches, Stretch((lengths[0],) * 2, (lengths[1],) * 2)]
    found = []
    for number, (before, after) in enumerate(pairwise(edges)):
        there = (before.original[1], after.original[0])
        here = (before.suspect[1], after.suspect[0])
        lost, new = there[1] - there[0] >= least_s, here[1] - here[0] >= least_s
        where = "at the start" if number == 0 else "at the end" if number == len(edges) - 2 else "within"
        if lost and new:
            found.append(Change("replaced", f"The {what} of this span were replaced.", None, there, here))
        elif lost:
            found.append(Change("removed", f"This span of the {what} was removed {where}.", None, there, None))
        elif new:
            found.append(Change("inserted", f"This span of the {what} was inserted {where}.", None, None, here))
    return found


def changed_share(found: Sequence[Change], lengths: tuple[float, float]) -> float:
    """Seconds that were removed, inserted or replaced, of all seconds that either has, 0..1."""
    longest = max(*lengths, 1e-6)
    total = sum(max(_length(change.span), _length(change.suspect_span)) for change in found)
    return min(1.0, total / longest)


def _length(span: Span | None) -> float:
    return 0.0 if span is None else span[1] - span[0]
