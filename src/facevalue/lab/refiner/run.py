"""The recipe: pictures in, refiner.onnx out. Interrupt it at any time; the same command goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from facevalue.errors import ModelError
from facevalue.lab.refiner import loop
from facevalue.lab.refiner.networks import Refiner
from facevalue.lab.refiner.pairs import Pairs, build
from facevalue.lab.swap.refine import FILE, SIDE_PX

RATE, BATCH, EVERY = 4e-4, 8, 100
CHECKPOINT, FIGURES = "checkpoint.pt", "refiner.json"

Report = Callable[[str], None]


def train(pictures: Sequence[Path], out: Path, steps: int, seed: int, each: int, report: Report) -> Path:
    """Train to so many steps and write out/refiner.onnx and out/refiner.json; returns the network's path.

    each: pairs made of every picture. What was done is kept in out/ and taken up again. Raises UsageError for too few
    pictures, ModelError for a damaged checkpoint.
    """
    out.mkdir(parents=True, exist_ok=True)

    def told(done: int, of: int) -> None:
        if done % 50 == 0:
            report(f"pairs: picture {done} of {of}")

    pairs = build(pictures, each, seed, out / "pairs.npz", told)
    learn, held = pairs.part(False), pairs.part(True)
    players = loop.Players.fresh(seed, RATE)
    _resume(players, out / CHECKPOINT)
    while players.steps < steps:
        losses = _step(players, learn, seed)
        if players.steps % EVERY == 0 or players.steps == steps:
            _save(players, out / CHECKPOINT)
            report(
                f"step {players.steps}: critic {losses[0]:.3f}, "
                f"difference {losses[1] * 127.5:.2f}, fools {losses[2]:.3f}"
            )
    figures = {**loop.measured(players.average, held), "pairs": len(learn.given), "held_out": len(held.given)}
    figures |= {"steps": players.steps, "seed": seed}
    (out / FIGURES).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    report(json.dumps(figures))
    return export(players.average, out / FILE)


def _step(players: loop.Players, learn: Pairs, seed: int) -> tuple[float, float, float]:
    """What a step sees depends on the seed and its number alone, so that a resumed run is the same run."""
    rng = np.random.default_rng((seed, players.steps))
    rows, mirrored = rng.integers(0, len(learn.given), BATCH), rng.random(BATCH) < 0.5
    return loop.step(players, *loop.batch(learn, rows, mirrored))


def _save(players: loop.Players, path: Path) -> None:
    partial = path.with_suffix(".partial")
    torch.save(players.state(), partial)
    partial.replace(path)


def _resume(players: loop.Players, path: Path) -> None:
    if not path.is_file():
        return
    try:
        players.restore(torch.load(path, weights_only=True))
    except Exception as error:  # torch raises several families for a damaged file
        raise ModelError(f"the checkpoint {path.name} cannot be read ({type(error).__name__}): remove it") from None


def export(refiner: Refiner, path: Path) -> Path:
    """Write the network as ONNX: "picture" float32 (n, 4, S, S) -> "refined" float32 (n, 3, S, S)."""
    import onnx

    partial = path.with_suffix(".partial")
    example = torch.zeros(1, 4, SIDE_PX, SIDE_PX)
    torch.onnx.export(
        refiner.eval(),
        (example,),
        str(partial),
        input_names=["picture"],
        output_names=["refined"],
        dynamic_axes={"picture": {0: "n"}, "refined": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(str(partial))
    partial.replace(path)
    return path
