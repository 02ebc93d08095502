"""`facevalue lab swap`, and `lab consent` for the records that it needs."""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facevalue.errors import UsageError
from facevalue.lab.signer_option import As, signer_named

if TYPE_CHECKING:
    from facevalue.lab.swap.clips import Progress

consent = typer.Typer(no_args_is_help=True, help="Signed records by which a person allows the use of their face.")
RecordFile = Annotated[Path, typer.Argument(help="A consent record (JSON).", metavar="RECORD")]
KeyFile = Annotated[Path, typer.Option(help="The person's own Ed25519 key (PEM).")]
_MOST_DAYS = 3660
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff"}


def register(app: typer.Typer) -> None:
    """Add the commands to the lab's."""
    app.command()(swap)
    app.command()(refiner)
    app.add_typer(consent, name="consent")


def swap(
    source: Annotated[Path, typer.Argument(help="A picture of the person whose face is used.")],
    target: Annotated[Path, typer.Argument(help="The picture or clip whose face is replaced.")],
    record: Annotated[
        Path, typer.Option("--consent", help="The person's consent record, or a licence manifest.", metavar="RECORD")
    ],
    out: Annotated[Path, typer.Option(help="The result: .png or .jpg of a picture, .mp4 or .mov of a clip.")],
    face: Annotated[int | None, typer.Option(min=1, help="Which face of the target, from the left.")] = None,
    source_face: Annotated[int | None, typer.Option(min=1, help="Which face of the source, from the left.")] = None,
    revocations: Annotated[Path | None, typer.Option(help="A list of revoked records, signed by the person.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The public key that the person is known to have, base64; others are refused.")
    ] = None,
    signer: As = None,
) -> None:
    """Put one person's face onto another's, with the first one's consent. Always labelled; mask and manifest beside it.

    Refused without a consent record for "swap" that is signed, valid now, and whose face is the source's.
    """
    from facevalue.consent import form
    from facevalue.lab.swap import swap as run

    public = form.from_base64(key, form.KEY_BYTES, "--key") if key is not None else None
    with _progress() as progress:
        made = run(
            source,
            target,
            out,
            record,
            source_face=source_face,
            target_face=face,
            revocations=revocations,
            key=public,
            who=signer_named(signer),
            progress=progress,
        )
    for path in (made.file.path, made.mask, made.manifest):
        typer.echo(str(path))


def refiner(
    data: Annotated[Path, typer.Argument(help="A folder of pictures with faces; 100 or more.")],
    out: Annotated[Path, typer.Option(help="Work folder: pairs, checkpoint, refiner.onnx, refiner.json.")],
    steps: Annotated[int, typer.Option(min=1, help="Train to so many steps.")] = 2000,
    each: Annotated[int, typer.Option(min=1, max=16, help="Pairs made of every picture.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same network.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch's choice.")] = 0,
    install: Annotated[bool, typer.Option(help="Copy the network to where lab swap looks for it.")] = False,
) -> None:
    """Train the refiner of `lab swap` against a critic. Interrupt it at any time; the same command goes on."""
    import shutil

    from facevalue.errors import MissingExtraError

    try:
        import torch
    except ImportError:
        raise MissingExtraError("lab refiner", "lab") from None
    from facevalue.lab.refiner.run import train
    from facevalue.lab.swap import refine

    if threads:
        torch.set_num_threads(threads)
    if not data.is_dir():
        raise UsageError(f"{data} is not a folder")
    pictures = sorted(path for path in data.rglob("*") if path.suffix.lower() in _PICTURES)
    made = train(pictures, out, steps, seed, each, lambda line: typer.echo(line, err=True))
    typer.echo(str(made))
    if install:
        shutil.copyfile(made, Path(refine.__file__).parent / refine.FILE)


@consent.command("key")
def new_key(path: Annotated[Path, typer.Argument(help="A new file for the key.", metavar="KEY")]) -> None:
    """Make a person's key. It stays with the person; its public half, which is printed, they may give to anyone."""
    from facevalue.consent import form
    from facevalue.registry.keys import make_key

    typer.echo(form.to_base64(make_key(path).public_key().public_bytes_raw()))


@consent.command("new")
def new_record(
    photo: Annotated[Path, typer.Argument(help="A picture of the person, alone in it or with --face.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    grantee: Annotated[str, typer.Option(help="Who may use the face.")],
    key: KeyFile,
    out: Annotated[Path, typer.Option(help="Where the record goes.")],
    purpose: Annotated[list[str], typer.Option(help="What for: swap, reenact, voice, train; may be repeated.")],
    days: Annotated[int, typer.Option(min=1, max=_MOST_DAYS, help="For how many days.")] = 30,
    begins: Annotated[
        str | None, typer.Option("--from", help="When it begins, such as 2026-01-31T00:00:00+00:00; by default now.")
    ] = None,
    face: Annotated[int | None, typer.Option(min=1, help="Which face of the picture, from the left.")] = None,
) -> None:
    """Write a consent record, signed with the person's own key. Run by that person, on a picture of theirs."""
    from facevalue.consent import create_record, form
    from facevalue.lab.labels import put
    from facevalue.lab.swap.enrol import embedding_in
    from facevalue.registry.keys import load_key

    if out.exists():
        raise UsageError(f"{out.name} exists already: a record is never overwritten")
    start = form.moment(begins, "--from") if begins else datetime.datetime.now(datetime.UTC)
    end = start + datetime.timedelta(days=days)
    made = create_record(name, embedding_in(photo, face), purpose, grantee, start, end, load_key(key))
    put(out, made.to_json().encode())
    typer.echo(str(out))


@consent.command("show")
def show_record(record: RecordFile) -> None:
    """What a record says, once its signature holds."""
    from facevalue.consent import form, read_record

    found = read_record(record)
    told = found.fields()
    told["face"] = "yes" if found.face is not None else "no"
    now = datetime.datetime.now(datetime.UTC)
    told["now"] = "not valid yet" if now < found.valid_from else "expired" if now >= found.valid_until else "valid"
    told["public_key"] = form.to_base64(found.public_key)
    typer.echo(json.dumps(told, indent=2, ensure_ascii=True))


@consent.command("revoke")
def revoke_records(
    records: Annotated[list[Path], typer.Argument(help="The records that no longer hold.", metavar="RECORD...")],
    key: KeyFile,
    out: Annotated[Path, typer.Option(help="Where the list goes; give it to whoever holds the records.")],
) -> None:
    """Write a signed list of revoked records, for `lab swap --revocations`."""
    from facevalue.consent import read_record, revoke
    from facevalue.lab.labels import put
    from facevalue.registry.keys import load_key

    signer = load_key(key)
    found = [read_record(path) for path in records]
    if any(one.public_key != signer.public_key().public_bytes_raw() for one in found):
        raise UsageError("a record is revoked with the key that signed it")
    put(out, revoke([one.id for one in found], datetime.datetime.now(datetime.UTC), signer).encode())
    typer.echo(str(out))


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """A live bar when stderr is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(20), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)
