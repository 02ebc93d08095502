"""Every picture that the generator's command writes says what it is."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import CADENCE, RECIPE
from typer.testing import CliRunner, Result

import facevalue as fv
from facevalue.finding import Verdict
from facevalue.lab.cli import app
from facevalue.lab.gan import checkpoint
from facevalue.lab.gan.draws import looks
from facevalue.lab.gan.run import train
from facevalue.lab.gan.sample import drawn
from facevalue.lab.gan.sheet import grid
from facevalue.lab.labels import MANIFEST, TRAINED_TYPE, marked
from facevalue.signing.store import init_identity


def lab(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["gan", *(str(a) for a in arguments)])


def declared(path: Path) -> None:
    exam = fv.check(path)
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
    assert TRAINED_TYPE in {d["value"] for d in exam.provenance["declarations"]}


@pytest.fixture(scope="module")
def sampled(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sampled") / "out"
    result = lab("sample", run, "-n", 5, "--out", out, "--seed", 2)
    assert result.exit_code == 0
    assert [Path(line).name for line in result.stdout.splitlines()[-2:]] == ["grid.jpg", MANIFEST]
    return out


def test_every_picture_is_declared_and_marked_and_so_is_the_grid(sampled: Path, run: Path) -> None:
    paths = sorted(sampled.glob("*.png"))
    assert len(paths) == 5
    for path in (paths[0], paths[4], sampled / "grid.jpg"):
        declared(path)
    _, generator, _ = checkpoint.load_average(checkpoint.newest(run))
    for path, pixels in zip(paths, drawn(generator, looks(2, 5, RECIPE.shape.latent)), strict=True):
        written = np.asarray(Image.open(path))
        assert np.array_equal(written, marked(pixels))
        assert np.array_equal(written[:-7], pixels[:-7])
        assert not np.array_equal(written, pixels)


def test_the_manifest_has_a_line_for_each(sampled: Path, run: Path) -> None:
    lines = [json.loads(line) for line in (sampled / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert [line["number"] for line in lines] == list(range(5))
    for line in lines:
        assert line["sha256"] == hashlib.sha256((sampled / line["file"]).read_bytes()).hexdigest()
        assert line["weights_sha256"] in checkpoint.newest(run).name
        assert (line["run"], line["images"], line["seed"]) == ("run", 128, 2)
    assert str(run.parent) not in (sampled / MANIFEST).read_text(encoding="utf-8")


def test_the_same_seed_draws_the_same_and_says_so_once(sampled: Path, run: Path, tmp_path: Path) -> None:
    before = np.asarray(Image.open(sampled / "gan-2-00001.png"))
    lines = [json.loads(line) for line in (sampled / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert lab("sample", run, "-n", 2, "--out", sampled, "--seed", 2).exit_code == 0
    assert np.array_equal(np.asarray(Image.open(sampled / "gan-2-00001.png")), before)
    again = [json.loads(line) for line in (sampled / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert sorted(line["content_sha256"] for line in again) == sorted(line["content_sha256"] for line in lines)
    lab("sample", run, "-n", 2, "--out", tmp_path, "--seed", 3)
    assert not np.array_equal(np.asarray(Image.open(tmp_path / "gan-3-00001.png")), before)


def test_no_option_leaves_the_label_out() -> None:
    from facevalue.lab.gan import cli

    options = {name for command in (cli.sample, cli.train, cli.show) for name in command.__annotations__}
    assert not {name for name in options if "label" in name or "mark" in name or "declare" in name}


def test_a_grid_holds_every_picture(pixels: np.ndarray) -> None:
    sheet = grid(pixels[:5], columns=3, gap=1)
    assert sheet.shape == (35, 52, 3)
    assert np.array_equal(sheet[18:34, 18:34], pixels[4])
    assert (sheet[18:34, 35:51] == 255).all()


def test_grids_over_training_are_declared(run: Path) -> None:
    grids = sorted((run / "grids").iterdir())
    assert [path.name for path in grids] == ["000000064.jpg", "000000128.jpg"]
    declared(grids[-1])


def test_distances_and_nearest_neighbours_over_training(folder: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from facevalue.lab.gan.progress import read

    train(folder, tmp_path / "run", replace(RECIPE, images=32), lambda _: replace(CADENCE, measure=16, measured=9))
    lines = [line for line in read(tmp_path / "run") if line["kind"] == "distance"]
    assert [line["images"] for line in lines] == [16, 32]
    assert lines[0]["pictures"] == [18, 9]
    assert lines[0]["floor"] < lines[0]["frechet"]
    declared(tmp_path / "run" / "nearest" / "000000032.jpg")


# Credentials


def test_every_picture_carries_a_credential_of_the_lab_or_of_whom_one_names(
    run: Path, sampled: Path, tmp_path: Path
) -> None:
    stored = init_identity("studio", folder=tmp_path / "identities")
    out = tmp_path / "out"
    assert lab("sample", run, "-n", 1, "--out", out, "--as", stored.folder).exit_code == 0
    for path, signer in (
        (out / "gan-0-00000.png", "studio"),
        (out / "grid.jpg", "studio"),
        (sampled / "grid.jpg", "lab"),
    ):
        found = fv.verify(path)
        assert str(found.state) == "untrusted_signer"  # intact, by a signer whom nobody here vouches for
        assert TRAINED_TYPE in json.dumps(found.to_dict())
        assert signer in found.summary


def test_an_identity_that_is_not_there_is_a_sentence(run: Path, tmp_path: Path) -> None:
    result = lab("sample", run, "-n", 1, "--out", tmp_path / "out", "--as", "nobody")
    assert isinstance(result.exception, fv.UsageError)
    assert "there is no identity 'nobody'" in str(result.exception)
    assert not (tmp_path / "out").exists()


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "{folder}", "--out", "{tmp}", "--size", 48), "--size must be one of 32, 64, 128"),
        (("train", "{folder}", "--out", "{tmp}", "--batch", 1), "batch must lie between"),
        (("train", "{folder}", "--out", "{tmp}", "--images", 0), "images must lie between"),
        (("train", "{folder}", "--out", "{tmp}", "--seed", -1), "seed must lie between"),
        (("train", "{folder}", "--out", "{tmp}", "--rate", "nan"), "--rate must lie"),
        (("train", "{folder}", "--out", "{tmp}", "--precision", "half"), "precision must be"),
        (("train", "{folder}", "--out", "{tmp}", "--measured", 3), "measured must be 0"),
        (("train", "{folder}", "--out", "{tmp}", "--size", 32), "at least 16 pictures of 32 px; .* gave 0"),
        (("train", "{tmp}/nowhere", "--out", "{tmp}/x"), "not a folder"),
        (("sample", "{tmp}", "--out", "{tmp}/x"), "no readable checkpoint"),
        (("sample", "{tmp}/nowhere", "--out", "{tmp}/x"), "there is no run"),
        (("sample", "{run}", "--out", "{tmp}/x", "-n", 0), "-n must lie between"),
        (("sample", "{run}", "--out", "{tmp}/x", "--seed", -1), "--seed must not be negative"),
        (("show", "{tmp}/nowhere"), "not the folder of a run"),
        (("show", "{tmp}"), "holds no log"),
    ],
)
def test_wrong_use_is_a_usage_error(
    arguments: tuple[Any, ...], sentence: str, folder: Path, run: Path, tmp_path: Path
) -> None:
    filled = [str(a).format(folder=folder, run=run, tmp=tmp_path) for a in arguments]
    result = lab(*filled)
    assert isinstance(result.exception, fv.UsageError), result.output
    with pytest.raises(fv.UsageError, match=sentence):
        raise result.exception


def test_without_torch_the_commands_say_what_to_install(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for arguments in (("train", tmp_path, "--out", tmp_path), ("sample", run, "--out", tmp_path)):
        result = lab(*arguments)
        assert isinstance(result.exception, fv.MissingExtraError)
        assert "facevalue[lab]" in str(result.exception)
    assert lab("show", run, "--report", tmp_path / "page.html").exit_code == 0


def test_train_command_prints_its_checkpoint(tmp_path: Path) -> None:
    from small_run import draw_folder

    pictures = draw_folder(tmp_path / "pictures", 16, 40, 40)
    out = tmp_path / "run"
    options = ("--size", 32, "--capacity", 256, "--batch", 8, "--measured", 0, "--threads", torch.get_num_threads())
    result = lab("train", pictures, "--out", out, "--images", 8, *options)
    assert result.exit_code == 0, result.output
    assert Path(result.stdout.strip()) == checkpoint.newest(out)
    result = lab("train", pictures, "--out", out, "--images", 16, "--resume", *options)
    assert Path(result.stdout.strip()).name.startswith("000000016")
    result = lab("train", pictures, "--out", out, "--resume", *options)
    assert Path(result.stdout.strip()).name.startswith("000000016"), "a finished run stays as long as it was"
