"""The swap's refiner: it changes nothing outside the mask, and its training resumes as the same run."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra lab")

from facevalue.errors import ModelError, UsageError  # noqa: E402
from facevalue.lab.refiner import loop  # noqa: E402
from facevalue.lab.refiner.networks import Refiner  # noqa: E402
from facevalue.lab.refiner.pairs import Pairs  # noqa: E402
from facevalue.lab.refiner.run import export, train  # noqa: E402
from facevalue.lab.swap import refine  # noqa: E402


def restless(seed: int = 0) -> Refiner:
    """A refiner that changes something."""
    torch.manual_seed(seed)
    network = Refiner()
    torch.nn.init.normal_(network.last.weight, std=0.3)
    return network


def pairs(count: int = 6) -> Pairs:
    rng = np.random.default_rng(1)
    real = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    mask = np.zeros((count, 32, 32), np.uint8)
    mask[:, 8:24, 8:24] = 255
    given = np.where(mask[..., None] > 0, real // 2, real).astype(np.uint8)
    return Pairs(given, mask, real, np.arange(count) % 2 == 0)


def test_a_fresh_refiner_changes_nothing_and_a_trained_one_nothing_outside_the_mask() -> None:
    x, _ = loop.batch(pairs(), np.arange(4), np.zeros(4, np.bool_))
    assert torch.equal(Refiner()(x), x[:, :3])
    made = restless()(x)
    outside = (x[:, 3:] == 0).expand_as(made)
    assert torch.equal(made[outside], x[:, :3][outside])
    assert not torch.equal(made, x[:, :3])


def test_both_sides_learn_and_the_difference_shrinks() -> None:
    players, known = loop.Players.fresh(0, 2e-3), pairs()
    before = loop.measured(players.refiner, known)
    assert before["before"] == pytest.approx(before["after"])
    for number in range(30):
        rows = np.random.default_rng(number).integers(0, 6, 4)
        losses = loop.step(players, *loop.batch(known, rows, rows % 2 == 0))
        assert np.isfinite(losses).all()
    after = loop.measured(players.refiner, known)
    assert after["after"] < 0.9 * before["after"]
    assert after["before"] == before["before"]


def test_what_is_exported_is_what_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="needs the extra lab")
    network = restless()
    path = export(network, tmp_path / refine.FILE)
    assert path.stat().st_size < 5_000_000
    monkeypatch.setattr(refine, "_path", lambda: path)
    refine._network.cache_clear()
    try:
        pixels = np.random.default_rng(2).uniform(0, 255, (refine.SIDE_PX, refine.SIDE_PX, 3)).astype(np.float32)
        alpha = np.zeros((refine.SIDE_PX, refine.SIDE_PX), np.float32)
        alpha[30:90, 30:90] = 1
        made = refine.refined(pixels, alpha)
    finally:
        refine._network.cache_clear()
    assert np.array_equal(made[alpha == 0], pixels[alpha == 0])
    x = np.concatenate([pixels / 127.5 - 1, alpha[..., None]], axis=2).transpose(2, 0, 1)[None]
    with torch.no_grad():
        expected = (network(torch.from_numpy(x))[0].permute(1, 2, 0).numpy() + 1) * 127.5
    inside = alpha > 0
    assert np.abs(made[inside] - expected[inside]).max() < 0.05


def test_too_few_pictures_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="100 pictures"):
        train([tmp_path / "nowhere.png"], tmp_path / "run", 1, 0, 1, lambda line: None)


@pytest.mark.slow
def test_a_run_that_was_interrupted_is_the_same_run(portrait: np.ndarray, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs the extra lab")
    pictures = []
    for i in range(24):
        path = tmp_path / f"{i}.png"
        cut = portrait[: 300 + 4 * i, 60 : 400 + 2 * i]
        cv2.imwrite(str(path), cv2.resize(cut[:, ::-1] if i % 2 else cut, (240, 240)))
        pictures.append(path)
    whole = train(pictures, tmp_path / "whole", 4, 3, 1, lambda line: None)
    train(pictures, tmp_path / "parts", 2, 3, 1, lambda line: None)
    parts = train(pictures, tmp_path / "parts", 4, 3, 1, lambda line: None)
    states = [torch.load(path.with_name("checkpoint.pt"), weights_only=True) for path in (whole, parts)]
    for name, value in states[0]["average"].items():
        assert torch.equal(value, states[1]["average"][name])
    figures = json.loads((tmp_path / "whole" / "refiner.json").read_text())
    assert figures["steps"] == 4
    assert figures["held_out"] > 0
    (tmp_path / "parts" / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        train(pictures, tmp_path / "parts", 5, 3, 1, lambda line: None)
