"""What the GAN's training loop costs above its networks; not a test, since it judges the machine as well.

    python bench/gan.py [--json FILE] [--sizes 32 64] [--threads 2] [--batch 16] [--steps 6]

Measured in fresh processes, alternating: `plain`, the forward and backward passes of one step over fixed tensors and
nothing else (penalties included, since they are part of the loss); and `train`, the whole of `lab gan train` with data,
DiffAugment, optimisers, the average generator and the log. Images a second are by processor time divided by the threads
as well as by the clock: the first says what the loop costs, also on a machine that others use. The overhead is the
median over the rounds. Peak memory is that of the process, torch included.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TARGET_OVERHEAD = 0.10
PICTURES = 256


def run_plain(size: int, batch: int, steps: int) -> dict[str, float]:
    """One step's forward and backward passes, over and over."""
    import torch

    from facevalue.lab.gan import losses, networks
    from facevalue.lab.gan.recipe import Shape

    shape = Shape(side_px=size)
    generator, discriminator = networks.build(shape, 0)
    torch.manual_seed(0)
    real, noise = torch.randn(batch, 3, size, size), torch.randn(batch, shape.latent)

    def step() -> None:
        with torch.no_grad():
            fake = generator(noise)
        pictures = torch.cat([real, fake]).requires_grad_()
        scores = discriminator(pictures)
        squared = losses.squared_gradients(scores, pictures)
        both = losses.penalty(squared[:batch], 1.0) + losses.penalty(squared[batch:], 1.0)
        (losses.discriminator_loss(scores[:batch], scores[batch:]) + both).backward()
        discriminator.requires_grad_(False)
        with torch.no_grad():
            real_scores = discriminator(real)
        losses.generator_loss(real_scores, discriminator(generator(noise))).backward()
        discriminator.requires_grad_(True)
        generator.zero_grad()
        discriminator.zero_grad()

    return timed(step, batch, steps)


def run_train(size: int, batch: int, steps: int) -> dict[str, float]:
    """The loop as the command runs it, with a log line at every second step."""
    import numpy as np
    import torch

    from facevalue.lab.gan import loop
    from facevalue.lab.gan.progress import Log, rounded
    from facevalue.lab.gan.ranks import Ranks
    from facevalue.lab.gan.recipe import Recipe, Shape

    recipe = Recipe(shape=Shape(side_px=size), batch=batch, images=10**9)
    pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, size, size, 3), np.uint8)
    where = Ranks(0, 1, torch.device("cpu"))
    going = loop.steps(loop.Players.new(recipe, where.device), recipe, pictures, where)
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder))

        def step() -> None:
            images, measures = next(going)
            if images // batch % 2 == 0:
                log.write("train", images, **rounded(dict(zip(loop.MEASURES, measures.tolist(), strict=True))))

        return timed(step, batch, steps)


def timed(step: Callable[[], None], batch: int, steps: int) -> dict[str, float]:
    """Seconds an image by processor and by clock, after one step that warms up; peak memory in MiB."""
    step()
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    images = batch * steps
    return {
        "processor_s": (time.process_time() - processor) / images,
        "clock_s": (time.perf_counter() - clock) / images,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Rounds of both, alternating, each in a process of its own."""
    found: dict[str, list[dict[str, float]]] = {"plain": [], "train": []}
    for _ in range(arguments.rounds):
        for mode, rows in found.items():
            options = ["--mode", mode, "--sizes", str(size), "--batch", str(arguments.batch)]
            options += ["--steps", str(arguments.steps), "--threads", str(arguments.threads)]
            command = [sys.executable, __file__, *options]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this very file
            rows.append(json.loads(done.stdout))
    pairs = zip(found["plain"], found["train"], strict=True)
    overhead = statistics.median(train["processor_s"] / plain["processor_s"] - 1 for plain, train in pairs)
    out: dict[str, Any] = {"overhead": round(overhead, 4), "within_target": overhead <= TARGET_OVERHEAD}
    for mode, rows in found.items():
        each = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        out[mode] = {
            "images_per_s_by_processor": round(arguments.threads / each["processor_s"], 2),
            "images_per_s_by_clock": round(1 / each["clock_s"], 2),
            "peak_mib": round(each["peak_mib"]),
        }
    return out


def main() -> None:
    """Measure and print; as a child, one mode only."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mode", choices=("plain", "train"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.mode:
        import torch

        torch.set_num_threads(arguments.threads)
        run = run_plain if arguments.mode == "plain" else run_train
        sys.stdout.write(json.dumps(run(arguments.sizes[0], arguments.batch, arguments.steps)))
        return
    import torch

    figures = {
        "machine": f"{platform.machine()}, {arguments.threads} threads, torch {torch.__version__}",
        "batch": arguments.batch,
        "sizes": {str(size): measure(size, arguments) for size in arguments.sizes},
    }
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
