"""What the files that are taken over carry already: the history that continues, recorded as it is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.provenance.record import Provenance, State
from facevalue.provenance.trust import TrustSet
from facevalue.signing.engine import Ingredient
from facevalue.signing.formats import FORMATS
from facevalue.signing.manifest import SYNTHETIC, Source, shown_name
from facevalue.verification import verify_exhibit

PARENT, COMPONENT = "parentOf", "componentOf"
_CARRIES = {State.VERIFIED, State.VERIFIED_WITH_WARNINGS, State.UNTRUSTED_SIGNER, State.ALTERED, State.ERROR}
_WARNS = {State.ALTERED, State.ERROR, State.UNTRUSTED_SIGNER, State.VERIFIED_WITH_WARNINGS}


@dataclass(frozen=True, slots=True)
class Taken:
    """One file that is taken over, and what was found in it. own: it is the file that is being signed."""

    path: Path
    exhibit: Exhibit
    found: Provenance
    own: bool = False

    @property
    def carries(self) -> bool:
        """Whether a credential is in it, in whatever state."""
        return self.found.state in _CARRIES

    @property
    def warning(self) -> str | None:
        """A sentence when its past is not clean."""
        if self.found.state not in _WARNS:
            return None
        name = shown_name(self.exhibit.name)[:120]
        return f"{name} is taken over as it is ({self.found.state}): {self.found.summary}"


@dataclass(frozen=True, slots=True)
class History:
    """The ingredients, the parent first, with what the manifest says of them.

    edited: the content is not the parent's own. synthetic: a model is stated to have made it, or a part of it.
    """

    sources: tuple[Source, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    warnings: tuple[str, ...] = ()
    sentence: str = ""
    edited: bool = False
    synthetic: bool = False
    states: tuple[str, ...] = field(default=())


def take(path: Path, exhibit: Exhibit, lists: TrustSet, *, own: bool = False) -> Taken:
    """Look into one file. Raises UsageError when its type cannot be an ingredient."""
    if exhibit.media_type not in FORMATS:
        raise UsageError(f"{exhibit.name} cannot be taken over: its type is {exhibit.media_type}")
    return Taken(path, exhibit, verify_exhibit(exhibit, lists, second_opinion=False), own)


def history_of(subject: Taken, others: Sequence[Taken], source_type: str | None) -> History:
    """What the manifest records. The file's own credential continues; else the first of the others is the parent;

    else, when nobody says how it came about, the bare file itself was opened. Raises UsageError when a source type is
    given for a file whose own credential states it already.
    """
    if subject.carries and source_type is not None:
        raise UsageError("the file carries a credential that continues: --source-type is for files without one")
    parent = subject if subject.carries else others[0] if others else None if source_type else subject
    rest = [taken for taken in others if taken is not parent]
    every = [*([parent] if parent else []), *rest]
    sources = tuple(_source(n, taken, taken is parent) for n, taken in enumerate(every))
    stated = {str(term) for t in every for term in _stated(t.found)} | ({source_type} if source_type else set())
    return History(
        sources=sources,
        ingredients=tuple(_ingredient(t, s) for t, s in zip(every, sources, strict=True)),
        warnings=tuple(w for t in every if (w := t.warning)),
        sentence=_sentence(parent, rest, source_type),
        edited=parent is not None and not parent.own,
        synthetic=bool(stated & SYNTHETIC),
        states=tuple(str(t.found.state) for t in every),
    )


def _source(number: int, taken: Taken, parent: bool) -> Source:
    return Source(f"source{number}", shown_name(taken.exhibit.name), PARENT if parent else COMPONENT)


def _ingredient(taken: Taken, source: Source) -> Ingredient:
    entry = {"title": source.title, "relationship": source.relationship, "label": source.label}
    return Ingredient(taken.path, FORMATS[taken.exhibit.media_type].engine, entry)


def _stated(found: Provenance) -> list[str]:
    terms = found.axes["declared_origin"].details.get("source_types")
    return [str(term) for term in terms] if isinstance(terms, list) else []


def _sentence(parent: Taken | None, rest: Sequence[Taken], source_type: str | None) -> str:
    more = f", and {len(rest)} more taken over" if rest else ""
    if parent is None:
        return f"created, {source_type}{more}"
    if parent.own and not parent.carries:
        return f"opened; how it came about is not stated (--source-type){more}"
    name = shown_name(parent.exhibit.name)[:80]
    kind = f"its credential is {parent.found.state}" if parent.carries else "it carries no credential"
    return f"continues {name}: {kind}{more}"
