"""What a run says while it goes on: a JSON-lines log always, and a live line on stderr when that is a terminal.

    {"kind": "start", "images": 0, ...}        the recipe, the pictures' hash, versions, processes, device
    {"kind": "train", "images": 3200, ...}     means since the line before; r1 and r2 are mean squared gradients
    {"kind": "distance", "images": 20000, ...} see `distance`
    {"kind": "grid", "images": 20000, "file": "grids/000020000.jpg"}

`seconds` and `images_per_s` depend on the machine; every other value of a run is the same each time on one machine.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

LOG = "log.jsonl"
MOST_LINE_BYTES = 1 << 20
TIMES = frozenset({"seconds", "images_per_s"})


class Log:
    """The run's log, open for appending. images: lines about later images are dropped first, and so is half a line."""

    def __init__(self, run: Path, images: int | None = None) -> None:
        path = run / LOG
        if images is not None and path.is_file():
            kept = [line for line in read(run) if line["images"] <= images]
            partial = path.with_suffix(".partial")
            partial.write_text("".join(map(_line, kept)), encoding="utf-8")
            partial.replace(path)
        self._stream: IO[str] = path.open("a" if images is not None else "w", encoding="utf-8")

    def write(self, kind: str, images: int, **values: Any) -> None:
        """Append one line; it is with the system when this returns."""
        self._stream.write(_line({"kind": kind, "images": images, **values}))
        self._stream.flush()

    def sync(self) -> None:
        """Have it on the disk: called before a checkpoint that counts on it."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def read(run: Path) -> Iterator[dict[str, Any]]:
    """The lines of a run's log, in order; what is no line of a log (a cut-off end) is passed over."""
    path = run / LOG
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        while text := stream.readline(MOST_LINE_BYTES):
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and isinstance(line.get("images"), int) and isinstance(line.get("kind"), str):
                yield line


def rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    """Six significant digits; None for what is not a finite number."""
    return {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in values.items()}


class Clock:
    """Images a second over the last log window, and the time that is left."""

    def __init__(self, images: int, of: int) -> None:
        self._of, self._images, self._since = of, images, time.monotonic()
        self.rate = 0.0

    def lap(self, images: int) -> dict[str, float]:
        """`seconds` and `images_per_s` since the last lap."""
        seconds = max(1e-9, time.monotonic() - self._since)
        self.rate = (images - self._images) / seconds
        self._images, self._since = images, time.monotonic()
        return {"seconds": round(seconds, 3), "images_per_s": round(self.rate, 2)}

    def left(self, images: int) -> str:
        """What is left, as h:mm:ss; empty while the rate is not known."""
        if not self.rate:
            return ""
        seconds = round((self._of - images) / self.rate)
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def status(images: int, of: int, values: Mapping[str, float | None], clock: Clock) -> str:
    """One line for a terminal: images, losses, penalties, images/s, time left."""
    shown = " ".join(
        f"{short} {values[name]:.3g}"
        for name, short in (("loss_discriminator", "D"), ("loss_generator", "G"), ("r1", "R1"), ("r2", "R2"))
        if values.get(name) is not None
    )
    left = clock.left(images)
    return f"{images:,}/{of:,} images  {shown}  {clock.rate:.1f} images/s" + (f"  {left} left" if left else "")


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(values, allow_nan=False) + "\n"
