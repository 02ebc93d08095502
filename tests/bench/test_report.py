"""Figures are those of the records, in-sample rows are never mistaken for others, and writing is deterministic."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import facevalue
from facevalue.bench import measure
from facevalue.bench.cards import BEGIN, END, write_cards, write_readme
from facevalue.bench.cli import app
from facevalue.bench.diagram import reliability_svg
from facevalue.bench.records import Record
from facevalue.bench.report import IN_SAMPLE, Report, format_interval
from facevalue.errors import UsageError
from facevalue.examiners.base import Card
from facevalue.opinion import metrics

from .conftest import FakeCheck


def made(n: int = 40, seed: int = 0, **change: Any) -> list[Record]:
    """n reals and n fakes whose ratios are true ones, two sources, two groups."""
    rng, out = np.random.default_rng(seed), []
    for i in range(2 * n):
        label = i % 2
        ratio = float(2 * rng.normal(1 if label else -1, 1) / math.log(10))
        base = Record(
            key=f"s/{i}.jpg", set="s", source="ab"[i // 2 % 2], generator="gan" if label else "-",
            group="XY"[i // 4 % 2], cluster=f"{i}", label=label, asked=("generated",), launder="none",
            held_out={"generated": True},
            verdict="fake" if ratio > 1.5 else "suspect" if ratio > 1 else "no_signs", log10_lr=ratio,
            questions={"generated": {"log10_lr": ratio, "status": "examined"}},
            findings={"generated": {"question": "generated", "status": "clear", "score": 0.5, "log10_lr": ratio}},
            quality={"short_side": 100.0 + 20 * i, "jpeg_quality": 50 + i % 50, "face_px": None}, build="b",
        )  # fmt: skip
        out.append(replace(base, **change))
    return out


def find(rows: list[measure.Row], set_name: str, regime: str, held_out: bool = True) -> measure.Row:
    return next(r for r in rows if (r.set, r.regime, r.held_out) == (set_name, regime, held_out))


def test_rows_are_the_metrics_of_their_slice() -> None:
    records = made()
    rows = measure.measure(records, draws=50)
    scores, labels = [r.log10_lr for r in records], [r.label for r in records]
    row = find(rows, "all", "all")
    assert row.figures["auc"][0] == metrics.auc(scores, labels)
    assert row.figures["auc"][1] < row.figures["auc"][0] < row.figures["auc"][2]
    assert row.figures["cllr"][0] == metrics.cllr(scores, labels)
    assert (row.n_real, row.n_fake, row.abstained) == (40, 40, 0)
    regimes = {r.regime for r in rows}
    assert {"source a", "source b", "group X", "group Y", "short side < 256 px"} <= regimes
    assert "generator gan" not in regimes  # the only one: the row of its set is the same
    assert find(rows, "s", "source a").n_real == 20
    assert row.rates["real_suspect_or_worse"][0] == sum(r.verdict != "no_signs" for r in records if not r.label) / 40
    assert row.rates["real_unexamined"][:2] == (0.0, 0.0)
    assert row.rates["real_unexamined"][2] > 0.05  # no events in 40 is no proof of none


def test_in_sample_pictures_are_never_pooled_with_held_out_ones() -> None:
    seen = [replace(r, set="t", key=f"t/{r.key}", held_out={"generated": False}) for r in made(seed=1)]
    rows = measure.measure(made() + seen, draws=20)
    assert find(rows, "all", "all").n_real == 40
    assert find(rows, "all", "all", held_out=False).n_real == 40
    assert not [r for r in rows if r.set == "t" and r.held_out]


def test_no_opinion_counts_as_a_neutral_one_but_examiners_answer_only_for_themselves() -> None:
    records = made()
    silent = replace(records[1], questions={}, findings={}, log10_lr=None, verdict="inconclusive")
    records = [records[0], silent, *records[2:]]
    row = find(measure.measure(records, draws=20), "all", "all")
    assert (row.n_fake, row.abstained) == (40, 1 / 80)
    assert row.figures["auc"][0] == metrics.auc([r.log10_lr or 0.0 for r in records], [r.label for r in records])
    card = find(measure.measure_examiners(records, draws=20)["generated"], "all", "all")
    assert (card.n_fake, card.abstained, card.rates) == (39, 1 / 80, {})


def test_any_question_uses_the_loudest() -> None:
    records = made(asked=("any",), held_out={"any": True}, questions={})
    row = find(measure.measure(records, draws=20), "all", "all")
    assert row.question == "any"
    assert row.figures["auc"][0] == metrics.auc([r.log10_lr for r in records], [r.label for r in records])


def test_reals_alone_have_rates_and_no_figures() -> None:
    row = find(measure.measure([r for r in made() if not r.label], draws=20), "all", "all")
    assert not row.figures
    assert "fake_fake" not in row.rates
    assert 0 <= row.rates["real_fake"][0] <= 1


def test_a_generator_is_measured_against_the_reals_of_its_source() -> None:
    records = made()
    records = [replace(r, generator=f"gan-{r.source}") if r.label else r for r in records]
    rows = measure.measure(records, draws=20)
    assert find(rows, "s", "generator gan-a").n_real == 20
    apart = [replace(r, source="web") if r.label else r for r in records]
    assert find(measure.measure(apart, draws=20), "s", "generator gan-a").n_real == 40


def test_agreement_leaves_metadata_verdicts_and_abstentions_out() -> None:
    base = made(n=5)
    for r in base:
        assert measure.verdict_question(r) == ("" if r.verdict == "no_signs" else "generated")
    copies = [replace(r, launder="q70") for r in base]
    assert measure.agreement(base) is None
    (share, low, high), pairs = measure.agreement(base + copies) or ((0, 0, 0), 0)
    assert (share, pairs) == (1.0, 10)
    assert low < 1.0 == high
    flipped = {"no_signs": "fake", "suspect": "no_signs", "fake": "no_signs"}
    copies[0] = replace(copies[0], verdict=flipped[copies[0].verdict])
    copies[1] = replace(copies[1], verdict="inconclusive")
    base[2] = replace(base[2], verdict="declared_synthetic")
    (share, *_), pairs = measure.agreement(base + copies) or ((0, 0, 0), 0)
    assert (share, pairs) == (7 / 8, 8)


def test_regimes_cover_every_value_once() -> None:
    for value in range(1, 2000, 7):
        names = metrics.regimes(value, min(100, value), value)
        assert len(names) == 3
    assert metrics.regimes(255, 79, 96) == ("short side < 256 px", "JPEG quality 60-79", "face 96-159 px")
    assert metrics.regimes(1024, None, None) == ("short side >= 1024 px", "not a JPEG")


def test_the_report_is_loud_about_what_training_has_seen(tmp_path: Path) -> None:
    report = Report.of(made(held_out={"generated": False}), "facevalue bench run", draws=20)
    text = report.to_markdown()
    assert text.count(IN_SAMPLE) == 2
    assert "### Held out" not in text
    clean = Report.of(made(), "facevalue bench run", draws=20).to_markdown()
    assert IN_SAMPLE not in clean
    mixed = Report.of([*made(n=6), *made(n=6, set="u", build="c")], "x", draws=20).to_markdown()
    assert "mix 2 builds" in mixed


def test_files_are_deterministic_and_well_formed(tmp_path: Path) -> None:
    written = [Report.of(made(), "facevalue bench run", draws=30).write(tmp_path / name) for name in "ab"]
    assert [p.read_bytes() for p in written[0]] == [p.read_bytes() for p in written[1]]
    raw = json.loads((tmp_path / "a" / "results.json").read_text())
    assert raw["schema"] == "facevalue.bench/1"
    assert raw["rows"][0]["figures"]["auc"][0] > 0.8
    svg = tmp_path / "a" / "reliability_generated_held_out.svg"
    ET.fromstring(svg.read_text())
    assert svg.name in (tmp_path / "a" / "report.md").read_text()


def test_diagrams_escape_titles() -> None:
    table = metrics.reliability_table([0.1, -0.1], [1, 0])
    root = ET.fromstring(reliability_svg(table, "<script>&"))
    assert [e.text for e in root.iter() if e.tag.endswith(("title", "}text")) and e.text == "<script>&"]
    assert not [e for e in root.iter() if "script" in e.tag]


@pytest.mark.parametrize(
    ("interval", "text"),
    [(None, "-"), ((math.nan,) * 3, "-"), ((0.934, 0.9, 1.0), ".934 (.900-1.00)"), ((0.5, math.nan, math.nan), ".500")],
)
def test_intervals_print_short(interval: measure.Interval | None, text: str) -> None:
    assert format_interval(interval) == text


CARD = """
name = "generated"
version = "1"
question = "generated"
summary = "s"
method = "m"
trained_on = ["t"]
made_by = "b"
limits = ["l"]
"""


def test_cards_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "card.toml").write_text(CARD)
    report = Report.of(made(), "facevalue bench run --data DATA", draws=20)
    (path,) = write_cards(report, tmp_path)
    assert write_cards(report, tmp_path) == [path]
    row = Card.load(tmp_path / "generated").measured[0]
    assert (row["set"], row["regime"], row["held_out"], row["n_real"]) == ("all", "all", True, 40)
    assert len(row["auc"]) == 3
    assert json.loads(path.read_text())["command"] == "facevalue bench run --data DATA"


def test_readme_changes_only_between_its_markers(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# A\n{BEGIN}\nold\n{END}\nrest\n")
    report = Report.of(made(), "facevalue bench run --data DATA", draws=20)
    write_readme(report, readme)
    once = readme.read_text()
    assert once.startswith(f"# A\n{BEGIN}\n| question ")
    assert once.endswith(f"{END}\nrest\n")
    assert "old" not in once
    assert write_readme(report, readme).read_text() == once
    assert "IN-SAMPLE" not in once
    write_readme(Report.of(made(held_out={"generated": False}), "x", draws=20), readme)
    assert "(IN-SAMPLE)" in readme.read_text()
    with pytest.raises(UsageError, match="markers"):
        write_readme(report, tmp_path / "absent.md")


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> FakeCheck:
    check = FakeCheck()
    monkeypatch.setattr(facevalue, "check_many", check, raising=False)
    return check


def test_the_command_runs_resumes_and_tabulates(data: Path, tmp_path: Path, public: FakeCheck) -> None:
    out = tmp_path / "out"
    words = ["run", "--data", str(data), "--out", str(out), "--launder", "q70", "--draws", "20", "--limit", "6"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output
    assert len(public.seen) == 2 * 24
    assert {p.name for p in out.iterdir()} >= {"results.jsonl", "results.json", "report.md"}
    report = (out / "report.md").read_text()
    assert "`facevalue bench run --data DATA --launder q70 --limit 6`" in report
    assert str(tmp_path) not in report
    assert "JPEG q70 copy" in report
    assert CliRunner().invoke(app, words).exit_code == 0
    assert len(public.seen) == 48
    assert CliRunner().invoke(app, [*words, "--fresh"]).exit_code == 0
    assert len(public.seen) == 96
    before = report, (out / "results.json").read_bytes()
    assert CliRunner().invoke(app, ["table", "--out", str(out), "--draws", "20"]).exit_code == 0
    assert before == ((out / "report.md").read_text(), (out / "results.json").read_bytes())


def test_wrong_usage_is_one_sentence(tmp_path: Path, data: Path, public: FakeCheck) -> None:
    for words in (
        ["run", "--data", str(tmp_path / "absent")],
        ["run", "--data", str(data), "--launder", "polish"],
        ["run", "--data", str(data), "--set", "gamma"],
        ["table", "--out", str(tmp_path / "absent")],
    ):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        assert "facevalue bench: " in result.output
        assert "Traceback" not in result.output
