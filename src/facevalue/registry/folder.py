"""A registry's folder: what lies where, and the name that it was set up with.

registry.json    the registry's name (the log's origin) and which kind of database it uses
registry.sqlite  the database, unless it is in PostgreSQL
log/             the transparency log: static files, to be served as they are
log.pem          the key that signs the log's checkpoints: keep it safe, and keep it
owner.pem        the first curator's key, made by `registry init`
manifests/       C2PA manifest stores by their sha256
fingerprints/    an index derived from the database, made anew when it is missing
features/        another, over local features, clips and sounds
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from facevalue.errors import UsageError
from facevalue.home import home
from facevalue.registry.canonical import parse
from facevalue.registry.errors import RegistryError
from facevalue.registry.files import write_durably

SCHEMA = "facevalue.registry.folder/1"
SQLITE = "sqlite"
POSTGRESQL = "postgresql"
MAX_MANIFEST_BYTES = 16 << 20


def default_folder() -> Path:
    """FACEVALUE_HOME/registry."""
    return home() / "registry"


@dataclass(frozen=True, slots=True)
class RegistryFolder:
    """Paths within a registry's folder, its origin, and the kind of its database."""

    root: Path
    origin: str
    database: str

    @classmethod
    def read(cls, root: Path) -> RegistryFolder:
        """An existing folder. Raises UsageError when no registry was set up there, RegistryError when it is damaged."""
        try:
            data = parse((root / "registry.json").read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                raise RegistryError(f"the registry in {root} was made by another version of facevalue")
            return cls(root, str(data["origin"]), str(data["database"]))
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(f"there is no registry in {root}: run facevalue registry init") from None
        except OSError as error:
            raise RegistryError(f"the registry in {root} cannot be read: {error.strerror or error}") from None
        except (ValueError, KeyError, TypeError):
            raise RegistryError(f"{root / 'registry.json'} is damaged") from None

    @classmethod
    def exists(cls, root: Path) -> bool:
        """Whether a registry was set up there."""
        return (root / "registry.json").is_file()

    def write(self) -> None:
        """Set the folder up."""
        data = {"schema": SCHEMA, "origin": self.origin, "database": self.database}
        write_durably(self.root / "registry.json", json.dumps(data, indent=2).encode() + b"\n")

    @property
    def log(self) -> Path:
        """The log's folder."""
        return self.root / "log"

    @property
    def log_key(self) -> Path:
        """The key that signs checkpoints."""
        return self.root / "log.pem"

    @property
    def owner_key(self) -> Path:
        """The first curator's key."""
        return self.root / "owner.pem"

    @property
    def lock(self) -> Path:
        """The one writer's lock."""
        return self.root / ".writer"

    def keep_manifest(self, data: bytes) -> bytes:
        """Keep the bytes of a manifest store; their sha256. Durable when it returns."""
        digest = hashlib.sha256(data).digest()
        path = self._manifest(digest)
        if not path.is_file():
            write_durably(path, data)
        return digest

    def keeps(self, digest: bytes) -> bool:
        """Whether the manifest store with that sha256 is kept."""
        return self._manifest(digest).is_file()

    def manifest(self, digest: bytes) -> bytes | None:
        """The manifest store with that sha256, or None; one that does not hash to it any more is not given out."""
        try:
            data = self._manifest(digest).read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).digest() != digest:
            raise RegistryError("a manifest that is kept here is damaged")
        return data

    def _manifest(self, digest: bytes) -> Path:
        return self.root / "manifests" / digest.hex()[:2] / f"{digest.hex()}.c2pa"
