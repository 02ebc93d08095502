"""The zoo: members that differ, training that resumes to the same bytes, and what shows of a decoder."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

torch = pytest.importorskip("torch", reason="needs the extra lab")

import facevalue as fv  # noqa: E402
from facevalue.finding import Verdict  # noqa: E402
from facevalue.lab.cli import app  # noqa: E402
from facevalue.lab.labels import MANIFEST  # noqa: E402
from facevalue.lab.reconstruct import Autoencoder, reconstruct, redrawn  # noqa: E402
from facevalue.lab.zoo.bottlenecks import Gaussian, VectorQuantised  # noqa: E402
from facevalue.lab.zoo.distance import distance, peak_db, spectrum  # noqa: E402
from facevalue.lab.zoo.members import ZOO, member  # noqa: E402
from facevalue.lab.zoo.train import ZooRecipe, load, rate_at, train_member  # noqa: E402

TINY = ZooRecipe(steps=4, batch=1)
QUIET = {"report": lambda line: None}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, scene: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    for i in range(2):
        part = cv2.resize(scene[:, 150 * i : 150 * i + 300], (200, 280), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{i}.png"), part[..., ::-1])
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("name", list(ZOO))
def test_a_member_keeps_the_frame_and_a_stopped_training_ends_with_the_same_bytes(
    name: str, tmp_path: Path, scene: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = member(name)
    whole = train_member(one, [scene], tmp_path / "whole", TINY, **QUIET)
    assert redrawn(whole, scene[:85, :67]).shape == (85, 67, 3)
    from facevalue.lab.zoo import train

    step, done = train._step, []

    def interrupted(*arguments: object) -> float:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(train, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_member(one, [scene], tmp_path / "cut", TINY, **QUIET)
    assert not (tmp_path / "cut" / one.weights).exists()
    train_member(one, [scene], tmp_path / "cut", TINY, **QUIET)
    assert [p.name for p in (tmp_path / "cut").iterdir()] == [one.weights]
    assert (tmp_path / "cut" / one.weights).read_bytes() == (tmp_path / "whole" / one.weights).read_bytes()


def test_training_learns(tmp_path: Path, scene: np.ndarray) -> None:
    net = train_member(member("transposed"), [scene], tmp_path, ZooRecipe(steps=40, batch=3), **QUIET)
    raw = Autoencoder.of(member("transposed")).eval()
    errors = [np.abs(reconstruct(n, scene[:160, :160]).astype(int) - scene[:160, :160]).mean() for n in (net, raw)]
    assert errors[0] < 0.6 * errors[1]


def test_a_checkpoint_of_another_recipe_and_damaged_files_are_told(tmp_path: Path, scene: np.ndarray) -> None:
    one = member("vq")
    (tmp_path / f"checkpoint_{one.name}.pt").write_bytes(b"nothing")
    with pytest.raises(fv.UsageError, match="no checkpoint"):
        train_member(one, [scene], tmp_path, TINY, **QUIET)
    (tmp_path / f"checkpoint_{one.name}.pt").unlink()
    train_member(one, [scene], tmp_path, TINY, **QUIET)
    with pytest.raises(fv.UsageError, match="not trained yet"):
        load(member("kl"), tmp_path)
    (tmp_path / member("kl").weights).write_bytes((tmp_path / one.weights).read_bytes())
    with pytest.raises(fv.UsageError, match="does not hold the weights of kl"):
        load(member("kl"), tmp_path)
    with pytest.raises(fv.UsageError, match="one of: nearest"):
        member("dodo")
    with pytest.raises(fv.UsageError, match="nothing to train"):
        train_member(member("nearest"), [scene[:20]], tmp_path, TINY, **QUIET)


def test_a_tiled_picture_has_no_seams(scene: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from facevalue.lab import reconstruct as room

    torch.manual_seed(1)
    net = Autoencoder.of(member("bilinear")).eval()
    whole = redrawn(net, scene[:203, :260])
    monkeypatch.setattr(room, "CORE_PX", 80)
    tiles = redrawn(net, scene[:203, :260])
    assert np.abs(whole.astype(int) - tiles).max() <= 1


def test_the_smooth_upsampler_keeps_a_constant() -> None:
    from facevalue.lab.reconstruct import _Smoothed

    out = _Smoothed(2)(torch.ones(1, 2, 6, 7))
    assert out.shape == (1, 2, 12, 14)
    assert out.numpy() == pytest.approx(1.0, abs=1e-5)


def test_bottlenecks_squeeze() -> None:
    z = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    vq = VectorQuantised(8)
    code = vq(z).code.permute(0, 2, 3, 1).reshape(-1, 8)
    assert torch.cdist(code, vq.codes).min(dim=1).values.max() < 1e-3, "every place is one of the codes"
    before = vq.codes.clone()
    vq(z, torch.Generator().manual_seed(1))
    assert not torch.equal(before, vq.codes)
    kl = Gaussian(4)
    assert torch.equal(kl(z).code, z[:, :4])
    drawn = [kl(z, torch.Generator().manual_seed(seed)).code for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_rate_rises_and_falls() -> None:
    recipe = ZooRecipe(steps=100)
    rates = [rate_at(step, recipe) for step in range(100)]
    assert max(rates) == pytest.approx(recipe.rate, rel=0.02)
    assert rates[0] < rates[5] < rates[9]
    assert rates[-1] < 0.01 * recipe.rate


def test_a_grid_shows_as_a_peak(scene: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(128, 20, (256, 256, 1)).repeat(3, 2).clip(0, 255).astype(np.uint8)
    grid = noise.copy()
    grid[::4, ::4] = np.minimum(grid[::4, ::4].astype(int) + 60, 255).astype(np.uint8)
    assert peak_db(spectrum([grid]), 4) > 10 > 6 > peak_db(spectrum([noise]), 4)
    blurred = cv2.GaussianBlur(scene, (0, 0), 2)
    found = distance([scene], [blurred], 4)
    assert found.fine_db < -3
    assert 15 < found.psnr_db < 40
    assert distance([scene], [scene], 4).fine_db == pytest.approx(0)


def test_train_show_and_forge_commands(pictures: Path, tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    ask = ("zoo", "train", pictures, "--zoo", zoo, "--only", "nearest", "--only", "kl", "--steps", 3, "--batch", 2)
    trained = run(*ask)
    assert trained.exit_code == 0, trained.exception
    assert [Path(line).name for line in trained.stdout.splitlines()] == [member(n).weights for n in ("nearest", "kl")]
    assert "step 3/3" in trained.stderr
    shown = run("zoo", "show", pictures, "--zoo", zoo)
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["member", "nearest", "kl"]
    rows = json.loads(run("zoo", "show", pictures, "--zoo", zoo, "--json").stdout)
    assert {row["name"] for row in rows} == {"nearest", "kl"}
    assert all(np.isfinite([row["psnr_db"], row["peak_db"], row["fine_db"]]).all() for row in rows)
    out = tmp_path / "out"
    made = run("forge", pictures / "0.png", "--out", out, "--method", "reconstruct", "--with", "kl", "--zoo", zoo)
    assert made.exit_code == 0, made.exception
    (line,) = [json.loads(text) for text in (out / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert line["parameters"]["network"] == "kl"
    assert fv.check(out / line["file"]).opinion.verdict is Verdict.DECLARED_SYNTHETIC


def test_a_missing_zoo_says_how_to_train(pictures: Path, tmp_path: Path) -> None:
    ask = ("forge", pictures / "0.png", "--out", tmp_path / "out", "--with", "vq", "--zoo", tmp_path)
    missing = run(*ask, "--method", "reconstruct")
    assert isinstance(missing.exception, fv.UsageError)
    assert "facevalue lab zoo train PICTURES --only vq" in str(missing.exception)
    assert "reconstruct, not with splice" in str(run(*ask, "--method", "splice").exception)
    assert "not trained yet" not in str(run("zoo", "show", pictures, "--zoo", tmp_path).exception)
    assert isinstance(run("zoo", "show", pictures, "--zoo", tmp_path).exception, fv.UsageError)
    assert isinstance(run("zoo", "train", tmp_path, "--zoo", tmp_path).exception, fv.UsageError)
