"""The metadata examiner: one finding from the facts that the file states about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from facevalue.examiners.base import Subject
from facevalue.examiners.metadata.contradictions import contradictions
from facevalue.examiners.metadata.declarations import captured, declarations
from facevalue.examiners.metadata.fields import Facts, field_region
from facevalue.examiners.metadata.notable import notable
from facevalue.finding import CONTRADICTION, Finding, Question, Region, Status
from facevalue.media.facts.text import clean

ABSENCE = "absence proves nothing, since metadata are easily removed"
_SECTIONS = ("exif", "xmp", "iptc", "icc", "generator", "stealth", "aigc", "c2pa")


class MetadataExaminer:
    """Reads what a file says of itself: declarations of synthesis, contradictions, writer, camera, structure.

    It judges statements, not pixels, so it has no score and no likelihood ratio. clock gives the present as an aware
    time; dates after it are contradictions.
    """

    name = "metadata"
    question = Question.PROVENANCE
    reads_pixels = False
    kinds = frozenset({"image", "video", "audio"})

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    @property
    def folder(self) -> Path:
        """Where card.toml lies."""
        return Path(__file__).parent

    def weights(self) -> Mapping[str, str]:
        """Nothing: the answer depends on code alone."""
        return {}

    def examine(self, subject: Subject) -> Finding:
        """One finding; inapplicable when no facts could be read from the file's bytes."""
        facts = subject.facts
        if not any(key in facts for key in ("media_type", *_SECTIONS, "jpeg", "png")):
            reason = clean(str(facts.get("error") or "no facts could be read from the file's bytes"), 300)
            return self._finding(Status.INAPPLICABLE, f"The metadata were not examined: {reason}.", ())
        # Facts outlive a picture that did not decode; then there is no size to compare with.
        stored = getattr(subject.picture, "stored_size", None)
        declared = declarations(facts)
        odd = contradictions(facts, stored, self._clock()) + _conflict(facts, declared)
        status = Status.FOUND if declared or odd else Status.CLEAR
        return self._finding(status, _why(facts, declared, odd), (*declared, *odd, *notable(facts)))

    def _finding(self, status: Status, why: str, regions: Sequence[Region]) -> Finding:
        return Finding(self.name, self.question, status, why, regions=tuple(regions), card=self.name)


def _conflict(facts: Facts, declared: Sequence[Region]) -> list[Region]:
    capture = captured(facts)
    statements = [r for r in declared if r.details.get("strength") == "statement"]
    # A history that begins with a capture and ends in a generative edit is consistent; two source types are not.
    other = [r for r in statements if r.details.get("kind") != "c2pa"]
    if not capture or not other:
        return []
    why = "one field states a capture by a camera, another that a model made the picture"
    value = f"{capture[0]} against {other[0].field_name}"
    return [field_region(CONTRADICTION, capture[0], value, kind="source_type", strength="hint", why=why)]


def _why(facts: Facts, declared: Sequence[Region], odd: Sequence[Region]) -> str:
    if declared:
        first = declared[0]
        verb = "states" if first.details.get("strength") == "statement" else "hints"
        more = f", and {len(declared) - 1} more such field(s)" if len(declared) > 1 else ""
        said = f"{first.field_name} is “{clean(first.value or '', 160)}”"
        return f"The file itself {verb} that a model made or edited the picture: {said}{more}."
    if odd:
        more = f" ({len(odd) - 1} more)" if len(odd) > 1 else ""
        reason = odd[0].details.get("why")
        return (
            f"No declaration of synthesis, but {odd[0].field_name} does not fit: {reason}{more}; "
            f"this alone does not show what was changed, and of a declaration {ABSENCE}."
        )
    if not any(facts.get(name) for name in _SECTIONS):
        return f"The file holds no metadata that speak of its origin; {ABSENCE}."
    return f"The metadata hold no declaration of synthesis and no contradiction; {ABSENCE}."
