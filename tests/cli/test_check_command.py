"""`facevalue check`, with hand-built examinations in place of examining."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import handmade
import pytest
from typer.testing import CliRunner, Result

import facevalue
from facevalue.cli import app
from facevalue.cli.check import QUESTIONS, WORST_FIRST
from facevalue.errors import UnreadableError
from facevalue.finding import Question, Verdict
from facevalue.reports.json import load_schema

Run = Callable[..., Result]


@pytest.fixture
def calls() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]) -> Run:
    """The command over a fake facevalue.check: a file's name chooses what it is found to be."""

    def check(source: Any, *, name: str | None = None, **options: Any) -> facevalue.Examination:
        data = source.read() if hasattr(source, "read") else b""
        calls.append({"source": source, "name": name, "data": data, **options})
        shown = name or Path(source).name
        if shown.startswith("missing"):
            raise UnreadableError(f"cannot read {shown}: no such file")
        if shown.startswith("crash"):
            raise RuntimeError("a bug")
        if shown.startswith("interrupt"):
            raise KeyboardInterrupt
        if shown.startswith("broken"):
            return handmade.unreadable(shown)
        exam = handmade.suspect(exhibit=handmade.exhibit(shown))
        verdict = next((v for v in Verdict if shown.startswith(str(v))), None)
        return exam if verdict is None else handmade.suspect(exhibit=exam.exhibit, opinion=handmade.opinion(verdict))

    def check_many(sources: list[Any], *, workers: int = 1, **options: Any) -> Iterator[facevalue.Examination]:
        for source in reversed(sources):  # completion order is not the order given
            yield check(source, workers=workers, **options)

    monkeypatch.setattr(facevalue, "check", check, raising=False)
    monkeypatch.setattr(facevalue, "check_many", check_many, raising=False)
    return lambda *args, **more: CliRunner().invoke(app, ["check", *map(str, args)], **more)


def test_one_file_prints_the_opinion(run: Run) -> None:
    result = run("a.jpg")
    assert result.exit_code == 0
    assert result.stdout.startswith("a.jpg: SUSPECT.")
    assert "LR 24 (log10 +1.4), moderate support" in result.stdout
    assert result.stderr == ""


def test_quiet_prints_the_verdict_line_alone(run: Run) -> None:
    assert len(run("a.jpg", "--quiet").stdout.splitlines()) == 1


def test_json_of_one_file_is_an_object_that_validates(run: Run) -> None:
    record = json.loads(run("a.jpg", "--json").stdout)
    pytest.importorskip("jsonschema").validate(record, load_schema())
    assert record["exhibit"]["name"] == "a.jpg"


def test_json_of_several_is_an_array_in_the_order_given(run: Run) -> None:
    names = ["b.jpg", "a.jpg", "dir/a.jpg", "c.jpg"]
    records = json.loads(run(*names, "--json").stdout)
    assert [r["exhibit"]["name"] for r in records] == ["b.jpg", "a.jpg", "a.jpg", "c.jpg"]


def test_jsonl_is_one_object_a_line(run: Run) -> None:
    lines = run("a.jpg", "b.jpg", "--jsonl").stdout.splitlines()
    assert [json.loads(line)["exhibit"]["name"] for line in lines] == ["b.jpg", "a.jpg"]


def test_stdin_is_read_as_bytes(run: Run, calls: list[dict[str, Any]]) -> None:
    result = run("-", "--json", input=b"\xff\xd8\xff\x00")
    assert json.loads(result.stdout)["exhibit"]["name"] == "stdin"
    assert calls[0]["data"] == b"\xff\xd8\xff\x00"


def test_options_reach_the_examination(run: Run, calls: list[dict[str, Any]]) -> None:
    run("a.jpg", "--max-pixels", "1.5", "--timeout", "7", "--question", "generated", "--question", "edited")
    assert calls[0]["limits"] == facevalue.Limits(pixels=1_500_000, seconds=7.0)
    assert calls[0]["questions"] == (Question.GENERATED, Question.EDITED)
    run("a.jpg", "b.jpg", "--workers", "2")
    assert calls[-1]["workers"] == 2
    assert calls[-1]["questions"] is None


@pytest.mark.parametrize("suffix", [".html", ".json"])
def test_report_of_one_file(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out/report{suffix}"
    result = run("a.jpg", "--report", path)
    assert result.exit_code == 0
    assert path.stat().st_size > 1000
    assert f"report          {path}" in result.stdout


def test_reports_of_several_go_into_a_folder_with_an_index(run: Run, tmp_path: Path) -> None:
    result = run("a.jpg", "b.jpg", "broken.jpg", "--report", tmp_path / "out")
    assert result.exit_code == 0
    assert len(list((tmp_path / "out").glob("*.html"))) == 4
    assert "index.html" in result.stderr


def test_interruption_keeps_what_was_done(run: Run, tmp_path: Path) -> None:
    result = run("interrupt.jpg", "a.jpg", "b.jpg", "--report", tmp_path / "out", "--json")
    assert result.exit_code == 130
    assert (tmp_path / "out" / "index.html").is_file()
    assert [r["exhibit"]["name"] for r in json.loads(result.stdout)] == ["a.jpg", "b.jpg"]
    assert "interrupted" in result.stderr


def test_worst_first_knows_every_verdict_and_question() -> None:
    assert set(WORST_FIRST) == {str(v) for v in Verdict}
    assert len(WORST_FIRST) == len(Verdict)
    assert tuple(map(str, Question)) == QUESTIONS


@pytest.mark.parametrize(
    ("name", "fail_on", "status"),
    [
        ("suspect.jpg", "suspect", 1),
        ("fake.jpg", "suspect", 1),
        ("suspect.jpg", "fake", 0),
        ("declared_synthetic.jpg", "fake", 1),
        ("inconclusive.jpg", "suspect", 0),
        ("no_signs.jpg", "inconclusive", 0),
        ("verified.jpg", "no_signs", 0),
        ("no_signs.jpg", "no_signs", 1),
        ("broken.jpg", "inconclusive", 3),  # nothing at all could be examined
    ],
)
def test_fail_on(run: Run, name: str, fail_on: str, status: int) -> None:
    assert run(name, "--fail-on", fail_on).exit_code == status


def test_one_unexamined_file_among_others_is_as_little_cleared_as_an_inconclusive_one(run: Run) -> None:
    assert run("no_signs.jpg", "broken.jpg", "--fail-on", "inconclusive").exit_code == 1
    assert run("no_signs.jpg", "broken.jpg", "--fail-on", "suspect").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a.jpg", "--json", "--jsonl"), "choose one"),
        (("a.jpg", "--question", "aliens"), "known: generated"),
        (("a.jpg", "--fail-on", "bad"), "known: altered"),
        (("-", "-"), "once"),
        (("a.jpg", "--report", "r.docx"), ".html or .json"),
        (("a.jpg", "b.jpg", "--report", "r.html"), "need a folder"),
        (("a.jpg", "--workers", "0"), "--workers"),
        ((), "Missing argument"),
    ],
)
def test_wrong_usage_is_status_2_and_examines_nothing(
    run: Run, calls: list[Any], arguments: tuple[str, ...], sentence: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not calls


def test_a_folder_is_wrong_usage_with_a_hint(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "is a folder" in result.stderr
    assert "*" in result.stderr


@pytest.mark.parametrize("name", ["missing.jpg", "broken.jpg", "crash.jpg"])
def test_nothing_examined_is_status_3_without_a_traceback(run: Run, name: str) -> None:
    result = run(name)
    assert result.exit_code == 3
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


def test_an_unknown_error_is_one_sentence_unless_debugging(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("crash.jpg").stderr.splitlines() == [
        "facevalue: unexpected RuntimeError: a bug (set FACEVALUE_DEBUG=1 to see where)"
    ]
    monkeypatch.setenv("FACEVALUE_DEBUG", "1")
    assert "Traceback" in run("crash.jpg").stderr


def test_an_unwritable_report_is_status_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("a.jpg", "--report", tmp_path / "file" / "r.html")
    assert result.exit_code == 3
    assert "cannot write" in result.stderr
