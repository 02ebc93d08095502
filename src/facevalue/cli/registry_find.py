"""`facevalue registry find FILE`: the ladder, rung by rung, and every claim that it led to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from facevalue.cli.registry_open import open_registry, shown_json

if TYPE_CHECKING:
    from facevalue.registered.ladder import Climb, Match


def find_file(file: str, folder: Path | None, db: str | None, server: str | None, *, as_json: bool) -> None:
    """Look for a file and print what was found. Raises UsageError, UnreadableError, RegistryError, OfflineError."""
    from facevalue.exhibit import Exhibit
    from facevalue.registered.finding import find

    exhibit = Exhibit.open(file)
    climbed = find(exhibit, server) if server else find(exhibit, open_registry(folder, db), private=True)
    if as_json:
        shown_json(to_dict(climbed))
    else:
        _print(climbed)


def to_dict(climbed: Climb) -> dict[str, object]:
    """The answer, JSON-ready: claims (strongest first, then earliest), rungs, and whether several keys claim it."""
    return {
        "entries": [match.to_dict() for match in climbed.matches],
        "total": len(climbed.matches),
        "conflict": climbed.conflict,
        "rungs": [rung.to_dict() for rung in climbed.rungs],
    }


def _print(climbed: Climb) -> None:
    from facevalue.reports.words import plain

    for rung in climbed.rungs:
        status = rung.status.replace("_", " ")
        typer.echo(f"{rung.name:<18}{status:<13}{plain(rung.said)}")
    typer.echo()
    if not climbed.matches:
        typer.echo("nothing found: that a content is not registered here says nothing about it")
        return
    for match in climbed.matches:
        _print_match(match)
    if climbed.conflict:
        typer.echo("Several keys claim this. The earliest stands first; the registry does not decide between them.")


def _print_match(match: Match) -> None:
    from facevalue.reports.words import plain

    told = match.told
    typer.echo(
        f"{told.leaf:>8}  {plain(told.time)}  {plain(told.publisher)}  {told.entry.content.hex()}  "
        f"{plain(told.entry.title)}  ({match.strength} match by {', '.join(match.by)})"
    )
    if told.broken is not None:
        typer.echo(f"          not borne out by the log: {plain(told.broken)}")
    for revoked in told.revocations:
        typer.echo(f"          revoked {plain(revoked.time)} by {plain(revoked.by)}: {plain(revoked.reason)}")
