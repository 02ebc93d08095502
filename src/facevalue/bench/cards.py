"""Writing figures where people read them: each examiner's measured.json, and the table in README."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facevalue.bench.measure import EVERYTHING, Row
from facevalue.bench.report import IN_SAMPLE, Report, format_interval
from facevalue.bench.split import examiners_folder
from facevalue.errors import UsageError

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"


def write_cards(report: Report, folder: Path | None = None) -> list[Path]:
    """Write measured.json beside the card.toml of every examiner that was measured; returns the paths.

    No date and no machine is in it: the same records give the same bytes.
    """
    root, written = folder or examiners_folder(), []
    for name, rows in report.examiners.items():
        if (root / name / "card.toml").is_file():
            path = root / name / "measured.json"
            path.write_text(_dump(report.command, [card_row(row) for row in rows if row.figures]), encoding="utf-8")
            written.append(path)
    return written


def _dump(command: str, rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return f'{{\n "command": {json.dumps(command)},\n "rows": [\n{lines}\n ]\n}}\n'


def card_row(row: Row) -> dict[str, Any]:
    """A row as measured.json holds it: figures beside the slice, each [value, low, high]."""
    raw = row.to_dict()
    names = ("set", "regime", "held_out", "n_real", "n_fake", "abstained")
    out: dict[str, Any] = {name: raw[name] for name in names}
    out.update(raw["figures"])
    return out


def readme_table(report: Report) -> str:
    """The table of README: every question and set as received; held-out rows, then, marked, in-sample ones."""
    headings = (
        "question", "set", "real / fake", "AUC", "recall at 5% false alarms", "Cllr",
        "reals called `fake`", "reals `suspect` or worse",
    )  # fmt: skip
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    rows = [row for row in report.rows if row.regime == EVERYTHING]
    for row in sorted(rows, key=lambda row: not row.held_out):
        set_name = "every set" if row.set == EVERYTHING else row.set
        figures = [format_interval(row.figures.get(name)) for name in ("auc", "recall_at_5", "cllr")]
        rates = [format_interval(row.rates.get(name)) for name in ("real_fake", "real_suspect_or_worse")]
        mark = "" if row.held_out else " (IN-SAMPLE)"
        cells = [f"`{row.question}`", set_name + mark, f"{row.n_real} / {row.n_fake}", *figures, *rates]
        lines.append(f"| {' | '.join(cells)} |")
    notes = [f"Written by `{report.command}`; 95% intervals in parentheses."]
    if any(not row.held_out for row in rows):
        notes.append(IN_SAMPLE)
    return "\n".join([*lines, "", " ".join(notes), *left_out_table()])


def left_out_table(folder: Path | None = None) -> list[str]:
    """The figures that `lab train` measured while it left sources, clips or generators out; lines of Markdown.

    They are of the same recipe on parts of the data, not of the shipped weights, which saw those parts in the end.
    """
    rows = []
    for path in sorted((folder or examiners_folder()).glob("*/leave_one_out.json")):
        for row in json.loads(path.read_text(encoding="utf-8")).get("table", ()):
            figures = [f"{row[name]:.3f}" if name in row else "" for name in ("auc", "recall_at_5", "cllr")]
            cells = [f"`{path.parent.name}`", str(row["name"]), f"{row['n_real']} / {row['n_fake']}", *figures]
            rows.append(f"| {' | '.join(cells)} |")
    if not rows:
        return []
    headings = ("examiner", "left out of training", "real / fake", "AUC", "recall at 5% false alarms", "Cllr")
    head = [
        "",
        "Left out in turn while training (written by `facevalue lab train`):",
        "",
        f"| {' | '.join(headings)} |",
    ]
    return [*head, "|" + "---|" * len(headings), *rows]


def write_readme(report: Report, readme: Path) -> Path:
    """Replace what stands between the markers. Raises UsageError when README lacks them."""
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{readme.name} lacks the markers {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{readme_table(report)}\n{END}{after}", encoding="utf-8")
    return readme
