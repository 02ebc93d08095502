"""The process that builds manifests: `python -m facevalue.signing.worker`. It parses the media; it holds no key.

Whenever the engine wants a signature or a time stamp, the bytes go to the parent in a frame and the answer comes back
in one: the private key stays out of the process that reads a stranger's bytes, and so does the network. The engine
asks for time stamps over http, so it is given an address on the loopback that this process itself serves.

See facevalue.sandbox.frames for the frames.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import os
import secrets
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from facevalue.sandbox.frames import EXIT_NO_MEMORY, read_frame, send, take_over_stdio
from facevalue.sandbox.limits import free_memory, limit_for_good, limit_memory, limit_seconds, resident_bytes

MAX_STAMP_REQUEST_BYTES = 64 << 10


class Wire:
    """The two pipes. Whoever asks the parent waits for its answer: one question at a time."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self.requests, self.answers = requests, answers
        self.lock = threading.Lock()

    def read(self) -> tuple[dict[str, Any], bytes] | None:
        """The next frame; None at the end."""
        return read_frame(self.requests)

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Write one frame."""
        send(self.answers, header, payload)

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
    wire = Wire(*take_over_stdio(errors=True))
    warnings.simplefilter("ignore")
    import c2pa

    c2pa.sdk_version()  # the native library is loaded before any limit is set
    limit_for_good(writes=True)
    wire.send({"kind": "hello", "rss": resident_bytes()})
    try:
        while (frame := wire.read()) is not None:
            _serve(wire, *frame)
    except MemoryError:
        os._exit(EXIT_NO_MEMORY)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


def _serve(wire: Wire, request: dict[str, Any], _: bytes) -> None:
    limit_memory(int(request["memory_bytes"]))
    limit_seconds(float(request["seconds"]))
    try:
        answer, payload = _signed(wire, request)
    except MemoryError:
        raise
    except OSError as error:
        answer, payload = {"kind": "failed", "errno": error.errno, "why": error.strerror or type(error).__name__}, b""
    except Exception as error:  # the engine has a family of errors; hostile media provoke others
        answer, payload = {"kind": "failed", "why": f"{str(error)[:300] or type(error).__name__}"}, b""
    wire.send({**answer, "rss": resident_bytes()}, payload)
    free_memory()


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


if __name__ == "__main__":
    main()
