"""The loop: what a step changes, and that a run which was stopped goes on as if it had not been."""

from __future__ import annotations

import copy
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_run import RECIPE, draw_folder

from facevalue.errors import FacevalueError, UsageError
from facevalue.lab.gan import checkpoint, loop
from facevalue.lab.gan.progress import TIMES, read
from facevalue.lab.gan.ranks import Ranks
from facevalue.lab.gan.run import Stop

Longer = Callable[..., Path]


def curve(run: Path) -> list[dict[str, Any]]:
    """The log without what depends on the machine, and without the notes that a run went on."""
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read(run) if line["kind"] != "resume"]


def weights(path: Path) -> dict[str, torch.Tensor]:
    values = torch.load(path, weights_only=True)
    out = {}
    for net in ("generator", "discriminator", "average"):
        out.update({f"{net}.{name}": value for name, value in values[net].items()})
    for adam in ("descent_g", "descent_d"):
        for row, state in values[adam]["state"].items():
            out.update({f"{adam}.{row}.{name}": value for name, value in state.items()})
    return out


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def trained(recipe: Any, pixels: np.ndarray, where: Ranks) -> loop.Players:
    players = loop.Players.new(recipe, where.device)
    for _ in loop.steps(players, recipe, pixels, where):
        pass
    return players


# A step


def test_a_step_moves_all_three_networks_and_says_how_it_went(pixels: np.ndarray, alone: Ranks) -> None:
    players = loop.Players.new(RECIPE, alone.device)
    before = [copy.deepcopy(net.state_dict()) for net in (players.generator, players.discriminator, players.average)]
    images, measures = next(loop.steps(players, RECIPE, pixels, alone))
    assert images == players.images == RECIPE.batch
    assert measures.shape == (len(loop.MEASURES),)
    assert measures.isfinite().all()
    after = [net.state_dict() for net in (players.generator, players.discriminator, players.average)]
    for old, new in zip(before, after, strict=True):
        assert any(not torch.equal(old[name], new[name]) for name in old)


def test_the_average_follows_by_its_half_life(alone: Ranks) -> None:
    players = loop.Players.new(RECIPE, alone.device)
    start = [p.clone() for p in players.average.parameters()]
    with torch.no_grad():
        for parameter in players.generator.parameters():
            parameter.add_(1.0)
    for _ in range(3):
        loop.follow(players.average, players.generator, 0.5 ** (16 / 48))
    for old, new in zip(start, players.average.parameters(), strict=True):
        assert torch.allclose(new, old + 0.5, atol=1e-5)  # 3 steps of 16 are one half-life of 48


def test_the_average_starts_as_the_generator_and_takes_no_gradient(alone: Ranks) -> None:
    players = loop.Players.new(RECIPE, alone.device)
    for own, theirs in zip(players.average.parameters(), players.generator.parameters(), strict=True):
        assert torch.equal(own, theirs)
        assert not own.requires_grad
        assert own.data_ptr() != theirs.data_ptr()


@pytest.mark.parametrize("pieces", [2, 5])
def test_a_batch_in_pieces_is_the_same_batch(pieces: int, pixels: np.ndarray, alone: Ranks) -> None:
    short = replace(RECIPE, images=16)
    whole, cut = (trained(replace(short, pieces=n), pixels, alone) for n in (1, pieces))
    for one, other in zip(whole.descent_d.state.values(), cut.descent_d.state.values(), strict=True):
        assert torch.allclose(one["exp_avg_sq"], other["exp_avg_sq"], rtol=1e-3, atol=1e-9)
    for one, other in zip(whole.generator.parameters(), cut.generator.parameters(), strict=True):
        assert torch.allclose(one, other, atol=2e-3)


def test_lazy_penalties_are_taken_at_every_nth_step_and_weigh_as_much_more(pixels: np.ndarray, alone: Ranks) -> None:
    recipe = replace(RECIPE, penalty_every=3, images=16 * 7)
    players = loop.Players.new(recipe, alone.device)
    taken = [bool(m[2:4].isfinite().all()) for _, m in loop.steps(players, recipe, pixels, alone)]
    assert taken == [True, False, False, True, False, False, True]


def test_bfloat16_trains_too(pixels: np.ndarray, alone: Ranks) -> None:
    recipe = replace(RECIPE, precision="bfloat16", images=32)
    players = loop.Players.new(recipe, alone.device)
    for _, measures in loop.steps(players, recipe, pixels, alone):
        assert measures.isfinite().all()
    assert all(p.dtype == torch.float32 for p in players.generator.parameters())


def test_processes_share_a_batch_without_gaps() -> None:
    rows = [row for rank in range(4) for row in range(32)[Ranks(rank, 4, torch.device("cpu")).share(32)]]
    assert rows == list(range(32))
    with pytest.raises(UsageError, match="does not divide"):
        Ranks(0, 3, torch.device("cpu")).share(32)


# Going on


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(run: Path, longer: Longer, tmp_path: Path) -> None:
    assert same(longer(tmp_path / "again"), checkpoint.found(run)[-1])
    assert curve(tmp_path / "again") == curve(run)
    assert not same(longer(tmp_path / "other", seed=4), checkpoint.found(run)[-1])


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_run_resumes_from_any_checkpoint_bit_by_bit(at: int, run: Path, longer: Longer, tmp_path: Path) -> None:
    out = tmp_path / "run"
    longer(out)
    start = checkpoint.found(out)[at]
    np.random.seed(1)
    random.seed(1)
    torch.manual_seed(1)
    assert same(longer(out, resume=True, start=start), checkpoint.found(run)[-1])
    assert curve(out) == curve(run)


def test_global_random_states_go_on_too(run: Path, alone: Ranks) -> None:
    path = checkpoint.found(run)[1]

    def drawn() -> tuple[Any, ...]:
        checkpoint.load(path, alone.device)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert drawn() == drawn()


def test_a_run_can_be_made_longer_but_not_into_another(run: Path, longer: Longer, tmp_path: Path) -> None:
    out = tmp_path / "run"
    longer(out, images=64)
    longer(out, resume=True, images=128, seed=99, batch=4)  # its own recipe holds
    state = checkpoint.load(checkpoint.found(out)[-1], torch.device("cpu"))
    assert (state.recipe.images, state.recipe.seed, state.recipe.batch) == (128, RECIPE.seed, 16)
    assert same(checkpoint.found(out)[-1], checkpoint.found(run)[-1])


def test_a_run_is_never_written_over(longer: Longer, tmp_path: Path) -> None:
    longer(tmp_path / "run", images=32)
    with pytest.raises(UsageError, match="--resume"):
        longer(tmp_path / "run", images=32)


def test_resuming_with_other_pictures_is_refused(longer: Longer, tmp_path: Path) -> None:
    longer(tmp_path / "run", images=32)
    with pytest.raises(UsageError, match="not those"):
        longer(tmp_path / "run", resume=True, data=draw_folder(tmp_path / "others", 30))


def test_resume_begins_where_nothing_is(longer: Longer, tmp_path: Path) -> None:
    said: list[str] = []
    assert longer(tmp_path / "run", images=32, resume=True, report=said.append).is_file()
    assert "begins" in said[0]


def test_resume_passes_over_a_damaged_checkpoint(run: Path, longer: Longer, tmp_path: Path) -> None:
    longer(tmp_path / "run")
    last = checkpoint.found(tmp_path / "run")[-1]
    last.write_bytes(last.read_bytes()[:-100])
    said: list[str] = []
    made = longer(tmp_path / "run", resume=True, report=said.append)
    assert "damaged" in said[0]
    assert same(made, checkpoint.found(run)[-1])


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a foreground process; what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_writes_a_checkpoint_first(
    run: Path, folder: Path, longer: Longer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = loop.step

    def interrupted(players: loop.Players, *rest: Any) -> torch.Tensor:
        if players.images == 80:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(players, *rest)

    monkeypatch.setattr(loop, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        longer(tmp_path / "run")
    monkeypatch.undo()
    assert checkpoint.found(tmp_path / "run")[-1].name.startswith("000000096")
    assert same(longer(tmp_path / "run", resume=True), checkpoint.found(run)[-1])
    assert curve(tmp_path / "run") == curve(run)


def test_the_second_ctrl_c_does_not_wait(interruptible: None) -> None:
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_that_diverges_says_so_and_keeps_its_checkpoints(
    longer: Longer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(players: loop.Players, *rest: Any) -> torch.Tensor:
        return torch.full((6,), torch.nan if players.images >= 48 else 0.5, dtype=torch.float64)

    monkeypatch.setattr(loop, "step", broken)
    with pytest.raises(FacevalueError, match="diverged at 64 images"):
        longer(tmp_path / "run")
    assert checkpoint.found(tmp_path / "run")[-1].name.startswith("000000032")


# Processes

_PROGRAM = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from facevalue.lab.gan.recipe import Recipe
from facevalue.lab.gan.run import Cadence, train
import json
recipe, data, out, resume = sys.argv[1:]
recipe = Recipe.from_dict(json.loads(recipe))
train(Path(data), Path(out), recipe, lambda _: Cadence(32, 64, 0, 32, 0, 0), resume=resume == "1")
"""


def command(recipe: Any, data: Path, out: Path, resume: bool) -> list[str]:
    return [json.dumps(recipe.to_dict()), str(data), str(out), str(int(resume))]


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_with_the_same_curve(folder: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, images=640)
    program = tmp_path / "go.py"
    program.write_text(_PROGRAM)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def start(out: Path, resume: bool) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, program, *command(recipe, folder, out, resume)], env=environment)

    assert start(tmp_path / "whole", False).wait(600) == 0
    killed, done, wait = 0, 1, 0.0
    rng = random.Random(7)
    while done != 0:
        process = start(tmp_path / "killed", resume=True)
        beginning = len(list(read(tmp_path / "killed")))
        while process.poll() is None and len(list(read(tmp_path / "killed"))) < beginning + rng.randint(1, 9):
            time.sleep(0.01)
        wait = rng.uniform(0, 0.2)
        time.sleep(wait)
        if killed < 6:
            process.kill()
            killed += process.wait(60) == -signal.SIGKILL
            continue
        done = process.wait(600)
    assert killed >= 1
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    assert same(checkpoint.found(tmp_path / "killed")[-1], checkpoint.found(tmp_path / "whole")[-1])


@pytest.mark.slow
def test_two_processes_train_what_one_would_have_with_twice_the_batch(folder: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, images=64)
    program = tmp_path / "go.py"
    program.write_text(_PROGRAM)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for name, prefix in (("one", [sys.executable]), ("two", torchrun)):
        subprocess.run(
            [*prefix, program, *command(recipe, folder, tmp_path / name, False)],
            env=environment,
            check=True,
            timeout=600,
        )
    one, two = (weights(checkpoint.found(tmp_path / name)[-1]) for name in ("one", "two"))
    for name, value in one.items():
        assert torch.allclose(value, two[name], rtol=0.05, atol=5e-3), name
    for a, b in zip(curve(tmp_path / "one")[1:], curve(tmp_path / "two")[1:], strict=True):
        for key, value in a.items():
            assert b[key] == (pytest.approx(value, rel=0.01, abs=1e-3) if isinstance(value, float) else value)
