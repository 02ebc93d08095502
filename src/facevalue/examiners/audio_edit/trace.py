"""What every trace of an edit is reported as: marks on the time line, the strongest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

RATE_HZ = 16_000
MAX_MARKS = 400


@dataclass(frozen=True, slots=True)
class Mark:
    """One place that a trace points to.

    start_s, end_s: seconds from the first sample. score: strength in the trace's own unit, >= 0. text: what was
    measured there, a clause for a sentence.
    """

    start_s: float
    end_s: float
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What one method saw in one sound.

    marks: strongest first, at most MAX_MARKS, none overlapping a stronger one. note: why the method could not look
    (then there are no marks), or "".
    """

    name: str
    marks: tuple[Mark, ...] = ()
    note: str = ""

    @property
    def score(self) -> float:
        """The strongest mark's score; 0.0 without marks."""
        return self.marks[0].score if self.marks else 0.0


def ranked(name: str, marks: Iterable[Mark], note: str = "", apart_s: float = 0.0) -> Trace:
    """A trace of the strongest marks; a mark within apart_s (seconds) of a stronger one's span is left out."""
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda m: (-m.score, m.start_s)):
        near = any(mark.start_s < k.end_s + apart_s and mark.end_s > k.start_s - apart_s for k in kept)
        if mark.score > 0 and not near:
            kept.append(mark)
        if len(kept) == MAX_MARKS:
            break
    return Trace(name, tuple(kept), note)
