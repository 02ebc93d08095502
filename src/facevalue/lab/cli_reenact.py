"""`facevalue lab reenact`: a portrait driven by a clip's face or by speech."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facevalue.lab.signer_option import As, signer_named


def reenact(
    portrait: Annotated[Path, typer.Argument(help="Who is driven: a picture or a clip with a face.")],
    driver: Annotated[Path, typer.Argument(help="What drives: a clip with a face, or a recording of speech.")],
    out: Annotated[Path, typer.Option(help="The clip to write, .mp4 or .mov; masks and manifest.jsonl beside it.")],
    record: Annotated[
        Path, typer.Option("--consent", help="The person's consent record, or a licence manifest.", metavar="RECORD")
    ],
    revocations: Annotated[Path | None, typer.Option(help="A list of revoked records, signed by the person.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The public key that the person is known to have, base64; others are refused.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="face or speech; by default the face where there are pictures.")
    ] = None,
    eyes: Annotated[bool, typer.Option("--eyes/--no-eyes", help="Whether a picture's eyes close too.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the blinks, when speech drives.")] = 0,
    signer: As = None,
) -> None:
    """Drive the mouth and eyes of a portrait. It needs the person's signed consent; the clip is always labelled."""
    from facevalue.consent import form
    from facevalue.lab.reenactment.run import reenact as run

    line = run(
        portrait,
        driver,
        out,
        record,
        revocations=revocations,
        key=form.from_base64(key, form.KEY_BYTES, "--key") if key is not None else None,
        by=by,
        eyes=eyes,
        seed=seed,
        who=signer_named(signer),
        report=_live if sys.stderr.isatty() else lambda text: None,
    )
    for sentence in line["notes"]:
        typer.echo(sentence, err=True)
    typer.echo(str(out))


def register(app: typer.Typer) -> None:
    """Add the command to the lab's."""
    app.command()(reenact)


def _live(text: str) -> None:
    typer.echo(f"\r\x1b[K{text}", nl=False, err=True)
