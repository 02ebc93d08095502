"""The reliability diagram as SVG text, written by hand: no plotting library is needed to read a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from facevalue.opinion.metrics import ReliabilityBin

SIDE = 320
MARGIN = 52


def reliability_svg(table: Sequence[ReliabilityBin], title: str) -> str:
    """Stated against observed probability at equal priors, with 95% intervals; dots grow with the samples behind them.

    Readable without colour: the diagonal is dashed, the dots are filled, every axis is labelled.
    """
    size = SIDE + 2 * MARGIN
    ticks = "".join(_tick(k / 5) for k in range(6))
    most = max((row.n for row in table), default=1)
    dots = "".join(_dot(row, most) for row in table)
    x_name, y_name = "stated probability at equal priors", "observed share of fakes, classes equal"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img"
 font-family="sans-serif" font-size="11">
<title>{escape(title)}</title>
<rect width="{size}" height="{size}" fill="#fff"/>
<text x="{size / 2}" y="24" text-anchor="middle" font-size="13">{escape(title)}</text>
<rect x="{MARGIN}" y="{MARGIN}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#444"/>
<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#444" stroke-dasharray="5 4"/>
{ticks}{dots}<text x="{size / 2}" y="{size - 12}" text-anchor="middle">{x_name}</text>
<text x="14" y="{size / 2}" text-anchor="middle" transform="rotate(-90 14 {size / 2})">{y_name}</text>
</svg>
"""


def _x(share: float) -> str:
    return f"{MARGIN + share * SIDE:.1f}"


def _y(share: float) -> str:
    return f"{MARGIN + (1 - share) * SIDE:.1f}"


def _tick(share: float) -> str:
    return (
        f'<text x="{_x(share)}" y="{MARGIN + SIDE + 16}" text-anchor="middle">{share:.1f}</text>'
        f'<text x="{MARGIN - 6}" y="{float(_y(share)) + 4:.1f}" text-anchor="end">{share:.1f}</text>\n'
    )


def _dot(row: ReliabilityBin, most: int) -> str:
    radius = 2.5 + 4.5 * (row.n / most) ** 0.5
    return (
        f'<line x1="{_x(row.predicted)}" y1="{_y(row.observed_low)}" x2="{_x(row.predicted)}" '
        f'y2="{_y(row.observed_high)}" stroke="#0b5394" stroke-width="1.5"/>'
        f'<circle cx="{_x(row.predicted)}" cy="{_y(row.observed)}" r="{radius:.1f}" fill="#0b5394">'
        f"<title>{row.n} pictures: stated {row.predicted:.2f}, observed {row.observed:.2f}</title></circle>\n"
    )
