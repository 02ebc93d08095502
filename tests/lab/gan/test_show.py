"""The page and the summary of a run, whoever wrote its log."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from facevalue.lab.cli import app
from facevalue.lab.gan.progress import LOG, Clock, Log, read, rounded, status
from facevalue.lab.gan.show import page, summary

ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["kind", "images", "frechet", "loss_generator", "r1", "file", "pictures", "images_per_s"])


def write(run: Path, *lines: dict[str, Any]) -> Path:
    run.mkdir(exist_ok=True)
    (run / LOG).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return run


def test_the_page_shows_curves_and_grids_and_needs_nothing_else(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["gan", "show", str(run), "--report", str(target)])
    assert result.exit_code == 0
    assert "128 images shown, of 24 pictures" in result.stdout
    assert "loss_discriminator" in result.stdout
    text = target.read_text(encoding="utf-8")
    assert text.count("<polyline") == 6
    assert text.count("<figure>") == 2
    shown = re.findall(r"base64,([^\"]+)", text)
    assert base64.b64decode(shown[-1]) == (run / "grids" / "000000128.jpg").read_bytes()
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    assert "default-src 'none'" in text


def test_distances_have_a_chart_with_their_last_value(tmp_path: Path) -> None:
    lines = [{"kind": "distance", "images": n, "frechet": 100.0 / n, "floor": 1.5} for n in (10, 20, 40)]
    run = write(tmp_path / "run", *lines)
    assert "frechet 2.5" in page(run)
    (line,) = [line for line in summary(run) if line.startswith("frechet")]
    assert re.search(r"█▃▁  10 to 2.5$", line)


def test_a_hostile_log_and_name_do_no_harm(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    run = write(
        tmp_path / "<b onmouseover=alert(1)>",
        {"kind": "start", "images": 0, "pictures": evil},
        {"kind": "train", "images": 10, "loss_generator": evil, "r1": 10**400, "r2": True, "score_real": -1e308},
        {"kind": "grid", "images": 10, "file": "../../etc/passwd"},
        {"kind": "grid", "images": 10, "file": evil},
        {"kind": evil, "images": 10},
        {"kind": "train", "images": 10**100, "loss_generator": 1.0},
    )
    text = page(run)
    assert "<script" not in text
    assert "<b onmouseover" not in text
    assert "<figure>" not in text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.dictionaries(NAMES, ANYTHING), max_size=4), st.binary(max_size=40))
def test_no_log_breaks_the_page(tmp_path: Path, lines: list[dict[str, Any]], end: bytes) -> None:
    run = write(tmp_path / "run", {"kind": "train", "images": 5, "r1": 1.0}, *lines)
    with (run / LOG).open("ab") as stream:
        stream.write(end)
    assert page(run).startswith("<!doctype html>")
    assert summary(run)


def test_a_log_that_goes_on_forgets_what_came_later(tmp_path: Path) -> None:
    log = Log(tmp_path)
    for images in (10, 20, 30):
        log.write("train", images, r1=float(images))
    log.close()
    with (tmp_path / LOG).open("a") as stream:
        stream.write('{"kind": "train", "ima')  # killed while writing
    log = Log(tmp_path, 20)
    log.write("train", 30, r1=3.0)
    log.sync()
    log.close()
    assert [(line["images"], line["r1"]) for line in read(tmp_path)] == [(10, 10.0), (20, 20.0), (30, 3.0)]


def test_numbers_are_short_and_never_infinite() -> None:
    assert rounded({"a": 1 / 3, "b": float("nan"), "c": float("inf")}) == {"a": 0.333333, "b": None, "c": None}


def test_the_live_line_says_how_long_it_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("facevalue.lab.gan.progress.time.monotonic", lambda: now[0])
    clock = Clock(0, 72_000)
    assert clock.left(0) == ""
    now[0] += 10
    assert clock.lap(100) == {"seconds": 10.0, "images_per_s": 10.0}
    line = status(100, 72_000, {"loss_discriminator": 0.5, "loss_generator": 0.75, "r1": 2.0, "r2": None}, clock)
    assert line == "100/72,000 images  D 0.5 G 0.75 R1 2  10.0 images/s  1:59:50 left"
