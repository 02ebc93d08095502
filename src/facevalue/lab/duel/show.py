"""A duel seen from outside: a table for the terminal, a chart, and one self-contained page.

The chart holds lines and numbers and no picture of anything, so it carries no label of the lab. All values are read as
numbers: the record may be of a stranger.
"""

from __future__ import annotations

import base64
import html
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from facevalue.errors import UsageError
from facevalue.lab.duel.store import FORMAT, RECORD

CHART, PAGE = "chart.png", "duel.html"
Interval = tuple[float, float, float]
Series = list[tuple[int, Interval]]
MOST_BYTES = 16 << 20
_WIDE, _HIGH, _LEFT, _TOP, _BELOW, _RIGHT = 520, 260, 44, 30, 28, 150
_COLOURS = ("#1d4ed8", "#dc2626", "#047857", "#7e22ce", "#b45309", "#475569")


def read(run: Path) -> dict[str, Any]:
    """The record of a run. Raises UsageError when there is none with at least one round measured."""
    try:
        if (run / RECORD).stat().st_size > MOST_BYTES:
            raise ValueError
        record = json.loads((run / RECORD).read_text(encoding="utf-8"))
        if record["schema"] != FORMAT or not record["rounds"] or not isinstance(record["rounds"], list):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{run} holds no duel with a round that was measured") from None
    return dict(record)


def lines(record: dict[str, Any]) -> list[str]:
    """The table: a line a round, then what each forger came to prefer, then what is kept."""
    try:
        heads = ("judge AUC", "judge recall at 1%", "clean AUC", "clean false alarms")
        out = [f"round  {'  '.join(f'{head:22}' for head in heads)}  judge gain"]
        out += [_line(row) for row in record["rounds"]]
        out.append("")
        for row in record["rounds"]:
            for name, one in row.get("forgers", {}).items():
                before, after = _interval(one["evasion"]), _interval(one["evasion_after"])
                text = f"round {int(row['round'])} {name}: evades {_text(before)}, after retraining {_text(after)}"
                out.append(_plain(f"{text}; {int(one['slipped'])} of {int(one['of'])} slipped through; {one['law']}"))
        return [*out, *kinds(record), _plain(str(record.get("why", "the duel is not over")))]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError("this is not the record of a duel") from None


def kinds(record: dict[str, Any]) -> list[str]:
    """The judge's AUC by kind, at the start and at the end."""
    first, last = record["rounds"][0]["judge"], record["rounds"][-1]["judge"]
    return [
        _plain(f"judge, {kind}: AUC {_text(_interval(first[kind]['auc']))} to {_text(_interval(last[kind]['auc']))}")
        for kind in first
        if kind != "all"
    ]


def _line(row: dict[str, Any]) -> str:
    judge, clean = row["judge"]["all"], row["clean"]
    cells = [judge["auc"], judge["recall_at_1"], clean["auc"], row["clean_false_alarms"]]
    gain = "" if "judge_gain" not in row else f"{_text(_interval(row['judge_gain']), '+')}"
    kept = " kept" if row.get("improved") else ""
    return f"{int(row['round']):5}  " + "  ".join(f"{_text(_interval(c)):22}" for c in cells) + f"  {gain}{kept}"


def _interval(raw: Sequence[float | None]) -> Interval:
    value, low, high = (math.nan if v is None else float(v) for v in raw)
    return value, low, high


def _text(of: Interval, sign: str = "") -> str:
    return f"{of[0]:{sign}.3f} [{of[1]:{sign}.3f}, {of[2]:{sign}.3f}]" if math.isfinite(of[0]) else "-"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:600]


# The chart


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart of several series over rounds, each point with its interval; values from 0 to 1."""

    title: str
    series: dict[str, Series]


def panels(record: dict[str, Any]) -> list[Panel]:
    """What is drawn: evasion by forger, the judge's AUC by kind, recall and false alarms."""
    rows = record["rounds"]
    forgers = list(dict.fromkeys(name for row in rows for name in row.get("forgers", {})))
    missing: Callable[[dict[str, Any]], Any] = lambda row: None  # noqa: E731

    def over(pick: Callable[[dict[str, Any]], Any]) -> Series:
        return [(int(row["round"]), _interval(found)) for row in rows if (found := pick(row)) is not None]

    evasion = {
        name: over(lambda row, name=name: row.get("forgers", {}).get(name, {}).get("evasion"))  # type: ignore[misc]
        for name in forgers
    } or {"no round": over(missing)}
    auc = {kind: over(lambda row, kind=kind: row["judge"][kind]["auc"]) for kind in rows[0]["judge"]}  # type: ignore[misc]
    auc["clean"] = over(lambda row: row["clean"]["auc"])
    rates = {
        "judge recall": over(lambda row: row["judge"]["all"]["recall_at_1"]),
        "clean recall": over(lambda row: row["clean"]["recall_at_1"]),
        "clean alarms": over(lambda row: row["clean_false_alarms"]),
    }
    return [
        Panel("Evasion of the examiner that was fought", evasion),
        Panel("AUC on the judge, by kind, and on clean data", auc),
        Panel("Recall at 1% false alarms; clean false alarms at the guard's threshold", rates),
    ]


def chart(record: dict[str, Any]) -> bytes:
    """The panels one below the other, as PNG."""
    drawn = [_panel(panel) for panel in panels(record)]
    sheet = Image.new("RGB", (_WIDE, _HIGH * len(drawn)), "white")
    for i, picture in enumerate(drawn):
        sheet.paste(picture, (0, i * _HIGH))
    info, buffer = PngInfo(), io.BytesIO()
    info.add_text("Title", "facevalue lab duel: measurements over rounds")
    sheet.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _panel(panel: Panel) -> Image.Image:
    picture = Image.new("RGB", (_WIDE, _HIGH), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    last = max([at for series in panel.series.values() for at, _ in series] or [1]) or 1
    width, height = _WIDE - _LEFT - _RIGHT, _HIGH - _TOP - _BELOW

    def place(at: float, value: float) -> tuple[float, float]:
        return _LEFT + 30 + (width - 60) * at / last, _TOP + height * (1 - min(1.0, max(0.0, value)))

    draw.text((_LEFT, 8), panel.title, "#111827", font)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = place(0, tick)[1]
        draw.line([(_LEFT, y), (_LEFT + width, y)], "#e5e7eb")
        draw.text((8, y - 6), f"{tick:.2f}", "#6b7280", font)
    for at in range(last + 1):
        draw.text((place(at, 0)[0] - 3, _HIGH - _BELOW + 8), str(at), "#6b7280", font)
    for i, (name, series) in enumerate(panel.series.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        # Side by side, or intervals of one round would hide each other.
        points = [(at + 0.02 * last * (i - len(panel.series) / 2), of) for at, of in series if math.isfinite(of[0])]
        draw.line([place(at, of[0]) for at, of in points], colour, 2)
        for here, of in points:
            x, y = place(here, of[0])
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], colour)
            if math.isfinite(of[1]) and math.isfinite(of[2]):
                draw.line([place(here, of[1]), place(here, of[2])], colour)
        draw.text((_WIDE - _RIGHT + 14, _TOP + 16 * i), _plain(name)[:22], colour, font)
    return picture


def write(run: Path) -> tuple[Path, Path]:
    """Write chart.png and duel.html into the run's folder. Raises UsageError as read() does."""
    record = read(run)
    table = html.escape("\n".join(lines(record)))
    try:
        drawn = chart(record)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError("this is not the record of a duel") from None
    (run / CHART).write_bytes(drawn)
    facts = html.escape(json.dumps({"settings": record.get("settings"), "faces": record.get("faces")}, indent=1))
    picture = base64.b64encode(drawn).decode()
    (run / PAGE).write_text(_PAGE.format(table=table, facts=facts, chart=picture), encoding="utf-8")
    return run / CHART, run / PAGE


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>facevalue lab duel</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>body{{font:15px/1.5 system-ui;margin:2rem auto;max-width:76rem;padding:0 1rem}}pre{{overflow-x:auto}}</style>
<h1>Forgers against an examiner</h1>
<pre>{table}</pre>
<img alt="Evasion, AUC and recall over rounds" src="data:image/png;base64,{chart}">
<h2>Settings and faces</h2>
<pre>{facts}</pre>
</html>
"""
