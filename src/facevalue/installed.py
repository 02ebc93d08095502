"""Files inside installed packages that are read and never imported: weights, lists, models."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def package_folders(module: str) -> tuple[Path, ...]:
    """The folders of an installed package, found without importing it; none when it is not installed."""
    spec = importlib.util.find_spec(module)
    return tuple(map(Path, (spec.submodule_search_locations or ()) if spec else ()))


def package_file(module: str, *path: str) -> Path | None:
    """A file inside an installed package, by its path there; None when the package or the file is not there."""
    found = (folder.joinpath(*path) for folder in package_folders(module))
    return next((file for file in found if file.is_file()), None)


__all__ = ["package_file", "package_folders"]
