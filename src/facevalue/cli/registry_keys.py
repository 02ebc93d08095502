"""`facevalue registry key`: who may write to a registry, and in which role."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facevalue.cli.registry_open import Database, Folder, open_registry, shown_json
from facevalue.cli.run import guarded
from facevalue.errors import UsageError

app = typer.Typer(help="Who may write to a registry, and in which role.", no_args_is_help=True, rich_markup_mode=None)

ROLES = ("publisher", "curator", "auditor")


@app.command("new")
@guarded
def new_command(file: Annotated[Path, typer.Argument(help="Where to write the private key (PEM).")]) -> None:
    """Make a key pair; print the public half, which a registry's keeper adds."""
    from facevalue.registry.keys import make_key
    from facevalue.registry.log.note import b64

    typer.echo(b64(make_key(file).public_key().public_bytes_raw()))


@app.command("add")
@guarded
def add_command(
    public: Annotated[str, typer.Argument(help="The public key, as `key new` prints it.")],
    name: Annotated[str, typer.Option(help="Its holder, without spaces, such as newsroom.example.org.")],
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")] = "publisher",
    folder: Folder = None,
    db: Database = None,
) -> None:
    """Let a key write: publisher (its own claims), curator (all claims), auditor (reads all, writes nothing)."""
    from facevalue.registry import Key, Role
    from facevalue.registry.keys import decode_public

    if role not in ROLES:
        raise UsageError(f"a role is one of {', '.join(ROLES)}")
    key = open_registry(folder, db).put_key(Key(decode_public(public), name, Role(role)))
    typer.echo(f"{key.role}  {key.name}")


@app.command("disable")
@guarded
def disable_command(
    public: Annotated[str, typer.Argument(help="The public key.")], folder: Folder = None, db: Database = None
) -> None:
    """Let a key do nothing from now on. What it claimed stays; revoke it if it should not."""
    from facevalue.registry.keys import decode_public

    key = open_registry(folder, db).disable_key(decode_public(public))
    typer.echo(f"disabled  {key.name}")


@app.command("list")
@guarded
def list_command(
    folder: Folder = None,
    db: Database = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every key that was ever added."""
    from facevalue.registry.log.note import b64
    from facevalue.registry.words import time_text
    from facevalue.reports.words import plain

    rows = [
        {
            "public": b64(key.public),
            "name": key.name,
            "role": str(key.role),
            "added": time_text(key.added),
            "disabled": None if key.disabled is None else time_text(key.disabled),
        }
        for key in open_registry(folder, db).all_keys()
    ]
    if as_json:
        shown_json(rows)
        return
    for row in rows:
        ended = f"  disabled {row['disabled']}" if row["disabled"] else ""
        typer.echo(f"{row['role']:<9}  {row['public']}  {plain(row['name'])}{ended}")
