"""`facevalue bench run` and `facevalue bench table`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from facevalue.bench.cards import write_cards, write_readme
from facevalue.bench.measure import EVERYTHING
from facevalue.bench.records import load_records
from facevalue.bench.report import COLUMNS, HEADINGS, Report, format_interval
from facevalue.bench.robust import known_steps
from facevalue.bench.runner import RESULTS, Progress, plan, run
from facevalue.bench.sets import read_sets
from facevalue.bench.split import read_splits, shipped_splits, unseen
from facevalue.errors import FacevalueError, UsageError

app = typer.Typer(
    name="bench", help="Measure the detectors on labelled pictures, clips and recordings.", no_args_is_help=True
)
COMMAND = "command.txt"
DEFAULT_OUT = Path("bench-results")

Out = Annotated[Path, typer.Option(help="Folder for results.jsonl, results.json, report.md and diagrams.")]
Draws = Annotated[int, typer.Option(min=10, help="Bootstrap draws behind each interval.")]
Cards = Annotated[bool, typer.Option("--write-cards", help="Write the examiners' measured.json and README's table.")]
Readme = Annotated[Path, typer.Option(help="The README whose table --write-cards replaces.")]


@app.command("run")
def run_command(
    data: Annotated[Path, typer.Option(help="Folder of sets; see `facevalue.bench.sets` for the layouts.")],
    sets: Annotated[list[str] | None, typer.Option("--set", help="Only this set; repeatable.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many of each class of each set.")] = None,
    launder: Annotated[
        list[str] | None, typer.Option(help=f"Also after: {', '.join(known_steps())}; repeatable.")
    ] = None,
    question: Annotated[str | None, typer.Option(help="What labels of plain folders answer; default any.")] = None,
    held_out_list: Annotated[
        list[Path] | None, typer.Option(help="split.json, or keys one a line; default: those of the shipped examiners.")
    ] = None,
    held_out_only: Annotated[
        bool, typer.Option("--held-out-only", help="Leave out pictures that training saw, for every question.")
    ] = False,
    out: Out = DEFAULT_OUT,
    workers: Annotated[int, typer.Option(min=1, help="Pictures examined at the same time.")] = 2,
    draws: Draws = 400,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget earlier results instead of resuming.")] = False,
    cards: Cards = False,
    readme: Readme = Path("README.md"),
) -> None:
    """Examine every picture of the sets, then write figures and report. An interrupted run resumes where it stopped."""
    try:
        splits = read_splits(shipped_splits() if held_out_list is None else held_out_list)
        keep = (lambda item: unseen(item, splits)) if held_out_only else (lambda item: True)
        jobs = plan(read_sets(data, sets or (), limit, question, keep), launder or ())
        if fresh:
            for name in (RESULTS, COMMAND):
                (out / name).unlink(missing_ok=True)
        _note_command(out, _command(sets, limit, launder, question, held_out_only))
        with _Bar() as progress:
            run(jobs, out, splits=splits, workers=workers, progress=progress)
    except KeyboardInterrupt:
        typer.echo("Interrupted; the same command goes on from here.", err=True)
        raise typer.Exit(130) from None
    except FacevalueError as error:
        raise _wrong(error) from None
    table_command(out=out, draws=draws, cards=cards, readme=readme)


@app.command("table")
def table_command(
    out: Out = DEFAULT_OUT, draws: Draws = 400, cards: Cards = False, readme: Readme = Path("README.md")
) -> None:
    """Work out figures and report anew from results.jsonl, and print the main table."""
    try:
        records = load_records(out / RESULTS)
        if not records:
            raise UsageError(f"no results in {out}; run `facevalue bench run` first")
        report = Report.of(records, " && ".join(_noted_commands(out)), draws=draws)
        written = report.write(out)
        if cards:
            written += [*write_cards(report), write_readme(report, readme)]
    except (FacevalueError, OSError) as error:
        raise _wrong(error) from None
    _print(report)
    typer.echo("\n".join(f"wrote {path}" for path in written), err=True)


def _noted_commands(out: Path) -> list[str]:
    """The commands whose results are in the folder, oldest first."""
    file = out / COMMAND
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else ["facevalue bench run --data DATA"]


def _note_command(out: Path, command: str) -> None:
    # Results of several commands may gather in one folder; the report names them all.
    out.mkdir(parents=True, exist_ok=True)
    noted = _noted_commands(out) if (out / COMMAND).is_file() else []
    (out / COMMAND).write_text("\n".join(dict.fromkeys([*noted, command])) + "\n", encoding="utf-8")


def _wrong(error: Exception) -> typer.Exit:
    typer.echo(f"facevalue bench: {error}", err=True)
    return typer.Exit(2)


def _command(
    sets: list[str] | None, limit: int | None, launder: list[str] | None, question: str | None, held_out_only: bool
) -> str:
    """The command as a reader would type it; places on this machine are left out."""
    words = ["facevalue", "bench", "run", "--data", "DATA"]
    for option, values in (("--set", sets), ("--launder", launder)):
        words += [word for value in values or () for word in (option, value)]
    words += ["--limit", str(limit)] if limit else []
    words += ["--question", question] if question else []
    words += ["--held-out-only"] if held_out_only else []
    return shlex.join(words)


class _Bar:
    """Progress on stderr, only when that is a terminal."""

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("examining"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        task = self._bar.add_task("", total=None)
        self._bar.start()
        return lambda done, total: self._bar.update(task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _print(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("question", "set", "slice", "seen in training", "real / fake", *HEADINGS)
    for row in report.rows:
        if row.figures and not row.regime.startswith(("source ", "generator ")):
            seen = "no" if row.held_out else "YES"
            place = (row.question, "every set" if row.set == EVERYTHING else row.set, row.regime, seen)
            figures = [format_interval(row.figures.get(name)) for name in COLUMNS]
            table.add_row(*place, f"{row.n_real} / {row.n_fake}", *figures)
    Console().print(table)
