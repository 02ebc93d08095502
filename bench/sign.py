"""How long signing takes, step by step: `python bench/sign.py [--rounds N] [--no-watermark] [FILE...]`, warm.

Without files, a photograph of about 4 MB, a clip of four seconds (640 x 360) and thirty seconds of sound are made.
They are signed with a test identity, without a time stamp, and entered into a registry in SQLite. Medians over the
rounds, in milliseconds.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from verify import photograph

ROUNDS = 5


def clip(seconds: int = 4) -> bytes:
    """An MP4 with a moving ramp."""
    import av
    import numpy as np

    buffer, rng = io.BytesIO(), np.random.default_rng(2)
    texture = rng.integers(0, 40, (360, 640, 3))
    ramp = np.mgrid[0:360, 0:640].sum(axis=0)[..., None] / 5
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(25 * seconds):
            pixels = np.clip(np.roll(ramp, number, axis=1) + texture, 0, 255).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
    return buffer.getvalue()


def recording(seconds: int = 30, rate: int = 44_100) -> bytes:
    """A WAV of syllable-like bursts."""
    import numpy as np

    time = np.arange(seconds * rate) / rate
    tone = np.sin(2 * np.pi * 180 * time) + 0.5 * np.sin(2 * np.pi * 1250 * time)
    voiced = tone * np.clip(np.sin(2 * np.pi * 3 * time), 0, 1) + np.random.default_rng(3).normal(0, 0.05, len(time))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes((voiced * 8000).astype(np.int16).tobytes())
    return buffer.getvalue()


def measure(path: Path, folder: Path, rounds: int, options: dict[str, Any]) -> dict[str, float]:
    """Medians by step, and of all together (ms); the first round warms up and is left out."""
    import facevalue as fv

    rows: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        signed = fv.sign(path, folder / f"out{path.suffix}", force=True, **options)
        if number:
            for step in signed.steps:
                rows.setdefault(step.name, []).append(1000 * step.seconds)
    medians = {name: statistics.median(values) for name, values in rows.items()}
    return {**medians, "together": sum(medians.values())}


def registry_at(folder: Path, identity: Any) -> Any:
    """A new registry that knows the identity; None without the extra."""
    from facevalue import MissingExtraError
    from facevalue.registry import Key, Role

    try:
        from facevalue.registry import Registry

        made = Registry.create(folder, "bench.example.org")
    except MissingExtraError:
        return None
    made.put_key(Key(identity.publisher.public_key().public_bytes_raw(), "bench", Role.PUBLISHER))
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-watermark", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facevalue-bench-") as name:
        folder = Path(name)
        os.environ["FACEVALUE_HOME"] = str(folder / "home")
        sys.stdout.write(report(folder, args) + "\n")


def report(folder: Path, args: argparse.Namespace) -> str:
    """The table, or JSON."""
    from facevalue.signing.store import init_identity

    identity = init_identity("bench").open()
    made = {"photo.jpg": lambda: photograph(4), "clip.mp4": clip, "sound.wav": recording}
    files = args.files or [write(folder / file, make()) for file, make in made.items()]
    options = {"identity": identity, "watermark": not args.no_watermark, "source_type": "digitalCapture"}
    options["registry"] = registry_at(folder / "registry", identity)
    rows = {}
    for path in files:
        rows[f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)"] = measure(path, folder, args.rounds, options)
    if args.json:
        return json.dumps({name: {k: round(v, 1) for k, v in row.items()} for name, row in rows.items()}, indent=2)
    steps = list(next(iter(rows.values())))
    lines = [f"{'step (ms)':<17}" + "".join(f"{name:>24}" for name in rows)]
    lines += [f"{step:<17}" + "".join(f"{row[step]:>24.1f}" for row in rows.values()) for step in steps]
    return "\n".join(lines)


def write(path: Path, data: bytes) -> Path:
    """A file of those bytes."""
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
