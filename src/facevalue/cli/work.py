"""Examining the named files, with progress on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from facevalue.cli.check import STDIN, STDIN_NAME
from facevalue.cli.run import say
from facevalue.errors import FacevalueError

if TYPE_CHECKING:
    from facevalue.examine import Examination


def examinations(
    files: Sequence[str], *, workers: int, options: dict[str, Any], progress: bool
) -> Generator[Examination]:
    """One examination per file, in order of completion; a file that cannot be opened is a sentence on stderr.

    options: limits and questions, as facevalue.check takes them.
    """
    single = len(files) == 1
    with (_share if single else _count)(len(files), shown=progress) as advance:
        own = {**options, "progress": advance} if single and progress else options
        with contextlib.closing(_one_by_one(files, own) if single else _together(files, workers, options)) as found:
            for exam in found:
                yield exam
                advance(1.0)


def _one_by_one(files: Sequence[str], options: dict[str, Any]) -> Generator[Examination]:
    from facevalue import check

    for name in files:
        stdin = name == STDIN
        try:
            yield check(sys.stdin.buffer if stdin else name, name=STDIN_NAME if stdin else None, **options)
        except FacevalueError as error:
            say(str(error))


def _together(files: Sequence[str], workers: int, options: dict[str, Any]) -> Generator[Examination]:
    from facevalue import check_many

    if STDIN in files:  # its bytes would have to travel to a worker; the others need not wait for that
        yield from _one_by_one([STDIN], options)
    yield from check_many([name for name in files if name != STDIN], workers=workers, **options)


Advance = Callable[[float], None]


@contextlib.contextmanager
def _count(total: int, *, shown: bool) -> Iterator[Advance]:
    """A bar on stderr that vanishes when the work is done; yields the function that counts that many files up."""
    if not shown:
        yield lambda files: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = [SpinnerColumn("line"), TextColumn("examining"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("examining", total=total)
        yield lambda files: bar.advance(task, files)


@contextlib.contextmanager
def _share(total: int, *, shown: bool) -> Iterator[Advance]:
    """A bar for one file, with the time that is left; yields the function that takes the share that is done, 0..1.

    Pictures are done before it has anything to say; it is for clips.
    """
    if not shown:
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    left = TimeRemainingColumn(elapsed_when_finished=True)
    columns = [SpinnerColumn("line"), TextColumn("examining"), BarColumn(), TaskProgressColumn(), left]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("examining", total=float(total))
        yield lambda share: bar.update(task, completed=share)
