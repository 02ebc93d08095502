"""The process that builds manifests: `python -m facevalue.signing.worker`. It parses the media; it holds no key.

Whenever the engine wants a signature or a time stamp, the bytes go to the parent in a frame and the answer comes back
in one: the private key stays out of the process that reads a stranger's bytes, and so does the network. The engine
asks for time stamps over http, so it is given an address on the loopback that this process itself serves.

Frames are those of the decoding process (facevalue.media.decode_wire), written out here so that no decoder is loaded.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import os
import secrets
import signal
import struct
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

resource: Any
try:
    import resource
except ImportError:  # no such limits on this platform; the parent's deadline still holds
    resource = None

PREFIX = struct.Struct(">IQ")
EXIT_NO_MEMORY = 77
MAX_STAMP_REQUEST_BYTES = 64 << 10
CPU_MARGIN_SECONDS = 5


class Wire:
    """The two pipes. Whoever asks the parent waits for its answer: one question at a time."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self.requests, self.answers = requests, answers
        self.lock = threading.Lock()

    def read(self) -> tuple[dict[str, Any], bytes] | None:
        """The next frame; None at the end."""
        prefix = self.requests.read(PREFIX.size)
        if len(prefix) < PREFIX.size:
            return None
        header_bytes, payload_bytes = PREFIX.unpack(prefix)
        header = json.loads(self.requests.read(header_bytes))
        return header, self.requests.read(payload_bytes)

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Write one frame."""
        body = json.dumps(header, separators=(",", ":")).encode("ascii")
        view = memoryview(PREFIX.pack(len(body), len(payload)) + body + payload)
        while view:
            view = view[self.answers.write(view) :]

    def ask(self, kind: str, payload: bytes) -> bytes:
        """Have the parent sign or stamp. Raises RuntimeError when it cannot; it knows why."""
        with self.lock:
            self.send({"kind": kind}, payload)
            answer = self.read()
        if answer is None or not answer[0].get("ok"):
            raise RuntimeError(f"the parent could not {kind}")
        return answer[1]


def main() -> None:
    """Serve requests until stdin ends."""
    wire = Wire(*_take_over_stdio())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    warnings.simplefilter("ignore")
    import c2pa

    c2pa.sdk_version()  # the native library is loaded before any limit is set
    if resource is not None:
        sys.dont_write_bytecode = True
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wire.send({"kind": "hello", "rss": _statm(1)})
    try:
        while (frame := wire.read()) is not None:
            _serve(wire, *frame)
    except MemoryError:
        os._exit(EXIT_NO_MEMORY)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


def _take_over_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Private copies of the pipes; what a native library prints then goes nowhere instead of into a frame."""
    requests, answers = os.fdopen(os.dup(0), "rb", buffering=1 << 16), os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    return requests, answers


def _serve(wire: Wire, request: dict[str, Any], _: bytes) -> None:
    _limit(request)
    try:
        answer, payload = _signed(wire, request)
    except MemoryError:
        raise
    except OSError as error:
        answer, payload = {"kind": "failed", "errno": error.errno, "why": error.strerror or type(error).__name__}, b""
    except Exception as error:  # the engine has a family of errors; hostile media provoke others
        answer, payload = {"kind": "failed", "why": f"{str(error)[:300] or type(error).__name__}"}, b""
    wire.send({**answer, "rss": _statm(1)}, payload)
    if resource is not None:
        _soft(resource.RLIMIT_AS, -1)


def _signed(wire: Wire, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Build, bind and sign as the request says; the manifest store is the payload."""
    import c2pa

    alg = getattr(c2pa.C2paSigningAlg, str(request["alg"]).upper())
    context = c2pa.Context.from_dict(request["settings"])
    try:
        with _stamping(wire, bool(request["stamp"])) as address, contextlib.ExitStack() as opened:
            builder = c2pa.Builder(json.dumps(request["manifest"]), context)
            for source in request["sources"]:
                stream = opened.enter_context(Path(source["path"]).open("rb"))
                builder.add_ingredient(json.dumps(source["entry"]), source["format"], stream)
            if request["aside"]:
                builder.set_no_embed()
            signer = c2pa.Signer.from_callback(lambda data: wire.ask("sign", data), alg, request["chain"], address)
            source_file = opened.enter_context(Path(request["source"]).open("rb"))
            out = opened.enter_context(_output(request["target"]))
            try:
                store = builder.sign(signer, request["format"], source_file, out)
                out.flush()
            except Exception:
                if out.failed is not None:  # the engine tells nothing of what the system said
                    raise out.failed from None
                raise
            if request["target"] is not None:
                os.fsync(out.fileno())
    finally:
        context.close()
    return {"kind": "done"}, bytes(store)


class _Output(io.BufferedRandom):
    """A file that remembers why it could not be written."""

    failed: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failed = error
            raise

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OSError as error:  # what was kept back is written when the place changes
            self.failed = error
            raise

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self.failed = error
            raise


def _output(target: str | None) -> _Output:
    """Where the signed file goes. A manifest apart from its file needs none: the engine's copy is let go."""
    return _Output(io.FileIO(os.devnull if target is None else target, "w+b"))


# -- time stamps ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _stamping(wire: Wire, wanted: bool) -> Iterator[str | None]:
    """An address at which the engine gets its time stamp; None when none is wanted.

    The path holds a secret, so that no other program of this machine can have anything stamped here.
    """
    if not wanted:
        yield None
        return
    path = f"/{secrets.token_hex(16)}"
    server = http.server.HTTPServer(("127.0.0.1", 0), _handler(wire, path))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(wire: Wire, path: str) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != path or not 0 < length <= MAX_STAMP_REQUEST_BYTES:
                self.send_error(404)
                return
            try:
                answer = wire.ask("stamp", self.rfile.read(length))
            except RuntimeError:
                self.send_error(502)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler


# -- limits --------------------------------------------------------------------------------------------------------


def _limit(request: dict[str, Any]) -> None:
    """Address space: what is mapped now and "memory_bytes". Processor time: what is used, "seconds", and a margin."""
    if resource is None:
        return
    _soft(resource.RLIMIT_AS, _statm(0) + int(request["memory_bytes"]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + float(request["seconds"]) + CPU_MARGIN_SECONDS
    _soft(resource.RLIMIT_CPU, int(min(seconds, 1e9)) + 1)


def _soft(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    wanted = hard if value < 0 else value if hard < 0 else min(value, hard)
    with contextlib.suppress(OSError, ValueError):  # a platform that knows the limit but refuses to set it
        resource.setrlimit(which, (wanted, hard))


def _statm(index: int) -> int:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[index]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


if __name__ == "__main__":
    main()
