"""What the commands of `facevalue registry` share: which registry, and how JSON is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from facevalue.registry import Registry

Folder = Annotated[
    Path | None, typer.Option("--folder", help="The registry's folder; default FACEVALUE_HOME/registry.")
]
Database = Annotated[
    str | None,
    typer.Option(metavar="URL", envvar="FACEVALUE_REGISTRY_DB", help="postgresql://...; default a file in the folder."),
]


def root_of(folder: Path | None) -> Path:
    """The registry's folder."""
    from facevalue.registry.folder import default_folder

    return folder or default_folder()


def open_registry(folder: Path | None, db: str | None) -> Registry:
    """The registry that was asked for. Raises UsageError, MissingExtraError, RegistryError."""
    from facevalue.registry import Registry

    return Registry.open(root_of(folder), url=db)


def shown_json(value: Any) -> None:
    """Print JSON: ASCII, so that nothing in it can steer a terminal."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=True))
