"""ONNX sessions shared by all threads of the process, opened on first use, and the options that all of them have."""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path

import onnxruntime as ort

_lock = threading.Lock()


def session(path: Path, most_threads: int | None = None) -> ort.InferenceSession:
    """The session of an ONNX file; opened once, safe to run from several threads. most_threads: see open_session."""
    with _lock:
        return _open(path, most_threads)


@functools.cache
def _open(path: Path, most_threads: int | None) -> ort.InferenceSession:
    return open_session(path.read_bytes(), most_threads)


def open_session(model: bytes, most_threads: int | None = None) -> ort.InferenceSession:
    """A new session of a serialised model. most_threads: more would only get into each other's way."""
    return ort.InferenceSession(model, session_options(most_threads), providers=["CPUExecutionProvider"])


def session_options(most_threads: int | None = None) -> ort.SessionOptions:
    """Options for every session: as many threads as the process may use, none of them spinning while idle.

    FACEVALUE_THREADS overrides the number. Spinning threads of one examination would take the cores of the next.
    Products of 8-bit numbers are exact: on x86 processors without VNNI the runtime's default sums pairs of them in
    16 bits, which overflow, and a quantised network then says something else there than on other machines.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    threads = usable_threads()
    options.intra_op_num_threads = min(most_threads, threads or 1) if most_threads else threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def usable_threads() -> int:
    """FACEVALUE_THREADS or the cores this process may run on; 0, the runtime's own choice, where neither is known."""
    return _asked_threads() or _usable_cores()


def _asked_threads() -> int:
    value = os.environ.get("FACEVALUE_THREADS", "")
    return int(value) if value.isdecimal() else 0


def _usable_cores() -> int:
    """Those this process may run on; 0, which leaves the choice to the runtime, where that is not known."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


__all__ = ["open_session", "session", "session_options", "usable_threads"]
