"""The process that reads credentials: `python -m facevalue.provenance.worker`, frames in and out on its pipes.

It imports the engine and no decoder. See facevalue.sandbox.frames for the frames.
"""

from __future__ import annotations

import io
import json
import os
import warnings
from typing import Any, BinaryIO

from facevalue.provenance.engine import open_fd, read
from facevalue.sandbox.frames import EXIT_NO_MEMORY, read_frame, send, take_over_stdio
from facevalue.sandbox.limits import free_memory, limit_for_good, limit_memory, limit_seconds, resident_bytes

MAX_ANSWER_BYTES = 16 << 20


def main() -> None:
    """Serve requests until stdin ends."""
    requests, answers = take_over_stdio()
    warnings.simplefilter("ignore")
    import c2pa

    c2pa.sdk_version()  # the native library is loaded before any limit is set
    limit_for_good()
    send(answers, {"kind": "hello", "rss": resident_bytes()})
    try:
        while (frame := read_frame(requests)) is not None:
            _serve(answers, *frame)
    except MemoryError:
        os._exit(EXIT_NO_MEMORY)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


def _serve(answers: BinaryIO, request: dict[str, Any], payload: bytes) -> None:
    limit_memory(int(request["memory_bytes"]))
    limit_seconds(float(request["seconds"]))
    send(answers, {**_answer(request, payload), "rss": resident_bytes()})
    free_memory()


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


if __name__ == "__main__":
    main()
