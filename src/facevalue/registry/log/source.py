"""Where a log is read from: a folder of static files, or the same files behind a URL. A log needs no server."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from facevalue.home import require_network
from facevalue.registry.errors import LogError
from facevalue.registry.log.paths import CHECKPOINT, COSIGNED, parse_path

# A full bundle of the largest entries that a length of 16 bits allows.
MAX_FILE_BYTES = 256 * (2 + 0xFFFF)
TIMEOUT_S = 30.0


class Source(Protocol):
    """Anything that hands out a log's files."""

    def read(self, path: str) -> bytes | None:
        """The bytes of the file at that path (see paths), or None when the log has none. Raises LogError."""


class Folder:
    """A log in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> bytes | None:
        """See Source."""
        try:
            with (self.root / _checked(path)).open("rb") as stream:
                return _bounded(stream.read(MAX_FILE_BYTES + 1), path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LogError(f"{path} of the log cannot be read: {error.strerror or error}") from None


class Url:
    """A log behind http(s); every read uses the network. Raises OfflineError; LogError for another scheme."""

    def __init__(self, prefix: str) -> None:
        if not prefix.startswith(("http://", "https://")):
            raise LogError("a log is read from a folder or from an http(s) URL")
        require_network("reading a log over http")
        self.prefix = prefix.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """See Source."""
        try:
            # Only http(s): the scheme was checked above.
            with urllib.request.urlopen(f"{self.prefix}/{_checked(path)}", timeout=TIMEOUT_S) as answer:  # noqa: S310
                return _bounded(answer.read(MAX_FILE_BYTES + 1), path)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            raise LogError(f"the log answers {error.code} for {path}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise LogError(f"the log cannot be reached: {reason!s:.200}") from None


class Memory:
    """A log in memory: paths to bytes."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def read(self, path: str) -> bytes | None:
        """See Source."""
        return self.files.get(path)


def open_source(where: str | Path) -> Source:
    """A folder or an http(s) URL. Raises LogError when it is neither, OfflineError when the network is refused."""
    if "://" in str(where):
        return Url(str(where))
    if not Path(where).is_dir():
        raise LogError(f"there is no log in {where!s:.200}: that is not a folder")
    return Folder(Path(where))


def _checked(path: str) -> str:
    if path not in (CHECKPOINT, COSIGNED) and parse_path(path) is None:
        raise LogError(f"{path!r:.100} is not a file of a log")
    return path


def _bounded(data: bytes, path: str) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise LogError(f"{path} of the log is larger than {MAX_FILE_BYTES} bytes")
    return data
