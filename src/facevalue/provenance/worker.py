"""The process that reads credentials: `python -m facevalue.provenance.worker`, frames in and out on its pipes.

Frames are those of the decoding process (facevalue.media.decode_wire): length of a JSON header (4 bytes), length of
the payload (8 bytes), both big-endian, then the two. They are written out here again, because importing that package
would load every decoder into a process that needs none.
"""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import sys
import warnings
from pathlib import Path
from typing import Any, BinaryIO

from facevalue.provenance.engine import open_fd, read

resource: Any
try:
    import resource
except ImportError:  # no such limits on this platform; the parent's deadline still holds
    resource = None

PREFIX = struct.Struct(">IQ")
EXIT_NO_MEMORY = 77
CPU_MARGIN_SECONDS = 5
MAX_ANSWER_BYTES = 16 << 20


def main() -> None:
    """Serve requests until stdin ends."""
    requests, answers = _take_over_stdio()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    warnings.simplefilter("ignore")
    import c2pa

    c2pa.sdk_version()  # the native library is loaded before any limit is set
    _limit_for_good()
    _send(answers, {"kind": "hello", "rss": _statm(1)})
    try:
        while _serve_one(requests, answers):
            pass
    except MemoryError:
        os._exit(EXIT_NO_MEMORY)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


def _take_over_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Private copies of the pipes; what a native library prints then goes nowhere instead of into a frame."""
    requests, answers = os.fdopen(os.dup(0), "rb", buffering=1 << 16), os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return requests, answers


def _serve_one(requests: BinaryIO, answers: BinaryIO) -> bool:
    prefix = requests.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return False
    header_bytes, payload_bytes = PREFIX.unpack(prefix)
    request = json.loads(requests.read(header_bytes))
    payload = requests.read(payload_bytes)
    _limit(request)
    answer = _answer(request, payload)
    _send(answers, {**answer, "rss": _statm(1)})
    _unlimit()
    return True


def _answer(request: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """payload: the sidecar, if there is one, then the file unless "fd" names a descriptor of it."""
    aside = int(request["sidecar_bytes"])
    sidecar = payload[:aside] if aside else None
    fd = request.get("fd")
    stream: BinaryIO = open_fd(int(fd)) if isinstance(fd, int) else io.BytesIO(payload[aside:] if aside else payload)
    try:
        answer = read(stream, str(request["media_type"]), request["settings"], sidecar, bool(request["second"]))
    except MemoryError:
        raise
    except Exception as error:  # what a hostile file provokes in there is not known in advance
        answer = {"status": "failed", "why": f"reading the credential failed ({type(error).__name__})"}
    if len(json.dumps(answer)) > MAX_ANSWER_BYTES:
        return {"status": "failed", "why": "the credential says too much to be carried"}
    return answer


def _send(answers: BinaryIO, header: dict[str, Any]) -> None:
    body = json.dumps(header, separators=(",", ":")).encode("ascii")
    view = memoryview(PREFIX.pack(len(body), 0) + body)
    while view:
        view = view[answers.write(view) :]


# -- limits --------------------------------------------------------------------------------------------------------


def _limit_for_good() -> None:
    if resource is None:
        return
    sys.dont_write_bytecode = True
    for which in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(which, (0, 0))


def _limit(request: dict[str, Any]) -> None:
    """Address space: what is mapped now and "memory_bytes". Processor time: what is used, "seconds", and a margin."""
    if resource is None:
        return
    _soft(resource.RLIMIT_AS, _statm(0) + int(request["memory_bytes"]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + float(request["seconds"]) + CPU_MARGIN_SECONDS
    _soft(resource.RLIMIT_CPU, int(min(seconds, 1e9)) + 1)


def _unlimit() -> None:
    """Between requests the address space is open again, so that the next file's bytes can arrive."""
    if resource is not None:
        _soft(resource.RLIMIT_AS, -1)


def _soft(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    wanted = hard if value < 0 else value if hard < 0 else min(value, hard)
    try:
        resource.setrlimit(which, (wanted, hard))
    except (OSError, ValueError):  # a platform that knows the limit but refuses to set it
        return


def _statm(index: int) -> int:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[index]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


if __name__ == "__main__":
    main()
