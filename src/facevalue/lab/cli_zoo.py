"""`facevalue lab zoo`: autoencoders that turn a real picture into its own paired fake."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from facevalue.errors import DecodeError, MissingExtraError, UnreadableError, UsageError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Autoencoders that redraw a picture: train, show.")
Pictures = Annotated[list[Path], typer.Argument(help="Pictures, or folders of them, subfolders included.")]
Folder = Annotated[Path | None, typer.Option(help="Folder of the zoo; default facevalue's own.")]


@app.command()
def train(
    pictures: Pictures,
    zoo: Folder = None,
    only: Annotated[list[str] | None, typer.Option(help="A member, repeatable; all if not given.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each member.")] = 700,
    batch: Annotated[int, typer.Option(min=1, help="Crops of 64 px a step.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="The same seed trains the same weights.")] = 5,
    most: Annotated[int, typer.Option(min=1, help="Pictures to read at most.")] = 500,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Train the zoo on real pictures. Interrupt it at any time: the same command goes on as if never stopped."""
    torch = _torch()
    from facevalue.lab.zoo.members import ZOO, member, zoo_dir
    from facevalue.lab.zoo.train import ZooRecipe, train_member

    torch.set_num_threads(threads)
    chosen = [member(name) for name in only] if only else list(ZOO.values())
    folder, recipe = zoo or zoo_dir(), ZooRecipe(steps=steps, seed=seed, batch=batch)
    missing = [m for m in chosen if not (folder / m.weights).is_file()]
    read = [pixels for _, pixels in _read(pictures, most)] if missing else []
    report = _live() if missing else print
    for one in chosen:
        train_member(one, read, folder, recipe, report)
        typer.echo(str(folder / one.weights))


@app.command()
def show(
    pictures: Pictures,
    zoo: Folder = None,
    most: Annotated[int, typer.Option(min=1, help="Pictures to read at most.")] = 32,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How far each trained member's reconstructions lie from pictures it did not learn from, and what of it shows."""
    _torch()
    from dataclasses import asdict

    from facevalue.lab.reconstruct import redrawn
    from facevalue.lab.zoo.distance import distance
    from facevalue.lab.zoo.members import ZOO, zoo_dir
    from facevalue.lab.zoo.train import load

    folder = zoo or zoo_dir()
    there = [m for m in ZOO.values() if (folder / m.weights).is_file()]
    if not there:
        raise UsageError("no member of the zoo is trained yet: facevalue lab zoo train PICTURES")
    reals = [pixels for _, pixels in _read(pictures, most)]
    rows: list[dict[str, Any]] = []
    for one in there:
        net = load(one, folder)
        found = distance(reals, [redrawn(net, pixels) for pixels in reals], 2**one.downs)
        parameters = sum(p.numel() for p in net.parameters())
        rows.append({**asdict(one), "parameters": parameters, "pictures": len(reals), **asdict(found)})
    typer.echo(json.dumps(rows, indent=2) if as_json else _table(rows))


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["member        up-sampling   bottleneck  shrunk  PSNR dB  peak dB  (pictures)  fine dB"]
    lines += [
        f"{r['name']:<12}  {r['upsampler']:<12}  {r['bottleneck']:<10}  {2 ** r['downs']:>4} x"
        f"  {r['psnr_db']:7.2f}  {r['peak_db']:7.2f}  {r['real_peak_db']:10.2f}  {r['fine_db']:7.2f}"
        for r in rows
    ]
    return "\n".join(lines)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("lab zoo", "lab") from None
    return torch


def _read(paths: list[Path], most: int) -> list[tuple[Path, Any]]:
    """Pictures of at least 64 px that decode, evenly taken from all that were given. Raises UsageError without any."""
    from facevalue.lab.cli import PICTURE_SUFFIXES
    from facevalue.lab.forge import read_picture

    files: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES) if path.is_dir() else [path]
        files += inside
    typer.echo(f"reading {min(most, len(files))} pictures", err=True)
    out: list[tuple[Path, Any]] = []
    for path in files[:: max(1, -(-len(files) // most))]:
        try:
            pixels, _ = read_picture(path)
        except (DecodeError, UnreadableError) as error:
            typer.echo(f"{path.name}: {error}, skipped", err=True)
            continue
        if min(pixels.shape[:2]) >= 64:
            out.append((path, pixels))
    if not out:
        raise UsageError("no picture of at least 64 px a side was given")
    return out


def _live() -> Callable[[str], None]:
    """One line on a terminal that is written over; lines where there is none."""
    if not sys.stderr.isatty():
        return lambda line: typer.echo(line, err=True)
    return lambda line: typer.echo(f"\r\x1b[K{line}", nl=False, err=True)
