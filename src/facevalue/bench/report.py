"""Writing what was measured: results.json for programs, report.md and reliability diagrams for people."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facevalue.bench import measure
from facevalue.bench.diagram import reliability_svg
from facevalue.bench.measure import EVERYTHING, Row
from facevalue.bench.records import Record
from facevalue.bench.robust import AS_IS
from facevalue.opinion.metrics import ReliabilityBin, reliability_table

SCHEMA = "facevalue.bench/1"
IN_SAMPLE = "IN-SAMPLE: training has seen these pictures. The figures say nothing about pictures it has not seen."
COLUMNS = ("auc", "eer", "recall_at_1", "recall_at_5", "cllr", "cllr_min")
HEADINGS = ("AUC", "EER", "recall at 1%", "recall at 5%", "Cllr", "Cllr_min")
VERDICTS = ("real_fake", "real_suspect_or_worse", "real_inconclusive", "real_unexamined", "fake_suspect_or_worse")
VERDICT_HEADINGS = (
    "reals called `fake`", "reals `suspect` or worse", "reals `inconclusive`", "reals `unexamined`",
    "fakes `suspect` or worse",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """Everything measured. reliability: by (question, held_out). agreement: see measure.agreement."""

    command: str
    records: Sequence[Record]
    rows: Sequence[Row]
    examiners: dict[str, list[Row]]
    reliability: dict[tuple[str, bool], list[ReliabilityBin]]
    agreement: tuple[measure.Interval, int] | None

    @classmethod
    def of(cls, records: Sequence[Record], command: str, *, draws: int = 400, seed: int = 0) -> Report:
        """Measure the records; draws: bootstrap draws behind each interval."""
        rows = measure.measure(records, draws=draws, seed=seed)
        tables = {(r.question, r.held_out): _reliability(records, r.question, r.held_out) for r in rows}
        examiners = measure.measure_examiners(records, draws=draws, seed=seed)
        return cls(command, records, rows, examiners, tables, measure.agreement(records))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; undefined figures are null."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "builds": sorted(measure.builds(self.records)),
            "examinations": len(self.records),
            "agreement_q70": None if self.agreement is None else {
                "share": [round(v, 4) for v in self.agreement[0]], "pairs": self.agreement[1],
            },
            "rows": [row.to_dict() for row in self.rows],
            "examiners": {name: [row.to_dict() for row in rows] for name, rows in self.examiners.items()},
            "reliability": [
                {"question": question, "held_out": kept, "bins": [asdict(row) for row in table]}
                for (question, kept), table in self.reliability.items()
            ],
        }  # fmt: skip

    def to_markdown(self) -> str:
        """The report for people; in-sample figures stand apart, under a warning."""
        parts = [_head(self)]
        for question in sorted({row.question for row in self.rows}):
            parts.append(f"## Question `{question}`\n")
            for kept in (True, False):
                mine = [row for row in self.rows if row.question == question and row.held_out is kept]
                if mine:
                    parts.append(_section(mine, question, kept, bool(self.reliability[question, kept])))
        return "\n".join(parts)

    def write(self, out: Path) -> list[Path]:
        """Write results.json, report.md and one diagram for each question; returns their paths."""
        out.mkdir(parents=True, exist_ok=True)
        texts = {
            "results.json": json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            "report.md": self.to_markdown(),
        }
        for (question, kept), table in self.reliability.items():
            if table:
                title = f"{question}, {'held out' if kept else 'IN-SAMPLE'}"
                texts[_diagram_name(question, kept)] = reliability_svg(table, title)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
        return [out / name for name in texts]


def _reliability(records: Sequence[Record], question: str, kept: bool) -> list[ReliabilityBin]:
    scorer = measure.opinion_scorer(question)
    mine = [r for r in records if question in r.asked and r.held_out[question] is kept and r.launder == AS_IS]
    return reliability_table([scorer(r) or 0.0 for r in mine], [r.label for r in mine])


def _diagram_name(question: str, kept: bool) -> str:
    return f"reliability_{question}_{'held_out' if kept else 'in_sample'}.svg"


def _head(report: Report) -> str:
    records, builds = report.records, measure.builds(report.records)
    pictures = len({r.key for r in records})
    seconds = statistics.median(r.seconds for r in records) if records else 0.0
    lines = [
        "# Benchmark\n",
        f"`{report.command}`\n",
        f"{len(records)} examinations of {pictures} pictures; median {seconds:.2f} s each.\n",
        "Figures stand with their 95% interval (bootstrap; Wilson for rates). A picture without an opinion counts as",
        "LR = 1. Rows of a question compare fakes and reals that its label answers.\n",
    ]
    if len(builds) > 1:
        lines.append(
            f"**WARNING: these results mix {len(builds)} builds of the package or its weights; use `--fresh`.**\n"
        )
    if seen := sorted({r.set for r in records if not all(r.held_out.values())}):
        lines.append(f"**WARNING: some or all pictures of {', '.join(seen)} are {IN_SAMPLE}**\n")
    if report.agreement is not None:
        (share, low, high), pairs = report.agreement
        lines.append(
            f"The verdict's question agrees between a file and its JPEG q70 copy in {share:.1%} ({low:.1%} to"
            f" {high:.1%}) of {pairs} pairs decided on pixel evidence.\n"
        )
    return "\n".join(lines)


def _section(rows: Sequence[Row], question: str, kept: bool, diagram: bool) -> str:
    lines = ["### Held out\n" if kept else f"### In-sample\n\n**{IN_SAMPLE}**\n"]
    lines.append(markdown_table([r for r in rows if r.figures], COLUMNS, HEADINGS))
    lines.append(markdown_table([r for r in rows if r.rates], VERDICTS, VERDICT_HEADINGS))
    if diagram:
        lines.append(f"![Reliability of {question}]({_diagram_name(question, kept)})\n")
    return "\n".join(lines)


def markdown_table(rows: Sequence[Row], columns: Sequence[str], headings: Sequence[str]) -> str:
    """One line for each row: set, slice, class sizes, then value (low to high) of each column."""
    if not rows:
        return ""
    lines = [
        f"| set | slice | real / fake | no opinion | {' | '.join(headings)} |",
        f"|---|---|---|---|{'---|' * len(columns)}",
    ]
    for row in rows:
        cells = [format_interval((row.figures or {}).get(c) or row.rates.get(c)) for c in columns]
        place = f"| {_cell(row.set)} | {_cell(row.regime)} | {row.n_real} / {row.n_fake} | {row.abstained:.0%} |"
        lines.append(f"{place} {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def format_interval(interval: measure.Interval | None) -> str:
    """ ".93 (.91-.95)"; "-" for what is undefined."""
    if interval is None or interval[0] != interval[0]:
        return "-"
    value, low, high = (f"{v:.2f}" if abs(v) >= 1 else f"{v:.3f}".lstrip("0") for v in interval)
    return value if low == "nan" else f"{value} ({low}-{high})"


def _cell(text: str) -> str:
    return ("every set" if text == EVERYTHING else text).replace("|", "/").replace("\n", " ")
