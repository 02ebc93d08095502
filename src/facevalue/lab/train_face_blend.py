"""`lab train face_blend`: self-blended and composited faces made on the fly, plus real swaps, into one small network.

Every synthetic fake is paired with the face it was made from, and both go through the same trip (same codec, same
quality, same resize), so that only the blending tells them apart. Real swaps (pairs of the data set) teach what
generators leave inside the blended region. Held out: every fifth pair and every fifth real face by name, never by
draw, so that the split is the same everywhere.
"""

from __future__ import annotations

import json
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facevalue.examiners.face_blend.crop import FACE_CROP_PX, face_crop, to_network
from facevalue.lab import blend
from facevalue.lab.efficientnet import BlendNet
from facevalue.lab.facebank import BankFace
from facevalue.lab.launder import augment
from facevalue.opinion.metrics import auc

Array = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BlendRecipe:
    """Everything that shapes the weights."""

    steps: int = 2000
    synthetic_pairs: int = 11
    swap_pairs: int = 5
    learning_rate: float = 6e-4
    weight_decay: float = 0.05
    mask_weight: float = 0.5
    warmup: int = 200
    seed: int = 7


# The networks that ship, by file name: one trained mostly on blends, one on as many real swaps as blends.
MEMBERS = {
    "face_blend.onnx": BlendRecipe(),
    "face_blend_swaps.onnx": BlendRecipe(steps=1500, synthetic_pairs=8, swap_pairs=8, seed=8),
}


def held_out(face: BankFace) -> bool:
    """Whether a face is kept for measuring: by clip for swap pairs, by name otherwise."""
    return zlib.crc32((face.pair or face.key).encode()) % 5 == 0


def for_bench(face: BankFace) -> bool:
    """Whether a held-out face is kept from choosing and calibrating too: every other one."""
    return held_out(face) and zlib.crc32((face.pair or face.key).encode()) % 10 == 0


class PairMaker:
    """Draws training pairs from the bank; a pair is (real crop, fake crop, mask or None)."""

    def __init__(self, bank: list[BankFace], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.reals = [f for f in bank if f.label == 0]
        by_pair: dict[str, dict[int, list[BankFace]]] = {}
        for face in bank:
            if face.pair:
                by_pair.setdefault(face.pair, {}).setdefault(face.label, []).append(face)
        self.swaps = [sides for sides in by_pair.values() if 0 in sides and 1 in sides]
        # Sources are drawn with equal weight, but a large source of tiny crops is damped.
        groups: dict[str, list[BankFace]] = {}
        for face in self.reals:
            groups.setdefault(face.source, []).append(face)
        self.groups = list(groups.values())
        sizes = np.array([len(g) ** 0.5 * np.median([g_.box[2] for g_ in g[:50]]) for g in self.groups])
        self.weights = sizes / sizes.sum()

    def _real(self) -> tuple[BankFace, list[BankFace]]:
        group = self.groups[int(self.rng.choice(len(self.groups), p=self.weights))]
        return group[int(self.rng.integers(len(group)))], group

    def synthetic(self) -> tuple[Pixels, Pixels, Array]:
        """(real, fake, mask): crops uint8 (S, S, 3), mask float32 (S, S)."""
        base, group = self._real()
        draw = self.rng.random()
        if draw < 0.4:
            made = blend.self_blend(base.face, self.rng)
        elif draw < 0.5:
            made = blend.self_blend(base.face, self.rng, [str(self.rng.choice(blend.PARTS))])
        else:
            made = blend.composite(base.face, self.partner(base, group).face, self.rng)
        real, fake, mask = self._cut(base, [base.face.pixels, made.pixels], made.mask)
        return real, fake, mask

    def partner(self, base: BankFace, group: list[BankFace]) -> BankFace:
        """A face of the same source in a similar pose: the nearest of a dozen in aligned landmarks."""
        candidates = [group[int(i)] for i in self.rng.integers(len(group), size=12)]
        shape = _normalised(base)
        return min(
            (c for c in candidates if c is not base),
            key=lambda c: float(np.abs(_normalised(c) - shape).sum()),
            default=candidates[0],
        )

    def swap(self) -> tuple[Pixels, Pixels, None]:
        """(real, fake, None) of one clip of the swap set."""
        sides = self.swaps[int(self.rng.integers(len(self.swaps)))]
        real, fake = sides[0][0], sides[1][int(self.rng.integers(len(sides[1])))]
        margin, seed, flip = (
            float(self.rng.uniform(1.15, 1.5)),
            int(self.rng.integers(2**31)),
            bool(self.rng.random() < 0.5),
        )
        cuts = [_trip(face_crop(f.face.pixels, f.box, margin), seed, flip) for f in (real, fake)]
        return cuts[0], cuts[1], None

    def _cut(self, base: BankFace, pictures: list[Pixels], mask: Array) -> tuple[Pixels, Pixels, Array]:
        margin = float(self.rng.uniform(1.15, 1.5))
        x, y, w, h = base.box
        shift = self.rng.normal(0, 0.03, 2) * w
        box = (x + shift[0], y + shift[1], w, h)
        seed, flip = int(self.rng.integers(2**31)), bool(self.rng.random() < 0.5)
        cuts = [_trip(face_crop(p, box, margin), seed, flip) for p in pictures]
        grey = np.repeat((mask * 255).astype(np.uint8)[..., None], 3, axis=2)
        area = np.asarray(face_crop(grey, box, margin)[..., 0] / 255.0, np.float32)
        return cuts[0], cuts[1], area[:, ::-1] if flip else area

    def batch(self, recipe: BlendRecipe) -> tuple[Array, Array, Array, Array]:
        """images (2P, 3, S, S), labels (2P,), masks at stride 8 (2P, S/8, S/8), mask weights (2P,)."""
        images, labels, masks, known = [], [], [], []
        small = (FACE_CROP_PX // 8, FACE_CROP_PX // 8)
        empty = np.zeros(small, np.float32)
        makers: list[Callable[[], tuple[Pixels, Pixels, Array | None]]] = [self.synthetic] * recipe.synthetic_pairs
        makers += [self.swap] * (recipe.swap_pairs if self.swaps else 0)
        for make in makers:
            real, fake, area = make()
            images += [real, fake]
            labels += [0.0, 1.0]
            masks += [empty, empty if area is None else cv2.resize(area, small, interpolation=cv2.INTER_AREA)]
            known += [1.0, 0.0 if area is None else 1.0]
        return (
            to_network(np.stack(images)),
            np.array(labels, np.float32),
            np.stack(masks).astype(np.float32),
            np.array(known, np.float32),
        )


def _normalised(face: BankFace) -> Array:
    points = face.face.landmarks - face.face.landmarks.mean(axis=0)
    return np.asarray(points / (np.abs(points).mean() + 1e-6), np.float32)


def _trip(crop: npt.NDArray[np.uint8], seed: int, flip: bool) -> npt.NDArray[np.uint8]:
    """The same trip for both sides of a pair: same steps, same parameters."""
    out = augment(crop, np.random.default_rng(seed))
    if out.shape[:2] != (FACE_CROP_PX, FACE_CROP_PX):
        out = np.asarray(cv2.resize(out, (FACE_CROP_PX, FACE_CROP_PX)), np.uint8)
    return np.ascontiguousarray(out[:, ::-1]) if flip else out


class _Batches:
    """The batches from step start on, each made by a thread while the network learns from the one before.

    A thread and not a forked process: the face detector has threads of its own by then, and a fork would wait for
    their locks for ever.
    """

    def __init__(self, bank: list[BankFace], recipe: BlendRecipe, start: int) -> None:
        self.recipe, self.start = recipe, start
        self.maker = PairMaker(bank, recipe.seed)

    def _make(self, step: int) -> tuple[Array, ...]:
        self.maker.rng = np.random.default_rng((self.recipe.seed, step))  # a resumed run sees what a whole one would
        return self.maker.batch(self.recipe)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        with ThreadPoolExecutor(1) as pool:
            coming: deque[Future[tuple[Array, ...]]] = deque()
            for step in range(self.start, self.recipe.steps):
                coming.append(pool.submit(self._make, step))
                if len(coming) > 2:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()


def train(
    bank: list[BankFace],
    warm_start: Path | None,
    out: Path,
    recipe: BlendRecipe,
    threads: int = 1,
    report: Callable[[str], None] = print,
    evaluate_every: int = 250,
) -> Path:
    """Train, with checkpoints in out/ every evaluate_every steps; resumes from the last one. Returns the ONNX path."""
    from facevalue.lab.efficientnet import load_imagenet

    torch.manual_seed(recipe.seed)
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = BlendNet()
    if warm_start is not None:
        load_imagenet(net, warm_start)
    net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: _rate(s, recipe))
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, start, best = out / "checkpoint.pt", 0, -1.0
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        start, best = state["step"], state["best"]
    learn, judge = [f for f in bank if not held_out(f)], [f for f in bank if held_out(f) and not for_bench(f)]
    began, losses = time.monotonic(), []
    for step, batch in enumerate(_Batches(learn, recipe, start), start + 1):
        images, labels, masks, known = (torch.from_numpy(np.ascontiguousarray(part)) for part in batch)
        net.train()
        logits, area = net(images.to(device, memory_format=torch.channels_last))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(device) * 0.96 + 0.02)
        per_face = nn.functional.binary_cross_entropy_with_logits(area, masks.to(device), reduction="none").mean(
            dim=(1, 2)
        )
        total = loss + recipe.mask_weight * (per_face * known.to(device)).sum() / known.sum().clamp(min=1)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        losses.append(float(loss.detach()))
        if step % 50 == 0:
            rate = (step - start) / (time.monotonic() - began)
            left = f"{rate:.2f} steps/s, {(recipe.steps - step) / rate / 60:.0f} min left"
            report(f"step {step}/{recipe.steps} loss {np.mean(losses[-50:]):.4f} {left}")
        if step % evaluate_every == 0 or step == recipe.steps:
            figures = evaluate(average.module, judge, device)
            report(f"step {step} " + json.dumps(figures))
            # Training on few swaps turns into memorising them at some point: the best of the steps is what ships.
            if np.mean(list(figures.values()) or [0.0]) > best:
                best = float(np.mean(list(figures.values()) or [0.0]))
                export(average.module, out / "face_blend.onnx")
            partial = checkpoint.with_suffix(".partial")
            torch.save(
                {
                    "net": net.state_dict(),
                    "average": average.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": step,
                    "best": best,
                },
                partial,
            )
            partial.replace(checkpoint)
    return out / "face_blend.onnx"


def _rate(step: int, recipe: BlendRecipe) -> float:
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    return float(0.5 * (1 + np.cos(np.pi * (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)))) + 1e-3


def predict(net: nn.Module, crops: npt.NDArray[np.uint8], device: torch.device) -> Array:
    """Logits of crops, uint8 (N, S, S, 3)."""
    net.eval()
    with torch.inference_mode():
        parts = [
            net(torch.from_numpy(to_network(crops[i : i + 32])).to(device))[0].cpu().numpy()
            for i in range(0, len(crops), 32)
        ]
    return np.concatenate(parts)


def evaluate(net: nn.Module, judge: list[BankFace], device: torch.device) -> dict[str, float]:
    """AUC on held-out swap pairs, and on held-out faces with composites and self-blends of a fixed seed."""
    if not judge:
        return {}
    crops = np.stack([face_crop(f.face.pixels, f.box) for f in judge])
    scores = predict(net, crops, device)
    pairs = np.array([bool(f.pair) for f in judge])
    labels = np.array([f.label for f in judge])
    out = {"swaps": round(float(auc(scores[pairs], labels[pairs])), 4)} if pairs.any() and labels[pairs].any() else {}
    maker = PairMaker(judge, 99)
    crisp = [f for f in judge if f.label == 0 and f.box[2] >= 90 and not f.pair][:160]
    if len(crisp) < 2:
        return out
    makers: dict[str, Callable[[BankFace], blend.Blend]] = {
        "self_blend": lambda f: blend.self_blend(f.face, maker.rng),
        "composite": lambda f: blend.composite(f.face, maker.partner(f, crisp).face, maker.rng),
    }
    for name, make in makers.items():
        fakes = np.stack([face_crop(make(f).pixels, f.box) for f in crisp])
        reals = np.stack([face_crop(f.face.pixels, f.box) for f in crisp])
        both = predict(net, np.concatenate([reals, fakes]), device)
        out[name] = round(float(auc(both, np.repeat([0, 1], len(crisp)))), 4)
    return out


class _Export(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logit, area = self.net(x)
        return logit, torch.sigmoid(area)


def export(net: nn.Module, path: Path) -> None:
    """Write the network as ONNX: input `faces` (N, 3, S, S) in [-1, 1]; outputs `logit` (N,), `mask` (N, S/8, S/8)."""
    import copy

    frozen = _Export(copy.deepcopy(net)).to("cpu").eval()
    torch.onnx.export(
        frozen,
        (torch.zeros(1, 3, FACE_CROP_PX, FACE_CROP_PX),),
        str(path),
        input_names=["faces"],
        output_names=["logit", "mask"],
        dynamic_axes={"faces": {0: "n"}, "logit": {0: "n"}, "mask": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
