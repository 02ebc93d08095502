"""The state of a run on disk: written whole or not at all, and never believed on sight.

    RUN/checkpoints/000012800-3f0c9a1b2c3d4e5f.pt      images shown, and the first 16 digits of the file's sha256

A file is written under another name, flushed to the disk and renamed; a process killed at any moment leaves the last
complete one. Reading compares the hash and then lets torch unpickle weights only: a file from a stranger runs no code.
A checkpoint holds the recipe, both networks, the average generator, both optimisers, the number of images shown, the
log's open window, the hash of the pictures, and the global random states of Python, numpy and torch. (Training itself
draws from none of those, see `draws`; whoever plugs in something that does resumes exactly all the same.)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facevalue.errors import ModelError, UsageError
from facevalue.lab.gan.loop import Players
from facevalue.lab.gan.networks import Generator
from facevalue.lab.gan.recipe import Recipe

FOLDER = "checkpoints"
FORMAT = "facevalue.gan/1"
MOST_BYTES = 8 << 30
_NAME = re.compile(r"(\d{9,12})-([0-9a-f]{16})\.pt")
_NETWORKS = ("generator", "discriminator", "average")
_ADAMS = ("descent_g", "descent_d")


@dataclass(frozen=True, slots=True)
class State:
    """A run as a checkpoint holds it. window: sums over the log line that is not yet written. data: see Pictures."""

    recipe: Recipe
    players: Players
    window: torch.Tensor
    data: str


def save(run: Path, state: State, keep: int = 3) -> Path:
    """Write a checkpoint, then remove all but the newest `keep` (0 keeps all). Returns its path."""
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".partial-{os.getpid()}"
    with partial.open("wb") as stream:
        torch.save(_packed(state), stream)
        stream.flush()
        os.fsync(stream.fileno())
    path = folder / f"{state.players.images:09d}-{_digest(partial)}.pt"
    partial.replace(path)
    _sync(folder)
    if keep:
        for old in found(run)[:-keep]:
            old.unlink(missing_ok=True)
    for left in folder.glob(".partial-*"):  # of a process that was killed while writing
        left.unlink(missing_ok=True)
    return path


def found(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    folder = run / FOLDER
    names = [p for p in folder.iterdir() if _NAME.fullmatch(p.name)] if folder.is_dir() else []
    return sorted(names, key=lambda p: (int(p.name.partition("-")[0]), p.stat().st_mtime_ns))


def drop_later(run: Path, images: int) -> None:
    """Remove checkpoints of later moments: a run that goes on from an earlier one makes them again, bit by bit."""
    for path in found(run):
        if int(path.name.partition("-")[0]) > images:
            path.unlink(missing_ok=True)


def load(path: Path, device: torch.device) -> State:
    """A checkpoint, checked, with its networks on that device; the global random states are set as they were.

    Raises ModelError when the file is damaged, hostile or of another program.
    """
    values = _read(path)
    try:
        recipe = Recipe.from_dict(values["recipe"])
        players = Players.new(recipe, device)
        for name in (*_NETWORKS, *_ADAMS):
            getattr(players, name).load_state_dict(values[name])
        players.images = int(values["images"])
        window = torch.as_tensor(values["window"], dtype=torch.float64)
        state = State(recipe, players, window, str(values["data"]))
        _set_random(values["random"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError, UsageError) as error:
        raise ModelError(f"{path.name} is no checkpoint of this version ({_first_line(error)})") from None
    return state


def load_average(path: Path) -> tuple[Recipe, Generator, int]:
    """Only what drawing needs: the recipe, the average generator on the CPU, and images shown. Raises ModelError."""
    values = _read(path)
    try:
        recipe = Recipe.from_dict(values["recipe"])
        generator = Generator(recipe.shape).requires_grad_(False)
        generator.load_state_dict(values["average"])
        return recipe, generator, int(values["images"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, UsageError) as error:
        raise ModelError(f"{path.name} is no checkpoint of this version ({_first_line(error)})") from None


def newest(run: Path, report: Callable[[str], None] = lambda line: None) -> Path:
    """The newest checkpoint whose bytes are those that were written; others are reported. Raises UsageError."""
    for path in reversed(found(run)):
        try:
            _checked(path)
        except ModelError as error:
            report(str(error))
            continue
        return path
    raise UsageError(f"the run {run.name} has no readable checkpoint")


def _packed(state: State) -> dict[str, Any]:
    players = state.players
    values = {name: getattr(players, name).state_dict() for name in (*_NETWORKS, *_ADAMS)}
    return values | {
        "format": FORMAT,
        "recipe": state.recipe.to_dict(),
        "images": players.images,
        "window": state.window,
        "data": state.data,
        "random": _random(),
    }


def _random() -> dict[str, Any]:
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (str(name), torch.from_numpy(np.asarray(keys, np.int64)), int(position), int(has_gauss), float(gauss)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random(states: dict[str, Any]) -> None:
    version, numbers, gauss = states["python"]
    random.setstate((int(version), tuple(int(n) for n in numbers), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])


def _read(path: Path) -> dict[str, Any]:
    _checked(path)
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
        if packed:  # torch never compresses; what does may unfold to any size
            raise ModelError(f"{path.name} does not load as weights (its parts are compressed)")
        values = torch.load(path, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except Exception as error:  # a file made for it may break the readers in any way
        raise ModelError(f"{path.name} does not load as weights ({_first_line(error)})") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ModelError(f"{path.name} is no checkpoint of this version (its format is not {FORMAT})")
    return values


def _checked(path: Path) -> None:
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ModelError(f"{path.name} is not named as a checkpoint is: images-hash.pt")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ModelError(f"{path.name} is larger than any checkpoint of this program")
        genuine = _digest(path) == named[2]
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror or error}") from None
    if not genuine:
        raise ModelError(f"{path.name} is damaged: its sha256 is not the one in its name")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def _sync(folder: Path) -> None:
    """Make the renaming itself survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:160]
