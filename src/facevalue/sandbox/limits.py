"""The limits that a worker puts on itself before it looks at a file. Without POSIX, its parent's deadline holds."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

resource: Any
try:
    import resource
except ImportError:
    resource = None

CPU_MARGIN_SECONDS = 5


def limit_for_good(*, writes: bool = False) -> None:
    """No core dumps, and no writing of files unless it is a worker that writes."""
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True  # the next line would leave empty .pyc files behind
    if not writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def limit_memory(more_bytes: int, used_bytes: int | None = None) -> None:
    """Address space: more_bytes above what is mapped now, or above used_bytes where the caller knows better."""
    if resource is not None:
        _soft(resource.RLIMIT_AS, (mapped_bytes() if used_bytes is None else used_bytes) + more_bytes)


def limit_seconds(more: float) -> None:
    """Processor time: what is used now, `more`, and a margin, so that the parent's clock usually speaks first."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = used.ru_utime + used.ru_stime + more + CPU_MARGIN_SECONDS
        _soft(resource.RLIMIT_CPU, int(min(seconds, 1e9)) + 1)


def free_memory() -> None:
    """Between requests the address space is open again, so that the next file's bytes can arrive."""
    if resource is not None:
        _soft(resource.RLIMIT_AS, -1)


def room_bytes() -> float:
    """Address space that may still be mapped; infinite without a limit."""
    if resource is None:
        return float("inf")
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return float("inf") if soft < 0 else float(soft - mapped_bytes())


def mapped_bytes() -> int:
    """Bytes of address space in use; 0 where the platform does not tell."""
    return _statm(0)


def resident_bytes() -> int:
    """Bytes of memory in use; 0 where the platform does not tell."""
    return _statm(1)


def _statm(index: int) -> int:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[index]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _soft(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    wanted = hard if value < 0 else value if hard < 0 else min(value, hard)
    # suppressed: a platform that knows the limit but refuses to set it (macOS, RLIMIT_AS)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(which, (wanted, hard))
