"""Rooms that bring their own command line: `lab` and `bench`. They are imported when they are used, not before."""

from __future__ import annotations

import importlib

import typer

from facevalue.cli.run import guarded
from facevalue.errors import MissingExtraError, UsageError

# Everything behind the name is handed on untouched, --help included.
_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False}


def mount(app: typer.Typer) -> None:
    """Add `lab` and `bench` to the application."""
    app.command("lab", context_settings=dict(_PASS_ON), add_help_option=False)(guarded(lab))
    app.command("bench", context_settings=dict(_PASS_ON), add_help_option=False)(guarded(bench))


def lab(context: typer.Context) -> None:
    """Make labelled forgeries, launder pictures, train examiners."""
    _hand_on("facevalue.lab.cli", context)


def bench(context: typer.Context) -> None:
    """Measure the examiners on labelled pictures."""
    _hand_on("facevalue.bench.cli", context)


def _hand_on(module: str, context: typer.Context) -> None:
    name = str(context.info_name)
    try:
        room: typer.Typer = importlib.import_module(module).app
        command = typer.main.get_group(room)  # get_command would add completion for a command of that name
        status = command.main(args=list(context.args), prog_name=f"facevalue {name}", standalone_mode=False)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.partition(".")[0] == "facevalue":
            raise UsageError(f"facevalue {name} is not part of this installation") from None
        raise MissingExtraError(f"facevalue {name} ({missing} is missing)", "lab") from None
    # Without its standalone mode, an application answers with the status of a typer.Exit.
    if isinstance(status, int) and status:
        raise typer.Exit(status)
