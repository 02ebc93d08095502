"""`--as IDENTITY`: whose name stands under a label. It changes who signs, never whether."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from facevalue.errors import UsageError

if TYPE_CHECKING:
    from facevalue.signing.identity import Identity

As = Annotated[
    str | None,
    typer.Option("--as", help="Who signs in place of the lab: an identity, or its folder.", metavar="IDENTITY"),
]
VARIABLE = "FACEVALUE_PASSPHRASE"


def signer_named(name: str | None) -> Identity | None:
    """The identity of that name or folder, opened; None for the lab's own. Raises UsageError.

    An encrypted key's passphrase is taken from FACEVALUE_PASSPHRASE, or asked for.
    """
    if name is None:
        return None
    from facevalue.signing.store import find_identity

    stored = find_identity(name)
    return stored.open(_passphrase(stored.name) if stored.needs_passphrase else None)


def _passphrase(name: str) -> str:
    found = os.environ.get(VARIABLE)
    if not found and not sys.stdin.isatty():
        raise UsageError(f"the identity {name} needs its passphrase: set {VARIABLE}, or run this in a terminal")
    return found or str(typer.prompt(f"Passphrase of the identity {name}", hide_input=True, err=True))
