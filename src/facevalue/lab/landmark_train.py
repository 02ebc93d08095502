"""The student of the lip landmarks: a small convolutional network on 64 px grey mouth crops, and how well it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facevalue.examiners.lips.mouth import INNER_AT, MESH, MIRROR, POINTS, network_input
from facevalue.faces.track import MOUTH_PX
from facevalue.faces.track_run import EYE_DISTANCE, MOUTH_SIDE, mouth_map
from facevalue.lab.landmark_bank import SIDE, Bank

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Report = Callable[[str], None]

NETWORK_FILE = "landmarks.onnx"
EYES_PX = EYE_DISTANCE * MOUTH_PX / MOUTH_SIDE
# The square around the mouth that crops are cut from: this much wider than a crop, so that jitter finds pixels.
WIDE_PX, WIDE = 96, 1.5
# Mouth corners of the mesh, to see that teacher and detector speak of the same face.
CORNERS = (61, 291)


@dataclass(frozen=True, slots=True)
class Mouths:
    """wide: uint8 (n, WIDE_PX, WIDE_PX), grey. points: float32 (n, POINTS, 2) in its pixels. held: bool (n,)."""

    wide: Pixels
    points: Floats
    held: npt.NDArray[np.bool_]
    sources: npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """steps of batch mouths; rate: peak of a one-cycle schedule."""

    steps: int = 900
    batch: int = 48
    rate: float = 4e-3
    seed: int = 0


def mouths(bank: Bank, labels: Floats) -> Mouths:
    """Wide mouth crops of all faces on which teacher and detector agree within a quarter of an eye distance."""
    wide, points, kept = [], [], []
    for i, (square, five, mesh) in enumerate(zip(bank.squares, bank.points, labels, strict=True)):
        to_crop = mouth_map(five)
        offset = (WIDE_PX - MOUTH_PX) / 2
        to_wide = to_crop + np.array([[0, 0, offset], [0, 0, offset]])
        found = mesh[list(MESH)] @ to_wide[:, :2].T + to_wide[:, 2]
        apart = np.abs((mesh[list(CORNERS)] - five[3:]) @ to_crop[:, :2].T).max()
        if not np.isfinite(found).all() or apart > 0.25 * EYES_PX:
            continue
        grey = cv2.cvtColor(np.ascontiguousarray(square), cv2.COLOR_RGB2GRAY)
        wide.append(cv2.warpAffine(grey, to_wide, (WIDE_PX, WIDE_PX), borderMode=cv2.BORDER_REPLICATE))
        points.append(found)
        kept.append(i)
    sources = np.array(bank.sources)[kept]
    return Mouths(np.stack(wide), np.stack(points).astype(np.float32), bank.held[kept], sources)


class Student(nn.Module):
    """uint8 mouths, normalised, float32 (n, 1, 64, 64), to points (n, POINTS, 2) in crop pixels; 0.2 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 64, 64, 80)
        layers: list[nn.Module] = []
        for i, stride in enumerate((2, 2, 2, 1, 2)):
            layers += [nn.Conv2d(widths[i], widths[i + 1], 3, stride, 1, bias=False), nn.BatchNorm2d(widths[i + 1])]
            layers += [nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(80 * 16, 2 * POINTS)

    def forward(self, mouths: torch.Tensor) -> torch.Tensor:
        """Points in pixels of the crop."""
        out: torch.Tensor = self.head(self.body(mouths).flatten(1)).view(-1, POINTS, 2)
        return out * 16.0 + MOUTH_PX / 2


def augmented(wide: Pixels, points: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """One training crop: jitter, mirror, low resolution down to mouths of 16 px, blur, light, noise, JPEG."""
    angle, scale = rng.normal(0, 5), float(np.exp(rng.normal(0, 0.08)))
    middle = (WIDE_PX / 2 - 0.5, WIDE_PX / 2 - 0.5)
    turn = cv2.getRotationMatrix2D(middle, angle, scale)
    turn[:, 2] += rng.normal(0, 2.2, 2) - (WIDE_PX - MOUTH_PX) / 2
    crop = cv2.warpAffine(wide, turn, (MOUTH_PX, MOUTH_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    where = points @ turn[:, :2].T + turn[:, 2]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
        where = np.stack([MOUTH_PX - 1 - where[:, 0], where[:, 1]], axis=1)[list(MIRROR)]
    return _degraded(np.ascontiguousarray(crop), rng), where.astype(np.float32)


def _degraded(crop: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.4:
        small = int(rng.integers(28, 60))  # a mouth takes some 30 of 64 px: 28 px leave it 13
        crop = cv2.resize(cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA), (MOUTH_PX, MOUTH_PX))
    if rng.random() < 0.3:
        crop = cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(0.5, 1.8)))
    values = crop.astype(np.float32) / 255
    if rng.random() < 0.6:
        ramp = np.linspace(-1, 1, MOUTH_PX, dtype=np.float32)
        light = rng.normal(0, 0.15, 2)
        values = np.clip(values, 1e-3, 1) ** float(np.exp(rng.normal(0, 0.3))) * float(rng.uniform(0.4, 1.3))
        values = values * (1 + light[0] * ramp[None] + light[1] * ramp[:, None]).astype(np.float32)
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(0.005, 0.04), values.shape).astype(np.float32)
    crop = np.clip(values * 255, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 85))])
        crop = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return np.asarray(crop, np.uint8)


def _loss(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the points, and of the opening, which is what the examiner reads."""
    inner_f, inner_w = found[:, INNER_AT], wanted[:, INNER_AT]
    gap = [(inner_f[:, b] - inner_f[:, a]) - (inner_w[:, b] - inner_w[:, a]) for a, b in ((1, 7), (2, 6), (3, 5))]
    return (found - wanted).abs().mean() + 0.5 * torch.stack(gap).abs().mean()


def train(data: Mouths, out: Path, recipe: Recipe, report: Report = print) -> Path:
    """Train on what is not held out, with all sources drawn alike often, and write NETWORK_FILE; resumes."""
    path, check = out / NETWORK_FILE, out / "landmarks.pt"
    torch.manual_seed(recipe.seed)
    network = Student()
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps)
    done = _resumed(check, network, optimiser, schedule)
    losses: list[float] = []
    for step in range(done, recipe.steps):
        crops, wanted = _batch(data, np.random.default_rng((recipe.seed, step)), recipe.batch)
        loss = _loss(network(torch.from_numpy(network_input(crops))), torch.from_numpy(wanted))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 200 == 199 or step + 1 == recipe.steps:
            parts = (network, optimiser, schedule)
            torch.save({"step": step + 1, "parts": [p.state_dict() for p in parts]}, check)
            report(f"landmarks: step {step + 1}, loss {np.mean(losses[-200:]):.3f} px")
    export(network.eval(), path)
    return path


def _resumed(check: Path, *parts: Any) -> int:
    if not check.is_file():
        return 0
    kept = torch.load(check, weights_only=True)
    for part, state in zip(parts, kept["parts"], strict=True):
        part.load_state_dict(state)
    return int(kept["step"])


def _batch(data: Mouths, rng: np.random.Generator, size: int) -> tuple[Pixels, Floats]:
    free = np.flatnonzero(~data.held)
    _, group, counts = np.unique(data.sources[free], return_inverse=True, return_counts=True)
    weight = (1 / counts[group]) ** 0.5  # a source of few faces is not drawn as often as it would take to be equal
    rows = rng.choice(free, size, p=weight / weight.sum())
    made = [augmented(data.wide[i], data.points[i], rng) for i in rows]
    return np.stack([crop for crop, _ in made]), np.stack([where for _, where in made])


def export(network: Student, path: Path) -> Path:
    """Write the network as ONNX: "mouths" float32 (n, 1, 64, 64) to "points" float32 (n, POINTS, 2)."""
    torch.onnx.export(
        network,
        (torch.zeros(2, 1, MOUTH_PX, MOUTH_PX),),
        str(path),
        input_names=["mouths"],
        output_names=["points"],
        dynamic_axes={"mouths": {0: "n"}, "points": {0: "n"}},
        dynamo=False,
    )
    return path


def plain(data: Mouths, rows: npt.NDArray[np.int64], size: int = MOUTH_PX) -> Iterator[tuple[Pixels, Floats]]:
    """Crops without augmentation and their labels; size: the side they are reduced to and enlarged from again."""
    cut = (WIDE_PX - MOUTH_PX) // 2
    for i in rows:
        crop = np.ascontiguousarray(data.wide[i, cut : cut + MOUTH_PX, cut : cut + MOUTH_PX])
        if size < MOUTH_PX:
            crop = cv2.resize(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), (MOUTH_PX, MOUTH_PX))
        yield np.asarray(crop, np.uint8), data.points[i] - cut


def measured(data: Mouths, points_of: Callable[[Pixels], Floats]) -> dict[str, Any]:
    """Error on held-out people: mean distance to the teacher's points, in eye distances, by source and resolution."""
    out: dict[str, Any] = {}
    for source in sorted(set(data.sources[data.held])):
        rows = np.flatnonzero(data.held & (data.sources == source))
        for size in (MOUTH_PX, 32):
            crops, wanted = (np.stack(x) for x in zip(*plain(data, rows, size), strict=True))
            found = points_of(crops)
            error = np.hypot(*(found - wanted).transpose(2, 0, 1)) / EYES_PX
            gaps = [_gap(p) / EYES_PX for p in (found, wanted)]
            name = str(source) + ("" if size == MOUTH_PX else f", reduced to {size} px")
            out[name] = {
                "n": len(rows),
                "error": round(float(error[:, :20].mean()), 4),
                "gap_error": round(float(np.abs(gaps[0] - gaps[1]).mean()), 4),
                "gap_correlation": round(float(np.corrcoef(gaps[0], gaps[1])[0, 1]), 3) if len(rows) > 2 else None,
            }
    return out


def _gap(points: Floats) -> Floats:
    inner = points[:, INNER_AT]
    return np.asarray(np.mean([np.hypot(*(inner[:, a] - inner[:, b]).T) for a, b in ((1, 7), (2, 6), (3, 5))], axis=0))


__all__ = ["NETWORK_FILE", "SIDE", "Mouths", "Recipe", "Student", "export", "measured", "mouths", "train"]
