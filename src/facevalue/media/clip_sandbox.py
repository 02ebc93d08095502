"""The limits that a clip's worker puts on itself before it looks at a file. Without POSIX, the reader's clock holds."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

resource: Any
try:
    import resource
except ImportError:
    resource = None

CPU_MARGIN_SECONDS = 5


def limit_for_good() -> None:
    """No core dumps, no writing of files; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True  # the next line would leave empty .pyc files behind
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def limit_memory(more_bytes: int) -> None:
    """Address space: what is mapped now and more_bytes."""
    if resource is not None:
        _soft(resource.RLIMIT_AS, mapped_bytes() + more_bytes)


def limit_seconds(more: float) -> None:
    """Processor time: what is used now, `more`, and a margin, so that the parent's clock usually speaks first."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = used.ru_utime + used.ru_stime + more + CPU_MARGIN_SECONDS
        _soft(resource.RLIMIT_CPU, int(min(seconds, 1e9)) + 1)


def room_bytes() -> float:
    """Address space that may still be mapped; infinite without a limit."""
    if resource is None:
        return float("inf")
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return float("inf") if soft < 0 else float(soft - mapped_bytes())


def mapped_bytes() -> int:
    """Bytes of address space in use; 0 where the platform does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _soft(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    # suppressed: a platform that knows the limit but refuses to set it (macOS, RLIMIT_AS)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(which, (value if hard < 0 else min(value, hard), hard))
