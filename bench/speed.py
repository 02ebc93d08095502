"""How long the package takes and how much memory it needs; not a test, since it judges the machine as well.

    python bench/speed.py [--json FILE] [--only import single batch] [--pictures 100] [--workers 2]

Measured in fresh processes: importing the package; one 12-megapixel photograph once everything is loaded; a batch of
1-megapixel pictures through check_many, the start of its workers included. Memory is the peak of the resident sets of
the process and all its children together, sampled. Pictures are cut from the photographs that scikit-image ships.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")  # those that ship inside scikit-image's wheel
LARGE = (4000, 3000)
SMALL = (1155, 866)
SAMPLE_EVERY_S = 0.02
MIB = 1 << 20
# What issue 3 asks of 2 cores.
TARGETS = {"import_s": 0.3, "single_s": 2.5, "single_peak_mib": 1536, "batch_per_s": 1.5}


def photograph(width: int, height: int, seed: int) -> bytes:
    """A JPEG (quality 92) of that size: a seeded crop of a bundled photograph, enlarged, with sensor-like noise."""
    import numpy as np
    import skimage.data
    from PIL import Image

    rng = np.random.default_rng(seed)
    base = Image.fromarray(getattr(skimage.data, PHOTOGRAPHS[seed % len(PHOTOGRAPHS)])())
    part = rng.uniform(0.85, 1.0) * min(base.width / width, base.height / height)
    crop_w, crop_h = width * part, height * part
    left, top = rng.uniform(0, base.width - crop_w), rng.uniform(0, base.height - crop_h)
    box = (left, top, left + crop_w, top + crop_h)
    pixels = np.asarray(base.resize((width, height), Image.Resampling.BICUBIC, box=box), np.float32)
    noisy = np.clip(pixels + rng.normal(0, 3, pixels.shape).astype(np.float32), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=92)
    return out.getvalue()


def measure_import(_: argparse.Namespace) -> dict[str, Any]:
    """Median seconds that `import facevalue`, and fetching its lazy `check`, add to starting Python."""
    programs = ("pass", "import facevalue", "from facevalue import check")
    bare, package, check = (statistics.median(_start(code) for _ in range(9)) for code in programs)
    return {"import_s": package - bare, "import_check_s": check - bare}


def _start(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own constant
    return time.perf_counter() - start


def measure_single(_: argparse.Namespace) -> dict[str, Any]:
    """Seconds for one 12-megapixel photograph after two that load everything; every photograph is another."""
    import facevalue

    for seed in (0, 1):
        facevalue.check(photograph(*LARGE, seed=seed))
    seconds, stages = [], []
    for seed in range(2, 7):
        data = photograph(*LARGE, seed=seed)
        start = time.perf_counter()
        exam = facevalue.check(data)
        seconds.append(time.perf_counter() - start)
        stages.append(dict(exam.timings_s))
    slowest = max(range(len(seconds)), key=seconds.__getitem__)
    return {"single_s": statistics.median(seconds), "single_max_s": max(seconds), "stages_s": stages[slowest]}


def measure_batch(options: argparse.Namespace) -> dict[str, Any]:
    """Pictures per second of check_many on files of 1 megapixel."""
    import facevalue

    with tempfile.TemporaryDirectory(prefix="facevalue-speed-") as folder:
        paths = [Path(folder) / f"{seed:03}.jpg" for seed in range(options.pictures)]
        for seed, path in enumerate(paths):
            path.write_bytes(photograph(*SMALL, seed=seed))
        start = time.perf_counter()
        done = [exam.opinion.verdict for exam in facevalue.check_many(paths, workers=options.workers)]
        seconds = time.perf_counter() - start
    verdicts = {str(v): sum(v == w for w in done) for v in sorted(set(done))}
    return {"batch_per_s": len(done) / seconds, "batch_s": seconds, "pictures": len(done), "verdicts": verdicts}


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "import": measure_import,
    "single": measure_single,
    "batch": measure_batch,
}


def in_fresh_process(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one part in a process of its own while sampling the memory of its tree."""
    words = [sys.executable, __file__, "--part", part, "--pictures", str(options.pictures)]
    child = subprocess.Popen([*words, "--workers", str(options.workers)], stdout=subprocess.PIPE)  # noqa: S603
    peak = [0]
    sampler = threading.Thread(target=_sample, args=(child, peak), daemon=True)
    sampler.start()
    text, _ = child.communicate()
    sampler.join()
    if child.returncode:
        raise SystemExit(f"the part {part} failed with status {child.returncode}")
    figures: dict[str, Any] = json.loads(text)
    if peak[0]:
        figures[f"{part}_peak_mib"] = peak[0] / MIB
    return figures


def _sample(child: subprocess.Popen[bytes], peak: list[int]) -> None:
    while child.poll() is None:
        peak[0] = max(peak[0], tree_bytes(child.pid))
        time.sleep(SAMPLE_EVERY_S)


def tree_bytes(root: int) -> int:
    """Resident bytes of a process and its descendants, from /proc; 0 where there is none.

    Pages that they share count once for each, so that the sum errs upwards.
    """
    total, waiting = 0, [root]
    while waiting:
        folder = Path("/proc") / str(waiting.pop())
        try:
            total += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in (folder / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked
    return total


def table(figures: dict[str, Any]) -> str:
    """Each figure beside what it should reach."""
    lines = [f"{'figure':<20}{'value':>12}{'target':>12}"]
    for name, value in figures.items():
        if isinstance(value, int | float):
            sign = ">=" if name.endswith("per_s") else "<="
            target = f"{sign} {TARGETS[name]:g}" if name in TARGETS else ""
            lines.append(f"{name:<20}{value:>12.3f}{target:>12}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print the table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--pictures", type=int, default=100, help="pictures in the batch")
    parser.add_argument("--workers", type=int, default=2, help="workers of the batch")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        sys.stdout.write(json.dumps(PARTS[options.part](options)))
        return
    figures: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count()}
    for part in options.only:
        figures |= in_fresh_process(part, options)
    sys.stdout.write(table(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
