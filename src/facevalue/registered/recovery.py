"""What the ladder found, as the axis `recovered` tells it. A match is a match: it never makes a credential valid."""

from __future__ import annotations

from typing import Any

from facevalue.provenance.outside import Answer
from facevalue.provenance.record import AxisStatus
from facevalue.registered.ladder import Climb, Match, RungStatus, Strength

_NOT_VALIDATED = "Nothing of it was validated here: fetch its manifest, and compare the two files (facevalue compare)."
_HOW = {
    Strength.EXACT: "What the credential binds is the same.",
    Strength.STRONG: "Independent rungs agree: a strong match.",
    Strength.POSSIBLE: "One rung alone: a possible match, which may be wrong.",
}


def recovered(climbed: Climb) -> Answer:
    """The axis, with what every rung said."""
    evidence = rungs_said(climbed)
    details: dict[str, Any] = {"rungs": [rung.to_dict() for rung in climbed.rungs]}
    best = climbed.best
    if best is None:
        withdrawn = " A match was found, and its registration was revoked." if climbed.matches else ""
        return Answer(
            AxisStatus.ABSENT, f"No registered original was found for this file.{withdrawn}", evidence, details
        )
    details |= {
        "matched_by": "soft binding",
        "strength": str(best.strength),
        "manifest_id": best.told.entry.manifest_id,
        "leaf": best.told.leaf,
        "matches": [
            {"leaf": m.told.leaf, "strength": str(m.strength), "matched_by": dict(m.by)} for m in climbed.matches
        ],
    }
    summary = f"Matched by soft binding: {recovery(best)} {_HOW[best.strength]}"
    return Answer(AxisStatus.STATED, summary, (*evidence, _NOT_VALIDATED), details)


def recovery(match: Match) -> str:
    """Which original it is, in a sentence."""
    told = match.told
    title = f' titled "{told.entry.title}"' if told.entry.title else ""
    held = f" with the manifest {told.entry.manifest_id}" if told.entry.manifest_id else ""
    return f"{told.publisher} registered an original{title}{held} on {told.time} that this file is like."


def stands(climbed: Climb) -> bool:
    """Whether a manifest is recovered: two rungs agree or the content is the same, and the claim names a manifest."""
    best = climbed.best
    return best is not None and best.strength is not Strength.POSSIBLE and best.told.entry.manifest_id is not None


def rungs_said(climbed: Climb) -> tuple[str, ...]:
    """A line for every rung, asked or not."""
    return tuple(f"{rung.name}: {_STATUS[rung.status]}{rung.said}" for rung in climbed.rungs)


_STATUS = {
    RungStatus.MATCH: "match: ",
    RungStatus.NONE: "no match: ",
    RungStatus.NOT_ASKED: "not asked: ",
    RungStatus.UNAVAILABLE: "not available: ",
}
