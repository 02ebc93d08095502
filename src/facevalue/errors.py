"""The error tree. Bad input is a status on a finding, not an exception; what is left over is drawn here.

FacevalueError
├── UsageError             the call itself is wrong (exit status 2)
├── UnreadableError        the exhibit cannot be opened at all: missing, a folder, no permission (exit status 3)
├── DecodeError            the bytes are not a picture that can be decoded
│   └── LimitError         decoding would pass a limit on pixels, memory or time
├── ModelError             a model file is absent or is not the pinned one
├── MissingExtraError      a feature needs `pip install facevalue[extra]`
├── OfflineError           the network was needed while FACEVALUE_OFFLINE=1
└── RegistryError          the registry cannot do it: not there, damaged, full, or of a newer version
    ├── RefusedError       a submission or a question is refused; carries a code and an HTTP status
    └── LogError           the log, a checkpoint, a tile or a proof is not what it must be
        ├── ProofError     a proof does not prove what it claims
        └── ForkError      two views of one log contradict each other: it was rewritten or forked
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class FacevalueError(Exception):
    """Root of every error this package raises on purpose; its text is one plain sentence."""


class UsageError(FacevalueError):
    """The call is wrong: an unknown option, question or report format."""


class UnreadableError(FacevalueError):
    """The exhibit's bytes cannot be read."""


class DecodeError(FacevalueError):
    """The exhibit's bytes do not decode to a picture.

    facts: JSON-ready facts that could be read from the bytes all the same (see facevalue.media.facts); often empty.
    """

    def __init__(self, message: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.facts: dict[str, Any] = dict(facts or {})


class LimitError(DecodeError):
    """Decoding was stopped at a limit on pixels, memory or time."""


class ModelError(FacevalueError):
    """A model file is absent, or its sha256 is not the pinned one."""


class MissingExtraError(FacevalueError):
    """A feature needs an optional extra that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra '{extra}': pip install 'facevalue[{extra}]'")
        self.extra = extra


class OfflineError(FacevalueError):
    """The network was needed, but FACEVALUE_OFFLINE=1 refuses it."""


class RegistryError(FacevalueError):
    """The registry cannot do what was asked of it."""


class RefusedError(RegistryError):
    """A submission or a question is refused.

    code: a stable word for programs, such as "replayed". status: the HTTP status that says the same.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class LogError(RegistryError):
    """The log or one of its files is malformed, missing, or not signed by the key it should be signed by."""


class ProofError(LogError):
    """A proof does not prove what it claims, or is malformed."""


class ForkError(LogError):
    """Two signed views of one log contradict each other."""


__all__ = [
    "DecodeError",
    "FacevalueError",
    "ForkError",
    "LimitError",
    "LogError",
    "MissingExtraError",
    "ModelError",
    "OfflineError",
    "ProofError",
    "RefusedError",
    "RegistryError",
    "UnreadableError",
    "UsageError",
]
