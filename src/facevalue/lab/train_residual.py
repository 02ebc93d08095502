"""`lab train generated`, residual head: a small network on what is left of a native-resolution window after smoothing.

It never sees a resized picture. Real windows are paired with their own reconstructions (lab.reconstruct) and joined
by real and generated windows of matched sources; both sides of a pair, and both classes, take the same kinds of
trips. Up-sampling traces follow Tan et al. 2024 (NPR, arXiv:2312.10461). One third of the sources, chosen by name,
is held out for calibration.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facevalue.lab.data import Sample
from facevalue.lab.features import read_rgb
from facevalue.lab.launder import augment
from facevalue.lab.reconstruct import reconstruct, train_zoo
from facevalue.opinion.metrics import auc

Pixels = npt.NDArray[np.uint8]
CROP_PX = 128


@dataclass(frozen=True, slots=True)
class ResidualRecipe:
    """Everything that shapes the weights."""

    # Over 2,000 steps the AUC on held-out sources wandered between .50 and .61 without a trend: more bought nothing.
    steps: int = 600
    matched_pairs: int = 12
    reconstructed_pairs: int = 8
    learning_rate: float = 2e-3
    seed: int = 11


def held_out_source(source: str) -> bool:
    """Whether a source is kept for calibration and measuring."""
    return zlib.crc32(f"residual:{source}".encode()) % 3 == 0


class ResidualNet(nn.Module):
    """Windows (N, 3, H, W), 0..255, to logits (N,) that they are generated. Any H, W >= 64."""

    def __init__(self) -> None:
        super().__init__()
        widths = (32, 48, 64, 96)
        layers: list[nn.Module] = [
            nn.Conv2d(6, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        ]
        cin = 32
        for width in widths:
            layers += [nn.Conv2d(cin, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            layers += [
                nn.Conv2d(width, width, 3, 1, 1, groups=width, bias=False),
                nn.Conv2d(width, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            cin = width
        self.body = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.3)
        self.logit = nn.Linear(cin * 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = x / 32.0
        smooth = nn.functional.avg_pool2d(nn.functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
        halved = nn.functional.interpolate(nn.functional.avg_pool2d(x, 2), scale_factor=2.0, mode="nearest")
        features = self.body(torch.cat([x - smooth, x - halved], dim=1).clamp(-3, 3))
        # eps inside the root keeps the gradient finite where a channel is flat.
        pooled = torch.cat([features.mean(dim=(2, 3)), (features.var(dim=(2, 3), unbiased=False) + 1e-5).sqrt()], dim=1)
        logits: torch.Tensor = self.logit(self.drop(pooled))[:, 0]
        return logits


def _window(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    y, x = (int(rng.integers(0, max(1, s - CROP_PX + 1))) for s in pixels.shape[:2])
    cut = pixels[y : y + CROP_PX, x : x + CROP_PX]
    if cut.shape[:2] != (CROP_PX, CROP_PX):  # a trip made the picture smaller than one window: mirror it
        cut = np.pad(cut, ((0, CROP_PX - cut.shape[0]), (0, CROP_PX - cut.shape[1]), (0, 0)), mode="symmetric")
    return np.asarray(np.rot90(cut, int(rng.integers(4))) if rng.random() < 0.3 else cut, np.uint8)


def train(
    samples: list[Sample], out: Path, recipe: ResidualRecipe, threads: int = 1, report: Callable[[str], None] = print
) -> Path:
    """Train on the native forms of the samples; writes out/residual.onnx and returns its path. Resumes from out/."""
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    native = [s for s in samples if s.form == "native"]
    learn = [(s, read_rgb(s.path)) for s in native if not held_out_source(s.source)]
    judge = [(s, read_rgb(s.path)) for s in native if held_out_source(s.source)]
    reals = [p for s, p in learn if s.label == 0]
    zoo = train_zoo(reals, out, report=report)
    by_source: dict[str, dict[int, list[Pixels]]] = {}
    for sample, pixels in learn:
        by_source.setdefault(sample.source, {}).setdefault(sample.label, []).append(pixels)
    matched = [sides for sides in by_source.values() if 0 in sides and 1 in sides]
    weight = np.sqrt([min(len(s[0]), len(s[1])) for s in matched])
    weight /= weight.sum()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = ResidualNet().to(device)
    optimiser = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, total_steps=recipe.steps)
    checkpoint, start = out / "residual_checkpoint.pt", 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        start = state["step"]
    began, losses = time.monotonic(), []
    for step in range(start + 1, recipe.steps + 1):
        rng = np.random.default_rng((recipe.seed, step))
        images: list[Pixels] = []
        labels: list[float] = []
        for _ in range(recipe.matched_pairs):
            sides = matched[int(rng.choice(len(matched), p=weight))]
            for kind in (0, 1):
                images.append(_window(augment(sides[kind][int(rng.integers(len(sides[kind])))], rng), rng))
                labels.append(float(kind))
        for _ in range(recipe.reconstructed_pairs):
            real = reals[int(rng.integers(len(reals)))]
            made = reconstruct(zoo[int(rng.integers(len(zoo)))], real)
            seed = int(rng.integers(2**31))
            for label, side in ((0.0, real[: made.shape[0], : made.shape[1]]), (1.0, made)):
                pair_rng = np.random.default_rng(seed)
                images.append(_window(augment(np.ascontiguousarray(side), pair_rng), pair_rng))
                labels.append(label)
        net.train()
        x = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32))
        goal = torch.tensor(labels, device=device) * 0.94 + 0.03
        loss = nn.functional.binary_cross_entropy_with_logits(net(x.to(device)), goal)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 50 == 0:
            rate = (step - start) / (time.monotonic() - began)
            left = f"{rate:.2f} steps/s, {(recipe.steps - step) / rate / 60:.0f} min left"
            report(f"step {step}/{recipe.steps} loss {np.mean(losses[-50:]):.4f} {left}")
        if step % 250 == 0 or step == recipe.steps:
            report(f"step {step} mean AUC over held-out sources {evaluate(net, judge):.4f}")
            partial = checkpoint.with_suffix(".partial")
            torch.save(
                {
                    "net": net.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": step,
                },
                partial,
            )
            partial.replace(checkpoint)
            export(net, out / "residual.onnx")
    return out / "residual.onnx"


def evaluate(net: ResidualNet, judge: list[tuple[Sample, Pixels]]) -> float:
    """Mean over held-out sources (with both classes) of the AUC on whole native windows."""
    net.eval()
    with torch.inference_mode():
        scores = np.array([float(net(_tensor(p).to(next(net.parameters()).device))[0]) for _, p in judge])
    labels, sources = np.array([s.label for s, _ in judge]), np.array([s.source for s, _ in judge])
    values = [
        auc(scores[sources == k], labels[sources == k])
        for k in sorted(set(sources))
        if len(set(labels[sources == k])) == 2
    ]
    return float(np.mean(values)) if values else float("nan")


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))


def export(net: ResidualNet, path: Path) -> None:
    """Write the network as ONNX: input `windows` (N, 3, H, W) 0..255, output `logit` (N,)."""
    import copy

    frozen = copy.deepcopy(net).to("cpu").eval()
    axes = {"windows": {0: "n", 2: "h", 3: "w"}, "logit": {0: "n"}}
    torch.onnx.export(
        frozen,
        (torch.zeros(1, 3, 224, 224),),
        str(path),
        input_names=["windows"],
        output_names=["logit"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
