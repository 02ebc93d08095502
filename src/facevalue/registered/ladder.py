"""Finding the original again: the rungs in order, what each said, and which claims they agree on.

An equal sha256 or credential asset hash stands by itself: the content is the registered one. Of the other rungs, each
of which could err alone, two that agree on one claim make it a strong match and a single one a possible match. A
watermark counts once, however it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from facevalue.registered import rungs
from facevalue.registered.rungs import Ask, Hit, Suspect
from facevalue.registered.sources import Told
from facevalue.registry.errors import RefusedError


class Strength(StrEnum):
    """How much a match is worth."""

    EXACT = "exact"  # the same bytes, or the same bytes as the credential's hard binding covers
    STRONG = "strong"  # two independent rungs agree
    POSSIBLE = "possible"  # one rung, which may err


class RungStatus(StrEnum):
    """What came of asking."""

    MATCH = "match"
    NONE = "none"
    NOT_ASKED = "not_asked"
    UNAVAILABLE = "unavailable"


SHA256, ASSET_HASH, WATERMARK, PDQ = "sha256", "asset hash", "watermark", "PDQ"
FEATURES, ALIGNED, CLIP, SOUND = "local features", "aligned watermark", "PDQ per second", "sound landmarks"
_EXACT = {SHA256, ASSET_HASH}
_SAME_EVIDENCE = {ALIGNED: WATERMARK}


@dataclass(frozen=True, slots=True)
class Rung:
    """One question that was, or was not, asked. leaves: the claims that it led to."""

    name: str
    status: RungStatus
    said: str
    leaves: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"rung": self.name, "status": str(self.status), "said": self.said, "leaves": list(self.leaves)}


@dataclass(frozen=True, slots=True)
class Match:
    """A registered claim that the suspect matches. by: the rungs that led to it, and what each said."""

    told: Told
    by: dict[str, str]

    @property
    def strength(self) -> Strength:
        """Exact, strong or possible."""
        if _EXACT & set(self.by):
            return Strength.EXACT
        independent = {_SAME_EVIDENCE.get(name, name) for name in self.by}
        return Strength.STRONG if len(independent) > 1 else Strength.POSSIBLE

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**self.told.to_dict(), "strength": str(self.strength), "matched_by": dict(self.by)}


@dataclass(frozen=True, slots=True)
class Climb:
    """All rungs in order, and all claims that they led to: the strongest first, the earliest of equals first."""

    rungs: tuple[Rung, ...]
    matches: tuple[Match, ...]

    @property
    def best(self) -> Match | None:
        """The strongest match that was not withdrawn and that its log bears out, the earliest of equals."""
        return next((match for match in self.matches if match.told.counts), None)

    @property
    def conflict(self) -> bool:
        """Whether several keys claim what was found."""
        return len({match.told.key for match in self.matches}) > 1


@dataclass
class _Ladder:
    ask: Ask
    suspect: Suspect
    rungs: list[Rung] = field(default_factory=list)
    found: dict[int, Match] = field(default_factory=dict)

    def step(self, name: str, look: Callable[[], list[Hit] | str], missing: str = "") -> None:
        """Ask one rung; missing: why it cannot be asked."""
        if missing:
            self.rungs.append(Rung(name, RungStatus.NOT_ASKED, missing))
            return
        try:
            hits = look()
        except RefusedError as error:
            if error.code != "unknown_algorithm":
                raise
            self.rungs.append(Rung(name, RungStatus.UNAVAILABLE, "the registry does not know this kind of fingerprint"))
            return
        if isinstance(hits, str) or not hits:
            self.rungs.append(Rung(name, RungStatus.NONE, hits if isinstance(hits, str) else "nothing was found"))
            return
        for told, said in hits:
            self.found.setdefault(told.leaf, Match(told, {})).by[name] = said
        leaves = tuple(sorted(told.leaf for told, _ in hits))
        first = min(hits, key=lambda hit: hit[0].leaf)
        many = f" (of {len(leaves)} claims)" if len(leaves) > 1 else ""
        self.rungs.append(Rung(name, RungStatus.MATCH, first[1] + many, leaves))

    def at(self, name: str) -> list[Told]:
        """The claims that a rung led to, earliest first."""
        return [match.told for leaf, match in sorted(self.found.items()) if name in match.by]


def climb(ask: Ask, suspect: Suspect) -> Climb:
    """Ask every rung that the suspect has something for. Raises RegistryError when the registry cannot be asked."""
    ladder, prints = _Ladder(ask, suspect), suspect.prints
    unread = prints.refusal
    ladder.step(SHA256, lambda: rungs.by_sha256(ask, suspect))
    no_credential = "" if suspect.asset_hash else "the file carries no credential with one hash that holds"
    ladder.step(ASSET_HASH, lambda: rungs.by_asset_hash(ask, suspect), no_credential)
    ladder.step(WATERMARK, lambda: rungs.by_watermark(ask, suspect), unread)
    if prints.kind in ("image", ""):
        _pictures(ladder, unread)
    if prints.kind in ("clip", "sound"):
        _moving(ladder)
    order = {Strength.EXACT: 0, Strength.STRONG: 1, Strength.POSSIBLE: 2}
    matches = sorted(ladder.found.values(), key=lambda match: (order[match.strength], match.told.leaf))
    return Climb(tuple(ladder.rungs), tuple(matches))


def _pictures(ladder: _Ladder, unread: str) -> None:
    ask, suspect, prints = ladder.ask, ladder.suspect, ladder.suspect.prints
    plain = unread or ("" if prints.hashes else "the picture has too little detail for a hash")
    ladder.step(PDQ, lambda: rungs.by_pdq(ask, suspect), plain)
    bare = unread or ("" if prints.features else "the picture has no local features")
    ladder.step(FEATURES, lambda: rungs.by_features(ask, suspect), bare)
    candidates = [told for told in ladder.at(FEATURES) if told.leaf not in {t.leaf for t in ladder.at(WATERMARK)}]
    marked = [told for told in candidates if any(b.alg == rungs.MARK for b in told.entry.bindings)]
    missing = unread or ("" if marked else "no marked original is left to align to")
    ladder.step(ALIGNED, lambda: rungs.by_aligned_watermark(suspect, marked), missing)


def _moving(ladder: _Ladder) -> None:
    ask, suspect, prints = ladder.ask, ladder.suspect, ladder.suspect.prints
    if prints.kind == "clip":
        blank = "" if prints.moments else "no frame has enough detail for a hash"
        ladder.step(CLIP, lambda: rungs.by_moments(ask, suspect), blank)
    silent = "" if prints.landmarks else "there is no sound with landmarks in it"
    ladder.step(SOUND, lambda: rungs.by_landmarks(ask, suspect), silent)


def leading(matches: Sequence[Match]) -> list[Match]:
    """Those as strong as the strongest, earliest first."""
    return [match for match in matches if match.strength is matches[0].strength] if matches else []
