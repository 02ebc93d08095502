"""A run seen from outside: its curves over images shown and its grids, in the terminal and as one page of HTML.

The page holds everything it needs: curves as SVG, grids as data: pictures (the labelled files, byte for byte), no
script. It is drawn from the log, which may be of a stranger: every value is a number here, and every name is escaped.
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facevalue.errors import UsageError
from facevalue.lab.gan.progress import read

Point = tuple[int, float]
MOST_GRIDS = 12
MOST_GRID_BYTES = 4 << 20
_GRID = re.compile(r"grids/\d{9,12}\.jpg")
_BARS = "▁▂▃▄▅▆▇█"
_WIDE, _HIGH, _LEFT, _BELOW = 640, 200, 56, 26
_COLOURS = ("#2563eb", "#dc2626", "#059669", "#9333ea")


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: a title, what to read in it, and its curves by name, from kind and field of the log's lines."""

    title: str
    note: str
    kind: str
    names: tuple[str, ...]
    from_zero: bool = True


_FRECHET = "Lower is better; the floor is what two halves of the real pictures get."
_MANIFOLDS = "Share of the drawn that look real, of the real that could be drawn, of the drawn that are near copies."
_PENALTIES = "Mean squared gradient of the discriminator, at real (R1) and drawn (R2) pictures."
_EVEN = "Near 0.69 both sides are even; they need not fall."
_SCORES = "What the discriminator gives real and drawn pictures."
CHARTS = (
    Chart("Frechet distance", _FRECHET, "distance", ("frechet", "floor")),
    Chart("Precision, recall and copies", _MANIFOLDS, "distance", ("precision", "recall", "copied")),
    Chart("Losses", _EVEN, "train", ("loss_discriminator", "loss_generator")),
    Chart("Gradient penalties", _PENALTIES, "train", ("r1", "r2")),
    Chart("Scores", _SCORES, "train", ("score_real", "score_fake"), from_zero=False),
)


def summary(run: Path) -> list[str]:
    """The run in a few lines of text. Raises UsageError when there is no log."""
    lines = _log(run)
    start = next((line for line in lines if line["kind"] == "start"), {})
    images = max(line["images"] for line in lines)
    out = [f"{images:,} images shown, of {_whole(start, 'pictures')} pictures"]
    for chart in CHARTS:
        for name in chart.names:
            if points := _points(lines, chart.kind, name):
                values = [value for _, value in points]
                out.append(f"{name:<20} {_sparkline(values)}  {values[0]:.3g} to {values[-1]:.3g}")
    return out


def page(run: Path) -> str:
    """The page. Raises UsageError when there is no log."""
    lines = _log(run)
    start = next((line for line in lines if line["kind"] == "start"), {})
    rate = [value for _, value in _points(lines, "train", "images_per_s")]
    middle = f", {sorted(rate)[len(rate) // 2]:.1f} images/s in the middle" if rate else ""
    head = f"{max(line['images'] for line in lines):,} images shown, of {_whole(start, 'pictures')} pictures{middle}"
    charts = "".join(_chart(chart, lines) for chart in CHARTS)
    grids = "".join(_figures(run, lines))
    return _PAGE.format(
        name=html.escape(_plain(run.resolve().name)), head=html.escape(head), charts=charts, grids=grids
    )


def _log(run: Path) -> list[dict[str, Any]]:
    lines = list(read(run))
    if not lines:
        raise UsageError(f"{run.name} holds no log of a run")
    return lines


def _points(lines: Sequence[Mapping[str, Any]], kind: str, name: str) -> list[Point]:
    """The finite values of one field over images shown; a resumed run may have said some things twice."""
    found: dict[int, float] = {}
    for line in lines:
        value = line.get(name)
        if line["kind"] == kind and isinstance(value, int | float) and abs(line["images"]) < 10**12:
            number = float(value) if abs(value) < 1e300 else math.inf
            if math.isfinite(number):
                found[line["images"]] = number
    return sorted(found.items())


def _chart(chart: Chart, lines: Sequence[Mapping[str, Any]]) -> str:
    curves = {name: points for name in chart.names if (points := _points(lines, chart.kind, name))}
    if not curves:
        return ""
    every = [value for points in curves.values() for _, value in points]
    low, high = min(every), max(every)
    low = min(0.0, low) if chart.from_zero else low
    high = high if high > low else low + 1
    last = max(images for points in curves.values() for images, _ in points) or 1
    body, legend = [], []
    for colour, (name, points) in zip(_COLOURS, curves.items(), strict=False):
        places = " ".join(f"{_x(images / last):.1f},{_y((value - low) / (high - low)):.1f}" for images, value in points)
        body.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        body += [
            f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="2" fill="{colour}"/>'
            for p in places.split()[-1:]
        ]
        legend.append(f'<span style="color:{colour}">{name} {points[-1][1]:.4g}</span>')
    box = f'viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{chart.title}"'
    svg = f"<svg {box}>{_axes(low, high, last)}{''.join(body)}</svg>"
    return f"<section><h2>{chart.title}</h2><p>{chart.note} {' '.join(legend)}</p>{svg}</section>"


def _x(share: float) -> float:
    return _LEFT + share * (_WIDE - _LEFT - 8)


def _y(share: float) -> float:
    return 8 + (1 - share) * (_HIGH - _BELOW - 8)


def _axes(low: float, high: float, last: int) -> str:
    out = []
    for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        y, x = _y(part), _x(part)
        out.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDE - 8}" y2="{y}" class="rule"/>')
        out.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{low + part * (high - low):.3g}</text>')
        out.append(f'<text x="{x}" y="{_HIGH - 6}" text-anchor="{anchor}">{round(part * last):,}</text>')
    return "".join(out)


def _figures(run: Path, lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Grids spread over the run, each also with its nearest training pictures when the run has looked for them."""
    names = sorted({str(line.get("file")) for line in lines if line["kind"] == "grid"})
    names = [name for name in names if _GRID.fullmatch(name)]
    step = max(1, -(-len(names) // MOST_GRIDS))
    for name in names[::-1][::step][::-1]:
        images = int(Path(name).stem)
        if shown := _picture(run / name):
            yield _figure(shown, f"{images:,} images: drawn, none is a photograph")
    if names and (shown := _picture(run / "nearest" / Path(names[-1]).name)):
        yield _figure(shown, "above: drawn; below: each one's nearest training picture")


def _figure(attributes: str, caption: str) -> str:
    return f"<figure><img {attributes}><figcaption>{caption}</figcaption></figure>"


def _picture(path: Path) -> str:
    """The attributes of an img element; empty when there is no JPEG of a bearable size."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_GRID_BYTES else b""
    except OSError:
        return ""
    if not data.startswith(b"\xff\xd8\xff"):
        return ""
    return f'alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode("ascii")}"'


def _sparkline(values: Sequence[float], width: int = 40) -> str:
    picked = [values[round(i * (len(values) - 1) / max(1, width - 1))] for i in range(min(width, len(values)))]
    if len(values) <= width:
        picked = list(values)
    low, high = min(picked), max(picked)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in picked)


def _whole(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    return f"{value:,}" if isinstance(value, int) and abs(value) < 10**12 else "an unknown number of"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:200]


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>Run {name}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }}
main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; }}
h1 {{ margin: 0; }} h2 {{ font-size: 1.05rem; margin: 0; }} section p {{ margin: .2rem 0; font-size: .85rem; }}
svg {{ width: 100%; height: auto; }} svg text {{ font-size: 11px; fill: currentColor; }}
.rule {{ stroke: currentColor; opacity: .2; }}
figure {{ margin: 0; }} img {{ max-width: 100%; image-rendering: pixelated; }} figcaption {{ font-size: .85rem; }}
</style></head><body><h1>Run {name}</h1><p>{head}</p><main>{charts}</main><h2>Drawn over the run</h2>
<main>{grids}</main></body></html>
"""
