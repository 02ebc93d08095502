"""Running a command so that a user never sees a traceback: errors become one sentence and an exit status."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from facevalue.errors import FacevalueError, MissingExtraError, OfflineError, UsageError

EXIT_EXAMINED = 0
EXIT_FAIL_ON = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3
# What a shell reports for a process ended by these signals; 1 is reserved for --fail-on.
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

DEBUG_VARIABLE = "FACEVALUE_DEBUG"


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose errors end in a sentence on stderr and the exit status of the contract.

    It must wrap the command itself: further out, Typer has already turned a closed pipe into status 1.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (KeyboardInterrupt, Exception) as error:
            _leave(error)

    return wrapper


def run(app: typer.Typer) -> NoReturn:
    """Run the application and leave; what escapes even the commands' guards is still one sentence."""
    # OpenCV logs remarks on its own doings to stderr; it reads this when it is first imported.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe whose encoding lacks a character gets its escape instead of an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="facevalue")
        status: int | str | None = EXIT_EXAMINED
    except SystemExit as leaving:
        status = leaving.code
    except (KeyboardInterrupt, Exception) as error:
        status = _status_of(error)
    sys.exit(status)


def say(sentence: str) -> None:
    """One sentence on stderr, safe to print."""
    from facevalue.reports.words import plain

    typer.echo(f"facevalue: {plain(sentence)}", err=True)


def _leave(error: BaseException) -> NoReturn:
    if isinstance(error, typer.Exit | typer.Abort | typer.TyperException):
        raise error
    raise typer.Exit(_status_of(error)) from None


def _status_of(error: BaseException) -> int:
    if os.environ.get(DEBUG_VARIABLE, "") not in {"", "0"}:
        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        # Nobody reads stdout any more; what is left in its buffer must not raise once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, FacevalueError):
        say(str(error))
        return EXIT_USAGE if isinstance(error, UsageError | MissingExtraError | OfflineError) else EXIT_NOTHING
    if isinstance(error, OSError):
        say(f"{error.filename or 'the system'}: {error.strerror or error}")
        return EXIT_NOTHING
    say(f"unexpected {type(error).__name__}: {error} (set {DEBUG_VARIABLE}=1 to see where)")
    return EXIT_NOTHING
