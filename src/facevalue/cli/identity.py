"""`facevalue identity`: who signs: test identities, and why a certificate would be rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facevalue.cli.passphrase import VARIABLE, PassphraseEnv, known_passphrase, new_passphrase
from facevalue.cli.run import guarded

if TYPE_CHECKING:
    from facevalue.signing.lint import Checked, Linted

app = typer.Typer(
    help="Who signs: make a test identity, see why a certificate would be rejected.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("init")
@guarded
def init_command(
    name: Annotated[str, typer.Argument(help="Its name: letters, digits, '.', '_' and '-'.")],
    organisation: Annotated[str, typer.Option(help="The organisation that its certificates name.")] = "",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long the signer's certificate is valid.")] = 365,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Encrypt its keys with a passphrase.")] = False,
    passphrase_env: PassphraseEnv = VARIABLE,
    as_json: Json = False,
) -> None:
    """Make a test chain (root, intermediate, signer), its key, and a key for registries, under FACEVALUE_HOME.

    Nobody else trusts it. An existing identity is never overwritten.
    """
    from facevalue.reports.words import plain
    from facevalue.signing.store import NOBODY_TRUSTS, init_identity

    secret = new_passphrase(passphrase_env, f"the identity {name}") if encrypt else None
    stored = init_identity(name, organisation=organisation, days=days, passphrase=secret)
    facts = stored.to_dict()
    if as_json:
        _json(facts)
        return
    _show(facts)
    typer.echo(plain(NOBODY_TRUSTS))
    typer.echo(f"verify with   facevalue verify FILE --trust {plain(stored.trust_file)}")
    typer.echo(f"registry      facevalue registry key add {facts['publisher_key']} --name {plain(stored.name)}")


@app.command("lint")
@guarded
def lint_command(
    what: Annotated[
        str, typer.Argument(help="An identity, its folder, or a file with a chain (PEM) or a certificate.")
    ],
    key: Annotated[Path | None, typer.Option(help="Judge this private key too; an identity brings its own.")] = None,
    passphrase_env: PassphraseEnv = VARIABLE,
    as_json: Json = False,
) -> None:
    """Explain, rule by rule, why a certificate would be rejected, and how to put it right; ask the engine as well.

    Exit status: 0 whatever came out, 2 when there is nothing to judge.
    """
    from facevalue.signing.lint import lint

    judged = lint(what, key, passphrase=known_passphrase(passphrase_env))
    if as_json:
        _json(judged.to_dict())
        return
    _print_lint(judged)


@app.command("show")
@guarded
def show_command(
    name: Annotated[str | None, typer.Argument(help="An identity or its folder; all of them without one.")] = None,
    as_json: Json = False,
) -> None:
    """Show an identity: its certificates, where they lie, whether its key is encrypted."""
    from facevalue.signing.store import all_identities, find_identity, identities_dir

    rows = [stored.to_dict() for stored in ([find_identity(name)] if name is not None else all_identities())]
    if as_json:
        _json(rows[0] if name is not None else rows)
        return
    if not rows:
        typer.echo(f"there is no identity in {identities_dir()}; facevalue identity init NAME makes one")
    for number, facts in enumerate(rows):
        if number:
            typer.echo()
        _show(facts)


def _show(facts: dict[str, Any]) -> None:
    from facevalue.reports.words import plain

    kind = "test identity: nobody else trusts it" if facts["test"] else "own certificates"
    lines = [("identity", f"{facts['name']} ({kind})"), ("folder", facts["folder"])]
    for certificate in facts["certificates"]:
        purposes = ", ".join(certificate["extended_key_usages"])
        span = f"{certificate['valid_from'][:10]} to {certificate['valid_until'][:10]}"
        lines.append(("certificate", f"{certificate['subject']}, {span}{f', {purposes}' if purposes else ''}"))
    protected = "encrypted" if facts["key"]["encrypted"] else "not encrypted"
    others = ", READABLE BY OTHERS" if facts["key"]["readable_by_others"] else ""
    lines.append(("key", f"{facts['algorithm']}, {protected}{others}: {facts['key']['file']}"))
    if facts["trust"]:
        lines.append(("trust", facts["trust"]))
    if facts["publisher_key"]:
        lines.append(("publisher", facts["publisher_key"]))
    for label, text in lines:
        typer.echo(f"{label:<13} {plain(text)}")


_MARKS = {"passed": "ok", "failed": "FAILED", "advice": "advice", "not_judged": "-"}


def _print_lint(judged: Linted) -> None:
    from facevalue.reports.words import plain

    typer.echo(f"{plain(judged.name)}: {plain(judged.summary)}")
    for checked in judged.rules:
        for line in _lines(checked):
            typer.echo(plain(line))
    accepts = {True: "ok", False: "FAILED", None: "-"}[judged.engine_accepts]
    typer.echo(plain(f"  {accepts:<7} {'engine':<20} {judged.engine_said}"))


def _lines(checked: Checked) -> list[str]:
    rule, mark = checked.rule, _MARKS[str(checked.outcome)]
    out = [f"  {mark:<7} {rule.name:<20} {checked.found}"]
    if mark in ("FAILED", "advice"):
        out.append(f"{'':30}wanted: {rule.wants} ({rule.section}); an engine that meets it {_VIEWS[str(rule.engine)]}")
        out.append(f"{'':30}to do: {checked.fix}")
    return out


_VIEWS = {
    "refuses": "refuses to sign",
    "accepts": "signs all the same, and verifiers may not",
    "no_view": "does not look at it",
}


def _json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=True))
