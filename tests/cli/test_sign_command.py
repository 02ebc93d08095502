"""`facevalue sign` and `facevalue identity`: what is printed, written and returned."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parent.parent / "provenance"))
import make_credentials as kit

from facevalue.cli import app
from facevalue.reports.json import load_schema

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
    return lambda *args, **more: CliRunner().invoke(app, list(map(str, args)), **more)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(kit.picture(side=160))
    return folder / "photo.jpg"


def check(schema: str, text: str) -> dict:
    value = json.loads(text)
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(load_schema(schema)).validate(value)
    return value


class TestSign:
    def test_a_line_for_each_step(self, run: Run, photo: Path) -> None:
        assert run("identity", "init", "desk").exit_code == 0
        result = run("sign", photo, "--as", "desk", "--no-watermark", "--source-type", "digitalCapture")
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        labels = ["history", "watermark", "fingerprint", "credential", "time stamp", "verified", "second verifier"]
        assert [line[10:25].strip() for line in lines[:9]] == [*labels, "registry", "log"]
        assert lines[0].startswith("done      history          created, digitalCapture")
        assert lines[-1] == f"signed    {photo.with_name('photo.signed.jpg')}"
        assert "desk is a test identity: nobody else trusts it" in result.stderr

    def test_json_and_quiet(self, run: Run, photo: Path) -> None:
        run("identity", "init", "desk")
        result = run("sign", photo, "--as", "desk", "--no-watermark", "--json")
        assert check("signing-1", result.stdout)["output"].endswith("photo.signed.jpg")
        quiet = run("sign", photo, "--as", "desk", "--no-watermark", "--quiet", "--force")
        assert quiet.stdout.splitlines() == [str(photo.with_name("photo.signed.jpg"))]

    def test_a_registry_from_nothing(self, run: Run, photo: Path, tmp_path: Path) -> None:
        pytest.importorskip("sqlalchemy", reason="needs the extra 'registry'")
        made = check("identity-1", run("identity", "init", "desk", "--json").stdout)
        folder = tmp_path / "registry"
        run("registry", "init", "registry.example.org", "--folder", folder)
        args = ("sign", photo, "--as", "desk", "--no-watermark", "--registry", folder)
        refused = run(*args)
        assert refused.exit_code == 2
        assert "facevalue registry key add" in refused.stderr
        run("registry", "key", "add", made["publisher_key"], "--name", "desk.example.org", "--folder", folder)
        signed = run(*args)
        assert signed.exit_code == 0, signed.output
        assert "entered at registry.example.org by desk.example.org" in signed.stdout
        found = run("verify", photo.with_name("photo.signed.jpg"), "--trust", made["trust"], "--registry", folder)
        assert found.stdout.startswith("photo.signed.jpg: VERIFIED. ")

    @pytest.mark.parametrize(
        ("args", "status", "why"),
        [
            (("--as", "nobody"), 2, "there is no identity 'nobody'; known here: desk"),
            (("--as", "desk", "--source-type", "x"), 2, "unknown digitalSourceType"),
            (("--as", "desk", "--out", "{photo}"), 2, "originals are never overwritten"),
            (("--as", "desk", "--tsa", "https://tsa.example.org"), 2, "add --online"),
            (("--as", "desk", "--tsa", "https://tsa.example.org", "--online"), 2, "FACEVALUE_OFFLINE"),
            (("--as", "desk", "--title", "x" * 10_000), 2, "a title has at most 1000"),
            (("--as", "desk", "--registry", "{photo}"), 2, "there is no registry"),
            (("--as", "desk", "--trust", "{photo}"), 2, "no certificate"),
        ],
    )
    def test_wrong_usage(self, args: tuple[str, ...], status: int, why: str, run: Run, photo: Path) -> None:
        run("identity", "init", "desk")
        result = run("sign", photo, *(a.replace("{photo}", str(photo)) for a in args))
        assert (result.exit_code, result.stdout) == (status, "")
        assert why in result.stderr
        assert "Traceback" not in result.output
        assert [p.name for p in photo.parent.iterdir()] == ["photo.jpg"]

    @pytest.mark.parametrize(
        ("name", "data"), [("gone.jpg", None), ("a.txt", b"text"), ("a.png", b"\x89PNG\r\n\x1a\n")]
    )
    def test_what_cannot_be_signed(self, name: str, data: bytes | None, run: Run, tmp_path: Path) -> None:
        run("identity", "init", "desk")
        if data is not None:
            (tmp_path / name).write_bytes(data)
        result = run("sign", tmp_path / name, "--as", "desk", "--no-watermark")
        assert (result.exit_code, result.stderr.count("\n")) == (3, 1)

    def test_hostile_names_steer_no_terminal(self, run: Run, photo: Path) -> None:
        run("identity", "init", "desk")
        hostile = photo.with_name("\x1b[2J\u202e.jpg")
        hostile.write_bytes(kit.flipped(kit.sign(kit.picture()), -20))
        result = run("sign", hostile, "--as", "desk", "--no-watermark")
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output
        assert "warning: " in result.stderr


class TestIdentity:
    def test_init_says_that_nobody_trusts_it(self, run: Run, tmp_path: Path) -> None:
        result = run("identity", "init", "desk", "--organisation", "Desk & Sons")
        assert "nobody else trusts it" in result.stdout
        assert f"--trust {tmp_path / 'home' / 'identities' / 'desk' / 'trust.pem'}" in result.stdout
        assert "desk (Desk & Sons)" in result.stdout
        again = run("identity", "init", "desk")
        assert (again.exit_code, "never overwritten" in again.stderr) == (2, True)

    def test_show(self, run: Run) -> None:
        assert "there is no identity in" in run("identity", "show").stdout
        run("identity", "init", "desk")
        assert run("identity", "show", "desk").stdout == run("identity", "show").stdout
        check("identity-1", run("identity", "show", "desk", "--json").stdout)
        assert len(json.loads(run("identity", "show", "--json").stdout)) == 1
        assert "PRIVATE KEY" not in run("identity", "show", "desk", "--json").stdout

    def test_lint(self, run: Run, tmp_path: Path) -> None:
        run("identity", "init", "desk")
        good = run("identity", "lint", "desk")
        assert good.stdout.startswith("desk: It keeps every rule")
        stamper = kit.issue(kit.Wish("Stamper", ekus=(kit.TIME_STAMPING,)), kit.intermediate())
        (tmp_path / "chain.pem").write_text(stamper.pem())
        bad = run("identity", "lint", tmp_path / "chain.pem")
        assert (bad.exit_code, "breaks 2 rules (eku-claims, eku-alone)" in bad.stdout) == (0, True)
        assert "signs all the same, and verifiers may not" in bad.stdout
        found = check("identity-lint-1", run("identity", "lint", tmp_path / "chain.pem", "--json").stdout)
        assert (found["usable"], found["engine"]["accepts"]) == (False, True)
        assert run("identity", "lint", tmp_path / "gone.pem").exit_code == 2

    def test_passphrases(self, run: Run, photo: Path) -> None:
        assert "set FACEVALUE_PASSPHRASE" in run("identity", "init", "desk", "--encrypt").stderr
        short = run("identity", "init", "desk", "--encrypt", env={"FACEVALUE_PASSPHRASE": "short"})
        assert "at least 8 characters" in short.stderr
        secret = {"DESK": "correct horse"}
        made = run("identity", "init", "desk", "--encrypt", "--passphrase-env", "DESK", env=secret)
        assert "encrypted" in made.stdout
        args = ("sign", photo, "--as", "desk", "--no-watermark", "--passphrase-env", "DESK")
        assert "needs its passphrase: set DESK" in run(*args).stderr
        wrong = run(*args, env={"DESK": "wrong horse"})
        assert (wrong.exit_code, "its passphrase is wrong" in wrong.stderr) == (2, True)
        assert run(*args, env=secret).exit_code == 0

    def test_the_passphrase_is_no_option(self, run: Run) -> None:
        for command in (("sign",), ("identity", "init"), ("identity", "lint")):
            assert "--passphrase " not in run(*command, "--help").stdout
