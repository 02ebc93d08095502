"""The vocoder's training: it learns, stops and goes on bit by bit, exports what it learnt, and trusts no file."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from facevalue.errors import ModelError, UsageError  # noqa: E402
from facevalue.lab.cli import app  # noqa: E402
from facevalue.lab.voices import neural  # noqa: E402
from facevalue.lab.voices.vocoder import checkpoint, speech  # noqa: E402
from facevalue.lab.voices.vocoder.data import training_set  # noqa: E402
from facevalue.lab.voices.vocoder.export import export  # noqa: E402
from facevalue.lab.voices.vocoder.loop import Players, step  # noqa: E402
from facevalue.lab.voices.vocoder.networks import Discriminators, MelLoss  # noqa: E402
from facevalue.lab.voices.vocoder.recipe import Recipe  # noqa: E402
from facevalue.lab.voices.vocoder.run import LOG, Limits, train  # noqa: E402

RECIPE = Recipe(channels=16, blocks=1, steps=4, batch=2, frames=24, alone=1, seed=3)


@pytest.fixture(scope="module")
def heard() -> dict[str, np.ndarray]:
    """Three recordings of pulses and noise, 8 s each."""
    rng = np.random.default_rng(0)
    out = {}
    for name, hertz in (("a.wav", 100), ("b.wav", 150), ("c.wav", 220)):
        at = np.arange(8 * 16_000)
        wave = (at % (16_000 // hertz) == 0) * 9_000.0 + rng.normal(0, 300, len(at))
        out[name] = wave.astype(np.int16)
    return out


@pytest.fixture(scope="module")
def whole(heard: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    train([Path(n) for n in heard], run, RECIPE, Limits(), lambda p: heard[p.name])
    return run


def weights(run: Path) -> bytes:
    _, players, _ = checkpoint.load(checkpoint.newest(run))
    parts = [v.numpy().tobytes() for v in players.average.state_dict().values()]
    parts += [v.numpy().tobytes() for v in players.discriminators.state_dict().values()]
    return b"".join(parts)


def test_a_run_that_was_stopped_goes_on_bit_by_bit(whole: Path, heard: dict[str, np.ndarray], tmp_path: Path) -> None:
    seen = 0

    def interrupt(done: int, of: int, values: dict[str, float | None], per: float) -> None:
        nonlocal seen
        seen = done if values else 0
        if seen == 2:
            raise KeyboardInterrupt

    names = [Path(n) for n in heard]
    train(names, tmp_path / "cut", RECIPE, Limits(), lambda p: heard[p.name], show=interrupt)
    assert seen == 2
    assert checkpoint.newest(tmp_path / "cut").name.startswith("00000002-")
    with pytest.raises(UsageError, match="resume it"):
        train(names, tmp_path / "cut", RECIPE, Limits(), lambda p: heard[p.name])
    train([], tmp_path / "cut", replace(RECIPE, steps=1), Limits(), lambda p: heard[p.name], resume=True)
    assert weights(tmp_path / "cut") == weights(whole)
    assert (tmp_path / "cut" / LOG).read_text() == (whole / LOG).read_text()
    assert json.loads((whole / LOG).read_text().splitlines()[-1])["step"] == 4


@pytest.mark.slow
def test_the_command_trains_resumes_and_its_model_works(low_file: Path, high_file: Path, tmp_path: Path) -> None:
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "copy.wav"
    data.mkdir()
    for path in (low_file, high_file):
        shutil.copy(path, data)
    words = ["vocoder", "train", str(data), "--out", str(run)]
    first = CliRunner().invoke(app, [*words, "--steps", "1", "--channels", "8", "--batch", "1"])
    assert first.exit_code == 0, first.output
    again = CliRunner().invoke(app, [*words, "--steps", "2", "--resume"])
    assert again.exit_code == 0, again.output
    assert json.loads((run / neural.CARD).read_text())["steps"] == 2
    copied = CliRunner().invoke(
        app, ["vocode", str(high_file), "--with", "gan", "--model", str(run / neural.MODEL), "--out", str(out)]
    )
    assert copied.exit_code == 0, copied.output
    assert out.is_file()


def test_training_brings_the_mel_bands_nearer(whole: Path) -> None:
    packed = speech.packed(whole)
    assert packed is not None
    recipe = replace(RECIPE, alone=99, rate=3e-3)
    players, mel = Players.new(recipe), MelLoss()
    losses = [float(step(players, recipe, speech.batch(packed, recipe, n % 2), mel)[0]) for n in range(24)]
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:2])


def test_batches_depend_on_the_step_alone(whole: Path) -> None:
    packed = speech.packed(whole)
    assert packed is not None
    one, again, other = (speech.batch(packed, RECIPE, n) for n in (7, 7, 8))
    assert torch.equal(one.real, again.real)
    assert torch.equal(one.noise, again.noise)
    assert not torch.equal(one.real, other.real)
    assert one.tones.shape == (2, RECIPE.frames + 1, 2)


def test_every_discriminator_sees_every_sample() -> None:
    wave = torch.zeros(1, 2_048, requires_grad=True)
    for maps in Discriminators()(wave):
        (seen,) = torch.autograd.grad(maps[-1].abs().sum(), wave, retain_graph=True)
        assert (seen[0, 200:-200] != 0).all()


def test_the_export_says_what_the_network_says(whole: Path, tmp_path: Path) -> None:
    made = checkpoint.newest(whole)
    model, card = export(made, tmp_path)
    assert json.loads(card.read_text())["steps"] == 4
    wave = (0.1 * np.random.default_rng(0).standard_normal(6_000)).astype(np.float32)
    given = neural.features(wave)
    _, players, _ = checkpoint.load(made)
    with torch.no_grad():
        expected = players.average.filters(torch.from_numpy(given)[None])[0].numpy()
    from facevalue.sessions import session

    (out,) = session(model).run(["filters"], {"features": given[None]})
    np.testing.assert_allclose(out[0], expected, atol=0.02)
    assert neural.copy(wave, 16_000, np.random.default_rng(0), model).shape == wave.shape


def test_features_of_training_and_of_use_are_the_same() -> None:
    wave = (0.1 * np.random.default_rng(0).standard_normal(4_096)).astype(np.float32)
    there = MelLoss().log_mel(torch.from_numpy(wave)[None])[0].numpy()
    np.testing.assert_allclose(neural.features(wave)[:, : neural.BANDS], there, atol=1e-3)


def test_no_file_is_believed_on_sight(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / checkpoint.FOLDER
    folder.mkdir()
    good = checkpoint.newest(whole)
    bad = folder / good.name
    bad.write_bytes(good.read_bytes()[:-9] + b"ninebytes")
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load(bad)
    with pytest.raises(UsageError, match="no readable checkpoint"):
        checkpoint.newest(tmp_path)
    with pytest.raises(ModelError, match="not named"):
        checkpoint.load(tmp_path / "x.pt")
    import hashlib

    junk = b"\x80\x04junk"
    named = folder / f"00000009-{hashlib.sha256(junk).hexdigest()[:16]}.pt"
    named.write_bytes(junk)
    with pytest.raises(ModelError, match="no checkpoint of this version"):
        checkpoint.load(named)


@pytest.mark.parametrize("values", [{}, {"steps": "many"}, {"channels": 2}, {"steps": 0}, {"frames": 1}])
def test_odd_recipes_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Recipe.from_dict(RECIPE.to_dict() | values if values else {})


def test_too_little_speech_is_refused(heard: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="10 s of speech"):
        train([Path("a.wav")], tmp_path / "r", RECIPE, Limits(), lambda p: heard[p.name])
    with pytest.raises(UsageError, match="not a folder"):
        training_set(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no recordings"):
        training_set(tmp_path)
