"""`facevalue lab inpaint`, `splice`, `copymove` and `retouch`: edits of pictures with exact masks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from facevalue.errors import UsageError
from facevalue.lab.signer_option import As, signer_named

Pictures = Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.")]
Out = Annotated[Path, typer.Option(help="Folder for the pictures, their masks and manifest.jsonl.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed makes the same edits.")]
Format = Annotated[str, typer.Option(help="png keeps every pixel; jpg.")]
Mask = Annotated[
    Path | None, typer.Option(help="White marks the place: a picture, or a folder of them by the pictures' names.")
]
Where = Annotated[str | None, typer.Option(metavar="X,Y,W,H", help="A box in pixels instead of a mask.")]


def inpaint(
    pictures: Pictures,
    out: Out,
    mask: Mask = None,
    box: Where = None,
    method: Annotated[str, typer.Option(help="patches, telea or navier-stokes.")] = "patches",
    seed: Seed = 0,
    format: Format = "png",
    sign_as: As = None,
) -> None:
    """Wipe something out of pictures: the place is filled from what surrounds it. Without a mask it is drawn."""
    _run("inpaint", pictures, out, sign_as, method=method, seed=seed, format=format, mask=mask, box=_box(box))


def splice(
    pictures: Pictures,
    out: Out,
    donor: Annotated[list[Path] | None, typer.Option(help="Pictures or folders to take from; else the others.")] = None,
    mask: Mask = None,
    box: Where = None,
    method: Annotated[str | None, typer.Option(help="feather, poisson or hard; drawn if not given.")] = None,
    seed: Seed = 0,
    format: Format = "png",
    sign_as: As = None,
) -> None:
    """Lay a thing of one picture into another. Mask and box mark it in the donor; without them it is found or drawn."""
    donors = tuple(_files(donor)) if donor else ()
    options = {"method": method, "seed": seed, "format": format, "mask": mask, "box": _box(box)}
    _run("splice", pictures, out, sign_as, donors=donors, **options)


def copymove(
    pictures: Pictures,
    out: Out,
    mask: Mask = None,
    box: Where = None,
    method: Annotated[str | None, typer.Option(help="feather, poisson or hard; drawn if not given.")] = None,
    seed: Seed = 0,
    format: Format = "png",
    sign_as: As = None,
) -> None:
    """Copy a region within a picture: moved, turned, scaled, mirrored. Mask and box mark what is copied."""
    _run("copymove", pictures, out, sign_as, method=method, seed=seed, format=format, mask=mask, box=_box(box))


def retouch(
    pictures: Pictures,
    out: Out,
    method: Annotated[
        str | None, typer.Option(help="smooth, brighten, liquify or spots, joined by +; drawn if not given.")
    ] = None,
    seed: Seed = 0,
    format: Format = "png",
    sign_as: As = None,
) -> None:
    """Retouch the faces of pictures: smooth skin, bright eyes and teeth, another shape, no spots."""
    _run("retouch", pictures, out, sign_as, method=method, seed=seed, format=format)


def register(app: typer.Typer) -> None:
    """Add the four commands to the lab's."""
    for command in (inpaint, splice, copymove, retouch):
        app.command()(command)


def _run(tool: str, pictures: list[Path], out: Path, sign_as: str | None, **options: Any) -> None:
    from facevalue.lab.edits.run import Request, edit_files

    files = _files(pictures)
    request = Request(tool, who=signer_named(sign_as), **options)
    count, live = 0, sys.stderr.isatty()
    for line in edit_files(files, out, request, lambda text: typer.echo(text, err=True)):
        count += 1
        if live:
            typer.echo(f"{count} of {len(files)}", err=True)
        typer.echo(str(out / line["file"]))
    if not count:
        raise UsageError("nothing was made")


def _files(paths: list[Path]) -> list[Path]:
    from facevalue.lab.cli import PICTURE_SUFFIXES

    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES) if path.is_dir() else [path]
    if not found:
        raise UsageError("no pictures were given")
    return found


def _box(text: str | None) -> tuple[int, int, int, int] | None:
    if text is None:
        return None
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"a box is four whole numbers X,Y,W,H, not '{text}'") from None
    if width < 1 or height < 1:
        raise UsageError("a box is at least one pixel wide and high")
    return x, y, width, height


__all__ = ["register"]
