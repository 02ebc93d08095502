"""`facevalue lab duel`: fight, show. Importing this imports no onnx and no model."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from facevalue.errors import MissingExtraError, ModelError, UsageError

app = typer.Typer(no_args_is_help=True, help="Forgers against an examiner, and a judge that neither sees: fight, show.")
Step = Callable[[int, int, str], None]
_LONGEST = 400
RunFolder = Annotated[Path, typer.Argument(help="The folder of a duel.", metavar="RUN")]


@app.command()
def fight(
    data: Annotated[Path, typer.Option(help="The data folder, laid out as in docs/data.md.")],
    out: Annotated[Path, typer.Option(help="The duel's folder. The same command goes on with what is there.")],
    examiner: Annotated[str, typer.Option(help="face_blend, or generated (needs its model).")] = "face_blend",
    forger: Annotated[list[str] | None, typer.Option(help="Only these forgers; all of the examiner's without.")] = None,
    rounds: Annotated[int, typer.Option(help="May be raised to go on with a finished duel.")] = 3,
    faces: Annotated[int, typer.Option(help="Real faces to forge and to learn from.")] = 200,
    pairs: Annotated[int, typer.Option(help="Swaps to learn from, and as many to judge by.")] = 100,
    fakes: Annotated[int, typer.Option(help="Forgeries of each forger that the examiner meets in a round.")] = 60,
    generations: Annotated[int, typer.Option(help="Generations in which a forger is tuned each round.")] = 3,
    draws: Annotated[int, typer.Option(help="Parameter sets a generation.")] = 16,
    seed: Annotated[int, typer.Option(help="The same seed gives the same duel.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record instead of the table.")] = False,
) -> None:
    """Fight: forgers are tuned, the examiner is retrained on what slipped through, the judge looks; and again.

    Interrupt it at any time: the same command goes on. RUN/weights is written only when a round improved the judge.
    """
    if not data.is_dir():
        raise UsageError(f"{data} is not a folder")
    try:
        import onnx  # noqa: F401
        import scipy  # noqa: F401
    except ImportError:
        raise MissingExtraError("lab duel", "lab") from None
    from facevalue.lab.duel.examiners import EXAMINERS
    from facevalue.lab.duel.rounds import run
    from facevalue.lab.duel.settings import Settings
    from facevalue.lab.duel.show import lines, write
    from facevalue.lab.duel.tune import Effort

    if examiner not in EXAMINERS:
        raise UsageError(f"examiner must be one of {', '.join(EXAMINERS)}")
    effort = Effort(generations, draws)
    settings = Settings(examiner, tuple(forger or ()), rounds, faces, pairs, fakes, effort, seed)
    try:
        fought = EXAMINERS[examiner]()
    except (OSError, ModelError) as error:
        raise UsageError(f"{examiner} cannot be fought: {error}") from None
    with _shown() as step:
        record = run(data, out, settings, fought, _say, step)
    made = write(out)
    typer.echo(json.dumps(record, indent=1) if as_json else "\n".join(lines(record)))
    _say(f"the chart is {made[0]}, the page {made[1]}")


@app.command()
def show(run: RunFolder) -> None:
    """The table of a duel; draws its chart and page anew."""
    from facevalue.lab.duel.show import lines, read, write

    typer.echo("\n".join(lines(read(run))))
    for path in write(run):
        typer.echo(str(path))


def _say(sentence: str) -> None:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in sentence)
    typer.echo(f"facevalue: {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + '…'}", err=True)


@contextlib.contextmanager
def _shown() -> Iterator[Step]:
    """A bar with what is being done and the time left, when stderr is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(20), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("looking at faces", total=None)
        yield lambda done, of, what: bar.update(task, completed=done, total=of, description=what)
