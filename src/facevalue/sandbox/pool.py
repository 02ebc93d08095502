"""The decoding processes, seen from the parent: started when needed, reused, replaced when they misbehave.

Every read and write on their pipes has a deadline, so a process that hangs is killed and never waited for. They are
started with `subprocess` rather than `multiprocessing`, so that a user's script needs no `__main__` guard.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import facevalue
from facevalue.sandbox.frames import MAX_HEADER_BYTES, PREFIX, pack, unpack_header

START_SECONDS = 60.0
MAX_IDLE_WORKERS = 4
# A worker that holds this much more than when it started is replaced: something leaked or fragmented.
MAX_GROWTH_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class WorkerGone(Exception):
    """The process ended, or answered something that is not a frame; returncode as in subprocess.Popen."""

    def __init__(self, returncode: int) -> None:
        super().__init__(f"the worker ended with status {returncode}")
        self.returncode = returncode


class WorkerLate(Exception):
    """The deadline passed; the process has been killed."""


class WorkerNotStarted(Exception):
    """The process could not be started at all."""


class Worker:
    """One decoding process and its two pipes. Not thread-safe: borrow it from the pool.

    module: what the process runs. pass_fds: descriptors that it inherits under the same numbers. env: additions.
    """

    def __init__(
        self,
        module: str = "facevalue.media.worker",
        pass_fds: Sequence[int] = (),
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        command = [sys.executable, "-P", "-m", module]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this package, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={**_env(), **env},
                pass_fds=pass_fds,
            )
        except (OSError, ValueError) as error:
            raise WorkerNotStarted(str(error)) from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        for fd in (self._to, self._from):
            os.set_blocking(fd, False)
            _widen(fd)
        self.served = 0
        self.retired = False
        try:
            self._baseline = int(self.read_header(time.monotonic() + START_SECONDS)[0].get("rss", 0))
        except (WorkerGone, WorkerLate) as error:
            raise WorkerNotStarted(str(error) or "it did not answer") from None
        self._rss = self._baseline

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def swollen(self) -> bool:
        """Whether it holds far more memory than when it started."""
        return self._rss > self._baseline + MAX_GROWTH_BYTES

    def note_state(self, header: dict[str, Any]) -> None:
        """Remember what the last frame says of the worker: its resident bytes, and whether it should be replaced."""
        rss = header.get("rss")
        if isinstance(rss, int):
            self._rss = rss
        self.retired = bool(header.get("retire"))

    def send(self, header: dict[str, Any], payload: bytes, deadline: float) -> None:
        """Write one frame; WorkerGone or WorkerLate when that fails. deadline: time.monotonic() seconds."""
        for part in (pack(header, len(payload)), payload):
            view = memoryview(part)
            while view:
                self._wait(self._to, select.POLLOUT, deadline)
                try:
                    view = view[os.write(self._to, view[:_CHUNK_BYTES]) :]
                except BlockingIOError:
                    continue
                except OSError:
                    raise self._gone() from None

    def read_header(self, deadline: float) -> tuple[dict[str, Any], int]:
        """Header of the next frame and the length of the payload that read_into() must fetch next."""
        prefix = bytearray(PREFIX.size)
        self.read_into(memoryview(prefix), deadline)
        header_bytes, payload_bytes = PREFIX.unpack(prefix)
        if header_bytes > MAX_HEADER_BYTES:
            raise self._gone()
        body = bytearray(header_bytes)
        self.read_into(memoryview(body), deadline)
        try:
            return unpack_header(body), payload_bytes
        except ValueError:
            raise self._gone() from None

    def read_into(self, view: memoryview, deadline: float) -> None:
        """Fill a writable buffer of bytes from the worker."""
        while view:
            self._wait(self._from, select.POLLIN, deadline)
            try:
                count = os.readv(self._from, [view])
            except BlockingIOError:
                continue
            if count == 0:
                raise self._gone()
            view = view[count:]

    def kill(self) -> int:
        """End the process at once and close the pipes; its return code."""
        with contextlib.suppress(OSError):
            self._process.kill()
        code = self._process.wait()
        self._close_pipes()
        return code

    def forget(self) -> None:
        """In a forked child: let go of the parent's process without ending it."""
        self._close_pipes()
        self._process.returncode = 0  # it is not this process's child; nothing to wait for

    def _close_pipes(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _gone(self) -> WorkerGone:
        # It may be a moment between closing its pipe and ending, and its own status says more than our kill.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        return WorkerGone(self.kill())

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            self.kill()
            raise WorkerLate


class WorkerPool:
    """Idle workers, most recently used last. Threads borrow one each; a fork starts over with none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)
        atexit.register(self.close)

    @contextlib.contextmanager
    def borrow(self, *, fresh: bool = False) -> Iterator[Worker]:
        """A live worker for the duration of a `with`, killed if the block raises; fresh: one that has served nobody.

        Raises WorkerNotStarted.
        """
        worker = (None if fresh else self._take()) or self.start()
        try:
            yield worker
        except BaseException:  # its pipes may hold half an answer: never reuse it
            worker.kill()
            raise
        worker.served += 1
        with self._lock:
            keep = worker.alive and not (worker.swollen or worker.retired) and len(self._idle) < MAX_IDLE_WORKERS
            if keep:
                self._idle.append(worker)
        if not keep:
            worker.kill()

    def start(self) -> Worker:
        """A new worker; a pool of other processes overrides this. Raises WorkerNotStarted."""
        return Worker()

    def close(self) -> None:
        """End every idle worker; the pool can be used again afterwards."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def _take(self) -> Worker | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.alive:
                return worker
            worker.kill()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        idle, self._idle = self._idle, []
        for worker in idle:
            worker.forget()


def describe_exit(returncode: int) -> str:
    """A worker's return code in words: a signal's name or the exit status."""
    if returncode < 0:
        try:
            return signal.Signals(-returncode).name
        except ValueError:
            return f"signal {-returncode}"
    return f"exit status {returncode}"


def _env() -> dict[str, str]:
    """The parent's environment with one thread per library, and this very package first on the path.

    `-P` keeps the current folder off the path: it may be a folder of exhibits, and one may be called `json.py`.
    """
    env = dict(os.environ)
    env.update(dict.fromkeys(_ONE_THREAD, "1"))
    root = str(Path(facevalue.__file__).resolve().parent.parent)
    inherited = [str(Path(p).absolute()) for p in env.get("PYTHONPATH", "").split(os.pathsep) if p]
    env["PYTHONPATH"] = os.pathsep.join([root, *(p for p in inherited if p != root)])
    env.pop("PYTHONINSPECT", None)
    return env


def _widen(fd: int) -> None:
    """A pipe of 1 MiB instead of 64 KiB: fewer switches per picture. Linux only, and only where the quota allows."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.fcntl(fd, _F_SETPIPE_SZ, _CHUNK_BYTES)
