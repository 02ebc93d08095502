"""`facevalue registry log`: the transparency log: its head, proofs, monitors and witnesses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facevalue.cli.registry_open import Database, Folder, open_registry, shown_json
from facevalue.cli.run import guarded
from facevalue.errors import UsageError

if TYPE_CHECKING:
    from facevalue.registry.log.note import VerifierKey

app = typer.Typer(
    help="The transparency log: its head, proofs, monitors and witnesses.", no_args_is_help=True, rich_markup_mode=None
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LogKey = Annotated[
    str, typer.Option("--key", metavar="VKEY", help="The log's verifier key, as `registry init` shows it.")
]
Witnesses = Annotated[list[str] | None, typer.Option("--witness", metavar="VKEY", help="A witness's key; repeatable.")]
SourceOf = Annotated[str, typer.Argument(help="The log: a folder of its files, or their URL.")]


@app.command("head")
@guarded
def head_command(folder: Folder = None, db: Database = None) -> None:
    """Print the log's signed checkpoint."""
    typer.echo(open_registry(folder, db).log.reader.checkpoint().decode(), nl=False)


@app.command("proof")
@guarded
def proof_command(
    leaf: Annotated[int, typer.Argument(min=0, help="The leaf: a claim or a revocation.")],
    out: Annotated[Path | None, typer.Option(help="Write the proof here instead of printing it.")] = None,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="Under the last checkpoint with cosignatures.")
    ] = False,
    folder: Folder = None,
    db: Database = None,
) -> None:
    """Print the self-contained proof that a leaf stands in the log."""
    proof = open_registry(folder, db).proof(leaf, private=True, witnessed=witnessed)
    if out is None:
        shown_json(proof)
        return
    from facevalue.registry.files import write_durably

    write_durably(out, json.dumps(proof, indent=2).encode() + b"\n")


@app.command("verify")
@guarded
def verify_command(
    proof: Annotated[Path, typer.Argument(help="A proof file.")],
    key: Annotated[str | None, typer.Option(metavar="VKEY", help="The log's key, known from elsewhere.")] = None,
    witness: Witnesses = None,
    file: Annotated[Path | None, typer.Option(help="The content that the proof must be about.")] = None,
    as_json: Json = False,
) -> None:
    """Verify a proof offline: no server, no database."""
    from facevalue.registry import read_proof, verify_proof
    from facevalue.registry.proof import MAX_PROOF_BYTES

    with proof.open("rb") as stream:
        data = read_proof(stream.read(MAX_PROOF_BYTES + 1))
    found = verify_proof(
        data,
        log=_vkey(key) if key else None,
        witnesses=[_vkey(text) for text in witness or []],
        content=_content(file) if file else None,
    ).to_dict()
    if as_json:
        shown_json(found)
        return
    _print_proven(found)


@app.command("monitor")
@guarded
def monitor_command(
    source: SourceOf,
    key: LogKey,
    witness: Witnesses = None,
    state: Annotated[Path | None, typer.Option(help="Where to remember it; default FACEVALUE_HOME/monitor.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Hash every entry again, not only the new ones.")] = False,
    as_json: Json = False,
) -> None:
    """Look at a log, compare it with what was seen before, and say when it was rewritten or forked (status 3)."""
    from facevalue.home import home
    from facevalue.registry.log.monitor import Monitor
    from facevalue.registry.log.source import open_source

    witnesses = tuple(_vkey(text) for text in witness or [])
    monitor = Monitor(state or home() / "monitor", _vkey(key), witnesses)
    sighting = monitor.visit(open_source(source), everything=everything).to_dict()
    if as_json:
        shown_json(sighting)
        return
    typer.echo(f"consistent: {sighting['size']} entries extend the {sighting['seen_before']} seen before")
    typer.echo(f"root {sighting['root']}, {sighting['entries_checked']} entries hashed")
    for row in sighting["cosigned"]:  # type: ignore[attr-defined]
        typer.echo(f"cosigned by {row['witness']} at {row['time']}")


@app.command("cosign")
@guarded
def cosign_command(
    source: SourceOf,
    key: LogKey,
    name: Annotated[str, typer.Option("--as", help="The witness's name, such as witness.example.org.")],
    signer: Annotated[Path, typer.Option("--with", help="The witness's private key (PEM), see `registry key new`.")],
    state: Annotated[Path | None, typer.Option(help="Where to remember it; default FACEVALUE_HOME/witness.")] = None,
) -> None:
    """As a witness: verify that the log only grew since last time, and print a cosignature of its checkpoint."""
    from facevalue.home import home
    from facevalue.registry.keys import load_key
    from facevalue.registry.log.checkpoint import open_checkpoint
    from facevalue.registry.log.reader import LogReader
    from facevalue.registry.log.source import open_source
    from facevalue.registry.log.witness import Witness, make_request

    log = _vkey(key)
    witness = Witness(state or home() / "witness", name, load_key(signer), [log])
    reader = LogReader(open_source(source))
    checkpoint, note = open_checkpoint(reader.checkpoint(), log)
    old = witness.seen(log).size
    path = reader.consistency(old, checkpoint.size) if old <= checkpoint.size else ()
    typer.echo(witness.add_checkpoint(make_request(old, path, str(note))).line)
    typer.echo(f"witness key: {witness.verifier}", err=True)


@app.command("attach")
@guarded
def attach_command(
    line: Annotated[str, typer.Argument(help="The line that `log cosign` printed.")],
    witness: Annotated[str, typer.Option(metavar="VKEY", help="The witness's key.")],
    folder: Folder = None,
    db: Database = None,
) -> None:
    """Publish a witness's cosignature with the log's checkpoint."""
    from facevalue.registry.log.note import parse_signature

    note = open_registry(folder, db).log.attach(parse_signature(line.strip()), _vkey(witness))
    typer.echo(
        f"{len(note.signatures) - 1} cosignatures stand with the checkpoint of {note.text.splitlines()[1]} entries"
    )


def _vkey(text: str) -> VerifierKey:
    from facevalue.registry.errors import LogError
    from facevalue.registry.log.note import parse_vkey

    try:
        return parse_vkey(text)
    except LogError as error:
        raise UsageError(str(error)) from None


def _content(file: Path) -> bytes:
    from facevalue.exhibit import Exhibit

    return bytes.fromhex(Exhibit.open(file).sha256)


def _print_proven(found: dict[str, Any]) -> None:
    from facevalue.reports.words import plain

    payload = found["payload"]
    subject = payload["entry"]["content_sha256"] if "entry" in payload else f"claim {payload['leaf']}"
    typer.echo(f"proven: leaf {found['leaf']} of {found['size']} in the log {plain(found['log'])}")
    typer.echo(f"  {plain(payload['action'])} {plain(subject)}")
    typer.echo(f"  signed by {plain(found['publisher'])} ({plain(found['role'])}), written down {plain(found['time'])}")
    for row in found["witnesses"]:
        typer.echo(f"  cosigned by {plain(row['name'])} at {row['time']}")
    if not found["log_key_known"]:
        typer.echo("  The log's key is the proof's own: give --key to know whose log this is.")
