"""What the registry and its log may refuse. All are FacevalueErrors: one plain sentence each.

FacevalueError
└── RegistryError          the registry cannot do it: not there, damaged, full, or of a newer version
    ├── RefusedError       a submission or a question is refused; carries a code and an HTTP status
    └── LogError           the log, a checkpoint, a tile or a proof is not what it must be
        ├── ProofError     a proof does not prove what it claims
        └── ForkError      two views of one log contradict each other: it was rewritten or forked
"""

from __future__ import annotations

import errno

from facevalue.errors import FacevalueError

# What the system says when nothing more fits: the disk, a quota, a limit on the size of one file.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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


def is_full(error: BaseException) -> bool:
    """Whether an error of the system says that the storage is full."""
    return isinstance(error, OSError) and error.errno in _FULL


__all__ = ["ForkError", "LogError", "ProofError", "RefusedError", "RegistryError", "is_full"]
