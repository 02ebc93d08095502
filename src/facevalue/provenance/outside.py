"""What others can say about a file that carries no credential, or beside the one it carries: a typed record.

The registry fills it and hands it to `verify`; provenance knows nothing of registries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from facevalue.exhibit import Exhibit
from facevalue.provenance.record import Axis, AxisStatus

_PROVES_NOT = {
    "recovered": "A match says which registered original this is or is like, never that its credential holds.",
    "registry": "An entry says who registered what and when, not that the content is true, nor that they made it.",
    "log": "A proof says that an entry stands in this log, not that it is right, nor that everybody is shown this log.",
}
_NOT_ASKED = {
    "recovered": "No registry was asked whether a manifest of this content is known elsewhere.",
    "registry": "No registry was asked.",
    "log": "No log was asked.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One axis as somebody outside answers it; see Axis for the fields."""

    status: AxisStatus
    summary: str
    evidence: tuple[str, ...] = ()
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class OutsideAnswer:
    """What a registry says about a file. None for an axis that it was not asked about.

    matched: a registered original or a manifest was found, by matched_by. warnings: what a credential cannot be called
    verified without, such as a registration that was revoked. content_differs: the registered original
    was compared with the file, and the content is another one; never set it on a mere match.
    """

    recovered: Answer | None = None
    registry: Answer | None = None
    log: Answer | None = None
    matched: bool = False
    matched_by: str = "soft binding"
    content_differs: bool = False
    summary: str = ""
    warnings: tuple[str, ...] = ()


OutsideLookup = Callable[[Exhibit], OutsideAnswer]


def outside_axes(answer: OutsideAnswer | None) -> list[Axis]:
    """The axes recovered, registry and log; not asked, with the reason, where there is no answer."""
    given = {name: getattr(answer, name) if answer else None for name in _PROVES_NOT}
    return [_axis(name, given[name]) for name in _PROVES_NOT]


def _axis(name: str, answer: Answer | None) -> Axis:
    if answer is None:
        return Axis(name, AxisStatus.NOT_ASKED, _NOT_ASKED[name], _PROVES_NOT[name])
    return Axis(name, answer.status, answer.summary, _PROVES_NOT[name], answer.evidence, dict(answer.details or {}))
