"""The command `facevalue`. It holds no forensic logic, and importing it loads nothing heavy.

Exit status: 0 examined, whatever the verdict; 1 only with --fail-on; 2 wrong usage; 3 nothing could be examined.
"""

from __future__ import annotations

from typing import Annotated

import typer

from facevalue._version import __version__
from facevalue.cli import check, compare, identity, models, mounts, registry, sign, trust, verify
from facevalue.cli.run import guarded, run

app = typer.Typer(
    name="facevalue",
    help="Examine media offline and say what the evidence supports, how strongly, where, and how far to trust it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: loads in a third of the time, and reads well everywhere
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facevalue {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Examine media offline and say what the evidence supports, how strongly, where, and how far to trust it."""


app.command("check")(guarded(check.check_command))
app.command("verify")(guarded(verify.verify_command))
app.command("compare")(guarded(compare.compare_command))
app.command("sign")(guarded(sign.sign_command))
app.add_typer(identity.app, name="identity")
app.add_typer(models.app, name="models")
app.add_typer(registry.app, name="registry")
app.add_typer(trust.app, name="trust")
mounts.mount(app)


def main() -> None:
    """The entry point of the command `facevalue`; leaves with the exit status."""
    run(app)


__all__ = ["app", "main"]
