"""`facevalue sign`: prove an original."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facevalue.cli.passphrase import VARIABLE, PassphraseEnv, asked_passphrase
from facevalue.cli.run import say

if TYPE_CHECKING:
    from facevalue.signing import Identity, Signed, Step

_LABELS = {
    "time_stamp": "time stamp",
    "second_verifier": "second verifier",
}
_MARKS = {"done": "done", "not_done": "NOT DONE", "off": "-"}


def sign_command(
    file: Annotated[Path, typer.Argument(help="The original. It is never changed.")],
    identity: Annotated[str, typer.Option("--as", metavar="IDENTITY", help="Who signs: an identity, or its folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; default NAME.signed.EXT, or NAME.c2pa with --sidecar.")
    ] = None,
    sidecar: Annotated[
        bool, typer.Option("--sidecar", help="Write the manifest alone; the original stays byte-identical.")
    ] = False,
    registry: Annotated[
        str | None, typer.Option(metavar="WHERE", help="Enter it there: a registry's folder, or its http(s) address.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="In the log, but shown to key holders only.")] = False,
    log_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The key that the registry's log must have; remembered.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="A title, shown to everybody; default the file's name.")] = None,
    no_watermark: Annotated[bool, typer.Option("--no-watermark", help="Leave pixels and samples as they are.")] = False,
    source_type: Annotated[
        str | None,
        typer.Option(metavar="TERM", help="How it came about: an IPTC digitalSourceType, such as digitalCapture."),
    ] = None,
    ingredient: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A file it was made from, the parent first; repeatable.")
    ] = None,
    tsa: Annotated[
        str | None, typer.Option(metavar="URL", help="Have the time stamped there (RFC 3161); needs --online.")
    ] = None,
    online: Annotated[bool, typer.Option("--online", help="Allow the network for the time stamp.")] = False,
    trust: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Anchors by which ingredients are judged, instead of the lists.")
    ] = None,
    tsa_trust: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Anchors of time-stamping authorities, instead of the list.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier output; never the original.")] = False,
    passphrase_env: PassphraseEnv = VARIABLE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the output's path alone.")] = False,
) -> None:
    """Sign a file: watermark, fingerprints, credential, time stamp, verified again, registry, log.

    Exit status: 0 signed; 2 wrong usage; 3 it could not be signed, and nothing was written.
    """
    from facevalue.signing import sign

    signed = sign(
        file,
        out,
        _open(identity, passphrase_env),
        sidecar=sidecar,
        watermark=not no_watermark,
        title=title,
        source_type=source_type,
        ingredients=ingredient or (),
        registry=registry,
        private=private,
        log_key=log_key,
        tsa=tsa,
        online=online,
        trust=trust,
        tsa_trust=tsa_trust,
        force=force,
        on_step=None if as_json or quiet else _print_step,
    )
    if as_json:
        _write(signed.to_json(indent=2).encode("utf-8", "backslashreplace") + b"\n")
        return
    _finish(signed, quiet)


def _open(name: str, variable: str) -> Identity:
    from facevalue.signing.keys import readable_by_others
    from facevalue.signing.store import find_identity

    stored = find_identity(name)
    if readable_by_others(stored.key_file):
        say(f"warning: others on this machine can read {stored.key_file}: chmod 600 it")
    secret = asked_passphrase(variable, f"the identity {stored.name}") if stored.needs_passphrase else None
    return stored.open(secret)


def _print_step(step: Step) -> None:
    from facevalue.reports.words import plain

    mark = _MARKS[str(step.status)]
    typer.echo(f"{mark:<8}  {_LABELS.get(step.name, step.name):<15}  {plain(step.sentence)}")


def _finish(signed: Signed, quiet: bool) -> None:
    from facevalue.reports.words import plain

    for warning in signed.warnings:
        say(f"warning: {warning}")
    if quiet:
        typer.echo(plain(signed.path))
        return
    typer.echo(f"signed    {plain(signed.path)}")
    if signed.proof:
        typer.echo(f"proof     {plain(signed.proof)}")
    if signed.identity.test:
        say(f"{signed.identity.name} is a test identity: nobody else trusts it; verify with --trust and its trust.pem")


def _write(text: bytes) -> None:
    # Bytes, since JSON is UTF-8 whatever encoding stdout has.
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
