"""A training run in its folder: log, checkpoints, packed speech, and the ONNX file and card at its end."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from facevalue.errors import UsageError
from facevalue.lab.voices.vocoder import checkpoint, speech
from facevalue.lab.voices.vocoder.loop import MEASURES, Players, step
from facevalue.lab.voices.vocoder.networks import MelLoss
from facevalue.lab.voices.vocoder.recipe import Recipe

LOG = "log.jsonl"
LOG_EVERY = 25
Show = Callable[[int, int, dict[str, float | None], float], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """minutes: stop after so many, 0 for never. save_every: steps between checkpoints."""

    minutes: float = 0.0
    save_every: int = 200


def train(
    paths: Sequence[Path],
    run: Path,
    recipe: Recipe,
    limits: Limits,
    read: speech.Sound,
    *,
    resume: bool = False,
    report: Callable[[str], None] = lambda line: None,
    show: Show = lambda *_: None,
) -> Path:
    """Train until the recipe's steps or the minutes are over; returns the last checkpoint.

    resume: go on from the newest checkpoint with the run's own recipe, of which only `steps` may be raised; weights
    and log are then, bit by bit, those of a run that was never stopped (same machine, same number of threads, same
    `steps` from the start). An interrupt finishes the step and writes a checkpoint. Raises UsageError.
    """
    run.mkdir(parents=True, exist_ok=True)
    if checkpoint.found(run) and not resume:
        raise UsageError(f"{run.name} holds a run already: resume it, or choose another folder")
    heard = speech.packed(run) if resume else None
    if heard is None:
        report(f"reading {len(paths)} recordings")
        heard = speech.pack(paths, read, run, recipe.crop, lambda done, of: show(done, of, {}, 0.0))
    digest = heard.digest
    if resume:
        own, players, data = checkpoint.load(checkpoint.newest(run, report))
        if data != digest:
            raise UsageError(f"the speech in {run.name} is not what the run was trained on")
        recipe = replace(own, steps=max(own.steps, recipe.steps))
        _forget_later(run, players.steps)
    else:
        players = Players.new(recipe)
        (run / LOG).write_text("", encoding="utf-8")
    report(f"{heard.seconds / 60:.1f} minutes of speech, step {players.steps} of {recipe.steps}")
    try:
        _steps(players, recipe, heard, run, limits, digest, show)
    except KeyboardInterrupt:
        report(f"stopped at step {players.steps}; --resume goes on from there")
    return checkpoint.save(run, recipe, players, digest)


def _steps(
    players: Players, recipe: Recipe, heard: speech.Speech, run: Path, limits: Limits, digest: str, show: Show
) -> None:
    mel, began, first = MelLoss(), time.monotonic(), players.steps
    while players.steps < recipe.steps:
        seen = _uninterrupted(players, recipe, heard, mel)
        values = {n: None if math.isnan(v) else round(v, 6) for n, v in zip(MEASURES, seen.tolist(), strict=True)}
        if players.steps % LOG_EVERY == 0 or players.steps == recipe.steps:
            with (run / LOG).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"step": players.steps, **values}) + "\n")
        spent = time.monotonic() - began
        show(players.steps, recipe.steps, values, spent / (players.steps - first))
        if limits.minutes and spent > limits.minutes * 60:
            return
        if players.steps % limits.save_every == 0:
            checkpoint.save(run, recipe, players, digest)


def _uninterrupted(players: Players, recipe: Recipe, heard: speech.Speech, mel: MelLoss) -> torch.Tensor:
    """One step, to its end, even when an interrupt comes: half a step is none. The interrupt is raised after it."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return step(players, recipe, speech.batch(heard, recipe, players.steps), mel)
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        seen = step(players, recipe, speech.batch(heard, recipe, players.steps), mel)
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
    return seen


def _forget_later(run: Path, steps: int) -> None:
    """Lines of the log after a checkpoint are made again."""
    log = run / LOG
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    kept = []
    for line in lines:
        try:
            if json.loads(line)["step"] <= steps:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            continue  # half a line, of a process that was killed
    log.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
