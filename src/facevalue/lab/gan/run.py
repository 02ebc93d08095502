"""A training run in its folder: packs the pictures, begins or resumes, and does what is due between steps.

RUN/log.jsonl  checkpoints/  grids/  nearest/  pictures-64.u8 + .json  real-features.npz
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from facevalue._version import __version__
from facevalue.errors import FacevalueError, UsageError
from facevalue.lab.gan import checkpoint, loop
from facevalue.lab.gan.distance import nearest, quality
from facevalue.lab.gan.draws import looks
from facevalue.lab.gan.features import SPACE, FeatureNet, Features
from facevalue.lab.gan.pictures import Pictures, open_packed, pack
from facevalue.lab.gan.progress import Clock, Log, rounded
from facevalue.lab.gan.ranks import Ranks, ranks
from facevalue.lab.gan.recipe import Recipe
from facevalue.lab.gan.sample import drawn, save_grid

GRIDS, NEAREST = "grids", "nearest"
GRID_PICTURES, NEAREST_PICTURES = 64, 8
LOOK_SEED, MEASURE_SEED = 0, 1  # of the latents that grids and distances are drawn from

Report = Callable[[str], None]
Show = Callable[[int, int, "dict[str, float | None]", Clock], None]


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often, in images: a log line, a grid, a distance, a checkpoint (0: never; the last step does each of them).

    measured: pictures drawn for a distance, against at most twice as many real ones; 0 leaves distances out.
    keep: checkpoints that stay, the newest; 0 keeps all.
    """

    log: int = 1_000
    grid: int = 20_000
    measure: int = 20_000
    save: int = 5_000
    measured: int = 1_000
    keep: int = 3

    @classmethod
    def spread(cls, recipe: Recipe, keep: int = 3) -> Cadence:
        """About 200 log lines, 12 grids and distances and 40 checkpoints over a run."""
        log, look, save = (max(recipe.batch, recipe.images // parts) for parts in (200, 12, 40))
        return cls(log, look, look, save, recipe.measured, keep)


class Stop:
    """Whether someone asked to stop: the first Ctrl-C (or SIGTERM) ends after the step, a second one at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(number, self._before[number])


def train(
    data: Path,
    run: Path,
    recipe: Recipe,
    cadence: Callable[[Recipe], Cadence] = Cadence.spread,
    *,
    resume: bool = False,
    start: Path | None = None,
    report: Report = lambda line: None,
    packing: Callable[[int, int], None] = lambda done, of: None,
    show: Show = lambda *_: None,
) -> Path:
    """Train a generator on the pictures of a folder; returns the last checkpoint.

    cadence: how often what happens, from the run's recipe. resume: go on from the newest checkpoint, or from `start`,
    and forget what came after it; the run's own recipe holds then, but for its number of images, which may grow.
    packing(done, of) is called while the pictures are read, show(images, of, measures, clock) for each log line.

    Raises UsageError (nothing to learn from; a run stands there already; other pictures than before), ModelError
    (a damaged checkpoint), KeyboardInterrupt once a checkpoint is written, FacevalueError when training diverges.
    """
    with ranks() as where:
        where.share(recipe.batch)
        report = report if where.first else lambda line: None
        at = _beginning(run, resume, start, report)
        if where.first:
            run.mkdir(parents=True, exist_ok=True)
            pictures = pack(data, recipe.shape.side_px, run, report, packing)
        where.wait()
        if not where.first:
            pictures = open_packed(run, recipe.shape.side_px)
        state = _state(at, recipe, pictures, where)
        return _Session(run, state, pictures, where, cadence(state.recipe), at is None, show).go()


def _beginning(run: Path, resume: bool, start: Path | None, report: Report) -> Path | None:
    """The checkpoint to go on from; None for a new run."""
    if start is not None:
        return start
    if not checkpoint.found(run):
        if resume:
            report(f"{run.name} has no checkpoint yet: the run begins")
        return None
    if not resume:
        raise UsageError(f"{run.name} holds a run already; --resume goes on with it, another --out begins a new one")
    return checkpoint.newest(run, report)


def _state(at: Path | None, recipe: Recipe, pictures: Pictures, where: Ranks) -> checkpoint.State:
    if at is None:
        window = torch.zeros(2, len(loop.MEASURES), dtype=torch.float64)
        return checkpoint.State(recipe, loop.Players.new(recipe, where.device), window, pictures.digest)
    state = checkpoint.load(at, where.device)
    if state.recipe.shape.side_px != recipe.shape.side_px:
        raise UsageError(f"that run draws {state.recipe.shape.side_px} px, not {recipe.shape.side_px} px")
    if state.data != pictures.digest:
        raise UsageError("the pictures are not those that the run began with")
    return replace(state, recipe=replace(state.recipe, images=max(recipe.images, state.recipe.images)))


class _Session:
    """One process's stretch of a run, from a state to the end or to an interruption."""

    def __init__(
        self,
        run: Path,
        state: checkpoint.State,
        pictures: Pictures,
        where: Ranks,
        cadence: Cadence,
        fresh: bool,
        show: Show,
    ) -> None:
        self.run, self.state, self.pictures = run, state, pictures
        self.where, self.cadence, self.show = where, cadence, show
        self.fresh = fresh
        self.players, self.recipe = state.players, state.recipe
        self.clock = Clock(self.players.images, self.recipe.images)
        self._features: tuple[FeatureNet, Features] | None = None

    def go(self) -> Path:
        first, images = self.where.first, self.players.images
        if first:
            checkpoint.drop_later(self.run, images)
        self.log = Log(self.run, None if self.fresh else images) if first else None
        try:
            if self.log:
                self.log.write("start" if self.fresh else "resume", images, **self._facts())
            if self.fresh or not checkpoint.found(self.run):
                self._save()
            with Stop() as stop:
                for images, measures in loop.steps(self.players, self.recipe, self.pictures.pixels, self.where):
                    asked = self._gather(measures, stop.asked)
                    self._between(images, last=images >= self.recipe.images, asked=asked)
                    if asked:
                        raise KeyboardInterrupt
        finally:
            if self.log:
                self.log.close()
        self.where.wait()
        return checkpoint.found(self.run)[-1]

    def _gather(self, measures: torch.Tensor, asked: bool) -> bool:
        """Add a step to the log's window; whether any process was asked to stop."""
        if not torch.isfinite(measures[:2]).all():
            raise FacevalueError(
                f"training diverged at {self.players.images:,} images (a loss is no number); the last checkpoint "
                "stands: begin again with a lower --rate or a higher --gamma"
            )
        taken = measures.isfinite()
        summed = torch.cat([measures.nan_to_num(0.0), torch.tensor([float(asked)], dtype=torch.float64)])
        mean = self.where.mean(summed.to(self.where.device)).cpu()
        self.state.window[0] += mean[:-1]
        self.state.window[1] += taken
        return bool(mean[-1] > 0)

    def _between(self, images: int, *, last: bool, asked: bool) -> None:
        """What is due after a step; the first process does it, the others wait where it takes long."""

        def due(every: int) -> bool:
            return last or (every > 0 and images // every != (images - self.recipe.batch) // every)

        if due(self.cadence.log):
            self._log_line(images)
        measures = self.cadence.measured > 0 and due(self.cadence.measure)
        if self.log and due(self.cadence.grid):
            self._grid(images)
        if self.log and measures:
            self._measure(images)
        if due(self.cadence.save) or asked:
            self._save()
        if measures:
            self.where.wait()

    def _log_line(self, images: int) -> None:
        sums, counts = self.state.window
        values = rounded(dict(zip(loop.MEASURES, (sums / counts).tolist(), strict=True)))
        self.state.window.zero_()
        times = self.clock.lap(images)
        if self.log:
            self.log.write("train", images, **values, **times)
            self.show(images, self.recipe.images, {**values, **times}, self.clock)

    def _save(self) -> None:
        if self.log:
            self.log.sync()
            checkpoint.save(self.run, self.state, self.cadence.keep)

    def _grid(self, images: int) -> None:
        pixels = drawn(self.players.average, looks(LOOK_SEED, GRID_PICTURES, self.recipe.shape.latent))
        name = f"{GRIDS}/{images:09d}.jpg"
        (self.run / GRIDS).mkdir(exist_ok=True)
        save_grid(pixels, self.run / name)
        assert self.log is not None
        self.log.write("grid", images, file=name)

    def _measure(self, images: int) -> None:
        net, real = self._features = self._features or self._real_features()
        latents = looks(MEASURE_SEED, self.cadence.measured, self.recipe.shape.latent)
        pixels = drawn(self.players.average, latents)
        made = net(pixels)
        assert self.log is not None
        self.log.write("distance", images, space=SPACE, **quality(real, made).to_dict())
        rows, _ = nearest(made[:NEAREST_PICTURES], real)
        beside = np.concatenate([pixels[:NEAREST_PICTURES], self.pictures.pixels[self._rows()[rows]]])
        (self.run / NEAREST).mkdir(exist_ok=True)
        save_grid(beside, self.run / NEAREST / f"{images:09d}.jpg", len(rows))

    def _rows(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The real pictures that distances are taken to: the same ones throughout the run."""
        count = min(len(self.pictures.pixels), 2 * self.cadence.measured)
        return np.sort(np.random.default_rng(MEASURE_SEED).permutation(len(self.pictures.pixels))[:count])

    def _real_features(self) -> tuple[FeatureNet, Features]:
        net, store = FeatureNet(self.where.device), self.run / "real-features.npz"
        key, rows = f"{SPACE} {self.pictures.digest}", self._rows()
        try:
            with np.load(store, allow_pickle=False) as known:
                if str(known["key"]) == key and np.array_equal(known["rows"], rows):
                    return net, known["features"]
        except (OSError, ValueError, KeyError):
            pass
        features = net(self.pictures.pixels[rows])
        partial = store.with_suffix(".partial.npz")
        np.savez(partial, key=np.array(key), rows=rows, features=features)
        partial.replace(store)
        return net, features

    def _facts(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_dict(),
            "pictures": len(self.pictures.names),
            "pictures_sha256": self.pictures.digest,
            "facevalue": __version__,
            "torch": str(torch.__version__),
            "processes": self.where.count,
            "device": self.where.device.type,
            "threads": torch.get_num_threads(),
        }
