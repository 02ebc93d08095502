"""Training a member of the zoo: crops of real pictures in, the same crops out. It can be stopped at any moment.

What a step sees is a function of seed, member and step alone, and the checkpoint holds weights and optimiser: a resumed
run ends with the bytes of one that was never stopped, on the same machine with the same number of threads.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facevalue.errors import UsageError
from facevalue.lab.labels.files import put
from facevalue.lab.reconstruct import Autoencoder
from facevalue.lab.zoo.members import Member, zoo_dir

Pixels = npt.NDArray[np.uint8]
Report = Callable[[str], None]

CROP_PX = 64
REPORT_EVERY, KEEP_EVERY = 100, 100


@dataclass(frozen=True, slots=True)
class ZooRecipe:
    """Everything that shapes the weights, besides the pictures."""

    steps: int = 700
    seed: int = 5
    batch: int = 16
    rate: float = 3e-3
    edges: float = 0.5


def train_member(
    member: Member, pictures: Sequence[Pixels], out: Path, recipe: ZooRecipe, report: Report = print
) -> Autoencoder:
    """The member's network, ready for use on the CPU: read from out/, or trained, or trained to the end.

    pictures: uint8 RGB (H, W, 3), CROP_PX a side or more. Interrupted, it keeps what it did and raises on. Raises
    UsageError when there are no pictures, or the checkpoint belongs to another recipe.
    """
    path = out / member.weights
    if path.is_file():
        return load(member, out)
    usable = [p for p in pictures if min(p.shape[:2]) >= CROP_PX]
    if not usable:
        raise UsageError(f"no picture is {CROP_PX} px or more a side: nothing to train the zoo on")
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed + member.number)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = Autoencoder.of(member).to(device)
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate)
    kept = out / f"checkpoint_{member.name}.pt"
    step = _resumed(kept, net, optimiser, recipe)
    started, first = time.perf_counter(), step
    try:
        while step < recipe.steps:
            loss = _step(net, optimiser, usable, recipe, member, step, device)
            step += 1
            if step % REPORT_EVERY == 0 or step == recipe.steps:
                left = (time.perf_counter() - started) / (step - first) * (recipe.steps - step)
                report(f"{member.name}: step {step}/{recipe.steps} loss {loss:.4f}, {left:.0f} s left")
            if step % KEEP_EVERY == 0:
                _keep(kept, net, optimiser, recipe, step)
    except KeyboardInterrupt:
        _keep(kept, net, optimiser, recipe, step)
        raise
    put(path, _bytes(net.cpu().state_dict()))
    kept.unlink(missing_ok=True)
    return net.eval()


def load(member: Member, folder: Path | None = None) -> Autoencoder:
    """A trained member from the folder (default: facevalue's own). Raises UsageError: not there, damaged, another's."""
    folder = folder or zoo_dir()
    path = folder / member.weights
    if not path.is_file():
        raise UsageError(
            f"the zoo's {member.name} is not trained yet: facevalue lab zoo train PICTURES --only {member.name}"
        )
    net = Autoencoder.of(member)
    try:
        net.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    except Exception:  # whatever torch makes of a file that is not its own
        raise UsageError(f"{path.name} does not hold the weights of {member.name}: train it again") from None
    return net.eval()


def rate_at(step: int, recipe: ZooRecipe) -> float:
    """A tenth of the steps up to the full rate, then down to nothing along a cosine."""
    rise = max(1, recipe.steps // 10)
    if step < rise:
        return recipe.rate * (step + 1) / rise
    return recipe.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, recipe.steps - rise)))


def _step(
    net: Autoencoder,
    optimiser: torch.optim.Optimizer,
    pictures: Sequence[Pixels],
    recipe: ZooRecipe,
    member: Member,
    step: int,
    device: torch.device,
) -> float:
    key = (recipe.seed, member.number, step)
    chance = torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1))
    x = torch.from_numpy(crops(pictures, np.random.default_rng(key), recipe.batch, CROP_PX)).to(device)
    y, extra = net.learn(x, chance)
    loss = (y - x).abs().mean() + recipe.edges * (_edges(y) - _edges(x)).abs().mean() + extra
    for group in optimiser.param_groups:
        group["lr"] = rate_at(step, recipe)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _edges(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([(x[..., 1:] - x[..., :-1]).flatten(1), (x[..., 1:, :] - x[..., :-1, :]).flatten(1)], dim=1)


def crops(pictures: Sequence[Pixels], rng: np.random.Generator, count: int, side: int) -> npt.NDArray[np.float32]:
    """Squares of that side from drawn places of drawn pictures, float32 (count, 3, side, side), -1..1."""
    cuts = []
    for i in rng.integers(len(pictures), size=count):
        picture = pictures[int(i)]
        y, x = (int(rng.integers(0, s - side + 1)) for s in picture.shape[:2])
        cuts.append(picture[y : y + side, x : x + side])
    return (np.stack(cuts).transpose(0, 3, 1, 2) / 127.5 - 1).astype(np.float32)


def _resumed(path: Path, net: Autoencoder, optimiser: torch.optim.Optimizer, recipe: ZooRecipe) -> int:
    if not path.is_file():
        return 0
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=next(net.parameters()).device)
        same = state["recipe"] == asdict(recipe)
        if same:
            net.load_state_dict(state["net"])
            optimiser.load_state_dict(state["optimiser"])
    except Exception:  # whatever torch makes of a file that is not its own
        raise UsageError(f"{path.name} is no checkpoint of this network: remove it to begin anew") from None
    if not same:
        raise UsageError(f"{path.name} was made with other options: give those, or remove it to begin anew")
    return int(state["step"])


def _keep(path: Path, net: Autoencoder, optimiser: torch.optim.Optimizer, recipe: ZooRecipe, step: int) -> None:
    parts = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "recipe": asdict(recipe), "step": step}
    put(path, _bytes(parts))


def _bytes(state: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


__all__ = ["CROP_PX", "ZooRecipe", "crops", "load", "rate_at", "train_member"]
