"""`facevalue registry`: register originals, find them again, and keep the log over them honest."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facevalue.cli import registry_find, registry_keys, registry_log
from facevalue.cli.registry_open import Database, Folder, open_registry, root_of, shown_json
from facevalue.cli.run import guarded, say
from facevalue.errors import UsageError

if TYPE_CHECKING:
    from facevalue.exhibit import Exhibit
    from facevalue.registry import Action, Binding

app = typer.Typer(
    help="Register originals, find them again, and keep the log over them honest.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(registry_keys.app, name="key")
app.add_typer(registry_log.app, name="log")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Server = Annotated[str | None, typer.Option(metavar="URL", help="Ask this registry, over the network, instead.")]
Signer = Annotated[Path | None, typer.Option("--key", help="The key that signs (PEM); default the registry's own.")]


@app.command("init")
@guarded
def init_command(
    name: Annotated[str, typer.Argument(help="The registry's lasting name, such as example.org/registry.")],
    folder: Folder = None,
    db: Database = None,
    algorithm: Annotated[
        list[str] | None, typer.Option(help="Know this soft binding too: NAME:fingerprint|watermark[:hamming256].")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set up a registry and its log, or bring an existing one to this version's tables."""
    from facevalue.registry import Registry
    from facevalue.registry.words import make_algorithm

    wanted = [make_algorithm(text) for text in algorithm or []]
    registry = Registry.create(root_of(folder), name, url=db, algorithms=wanted)
    facts = registry.facts()
    if as_json:
        shown_json(facts)
        return
    typer.echo(f"registry  {facts['origin']}\nfolder    {registry.folder.root}\nlog key   {facts['log_key']}")
    typer.echo("Publish the log key. Keep log.pem and owner.pem safe: who has them can speak for this registry.")


@app.command("serve")
@guarded
def serve_command(
    folder: Folder = None,
    db: Database = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8600,
    proxy: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Believe X-Forwarded-For from this proxy: rate limits need it."),
    ] = None,
) -> None:
    """Serve C2PA's Soft Binding Resolution API, the registry and its log, until interrupted."""
    from facevalue.home import require_network

    if host not in ("127.0.0.1", "::1", "localhost"):
        require_network(f"serving on {host}")
    from facevalue.registered.prints import fingerprinter
    from facevalue.registry import create_app

    service = create_app(open_registry(folder, db), fingerprinter=fingerprinter())
    import uvicorn

    say(f"serving on http://{host}:{port}; stop with Ctrl-C")
    uvicorn.run(
        service,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        limit_concurrency=500,
        timeout_keep_alive=5,
    )


@app.command("add")
@guarded
def add_command(
    file: Annotated[str, typer.Argument(help="The original, exactly as it is published.")],
    folder: Folder = None,
    db: Database = None,
    key: Signer = None,
    title: Annotated[str, typer.Option(help="A title, shown to everybody.")] = "",
    binding: Annotated[
        list[str] | None, typer.Option(metavar="NAME=HEX", help="A soft binding: fingerprint or watermark; repeatable.")
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="The C2PA manifest store (.c2pa) to keep beside it.")] = None,
    asset_hash: Annotated[
        str | None, typer.Option(metavar="HEX", help="The hash of its C2PA hard binding; default the file's own.")
    ] = None,
    manifest_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Its C2PA manifest's identifier; default the file's own.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="In the log, but shown to key holders only.")] = False,
    bare: Annotated[
        bool, typer.Option("--no-fingerprints", help="Do not register what finds copies of it again.")
    ] = False,
    server: Server = None,
    out: Annotated[Path | None, typer.Option(help="Write the proof here.")] = None,
    as_json: Json = False,
) -> None:
    """Register an original. When it returns, the entry is durable and in the log.

    What the credential in the file names, its manifest and the hash of its hard binding, is registered with it, and so
    are the fingerprints by which copies of a picture, a clip or a sound are found again.
    """
    from facevalue.exhibit import Exhibit
    from facevalue.registry import Entry
    from facevalue.registry.submission import Action

    store = _read(manifest) if manifest else None
    exhibit = Exhibit.open(file)
    fields: dict[str, Any] = {
        "content_sha256": exhibit.sha256,
        "media_type": exhibit.media_type,
        "title": title,
        **_embedded(exhibit, store),
        "bindings": [b.to_dict() for b in _bindings(exhibit, binding or [], bare=bare)],
        "private": private,
        **(_manifest_fields(store) if store is not None else {}),
    }
    given = {"asset_hash": asset_hash, "manifest_id": manifest_id}
    fields |= {name: text for name, text in given.items() if text is not None}
    entry = Entry.from_dict(fields)  # as strict with its own user as with a stranger
    proof = _send(folder, db, server, key, store, Action.REGISTER, {"entry": entry})
    _report(proof, out, as_json, f"{exhibit.name} is registered")


@app.command("revoke")
@guarded
def revoke_command(
    leaf: Annotated[int, typer.Argument(min=0, help="The claim, by its place in the log.")],
    reason: Annotated[str, typer.Option(help="Why; shown to everybody.")],
    folder: Folder = None,
    db: Database = None,
    key: Signer = None,
    server: Server = None,
    out: Annotated[Path | None, typer.Option(help="Write the proof of the revocation here.")] = None,
    as_json: Json = False,
) -> None:
    """Withdraw a claim. It stays to be seen, as revoked, and so does the revocation."""
    from facevalue.registry.submission import Action

    proof = _send(folder, db, server, key, None, Action.REVOKE, {"leaf": leaf, "reason": reason})
    _report(proof, out, as_json, f"claim {leaf} is revoked")


@app.command("find")
@guarded
def find_command(
    file: Annotated[str | None, typer.Argument(help="A file, or a copy of one, to look for.")] = None,
    folder: Folder = None,
    db: Database = None,
    sha256: Annotated[str | None, typer.Option(metavar="HEX", help="A content, by its hash.")] = None,
    binding: Annotated[str | None, typer.Option(metavar="NAME=HEX", help="A fingerprint or watermark.")] = None,
    manifest_id: Annotated[str | None, typer.Option(help="A C2PA manifest, by its identifier.")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Find claims: all of them, earliest first, conflicting and revoked ones included.

    A FILE is looked for by its bytes, its credential, its watermark and its fingerprints, so that copies of an
    original, crops, screenshots and excerpts are found too. A server is told hashes and fingerprints, not the file.
    """
    if sum(question is not None for question in (file, sha256, binding, manifest_id)) != 1:
        raise UsageError("ask for one of: a FILE, --sha256, --binding, --manifest-id")
    if file is not None:
        registry_find.find_file(file, folder, db, server, as_json=as_json)
        return
    asked = _Question(sha256, binding, manifest_id)
    answer = _ask_server(server, asked) if server else _ask(folder, db, asked)
    if as_json:
        shown_json(answer)
        return
    _print_claims(answer)


def _send(
    folder: Path | None,
    db: str | None,
    server: str | None,
    key: Path | None,
    store: bytes | None,
    action: Action,
    own: dict[str, Any],
) -> dict[str, Any]:
    """Sign and hand in a submission, here or over the network; the proof of what it became."""
    from facevalue.registry import sign
    from facevalue.registry.keys import load_key

    if server is None:
        from facevalue.registry import Request

        registry = open_registry(folder, db)
        signer = load_key(key or registry.folder.owner_key)
        receipt = registry.submit_one(Request(sign(signer, registry.origin, action, **own), store))
        return registry.proof(receipt.leaf, private=True)
    from facevalue.registry import RemoteRegistry, read_proof, verify_proof

    if key is None:
        raise UsageError("--server needs the key that signs: --key")
    remote = RemoteRegistry(server)
    submission = sign(load_key(key), str(remote.facts().get("origin")), action, **own)
    answer = remote.revoke(submission) if "leaf" in own else remote.register(submission, store)
    proof = read_proof(json.dumps(answer.get("proof")))
    verify_proof(proof)  # what a server says is believed when it can prove it
    return proof


def _report(proof: dict[str, Any], out: Path | None, as_json: bool, sentence: str) -> None:
    if out is not None:
        from facevalue.registry.files import write_durably

        write_durably(out, json.dumps(proof, indent=2).encode() + b"\n")
    if as_json:
        shown_json(proof)
        return
    typer.echo(f"{sentence}: leaf {proof['leaf']} of {proof['log'].partition('+')[0]}")
    if out is not None:
        typer.echo(f"proof: {out}")


@dataclass(frozen=True, slots=True)
class _Question:
    """One of the three is given."""

    sha256: str | None
    binding: str | None
    manifest_id: str | None


def _ask(folder: Path | None, db: str | None, asked: _Question) -> dict[str, Any]:
    from facevalue.registry.words import decode_hash

    registry = open_registry(folder, db)
    if asked.sha256 is not None:
        claims = registry.find_content(decode_hash(asked.sha256, "sha256"), private=True)
    elif asked.binding is not None:
        claims = registry.find_binding(_binding(asked.binding), private=True)
    else:
        claims = registry.find_manifest(str(asked.manifest_id), private=True)
    conflict = len({claim.key for claim in claims}) > 1
    return {"entries": [claim.to_dict() for claim in claims], "total": len(claims), "conflict": conflict}


def _ask_server(server: str, asked: _Question) -> dict[str, Any]:
    from facevalue.registry import RemoteRegistry

    question = {"sha256": asked.sha256, "manifest_id": asked.manifest_id}
    if asked.binding is not None:
        wanted = _binding(asked.binding)
        question |= {"alg": wanted.alg, "value": base64.b64encode(wanted.value).decode("ascii")}
    return RemoteRegistry(server).find(**{name: text for name, text in question.items() if text is not None})


def _print_claims(answer: dict[str, Any]) -> None:
    from facevalue.reports.words import plain

    if not answer.get("entries"):
        typer.echo("nothing found: that a content is not registered here says nothing about it")
        return
    for claim in answer["entries"]:
        near = f", {claim['distance']} bits apart" if "distance" in claim else ""
        typer.echo(
            f"{plain(claim['leaf']):>8}  {plain(claim['time'])}  {plain(claim['publisher'])}  "
            f"{plain(claim['entry']['content_sha256'])}  {plain(claim['entry']['title'])}"
            f"  (by {plain(claim['matched_by'])}{near})"
        )
        for revoked in claim["revocations"]:
            typer.echo(
                f"          revoked {plain(revoked['time'])} by {plain(revoked['by'])}: {plain(revoked['reason'])}"
            )
    if answer["conflict"]:
        typer.echo("Several keys claim this. The earliest stands first; the registry does not decide between them.")


def _bindings(exhibit: Exhibit, named: list[str], *, bare: bool) -> list[Binding]:
    """Those that the user names, and the fingerprints of the file."""
    from facevalue.registered.prints import bindings_of

    given = [_binding(text) for text in named]
    computed = [] if bare else bindings_of(exhibit)
    return list(dict.fromkeys([*given, *computed]))


def _binding(text: str) -> Binding:
    from facevalue.registry import Binding

    name, _, value = text.partition("=")
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        raw = b""
    if not raw:
        raise UsageError("a binding is written NAME=HEX")
    return Binding.from_dict(Binding(name, raw).to_dict())


def _embedded(exhibit: Exhibit, store: bytes | None) -> dict[str, str]:
    """What the file's own credential, or the one in the store, names; a sentence on stderr where it is of no use."""
    from facevalue.registered.embedded import embedded

    found = embedded(exhibit, store)
    if found.trouble:
        say(f"{exhibit.name}: {found.trouble}: nothing of it is registered but what you name")
    fields = {"manifest_id": found.manifest_id, "asset_hash": found.asset_hash.hex() if found.asset_hash else None}
    return {name: text for name, text in fields.items() if text is not None}


def _manifest_fields(store: bytes) -> dict[str, str]:
    import hashlib

    from facevalue.registry.jumbf import read_store

    return {"manifest_id": read_store(store)[-1].label, "manifest_sha256": hashlib.sha256(store).hexdigest()}


def _read(path: Path) -> bytes:
    from facevalue.registry.folder import MAX_MANIFEST_BYTES

    with path.open("rb") as stream:
        data = stream.read(MAX_MANIFEST_BYTES + 1)
    if len(data) > MAX_MANIFEST_BYTES:
        raise UsageError(f"a manifest store is at most {MAX_MANIFEST_BYTES >> 20} MiB")
    return data
