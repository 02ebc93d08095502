"""Training the voice networks: one for each fold of pages, which it never sees and is judged on."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from facevalue.examiners.voice.frontend import BANDS, HIGH_DB, LOW_DB, UNIT_DB, WINDOW_FRAMES
from facevalue.lab.voice_cache import STEP_DB, VARIANTS, Bytes, Item
from facevalue.lab.voice_net import LOCAL_FRAMES, VoiceNet

CROP_FRAMES = 304
LOCAL_WEIGHT = 0.3
SMOOTHING = 0.05
EMA_DECAY = 0.996
SAVE_EVERY = 200
SHORTEST_SPLICE = 60
DB = math.log(10.0) / 10.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """cycles: steps of each, every one from the peak learning rate `rate` down to nothing, from where the one before
    ended (warm restarts, Loshchilov and Hutter 2017). A step sees `batch` crops, `paired` of them of one utterance.
    """

    cycles: tuple[int, ...] = (1300, 1700)
    batch: int = 24
    paired: int = 6
    rate: float = 2e-3
    decay: float = 1e-2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """dB spectra (n, CROP_FRAMES, 128), labels (n,), weights (n,), local labels (n, CROP_FRAMES / 16)."""

    bands: Tensor
    label: Tensor
    weight: Tensor
    local: Tensor


class Sampler:
    """Draws balanced batches from the cache: half of each class, strata by the root of their size, pairs together."""

    def __init__(self, items: Sequence[Item], spectra: Bytes, use: Sequence[int], recipe: Recipe) -> None:
        self.items, self.spectra, self.use, self.recipe = items, spectra, np.asarray(use), recipe
        self.rng = np.random.default_rng(recipe.seed)
        self.weight = stratum_weights([items[i] for i in use])
        by_pair: dict[str, tuple[list[int], list[int]]] = {}
        for i in use:
            if items[i].donor is None and items[i].clip.pair:
                by_pair.setdefault(items[i].clip.pair, ([], []))[items[i].label].append(i)
        self.pairs = [sides for sides in by_pair.values() if sides[0] and sides[1]]

    def batch(self) -> Batch:
        """The next one."""
        rng, recipe = self.rng, self.recipe
        chosen: list[tuple[int, int]] = []
        for _ in range(recipe.paired // 2 if self.pairs else 0):
            real, fake = self.pairs[rng.integers(len(self.pairs))]
            variant = int(rng.integers(VARIANTS))
            chosen += [(int(rng.choice(real)), variant), (int(rng.choice(fake)), variant)]
        rest = rng.choice(self.use, recipe.batch - len(chosen), p=self.weight)
        chosen += [(int(i), int(rng.integers(VARIANTS))) for i in rest]
        crops = [self._crop(index, variant) for index, variant in chosen]
        local = np.stack([c[1] for c in crops])
        share = local.sum(axis=1)
        splice = np.array([self.items[i].donor is not None and self.items[i].label == 1 for i, _ in chosen])
        label = (share > 0).astype(np.float32)
        # A crop that only grazes a splice has no label worth learning.
        weight = np.where(splice & (share > 0) & (share < SHORTEST_SPLICE), 0.0, 1.0)
        steps = local.reshape(len(crops), -1, LOCAL_FRAMES).mean(axis=2)
        bands = np.stack([c[0] for c in crops]).astype(np.float32) * STEP_DB + LOW_DB
        return Batch(*(torch.from_numpy(a.astype(np.float32)) for a in (bands, label, weight, steps)))

    def _crop(self, index: int, variant: int) -> tuple[Bytes, npt.NDArray[np.float32]]:
        at = int(self.rng.integers(WINDOW_FRAMES - CROP_FRAMES + 1))
        start, end = (share * WINDOW_FRAMES for share in self.items[index].synthetic)
        frame = np.arange(at, at + CROP_FRAMES)
        return self.spectra[index, variant, at : at + CROP_FRAMES], ((frame >= start) & (frame < end)).astype(
            np.float32
        )


def stratum_weights(items: Sequence[Item]) -> npt.NDArray[np.float64]:
    """Sampling weights, float64 (n,), sum 1: each class half, in it a stratum weighs the root of its size."""
    names = [(item.label, item.stratum) for item in items]
    size = {name: names.count(name) for name in set(names)}
    weight = np.array([size[name] ** -0.5 for name in names])
    for label in (0, 1):
        mine = np.array([item.label == label for item in items])
        if mine.any():
            weight[mine] /= weight[mine].sum()
    return np.asarray(weight / weight.sum(), np.float64)


def perturbed(bands: Tensor, generator: torch.Generator) -> Tensor:
    """What a channel can do to dB spectra (n, frames, 128), anew at every step: tone, noise floor, band limit.

    Noise adds to power with a random phase, as sounds do. Returns dB of the same shape, LOW_DB..HIGH_DB.
    """
    n, frames, bins = bands.shape

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    def curve(points: int, depth: float) -> Tensor:
        knots = uniform(n, 1, points, low=-depth, high=depth)
        return nn.functional.interpolate(knots, size=bins, mode="linear", align_corners=True)

    out = bands + curve(7, 8.0) * (uniform(n, 1, 1) < 0.5)
    level = uniform(n, 1, 1, low=-60.0, high=-22.0) + curve(3, 10.0)
    some = torch.nonzero(uniform(n) < 0.4)[:, 0]
    power = torch.exp(out[some] * DB)
    noise = torch.exp(level[some] * DB) * -torch.log(uniform(len(some), frames, bins, low=1e-3))
    phase = 2.0 * uniform(len(some), frames, bins) - 1.0
    out[some] = torch.log((power + noise + 1.4 * torch.sqrt(power * noise) * phase).clamp(min=1e-9)) / DB
    edge = torch.where(uniform(n, 1, 1) < 0.25, uniform(n, 1, 1, low=54.0, high=124.0), 999.0)
    out = out - 60.0 * torch.sigmoid((torch.arange(bins) - edge) / 0.7)
    return out.clamp(LOW_DB, HIGH_DB)


def network_input(bands: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """dB spectra (n, frames, 128) -> (n, 1, 128, frames), as frontend.to_network; a generator masks parts at random."""
    x = (bands - bands.mean(dim=1, keepdim=True)) / UNIT_DB
    if generator is not None:
        for axis, size, most in ((1, x.shape[1], 40), (2, BANDS, 20)):
            width = torch.randint(0, most, (len(x), 1), generator=generator)
            start = torch.randint(0, size, (len(x), 1), generator=generator)
            place = torch.arange(size)
            hidden = (place >= start) & (place < start + width) & (torch.rand(len(x), 1, generator=generator) < 0.5)
            x = x.masked_fill(hidden[:, :, None] if axis == 1 else hidden[:, None, :], 0.0)
    return x.transpose(1, 2)[:, None].contiguous(memory_format=torch.channels_last)


def loss_of(net: VoiceNet, batch: Batch, generator: torch.Generator) -> Tensor:
    """Cross entropy of the clip, smoothed, and of every 160 ms."""
    logit, local = net(network_input(perturbed(batch.bands, generator), generator))
    entropy = nn.functional.binary_cross_entropy_with_logits
    target = batch.label * (1 - SMOOTHING) + SMOOTHING / 2
    whole = (entropy(logit, target, reduction="none") * batch.weight).sum() / batch.weight.sum()
    return whole + LOCAL_WEIGHT * entropy(local, batch.local * (1 - SMOOTHING) + SMOOTHING / 2)


def train_fold(
    items: Sequence[Item],
    spectra: Bytes,
    fold: int,
    out: Path,
    recipe: Recipe,
    report: Callable[[str], None],
) -> Path:
    """Train on every fold but this one; returns the file of averaged weights. Goes on from what lies in out."""
    torch.set_num_threads(1)
    sampler = Sampler(items, spectra, [i for i, item in enumerate(items) if item.clip.fold != fold], recipe)
    weights: Path | None = None
    for cycle in range(len(recipe.cycles)):
        weights = _cycle(sampler, fold, cycle, weights, out, report)
    assert weights is not None
    return weights


def _cycle(
    sampler: Sampler, fold: int, cycle: int, before: Path | None, out: Path, report: Callable[[str], None]
) -> Path:
    recipe, steps = sampler.recipe, sampler.recipe.cycles[cycle]
    final, check = out / f"fold{fold}.cycle{cycle}.pt", out / f"fold{fold}.check.pt"
    if final.is_file():
        return final
    seed = recipe.seed + 100 * cycle + fold
    torch.manual_seed(seed)
    net = load(before) if before else VoiceNet()
    average = copy.deepcopy(net)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, steps, pct_start=0.1)
    first = _resume(check, net, average, optimiser, schedule)
    sampler.rng = np.random.default_rng([seed, first])
    generator = torch.Generator().manual_seed(seed + 7919 * first)
    losses: list[float] = []
    for step in range(first, steps):
        net.train()
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(net, sampler.batch(), generator)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 3.0)
        optimiser.step()
        schedule.step()
        _average(average, net, min(EMA_DECAY, (step + 1) / (step + 10)))
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            report(f"fold {fold} cycle {cycle} step {step + 1}/{steps} loss {np.mean(losses[-50:]):.4f}")
        if (step + 1) % SAVE_EVERY == 0:
            torch.save(
                {"step": step + 1, "states": [p.state_dict() for p in (net, average, optimiser, schedule)]}, check
            )
    torch.save(average.state_dict(), final)
    check.unlink(missing_ok=True)
    return final


def _resume(check: Path, *parts: torch.nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler) -> int:
    if not check.is_file():
        return 0
    saved = torch.load(check, weights_only=True)
    for part, state in zip(parts, saved["states"], strict=True):
        part.load_state_dict(state)
    return int(saved["step"])


@torch.no_grad()
def _average(average: VoiceNet, net: VoiceNet, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def load(path: Path) -> VoiceNet:
    """A trained network, ready to judge."""
    net = VoiceNet()
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


@torch.no_grad()
def logits(net: VoiceNet, bands: npt.NDArray[np.float32], batch: int = 32) -> npt.NDArray[np.float32]:
    """Logits, float32 (n,), of dB spectra (n, frames, 128)."""
    parts = [net(network_input(torch.from_numpy(bands[i : i + batch])))[0] for i in range(0, len(bands), batch)]
    return torch.cat(parts).numpy()
