"""How long checking a clip or a sound takes beside its length, and how much memory; it judges the machine as well.

    python bench/check_clip.py [FILE ...] [--only 720p 1080p sound long] [--seconds 30] [--minutes 60] [--json FILE]

Without files, clips are made here: a photograph with one face that scikit-image ships, panned, 30 frames a second, with
speech-like sound; `sound` is that sound for --minutes, `long` a 720p clip of --minutes. Each file is checked in a fresh
process, everything loaded anew. Printed: seconds elapsed and processor seconds of plain decoding with two threads (the
floor) and of check(), both also as a share of the length, and the peak resident sets of all its processes together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from decode_clip import SIZES, SOUND_RATE, apart, make, plain, timed
from speed import MIB, tree_bytes

# What issue 4 asks of 2 cores: the share of the length, seconds, MiB.
TARGETS = {"720p": 0.6, "1080p": 1.0, "sound": 60.0, "peak_mib": 1536.0}
CHECK = """
import json, resource, sys, time
import facevalue
start = time.perf_counter()
exam = facevalue.check(sys.argv[1])
wall = time.perf_counter() - start
used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({
    "check_wall_s": wall, "check_cpu_s": sum(u.ru_utime + u.ru_stime for u in used),
    "verdict": str(exam.opinion.verdict), "not_examined": [n[0] for n in exam.not_examined],
    "stages_s": {k: round(v, 2) for k, v in sorted(exam.timings_s.items(), key=lambda kv: -kv[1])[:8]},
}))
"""


def speech(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Sound that the speech detector takes for speech, at SOUND_RATE."""
    from facevalue.examiners.voice.tests.make_speech import RATE, speech_like

    wave = speech_like(seconds).astype(np.float64)
    wave *= 32767 if np.abs(wave).max() <= 1 else 1
    at = np.arange(round(seconds * SOUND_RATE)) * RATE / SOUND_RATE
    return np.clip(np.interp(at, np.arange(len(wave)), wave), -32768, 32767).astype(np.int16)


def made(name: str, folder: Path, options: argparse.Namespace) -> Path:
    """The clip of that name, written in a process of its own."""
    path = folder / f"{name}.mp4"
    long = name in ("sound", "long")
    seconds, repeat = (20.0, max(1, round(options.minutes * 3))) if long else (options.seconds, 1)
    apart(write, path, SIZES.get(name), seconds, repeat)
    return path


def write(path: Path, size: tuple[int, int] | None, seconds: float, repeat: int) -> None:
    """As decode_clip.make, with speech-like sound."""
    make(path, size, seconds, repeat, speech(seconds))


def length_of(path: Path) -> tuple[float, bool]:
    """(seconds, whether it has pictures)."""
    import av

    with av.open(str(path)) as container:
        return float(container.duration or 0) / av.time_base, bool(container.streams.video)


def checked(path: Path) -> dict[str, Any]:
    """One check() in a fresh process, with the peak of the memory of all its processes."""
    child = subprocess.Popen([sys.executable, "-c", CHECK, str(path)], stdout=subprocess.PIPE)  # noqa: S603
    peak = [0]

    def watch() -> None:
        while child.poll() is None:
            peak[0] = max(peak[0], tree_bytes(child.pid))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    text, _ = child.communicate()
    watcher.join()
    if child.returncode:
        raise SystemExit(f"checking {path.name} failed with status {child.returncode}")
    return {**json.loads(text), "peak_mib": peak[0] / MIB}


def measure(path: Path) -> dict[str, Any]:
    """All figures of one file."""
    seconds, pictures = length_of(path)
    cpu, wall, _ = timed(lambda: apart(plain, path, pictures))
    figures = {"length_s": seconds, "floor_wall_s": wall, "floor_cpu_s": cpu, **checked(path)}
    return {**figures, "share_of_length": figures["check_wall_s"] / seconds, "floor_share": wall / seconds}


def main() -> None:
    """Measure, print each file as it is done, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--only", nargs="+", choices=[*SIZES, "sound"], default=["720p", "1080p", "sound"])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="facevalue-clips-") as folder:
        for name in [*map(str, options.files)] or options.only:
            path = Path(name) if options.files else made(name, Path(folder), options)
            found[Path(name).name] = figures = measure(path)
            sys.stdout.write(f"{Path(name).name}\n" + "".join(f"  {k:16} {_text(v)}\n" for k, v in figures.items()))
            if name in TARGETS:
                value = figures["check_wall_s"] if name == "sound" else figures["share_of_length"]
                sys.stdout.write(f"  {'target':16} {TARGETS[name]} (here {value:.2f})\n")
            sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _text(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
