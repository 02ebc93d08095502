"""The state of a run on disk: written whole or not at all, named by what it holds, and never believed on sight.

    RUN/checkpoints/00000900-3f0c9a1b2c3d4e5f.pt      steps taken, and the first 16 digits of the file's sha256

Reading compares the hash, then lets torch unpickle weights only: a file from a stranger runs no code. Training draws
from no global random state (see speech.batch), so there is none to keep.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from facevalue.errors import ModelError, UsageError
from facevalue.lab.voices.vocoder.loop import Players
from facevalue.lab.voices.vocoder.recipe import Recipe

FOLDER = "checkpoints"
FORMAT = "facevalue.vocoder/1"
MOST_BYTES = 1 << 30
_NAME = re.compile(r"(\d{8,12})-([0-9a-f]{16})\.pt")
_PARTS = ("generator", "discriminators", "average", "descent_g", "descent_d")


def save(run: Path, recipe: Recipe, players: Players, data: str, keep: int = 2) -> Path:
    """Write a checkpoint, then remove all but the newest `keep`. data: the digest of the speech."""
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".partial-{os.getpid()}"
    values = {name: getattr(players, name).state_dict() for name in _PARTS}
    with partial.open("wb") as stream:
        torch.save(
            values | {"format": FORMAT, "recipe": recipe.to_dict(), "steps": players.steps, "data": data}, stream
        )
        stream.flush()
        os.fsync(stream.fileno())
    path = folder / f"{players.steps:08d}-{_digest(partial)}.pt"
    partial.replace(path)
    for old in found(run)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def found(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    folder = run / FOLDER
    names = [p for p in folder.iterdir() if _NAME.fullmatch(p.name)] if folder.is_dir() else []
    return sorted(names, key=lambda p: (int(p.name.partition("-")[0]), p.stat().st_mtime_ns))


def newest(run: Path, report: Callable[[str], None] = lambda line: None) -> Path:
    """The newest checkpoint whose bytes are those that were written; others are reported. Raises UsageError."""
    for path in reversed(found(run)):
        with contextlib.suppress(ModelError):
            _checked(path)
            return path
        report(f"{path.name} is damaged and is passed over")
    raise UsageError(f"the run {run.name} has no readable checkpoint")


def load(path: Path) -> tuple[Recipe, Players, str]:
    """Recipe, players and the digest of the speech. Raises ModelError when damaged, hostile or of another program."""
    _checked(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("its parts are compressed")  # torch never does; what does may unfold to any size
        values: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if values["format"] != FORMAT:
            raise ValueError("its format is another")
        recipe = Recipe.from_dict(values["recipe"])
        players = Players.new(recipe)
        for name in _PARTS:
            getattr(players, name).load_state_dict(values[name])
        players.steps = int(values["steps"])
        return recipe, players, str(values["data"])
    except Exception as error:  # a file made for it may break the readers in any way
        line = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise ModelError(f"{path.name} is no checkpoint of this version ({line})") from None


def _checked(path: Path) -> None:
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ModelError(f"{path.name} is not named as a checkpoint is: steps-hash.pt")
    try:
        genuine = path.stat().st_size <= MOST_BYTES and _digest(path) == named[2]
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror or error}") from None
    if not genuine:
        raise ModelError(f"{path.name} is damaged: its sha256 is not the one in its name")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
