"""What the registry and its log may refuse, from the one tree in facevalue.errors; and when the storage is full."""

from __future__ import annotations

import errno

from facevalue.errors import ForkError, LogError, ProofError, RefusedError, RegistryError

# What the system says when nothing more fits: the disk, a quota, a limit on the size of one file.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_full(error: BaseException) -> bool:
    """Whether an error of the system says that the storage is full."""
    return isinstance(error, OSError) and error.errno in _FULL


__all__ = ["ForkError", "LogError", "ProofError", "RefusedError", "RegistryError", "is_full"]
