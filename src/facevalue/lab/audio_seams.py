"""The two networks of audio_edit that see seams: what they are and how they are trained.

Frame by frame against exact joints, binary cross-entropy with the positive frames weighted up; frames near a joint
count for neither side. One network for each fold of groups, which it never sees, and one of all that ships.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from facevalue.examiners.audio_edit.seams import (
    FAST_CHANNELS,
    FAST_FILE,
    FAST_OUT_S,
    FAST_STRIDE,
    SLOW_CHANNELS,
    SLOW_FILE,
    SLOW_S,
    Networks,
    fast_inputs,
    slow_inputs,
)
from facevalue.examiners.audio_edit.spectra import measure
from facevalue.lab.audio_edit_sounds import FOLDS, Bank, Item, Plan, make
from facevalue.lab.sound_trips import Samples, trip

Half = npt.NDArray[np.float16]
Learned = tuple[Item, Half, Half]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is trained. crop: steps of the input in a crop. near, far: steps of the output around a joint
    that are positive, and that are left out. weight: of a positive frame.
    """

    channels: int
    width: int
    dilations: tuple[int, ...]
    stride: int
    crop: int
    near: float
    far: float
    out_s: float
    weight: float = 12.0
    steps: int = 500
    batch: int = 16
    rate: float = 3e-3
    dropout: float = 0.1
    seed: int = 0


FAST = Recipe(FAST_CHANNELS, 24, (1, 2, 4, 8), FAST_STRIDE, 384, 1.6, 5.0, FAST_OUT_S)
SLOW = Recipe(SLOW_CHANNELS, 24, (1, 2, 4, 8, 16), 1, 128, 2.1, 6.0, SLOW_S, steps=300, dropout=0.2)


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout1d(dropout),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.relu(x + self.body(x))
        return out


class SeamNet(nn.Module):
    """float32 (N, channels, steps) -> logits (N, steps / stride): a dilated residual network along time."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(recipe.channels, recipe.width, 5, recipe.stride, 2, bias=False),
            nn.BatchNorm1d(recipe.width),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(_Block(recipe.width, d, recipe.dropout) for d in recipe.dilations))
        self.out = nn.Conv1d(recipe.width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.out(self.blocks(self.stem(x)))[:, 0]
        return logits


@dataclass(frozen=True, slots=True)
class Example:
    """inputs: float16 (channels, steps). joints, fades: middle (s) and width (s) of every joint. label: 1 if edited."""

    inputs: Half
    joints: tuple[float, ...]
    fade_s: tuple[float, ...]


def targets(example: Example, recipe: Recipe) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(label, weight) of every output step; weight 0 beside a joint."""
    count = example.inputs.shape[1] // recipe.stride
    label, weight = np.zeros(count, np.float32), np.ones(count, np.float32)
    middle = (np.arange(count) + 0.5) * recipe.out_s
    for at, fade in zip(example.joints, example.fade_s, strict=True):
        distance = np.abs(middle - at) - fade / 2
        weight[distance < recipe.far * recipe.out_s] = 0.0
        label[distance < recipe.near * recipe.out_s] = 1.0
    weight[label > 0] = recipe.weight
    return label, weight


class _Crops:
    def __init__(self, examples: Sequence[Example], recipe: Recipe) -> None:
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        self.examples = [e for e in examples if e.inputs.shape[1] >= 16 * recipe.stride]
        self.targets = [targets(e, recipe) for e in self.examples]
        size = np.array([e.inputs.shape[1] for e in self.examples], np.float64)
        self.share = size / size.sum()
        self.edited = np.flatnonzero([len(e.joints) > 0 for e in self.examples])

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        recipe, rng = self.recipe, self.rng
        inputs = np.zeros((recipe.batch, recipe.channels, recipe.crop), np.float32)
        label, weight = (np.zeros((recipe.batch, recipe.crop // recipe.stride), np.float32) for _ in range(2))
        for row in range(recipe.batch):
            about = row % 2 == 0
            index = int(rng.choice(self.edited) if about else rng.choice(len(self.examples), p=self.share))
            example, (y, w) = self.examples[index], self.targets[index]
            start = self._start(example, about)
            piece = example.inputs[:, start : start + recipe.crop]
            inputs[row, :, : piece.shape[1]] = piece
            part = slice(start // recipe.stride, (start + piece.shape[1]) // recipe.stride)
            label[row, : part.stop - part.start], weight[row, : part.stop - part.start] = y[part], w[part]
        return torch.from_numpy(inputs), torch.from_numpy(label), torch.from_numpy(weight)

    def _start(self, example: Example, about: bool) -> int:
        recipe = self.recipe
        last = max(0, example.inputs.shape[1] - recipe.crop)
        start = int(self.rng.integers(last + 1))
        if about and example.joints:
            step = example.joints[int(self.rng.integers(len(example.joints)))] / recipe.out_s * recipe.stride
            start = int(np.clip(step - self.rng.uniform(0.2, 0.8) * recipe.crop, 0, last))
        return start // recipe.stride * recipe.stride


def train(
    examples: Sequence[Example], recipe: Recipe, path: Path, report: Callable[[str], None] = print, threads: int = 1
) -> Path:
    """Train on the examples and write the network to path (ONNX), unless it is there. Returns path."""
    if path.is_file():
        return path
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(max(1, threads))
    crops, net = _Crops(examples, recipe), SeamNet(recipe)
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps)
    running = 0.0
    for step in range(recipe.steps):
        inputs, label, weight = crops.batch()
        loss = nn.functional.binary_cross_entropy_with_logits(net(inputs), label, weight, reduction="sum")
        loss = loss / weight.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        if step % 100 == 99:
            report(f"{path.name} step {step + 1} of {recipe.steps}: loss {running:.4f}")
    return export(net, recipe, path)


def export(net: SeamNet, recipe: Recipe, path: Path) -> Path:
    """Write the network as ONNX: inputs (1, channels, steps) -> logits (1, steps / stride)."""
    net.eval()
    part = path.with_suffix(".part")
    torch.onnx.export(
        net,
        (torch.zeros(1, recipe.channels, recipe.crop),),
        str(part),
        input_names=["inputs"],
        output_names=["logits"],
        dynamic_axes={"inputs": {2: "steps"}, "logits": {1: "steps_out"}},
        opset_version=17,
        dynamo=False,
    )
    part.replace(path)
    return path


# Training examples: seeds and spacing of edits apart from those of what is measured.
TRAINING_SEED = 1000
EVERY_S = 3.0
TRAINING = Plan(rooms=12, clips=70, videos=2, longest_s=24.0)


def _learned(job: tuple[Item, Samples]) -> Learned:
    item, samples = job[0], trip(job[1], job[0]["codec"])
    spectra = measure(samples)
    return item, fast_inputs(samples).astype(np.float16), slow_inputs(spectra).astype(np.float16)


def examples(
    folds: Sequence[Bank], plan: Plan, out: Path, report: Callable[[str], None] = print, workers: int = 1
) -> list[Learned]:
    """Every sound to train on, as (what it is, inputs of the fast network, of the slow one); kept in out/ by fold."""
    made: list[Learned] = []
    for fold, bank in enumerate(folds):
        path = out / f"examples{fold}.npz"
        if not path.is_file():
            with ProcessPoolExecutor(workers) as pool:
                rows = list(pool.map(_learned, make(bank, fold, plan, TRAINING_SEED, EVERY_S), chunksize=2))
            _keep(rows, path)
        made += _read(path)
        report(f"examples of fold {fold + 1} of {len(folds)}: {len(made)}")
    return made


def _keep(rows: Sequence[Learned], path: Path) -> None:
    """One array of all inputs along time for each network, and where each sound ends in it."""
    columns = [[r[1] for r in rows], [r[2] for r in rows]]
    fast, slow = (np.concatenate([x.T for x in column]) for column in columns)
    ends = np.array([np.cumsum([x.shape[1] for x in column]) for column in columns])
    part = path.with_name(f"part-{path.name}")
    np.savez(part, fast=fast, slow=slow, ends=ends, items=np.array(json.dumps([r[0] for r in rows])))
    part.replace(path)


def _read(path: Path) -> list[Learned]:
    with np.load(path) as held:
        fast, slow, ends, items = held["fast"], held["slow"], held["ends"], json.loads(str(held["items"]))
    parts = [[p.T for p in np.split(x, e[:-1])] for x, e in ((fast, ends[0]), (slow, ends[1]))]
    return list(zip(items, *parts, strict=True))


def networks(
    made: Sequence[Learned],
    out: Path,
    report: Callable[[str], None] = print,
    threads: int = 1,
    steps: int = 0,
) -> list[Networks]:
    """A pair of networks for each fold, trained on the others, and one of all folds, in out/."""
    pairs = []
    for fold in range(FOLDS + 1):
        folder = out / (f"without{fold}" if fold < FOLDS else "all")
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for row in made if row[0]["fold"] != fold]
        joints = [(tuple(i.get("joints", ())), tuple(i.get("fade_s", ()))) for i, _, _ in rows]
        fast = [Example(f, *j) for (_, f, _), j in zip(rows, joints, strict=True)]
        slow = [Example(x, *j) for (_, _, x), j in zip(rows, joints, strict=True)]
        for known, recipe, name in ((fast, FAST, FAST_FILE), (slow, SLOW, SLOW_FILE)):
            wanted = replace(recipe, steps=steps) if steps else recipe
            train(known, wanted, folder / name, report, threads)
        pairs.append(Networks.in_folder(folder))
    return pairs
