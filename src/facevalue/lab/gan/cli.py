"""`facevalue lab gan`: train, sample, show. Importing this imports no torch."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facevalue.errors import MissingExtraError, UsageError
from facevalue.lab.signer_option import As, signer_named

if TYPE_CHECKING:
    from facevalue.lab.gan.progress import Clock
    from facevalue.lab.gan.recipe import Recipe

app = typer.Typer(no_args_is_help=True, help="A generator against a discriminator: train, sample, show.")

Show = Callable[[int, int, "dict[str, float | None]", "Clock"], None]
Packing = Callable[[int, int], None]
IMAGES, MOST_SAMPLES = 200_000, 100_000
# R3GAN's appendix has 0.05 to 0.5 at 32 px and 2 at 64 px, for far larger networks and longer runs.
GAMMAS = {32: 0.3, 64: 1.0, 128: 3.0}
_LONGEST = 400

RunFolder = Annotated[Path, typer.Argument(help="The folder of a run, or one of its checkpoints.", metavar="RUN")]


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="A folder of pictures; its subfolders count too.")],
    out: Annotated[Path, typer.Option(help="The run's folder: log, checkpoints, grids.")],
    size: Annotated[int, typer.Option(help="Side of the pictures in pixels: 32, 64 or 128.")] = 64,
    images: Annotated[
        int | None, typer.Option(help="Real pictures to show in all, over all passes; 200,000 by default.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Pictures a step, over all processes together.")] = 32,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's newest checkpoint.")] = False,
    start: Annotated[
        Path | None, typer.Option("--from", help="Go on from this checkpoint; what came after it is forgotten.")
    ] = None,
    capacity: Annotated[int, typer.Option(help="Channels times side: how large the networks are.")] = 1024,
    pieces: Annotated[int, typer.Option(help="Cut each batch into so many pieces, to save memory.")] = 1,
    rate: Annotated[float, typer.Option(help="Learning rate at the start; a quarter of it after the burn-in.")] = 4e-4,
    gamma: Annotated[
        float | None,
        typer.Option(help="Weight of R1 and R2 at the start; a tenth after the burn-in. By size: 0.3, 1, 3."),
    ] = None,
    penalty_every: Annotated[int, typer.Option(help="Take the penalties at every n-th step.")] = 1,
    augment: Annotated[float, typer.Option(help="Chance of each family of DiffAugment, 0 to 1.")] = 0.5,
    flip: Annotated[bool, typer.Option(help="Whether mirrored pictures are pictures of the same kind.")] = True,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or auto: bfloat16 on a GPU.")] = "auto",
    measured: Annotated[int, typer.Option(help="Pictures drawn for each distance; 0: none.")] = 1_000,
    keep: Annotated[int, typer.Option(help="Checkpoints that stay; 0: all.")] = 3,
    threads: Annotated[int, typer.Option(help="CPU threads for the networks; 0: torch's choice.")] = 0,
) -> None:
    """Train a generator. Interrupt it at any time: --resume goes on, bit by bit as if nothing had happened.

    With --resume or --from, the run's own numbers hold, except that --images may be raised.
    Several processes: torchrun --nproc-per-node 2 --no-python facevalue lab gan train DATA --out RUN
    """
    _need_torch("lab gan train")
    import torch

    from facevalue.lab.gan.run import Cadence
    from facevalue.lab.gan.run import train as run_train

    if threads:
        torch.set_num_threads(threads)
    going_on = resume or start is not None
    shown = images if images is not None else 1 if going_on else IMAGES
    recipe = _recipe(
        size, shown, batch, seed, capacity, pieces, rate, gamma, penalty_every, augment, flip, precision, measured
    )
    cadence = partial(Cadence.spread, keep=max(0, keep))
    with _shown() as (packing, show):
        made = run_train(
            data, out, recipe, cadence, resume=going_on, start=start, report=_say, packing=packing, show=show
        )
    typer.echo(str(made))


@app.command()
def sample(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Folder for the pictures, their grid and manifest.jsonl.")],
    count: Annotated[int, typer.Option("-n", "--count", help="How many.")] = 64,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pictures.")] = 0,
    signer: As = None,
) -> None:
    """Draw pictures, always labelled: visible mark, watermark, IPTC digitalSourceType, credential, manifest."""
    _need_torch("lab gan sample")
    from facevalue.lab.gan.sample import sample as draw

    if not 1 <= count <= MOST_SAMPLES:
        raise UsageError(f"-n must lie between 1 and {MOST_SAMPLES:,}, not {count}")
    if seed < 0:
        raise UsageError(f"--seed must not be negative, but is {seed}")
    who = signer_named(signer)
    for path in draw(_weights(run), out, count, seed, who):
        typer.echo(str(path))


@app.command()
def show(
    run: RunFolder,
    report: Annotated[Path | None, typer.Option(help="Where the page goes; RUN/show.html without it.")] = None,
) -> None:
    """The curves and sample grids of a run: a summary here, and one self-contained page of HTML."""
    from facevalue.lab.gan.show import page, summary

    if not run.is_dir():
        raise UsageError(f"{run} is not the folder of a run")
    typer.echo("\n".join(summary(run)))
    target = report or run / "show.html"
    target.write_text(page(run), encoding="utf-8", errors="backslashreplace")
    typer.echo(f"the page is {target}")


def _recipe(
    size: int,
    images: int,
    batch: int,
    seed: int,
    capacity: int,
    pieces: int,
    rate: float,
    gamma: float | None,
    penalty_every: int,
    augment: float,
    flip: bool,
    precision: str,
    measured: int,
) -> Recipe:
    import torch

    from facevalue.lab.gan.recipe import SIZES, Recipe, Schedule, Shape

    if size not in SIZES:
        raise UsageError(f"--size must be one of {', '.join(map(str, SIZES))}, not {size}")
    gamma = GAMMAS[size] if gamma is None else gamma
    if not 0 < rate < 1 or not 0 <= gamma < 1e6:
        raise UsageError("--rate must lie between 0 and 1, and --gamma must not be negative")
    if precision == "auto":
        precision = "bfloat16" if torch.cuda.is_available() else "float32"
    return Recipe(
        shape=Shape(side_px=size, capacity=capacity),
        images=images,
        batch=batch,
        pieces=pieces,
        seed=seed,
        burn_in=max(1, images // 2),
        rate=Schedule(rate, rate / 4),
        gamma=Schedule(gamma, gamma / 10),
        ema_half_life=Schedule(500, min(10_000, max(500, images / 20))),
        penalty_every=penalty_every,
        augment=augment,
        flip=flip,
        precision=precision,
        measured=measured,
    )


def _weights(run: Path) -> Path:
    from facevalue.lab.gan.checkpoint import newest

    if run.is_dir():
        return newest(run, _say)
    if run.is_file():
        return run
    raise UsageError(f"there is no run and no checkpoint {run}")


def _need_torch(command: str) -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError(command, "lab") from None


def _say(sentence: str) -> None:
    """One sentence on stderr; a name inside it may hold anything."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in sentence)
    typer.echo(f"facevalue: {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + '…'}", err=True)


@contextlib.contextmanager
def _shown() -> Iterator[tuple[Packing, Show]]:
    """A live bar with losses, penalties, images/s and the time left, when stderr is a terminal; else nothing."""
    if not sys.stderr.isatty() or int(os.environ.get("RANK", "0")):
        yield lambda *_: None, lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    from facevalue.lab.gan.progress import status

    columns = (BarColumn(20), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading the pictures", total=None)

        def packing(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        def show(images: int, of: int, values: dict[str, float | None], clock: Clock) -> None:
            bar.update(task, completed=images, total=of, description=status(images, of, values, clock))

        yield packing, show
