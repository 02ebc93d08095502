"""Passphrases: from an environment variable or from a prompt, never from the command line, where others see them."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from facevalue.errors import UsageError

VARIABLE = "FACEVALUE_PASSPHRASE"
MIN_LENGTH = 8

PassphraseEnv = Annotated[
    str, typer.Option("--passphrase-env", metavar="NAME", help="The environment variable that holds the passphrase.")
]


def known_passphrase(variable: str) -> str | None:
    """What the variable holds; None when it is not set or empty."""
    return os.environ.get(variable) or None


def asked_passphrase(variable: str, what: str) -> str:
    """From the variable, or else asked for. Raises UsageError where nobody can be asked."""
    found = known_passphrase(variable)
    if found:
        return found
    _require_terminal(variable, what)
    return str(typer.prompt(f"Passphrase of {what}", hide_input=True, err=True))


def new_passphrase(variable: str, what: str) -> str:
    """The same, asked for twice. Raises UsageError when it is too short."""
    found = known_passphrase(variable)
    if not found:
        _require_terminal(variable, what)
        found = str(typer.prompt(f"New passphrase of {what}", hide_input=True, confirmation_prompt=True, err=True))
    if len(found) < MIN_LENGTH:
        raise UsageError(f"a passphrase has at least {MIN_LENGTH} characters")
    return found


def _require_terminal(variable: str, what: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{what} needs its passphrase: set {variable}, or run this in a terminal")
