"""The documentation says what the program does: its commands exist, its example runs, its links lead somewhere."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(page: Path, language: str) -> Iterator[str]:
    for found, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if found == language:
            yield text


def _commands() -> set[tuple[str, ...]]:
    lines = (line for page in PAGES for block in _blocks(page, "sh") for line in block.splitlines())
    tables = re.findall(r"`(facevalue [^`]+)`", "\n".join(page.read_text(encoding="utf-8") for page in PAGES))
    words = (shlex.split(line.partition("  #")[0]) for line in (*lines, *tables) if line.startswith("facevalue "))
    return {tuple(command[1:]) for command in words}


@functools.cache
def _help(*command: str) -> str:
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    code = "from facevalue.cli import main; main()"
    run = [sys.executable, "-c", code, *command, "--help"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, f"facevalue {' '.join(command)}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("command", sorted(_commands()), ids=" ".join)
def test_every_documented_command_exists(command: tuple[str, ...]) -> None:
    groups = {"identity", "models", "registry", "trust", "lab", "bench"}
    rooms = {("lab", room) for room in ("consent", "corpus", "duel", "gan", "vocoder", "zoo")}
    deeper = {("registry", "key"), ("registry", "log"), *rooms}
    depth = 3 if command[:2] in deeper else 2 if command[0] in groups else 1
    text = _help(*(word for word in command[:depth] if not word.startswith("-")))
    for option in (word for word in command if word.startswith("--")):
        assert option in text, f"{option} is documented, but `facevalue {' '.join(command[:depth])} --help` has none"


def test_every_relative_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_documented_examiner_runs(drawing: Any, encode: Any, tmp_path: Path) -> None:
    from facevalue import Exhibit, Limits, Status
    from facevalue.examiners.base import Card, Examiner, Subject
    from facevalue.media import decode, picture_quality

    page = ROOT / "docs" / "adding-an-examiner.md"
    scope = {"__file__": str(tmp_path / "__init__.py"), "__name__": "my_examiner"}
    exec(next(_blocks(page, "python")), scope)  # the page's own example
    examiner = scope["ClippingExaminer"]()
    assert isinstance(examiner, Examiner)

    exhibit = Exhibit.open(encode(drawing, "PNG"))
    media = decode(exhibit, Limits())
    subject = Subject(exhibit, media.picture, media.facts, picture_quality(media.picture.pixels), ())
    finding = examiner.examine(subject)
    assert finding.status is Status.CLEAR
    assert finding.score == pytest.approx(float((drawing == 255).all(axis=2).mean()))

    announced, card = _blocks(page, "toml")
    assert tomllib.loads(announced)["project"]["entry-points"]["facevalue.examiners"]["clipping"].startswith("my_exam")
    (tmp_path / "card.toml").write_text(card, encoding="utf-8")
    assert Card.load(examiner.folder).question == str(examiner.question)


def test_the_documented_json_has_the_keys_of_the_schema() -> None:
    example = json.loads(next(_blocks(ROOT / "docs" / "json.md", "json")))
    schema = json.loads((resources.files("facevalue") / "schema" / "examination-1.json").read_text(encoding="utf-8"))
    assert set(example) == set(schema["properties"])
    assert set(schema["required"]) <= set(example)


def test_every_verdict_and_band_is_explained() -> None:
    from facevalue import Verdict
    from facevalue.reports.words import BANDS

    text = (ROOT / "docs" / "opinion.md").read_text(encoding="utf-8")
    assert all(f"| `{verdict}` |" in text for verdict in Verdict)
    assert all(f"| {words} |" in text for band, words in BANDS.items() if band != "none")


def test_the_readme_table_stands_between_its_markers() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- bench:begin -->")
    inside, _, after = rest.partition("<!-- bench:end -->")
    assert before
    assert inside.strip()
    assert after
