"""`facevalue lab corpus`: build, check. Importing this imports no pyarrow."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from facevalue.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="A reproducible, labelled, equalised corpus: build, check.")
FAIL_ON = ("broken", "unequal", "unproven")
_LONGEST = 400


@app.command()
def build(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file; docs/lab-corpus.md says what it may hold.")],
    out: Annotated[Path, typer.Option(help="The corpus's folder. The same command goes on with what is there.")],
    workers: Annotated[int, typer.Option(help="Processes; 0: one a core. The bytes do not depend on it.")] = 0,
    previews: Annotated[int, typer.Option(help="Pairs on the labelled sheet preview.jpg; 0: no sheet.")] = 6,
) -> None:
    """Build a corpus: shards of paired, equalised pictures with exact masks, and their index.

    Interrupt or kill it at any time: the same command goes on, and the result is the same, byte for byte.
    """
    from facevalue.lab.corpus.build import build as run
    from facevalue.lab.corpus.recipe import read

    if not 0 <= previews <= 100 or not 0 <= workers <= 1024:
        raise UsageError("--previews lies between 0 and 100, --workers between 0 and 1024")
    with _shown() as progress:
        made = run(read(recipe), recipe.parent, out, workers or os.cpu_count() or 1, previews, progress, _say)
    for split, pairs in made["by_split"].items():
        typer.echo(f"{split}: {pairs} pairs")
    if made["left_out"]:
        typer.echo(f"left out: {len(made['left_out'])} pairs; corpus.json says why")
    typer.echo(str(out))


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The folder of a corpus.")],
    tolerance: Annotated[
        float, typer.Option(help="The AUC that the upper end of a source's interval may reach to count as equal.")
    ] = 0.6,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    seed: Annotated[int, typer.Option(help="Of folds and bootstrap.")] = 0,
    fail_on: Annotated[
        str, typer.Option(help="Exit with 1 on this or a worse result: broken, unequal or unproven.")
    ] = "",
) -> None:
    """Say whether the equalisation holds: a spectrum classifier must not tell the real sources apart.

    Also compares sizes, codecs and quantisation tables of the classes, hashes, splits and near duplicates.
    """
    from facevalue.lab.corpus.check import check as run
    from facevalue.lab.corpus.check import lines, worst

    if fail_on and fail_on not in FAIL_ON:
        raise UsageError(f"--fail-on is one of {', '.join(FAIL_ON)}")
    if not 0.5 < tolerance <= 1 or seed < 0:
        raise UsageError("--tolerance lies above 0.5 and at most at 1, and --seed is not negative")
    found = run(folder, tolerance, seed, _say)
    if as_json:
        typer.echo(json.dumps({"schema": "facevalue.corpus.check/1", "rows": [r.to_dict() for r in found]}, indent=1))
    else:
        typer.echo("\n".join(lines(found)))
    if fail_on and worst(found) in FAIL_ON[: FAIL_ON.index(fail_on) + 1]:
        raise typer.Exit(1)


def _say(sentence: str) -> None:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in sentence)
    typer.echo(f"facevalue: {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + '…'}", err=True)


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[int, int], None]]:
    """A bar with pairs a second and the time left, when stderr is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("pairs"), BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("pairs", total=None, rate="")
        began: list[tuple[float, int]] = []

        def progress(done: int, of: int) -> None:
            began.append((time.monotonic(), done)) if not began else None
            seconds, start = time.monotonic() - began[0][0], began[0][1]
            rate = f"{(done - start) / seconds:.1f} pairs/s" if seconds > 0 and done > start else ""
            bar.update(task, completed=done, total=of, rate=rate)

        yield progress
