"""How long decoding a clip takes beside plain decoding, and how much memory; not a test, since it judges the machine.

    python bench/decode_clip.py [--json FILE] [--only 720p 1080p long sound] [--seconds 20] [--minutes 30]

Clips are made here: a photograph that scikit-image ships, panned, with sensor-like noise, 30 frames a second, H.264
and AAC. For each: processor seconds and elapsed seconds per second of the clip for plain PyAV decoding of pictures and
sound with the same number of threads (the floor), and for open_clip with the default plan; and the peak resident sets
of reader and worker, sampled. On a busy machine read the processor seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

MIB = 1 << 20
FPS = 30
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080), "long": (1280, 720)}
SOUND_RATE = 44_100


def frames(size: tuple[int, int], count: int) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    """A panned photograph with noise that changes from frame to frame."""
    import cv2
    import skimage.data

    width, height = size
    photo = cv2.resize(skimage.data.astronaut(), (width + 256, height + 256), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1).normal(0, 3, (height + 64, width + 64, 3)).astype(np.int16)
    for i in range(count):
        x, y = (128 + round(127 * f(i / 40)) for f in (np.sin, np.cos))
        a, b = i * 37 % 64, i * 53 % 64
        picture = photo[y : y + height, x : x + width] + noise[a : a + height, b : b + width]
        yield np.clip(picture, 0, 255).astype(np.uint8)


def make(path: Path, size: tuple[int, int] | None, seconds: float, repeat: int = 1, wave: Any = None) -> None:
    """Write a clip of `seconds`, its packets repeated; without a size, sound alone. wave: int16 (n,), noise if None."""
    import av

    rng = np.random.default_rng(2)
    with av.open(str(path), "w", format="mp4") as target:
        video: Any = (
            target.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"}) if size else None
        )
        if video is not None and size is not None:
            video.width, video.height = size
            video.pix_fmt, video.thread_count = "yuv420p", 2
        audio: Any = target.add_stream("aac", rate=SOUND_RATE, layout="mono")
        shots = [] if video is None or size is None else encoded(video, size, seconds)
        noise = rng.normal(0, 1500, round(seconds * SOUND_RATE)).astype(np.int16)
        row = np.resize(noise if wave is None else wave, len(noise))[None]
        for turn in range(repeat):
            write_turn(target, video, shots, audio, row, turn, seconds)
        target.mux(audio.encode(None))


def encoded(video: Any, size: tuple[int, int], seconds: float) -> list[tuple[bytes, int, int, bool]]:
    """(bytes, pts, dts, key) of every packet, in frames."""
    import av

    packets = []
    for i, pixels in enumerate(frames(size, round(seconds * FPS))):
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = i, Fraction(1, FPS)
        packets += video.encode(frame)
    packets += video.encode(None)
    return [
        (bytes(p), round(p.pts * p.time_base * FPS), round(p.dts * p.time_base * FPS), p.is_keyframe) for p in packets
    ]


def write_turn(target: Any, video: Any, shots: Any, audio: Any, wave: Any, turn: int, seconds: float) -> None:
    """One repetition: a second of pictures, a second of sound, and so on."""
    import av

    per_second = FPS
    for second in range(int(np.ceil(seconds))):
        for data, pts, dts, key in shots[second * per_second : (second + 1) * per_second]:
            packet: Any = av.Packet(data)
            shift = round(turn * seconds * FPS)
            packet.stream, packet.time_base, packet.is_keyframe = video, Fraction(1, FPS), key
            packet.pts, packet.dts = pts + shift, dts + shift
            target.mux(packet)
        piece = np.ascontiguousarray(wave[:, second * SOUND_RATE : (second + 1) * SOUND_RATE])
        frame: Any = av.AudioFrame.from_ndarray(piece, "s16", "mono")
        frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        frame.pts = round((turn * seconds + second) * SOUND_RATE)
        target.mux(audio.encode(frame))


def plain(path: Path, pictures: bool) -> None:
    """The floor: decode every frame and every sample, and look at none."""
    import av

    for kind in ("video", "audio") if pictures else ("audio",):
        with av.open(str(path)) as container:
            stream: Any = getattr(container.streams, kind)[0]
            stream.thread_count, stream.thread_type = 2, "AUTO"
            for _ in container.decode(stream):
                pass


def read(path: Path) -> dict[str, Any]:
    """open_clip with the default plan, frames thrown away."""
    from facevalue.exhibit import Exhibit
    from facevalue.media import open_clip

    with open_clip(Exhibit.open(path)) as clip:
        count = sum(1 for _ in clip)
        end = clip.end()
    rows = 0 if end.table is None else len(end.table)
    return {"frames": count, "decoded": rows, "sound_s": end.sound.duration_s if end.sound else 0.0}


class Peaks:
    """Peak resident bytes of this process and of its children, sampled while it is entered."""

    def __enter__(self) -> Peaks:
        self.own = self.child = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.own = max(self.own, resident(os.getpid()))
            for task in Path("/proc/self/task").glob("*/children"):
                try:
                    children = [int(pid) for pid in task.read_text().split()]
                except OSError:
                    continue
                self.child = max([self.child, *(resident(pid) for pid in children)])


def resident(pid: int) -> int:
    """Resident bytes of a process; 0 when it is gone. Pages of mapped files are left out: they can be dropped."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """(processor seconds, children and the start of a process included; elapsed seconds; result)."""
    before, start = processor_seconds(), time.perf_counter()
    result = work()
    return processor_seconds() - before, time.perf_counter() - start, result


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in both)


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh process, so that its memory is not counted as the reader's."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} failed")


def measure(name: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One kind of clip, from making it to its figures."""
    path, size = folder / f"{name}.mp4", SIZES.get(name)
    long = name in ("long", "sound")
    piece, repeat = (20.0, max(round(arguments.minutes * 3), 1)) if long else (arguments.seconds, 1)
    apart(make, path, size, piece, repeat)
    length = piece * repeat
    figures: dict[str, Any] = {"clip_s": length, "bytes": path.stat().st_size}
    if not long or size is None:
        cpu, wall, _ = timed(lambda: apart(plain, path, size is not None))
        figures |= {"floor_cpu_per_s": cpu / length, "floor_wall_per_s": wall / length}
    with Peaks() as peaks:
        cpu, wall, result = timed(lambda: read(path))
    figures |= {"open_clip_cpu_s": cpu, "open_clip_wall_s": wall}
    figures |= {"open_clip_cpu_per_s": cpu / length, "open_clip_wall_per_s": wall / length}
    figures |= {"peak_reader_mib": peaks.own / MIB, "peak_worker_mib": peaks.child / MIB, **result}
    path.unlink()
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}


def main() -> None:
    """Measure and print."""
    kinds = (*SIZES, "sound")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=kinds, default=list(kinds))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            found[name] = measure(name, arguments, Path(folder))
            sys.stdout.write(f"{name}\n" + "".join(f"  {key:22} {value}\n" for key, value in found[name].items()))
            sys.stdout.flush()
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
