"""The decoding process: `python -m facevalue.media.worker`, frames in on stdin, frames out on stdout.

It lowers its own limits before it looks at a file: address space, processor time, no core dumps, no file writing. It
imports nothing that reaches a network. See facevalue.sandbox.frames for the frames and sandbox.pool for the other end.
"""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from facevalue.media.decode_colour import Upright, to_upright_rgb
from facevalue.media.decode_open import Opened, TooLarge, Undecodable, open_picture, prepare
from facevalue.sandbox.frames import (
    EXIT_NO_MEMORY,
    MAX_HEADER_BYTES,
    memory_sentence,
    pack,
    read_frame,
    send,
    take_over_stdio,
)
from facevalue.sandbox.limits import (
    free_memory,
    limit_for_good,
    limit_memory,
    limit_seconds,
    mapped_bytes,
    resident_bytes,
)

# After a picture was refused, reading its facts and answering may still take this much memory.
ANSWER_BYTES = 256 << 20

_malloc_trim: Any = None
_code_bytes = 0  # mapped by the interpreter and its libraries before any exhibit arrived


def main() -> None:
    """Serve requests until stdin ends."""
    global _code_bytes
    requests, answers = take_over_stdio()
    warnings.simplefilter("ignore")
    send(answers, {"kind": "hello", "rss": resident_bytes()})
    _load_facts_reader()
    _find_trim()
    _code_bytes = mapped_bytes()
    limit_for_good()
    try:
        while _serve_one(requests, answers):
            pass
    except MemoryError:
        os._exit(EXIT_NO_MEMORY)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


def _serve_one(requests: BinaryIO, answers: BinaryIO) -> bool:
    """Read one request and answer it; False at the end of the stream."""
    # The limit for the next request is not known before its header is read, so the payload is read under the last one.
    frame = read_frame(requests)
    if frame is None:
        return False
    header, data = frame
    media_type = str(header["media_type"])
    _import_for(media_type)
    _limit_for_request(header, len(data))
    if header["op"] == "facts":
        last = _facts_frame(data, media_type, None, None)
    else:
        last = _decode(answers, data, media_type, header)
    send(answers, {**last, "rss": resident_bytes()})  # by now the picture is freed, so this is what stays behind
    del frame, data
    free_memory()
    gc.collect()
    _trim_heap(0)
    return True


def _decode(answers: BinaryIO, data: bytes, media_type: str, header: dict[str, Any]) -> dict[str, Any]:
    """Send the picture if there is one; the frame that is to end the answer: its facts, or an error with facts."""
    Image.MAX_IMAGE_PIXELS = header["pixels"]
    try:
        opened = open_picture(data, media_type, header["pixels"], header["memory_bytes"])
        upright = to_upright_rgb(opened)
    except MemoryError:
        refusal = {"message": memory_sentence(header["memory_bytes"]), "limit": True, "retire": True}
    except TooLarge as error:
        refusal = {"message": str(error), "limit": True}
    except Undecodable as error:
        refusal = {"message": str(error), "limit": False}
        if error.out_of_memory:
            refusal = {"message": memory_sentence(header["memory_bytes"]), "limit": True, "retire": True}
    else:
        _send_picture(answers, opened, upright)
        return _facts_frame(data, media_type, opened, upright.pixels)
    # Out here the exception is gone and with it the buffers of the failed attempt, which its traceback kept alive.
    gc.collect()
    limit_memory(ANSWER_BYTES)
    return {**_facts_frame(data, media_type, None, None), "kind": "error", **refusal}


def _send_picture(answers: BinaryIO, opened: Opened, upright: Upright) -> None:
    height, width = upright.pixels.shape[:2]
    send(
        answers,
        {"kind": "picture", "width": width, "height": height, **opened.facts(), **upright.facts(opened)},
        memoryview(upright.pixels.data).cast("B"),
    )


# -- facts ---------------------------------------------------------------------------------------------------------

_read_facts: Any = None
_facts_error: str | None = None


def _load_facts_reader() -> None:
    """Import the reader of facts, after the greeting is sent so that the import costs nobody time."""
    global _read_facts, _facts_error
    try:
        from facevalue.media.facts import read_facts

        _read_facts = read_facts
    except ImportError as error:
        missing = (error.name or "").startswith("facevalue.media.facts")
        _facts_error = None if missing else _plain(error)
    except Exception as error:
        _facts_error = _plain(error)


def _facts_frame(
    data: bytes, media_type: str, opened: Opened | None, pixels: np.ndarray[Any, np.dtype[np.uint8]] | None
) -> dict[str, Any]:
    facts: dict[str, Any] = {} if _facts_error is None else {"error": _facts_error}
    if _read_facts is not None:
        try:
            facts = _read_facts(data, media_type, None if opened is None else opened.image, pixels)
            if len(pack(facts)) > MAX_HEADER_BYTES // 2:
                facts = {"error": "the file's facts are too many to carry"}
        except Exception as error:  # whatever a hostile file provokes in there must not cost the picture
            facts = {"error": _plain(error)}
    return {"kind": "facts", "facts": facts}


def _plain(error: BaseException) -> str:
    return f"the facts could not be read ({type(error).__name__}: {str(error)[:200]})"


# -- limits --------------------------------------------------------------------------------------------------------


def _import_for(media_type: str) -> None:
    """Load what the type needs before the limit: a library whose import runs out of memory stays broken for good."""
    global _code_bytes
    before = mapped_bytes()
    prepare(media_type)
    _code_bytes += max(0, mapped_bytes() - before)


def _limit_for_request(header: dict[str, Any], data_bytes: int) -> None:
    """Address space: code, the exhibit and the limit. Processor time: what is used now, plus the limit, plus 5 s.

    What earlier exhibits left in the heap is not added: it would make the limit depend on them.
    """
    limit_memory(int(header["memory_bytes"]), used_bytes=_code_bytes + data_bytes)
    limit_seconds(float(header["seconds"]))


def _trim_heap(pad: int) -> None:
    """Hand freed memory back, so that one exhibit's leavings are neither held nor usable past the next one's limit."""
    if _malloc_trim is not None:
        _malloc_trim(pad)


def _find_trim() -> None:
    global _malloc_trim
    with contextlib.suppress(ImportError, OSError, AttributeError):  # only glibc has it
        import ctypes

        _malloc_trim = ctypes.CDLL(None).malloc_trim


if __name__ == "__main__":
    main()
