"""A checkpoint is written whole or not at all, and never believed on sight."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facevalue.errors import ModelError, UsageError
from facevalue.lab.gan import checkpoint

CPU = torch.device("cpu")


def place(run: Path, data: bytes, images: int = 7) -> Path:
    """Bytes as a checkpoint whose name is right."""
    folder = run / checkpoint.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{images:09d}-{hashlib.sha256(data).hexdigest()[:16]}.pt"
    path.write_bytes(data)
    return path


def changed(run: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    values = torch.load(checkpoint.found(run)[-1], weights_only=True)
    change(values)
    out.mkdir(exist_ok=True)
    torch.save(values, out / "changed")
    return place(out, (out / "changed").read_bytes())


def test_what_was_saved_is_loaded(run: Path, tmp_path: Path) -> None:
    state = checkpoint.load(checkpoint.found(run)[2], CPU)
    again = checkpoint.load(checkpoint.save(tmp_path, state), CPU)
    assert (again.recipe, again.data, again.players.images) == (state.recipe, state.data, state.players.images)
    assert torch.equal(again.window, state.window)
    for one, other in zip(state.players.average.parameters(), again.players.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_only_the_newest_are_kept(run: Path, tmp_path: Path) -> None:
    state = checkpoint.load(checkpoint.found(run)[0], CPU)
    for images in (0, 16, 32, 48):
        state.players.images = images
        checkpoint.save(tmp_path, state, keep=2)
    assert [int(path.name[:9]) for path in checkpoint.found(tmp_path)] == [32, 48]


def test_half_a_file_of_a_killed_process_is_no_checkpoint_and_is_cleared_away(run: Path, tmp_path: Path) -> None:
    left = tmp_path / checkpoint.FOLDER / ".partial-123"
    left.parent.mkdir()
    left.write_bytes(b"half")
    assert checkpoint.found(tmp_path) == []
    checkpoint.save(tmp_path, checkpoint.load(checkpoint.found(run)[0], CPU))
    assert [path.suffix for path in left.parent.iterdir()] == [".pt"]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_one_changed_bit_anywhere_is_noticed(run: Path, tmp_path: Path, where: float, bit: int) -> None:
    path = checkpoint.found(run)[-1]
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    (tmp_path / path.name).write_bytes(bytes(data))
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load(tmp_path / path.name, CPU)


class Hostile:
    """Unpickling it would run code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "ran")


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_hostile_pickle_runs_nothing(wrapped: bool, tmp_path: Path) -> None:
    ran, file = tmp_path / "ran", tmp_path / "hostile"
    if wrapped:
        torch.save({"format": checkpoint.FORMAT, "recipe": Hostile(ran)}, file)
    else:
        file.write_bytes(pickle.dumps(Hostile(ran)))
    path = place(tmp_path / "run", file.read_bytes())
    for load in (lambda: checkpoint.load(path, CPU), lambda: checkpoint.load_average(path)):
        with pytest.raises(ModelError, match="does not load as weights"):
            load()
    assert not ran.exists()


def test_a_compressed_file_is_not_unfolded(run: Path, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(checkpoint.found(run)[-1]) as stored,
        zipfile.ZipFile(tmp_path / "packed", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in stored.infolist():
            packed.writestr(entry.filename, stored.read(entry))
    with pytest.raises(ModelError, match="compressed"):
        checkpoint.load_average(place(tmp_path / "run", (tmp_path / "packed").read_bytes()))


@pytest.mark.parametrize("data", [b"", b"\x80\x02.", b"PK\x03\x04" + b"\0" * 64, b"nothing of the kind" * 9])
def test_what_is_no_checkpoint_at_all_is_a_sentence(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        checkpoint.load(place(tmp_path, data), CPU)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(format="facevalue.gan/0"),
        lambda v: v.pop("average"),
        lambda v: v.pop("recipe"),
        lambda v: v["recipe"].update(batch=-1),
        lambda v: v["recipe"]["shape"].update(capacity=10**12),
        lambda v: v["recipe"]["shape"].update(latent=9),
        lambda v: v.update(images="many"),
        lambda v: v["average"].update(basis=torch.zeros(1)),
        lambda v: v.update(average=[1, 2, 3]),
    ],
)
def test_values_that_no_run_has_are_a_sentence(
    change: Callable[[dict[str, Any]], None], run: Path, tmp_path: Path
) -> None:
    path = changed(run, tmp_path, change)
    for load in (lambda: checkpoint.load(path, CPU), lambda: checkpoint.load_average(path)):
        with pytest.raises(ModelError, match="no checkpoint of this version"):
            load()


def test_a_file_under_a_name_of_its_own_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(checkpoint.found(run)[-1].read_bytes())
    with pytest.raises(ModelError, match="not named"):
        checkpoint.load(tmp_path / "mine.pt", CPU)
    with pytest.raises(ModelError, match="cannot be read"):
        checkpoint.load(tmp_path / checkpoint.found(run)[-1].name, CPU)


def test_a_folder_without_checkpoints_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no readable checkpoint"):
        checkpoint.newest(tmp_path)
