"""`registry find FILE`, and what `verify` asks: the ladder climbed for an exhibit, in a folder or over the network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from facevalue.exhibit import Exhibit
from facevalue.media import Limits
from facevalue.registered.embedded import embedded
from facevalue.registered.ladder import Climb, climb
from facevalue.registered.prints import prints_of
from facevalue.registered.rungs import Suspect
from facevalue.registered.sources import Known, Opened, Source, Told, is_address, open_source, told_of
from facevalue.registry.client import RemoteRegistry

if TYPE_CHECKING:
    from facevalue.registry import Registry

_DEFAULT_LIMITS = Limits()


def find(
    exhibit: Exhibit,
    where: str | Path | Registry | RemoteRegistry,
    *,
    private: bool = False,
    limits: Limits = _DEFAULT_LIMITS,
) -> Climb:
    """Every registered claim that an exhibit matches, and what each rung of the ladder said.

    where: a registry's folder or http(s) address, or one that is open. An address is told hashes and fingerprints,
    never the file. private: in a folder, private claims too. Every claim is proven by the registry's log, or says why
    not. A file that does not decode is still looked for by its bytes. Raises UsageError, RegistryError, OfflineError.
    """
    with _opened(where, private) as source:
        suspect = Suspect(bytes.fromhex(exhibit.sha256), embedded(exhibit).asset_hash, prints_of(exhibit, limits))
        return climb(asking(source), suspect)


def climb_for(exhibit: Exhibit, source: Source, asset_hash: bytes | None) -> Climb:
    """The same for a source that is open, of an exhibit whose credential was read."""
    return climb(asking(source), Suspect(bytes.fromhex(exhibit.sha256), asset_hash, prints_of(exhibit)))


def known_with(known: Known, climbed: Climb) -> Known:
    """What a registry told, and what the ladder led to beside it."""
    exact = {told.leaf for told in known.content}
    others = sorted((m.told for m in climbed.matches if m.told.leaf not in exact), key=lambda told: told.leaf)
    return replace(known, similar=tuple(others), total=known.total + len(others))


def asking(source: Source) -> Callable[..., list[Told]]:
    """The question that rungs ask. A claim that several rungs lead to is proven once."""
    proven: dict[int, Told] = {}

    def ask(**question: str) -> list[Told]:
        return told_of(source, proven, **question)

    return ask


def _opened(where: str | Path | Registry | RemoteRegistry, private: bool) -> AbstractContextManager[Source]:
    if isinstance(where, str) and is_address(where):
        where = RemoteRegistry(where)
    if isinstance(where, RemoteRegistry):
        return Opened(where)
    if isinstance(where, str | Path):
        return open_source(Path(where), private=private)
    return Opened.of(where, private=private)
