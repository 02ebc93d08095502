"""Reports of one comparison: JSON, HTML, and lines for a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facevalue.reports import overlay, write_by_suffix
from facevalue.reports.layers import BoxView, place_box
from facevalue.reports.terminal import Line, print_line, put
from facevalue.reports.words import plain

if TYPE_CHECKING:
    from rich.console import Console

    from facevalue.comparison import Change, Comparison, View

# Outcome, tone (as of verdicts), and what must be said beside it.
_NONE, _SAME, _CLEAN, _CHANGED = range(4)
_LABELS = {
    _NONE: ("no common content", 1),
    _SAME: ("identical", 0),
    _CLEAN: ("nothing changed", 0),
    _CHANGED: ("changed", 3),
}
_STYLES = {0: "green", 1: "cyan", 3: "red"}
_CAUTIONS = {
    _NONE: "That nothing in common was found does not prove that the one was not made from the other.",
    _SAME: "Two files with the same content say nothing about whether that content is true.",
    _CLEAN: "Changes that are smaller than what re-encoding leaves, or that lie where the suspect shows nothing, are "
    "not seen. That nothing was changed does not make the original true.",
    _CHANGED: "What was changed is measured against the file that was given as the original: whether that is the "
    "original is not part of this comparison. A change need not be meant to deceive.",
}
_HATCH_PX = 7
_FIGURES = {
    "matrix": "map, from pixels of the suspect to pixels of the original",
    "features": "features that agree with it",
    "exact": "a plain resize, crop or turn",
    "rotation_deg": "turned by, degrees",
    "scale": "pixels of the original for one of the suspect",
    "shown_share": "share of the original that is shown",
    "shown_box": "part of the original that is shown (x, y, width, height)",
    "added_share": "share of the suspect that lies around it",
    "jpeg_quality": "JPEG quality that leaves as much",
    "pictures": "stretches of the pictures that both have",
    "step_s": "seconds between frames that were looked at",
    "sound": "stretches of the sound that both have",
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """One frame for the report: data: URIs, boxes in per cent, and when it is."""

    original: str
    suspect: str
    hatch: str
    boxes: tuple[BoxView, ...]
    moment: str = ""


def json_bytes(found: Comparison, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON text, one newline at the end; lone surrogates of a name become JSON's own escapes."""
    return found.to_json(indent=indent).encode("utf-8", "backslashreplace") + b"\n"


def write_comparison(found: Comparison, path: Path) -> Path:
    """Write one report; the suffix chooses the writer (.html, .json). Missing folders are made.

    Raises UsageError for another suffix and UnreadableError when the path cannot be written.
    """
    return write_by_suffix(path, lambda: json_bytes(found, indent=2), lambda: render_comparison(found))


def render_comparison(found: Comparison) -> str:
    """The report as one self-contained HTML file."""
    from facevalue.reports.html import render

    label, tone = _LABELS[_outcome(found)]
    return render(
        "comparison.html.j2",
        label=label,
        tone=tone,
        summary=found.summary,
        caution=_CAUTIONS[_outcome(found)],
        files=[_file("Original", found.original), _file("Suspect", found.suspect)],
        title=plain(found.suspect.name),
        pictures=[_pictures(view, _boxes_of(found, view)) for view in _views(found)],
        line=_line_view(found),
        whole=[plain(sentence) for sentence in found.whole],
        changes=[_row(number, change) for number, change in enumerate(found.changes, 1)],
        figures=[(_FIGURES.get(name, name), _figure(value)) for name, value in found.alignment.items() if value],
    )


def print_comparison(found: Comparison, console: Console, *, report: Path | None = None, quiet: bool = False) -> None:
    """Print the outcome, and unless quiet a line for all that was done."""
    from rich.text import Text

    label, tone = _LABELS[_outcome(found)]
    line = Text(f"{plain(found.suspect.name)}: ", style="bold")
    line.append(label.upper(), style=f"bold {_STYLES[tone]}")
    line.append(f". {plain(found.summary)}", style="none")
    put(console, line)
    if quiet:
        return
    for name, text in lines(found):
        print_line(console, name, text)
    if report is not None:
        print_line(console, "report", plain(report))


def lines(found: Comparison) -> Iterator[Line]:
    """Label and text of every line below the outcome."""
    yield "original", plain(found.original.name)
    for number, sentence in enumerate(found.whole):
        yield "" if number else "overall", plain(sentence)
    for change in found.changes:
        yield change.kind, plain(f"{where(change)}: {change.what}" if where(change) else change.what)


def where(change: Change) -> str:
    """Box, spans and share of a change, in words."""
    parts = []
    if change.box is not None:
        x, y, width, height = change.box
        parts.append(f"x {x}, y {y}, {width} x {height} px")
    if change.span is not None and change.kind != "region":
        parts.append(f"original {change.span[0]:.2f} to {change.span[1]:.2f} s")
    if change.suspect_span is not None and change.kind != "region":
        parts.append(f"suspect {change.suspect_span[0]:.2f} to {change.suspect_span[1]:.2f} s")
    if change.share is not None:
        parts.append(f"{100 * change.share:.1f}%")
    return ", ".join(parts)


def _outcome(found: Comparison) -> int:
    if not found.common:
        return _NONE
    return _SAME if found.identical else _CHANGED if found.changes else _CLEAN


def _file(which: str, exhibit: Any) -> dict[str, str]:
    return {
        "which": which,
        "name": plain(exhibit.name),
        "facts": f"{plain(exhibit.media_type)}, {exhibit.size:,} bytes",
        "sha256": exhibit.sha256,
    }


def _row(number: int, change: Change) -> dict[str, str]:
    return {"number": str(number), "kind": change.kind, "where": where(change), "what": plain(change.what)}


def _figure(value: Any) -> str:
    """A figure in words; stretches as spans of seconds."""
    if value is True:
        return "yes"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = (
            f"{s['original_s'][0]:.2f} to {s['original_s'][1]:.2f} s as {s['suspect_s'][0]:.2f} to "
            f"{s['suspect_s'][1]:.2f} s"
            for s in value
        )
        return "; ".join(rows)
    return plain(str(value))


# -- pictures ------------------------------------------------------------------------------------------------------


def _views(found: Comparison) -> tuple[View, ...]:
    return found.moments or ((found.view,) if found.view is not None else ())


def _boxes_of(found: Comparison, view: View) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Numbered as in the table; in pixels of what the change's box is in."""
    return [
        (str(number), change.box)
        for number, change in enumerate(found.changes, 1)
        if change.box is not None
        and (view.moment is None or (change.span is not None and change.span[0] <= view.moment[0] <= change.span[1]))
    ]


def _pictures(view: View, boxes: list[tuple[str, tuple[int, int, int, int]]]) -> Pictures:
    height, width = view.mask.shape
    hidden = view.suspect.copy()
    hidden[~view.known] = 128
    return Pictures(
        overlay.jpeg_uri(overlay.reduced(view.original)),
        overlay.jpeg_uri(overlay.reduced(hidden)),
        _hatch_uri(view.mask, ~view.known),
        tuple(
            b for b in (place_box(box, (width, height), name) for name, box in _scaled(boxes, view)) if b is not None
        ),
        "" if view.moment is None else f"{view.moment[0]:.2f} s of the original, {view.moment[1]:.2f} s of the suspect",
    )


def _scaled(
    boxes: list[tuple[str, tuple[int, int, int, int]]], view: View
) -> list[tuple[str, tuple[float, float, float, float]]]:
    x, y = view.scale
    return [(name, (b[0] * x, b[1] * y, b[2] * x, b[3] * y)) for name, b in boxes]


def _hatch_uri(mask: npt.NDArray[np.bool_], unknown: npt.NDArray[np.bool_]) -> str:
    """What was changed as diagonal lines in black and white within a contour; what is not shown as dots: no colour."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    scale = min(1.0, overlay.PICTURE_SIDE_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    changed = np.asarray(image.resize(size, Image.Resampling.NEAREST)) > 0
    hidden = np.asarray(Image.fromarray(unknown.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)) > 0
    y, x = np.indices(changed.shape)
    phase = (x + y) % (2 * _HATCH_PX)
    rgba = np.zeros((*changed.shape, 4), np.uint8)
    rgba[changed] = (190, 20, 60, 70)
    rgba[changed & (phase < 2)] = (255, 255, 255, 235)
    rgba[changed & (phase >= _HATCH_PX) & (phase < _HATCH_PX + 2)] = (0, 0, 0, 235)
    rgba[hidden & (x % 8 < 2) & (y % 8 < 2)] = (0, 0, 0, 200)
    rgba[_rim(~changed) & ~hidden] = (0, 0, 0, 255)
    rgba[_rim(changed)] = (255, 255, 255, 255)
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, format="PNG", compress_level=6)
    return overlay.data_uri(buffer.getvalue(), "image/png")


def _rim(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    padded = np.pad(inside, 1, mode="edge")
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(inside & ~core, np.bool_)


# -- time ----------------------------------------------------------------------------------------------------------


def _line_view(found: Comparison) -> list[dict[str, Any]]:
    """Two bars, original and suspect, with the spans that differ, in per cent of the longer one."""
    if found.duration_s is None or not found.common:
        return []
    longest = max(*found.duration_s, 1e-6)
    rows = []
    for name, length, mine in (("original", found.duration_s[0], True), ("suspect", found.duration_s[1], False)):
        spans = []
        for number, change in enumerate(found.changes, 1):
            span = change.span if mine else change.suspect_span
            if span is not None and change.kind != "region":
                left, width = 100 * span[0] / longest, 100 * (span[1] - span[0]) / longest
                spans.append(
                    {"left": round(left, 2), "width": round(max(width, 0.4), 2), "number": number, "kind": change.kind}
                )
        rows.append(
            {"name": name, "length": f"{length:.1f} s", "width": round(100 * length / longest, 2), "spans": spans}
        )
    return rows
