"""The process that marks a file: `python -m facevalue.marking.worker`. It decodes a stranger's bytes, so it holds no
key, and limits its own memory and processor time before it looks at them.

One request, a line of JSON on stdin; one answer, a line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from facevalue.errors import FacevalueError
from facevalue.exhibit import Exhibit
from facevalue.marking.clips import CLIPS, mark_clip
from facevalue.marking.pictures import PICTURES, mark_picture
from facevalue.marking.sounds import SOUNDS, mark_sound
from facevalue.sandbox.limits import limit_memory, limit_seconds
from facevalue.watermark import Payload


def main() -> None:
    """Mark what the request names, or say why not."""
    request = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        os.dup2(null, fd)  # what a native library prints goes nowhere instead of into the answer
    limit_memory(int(request["memory_bytes"]))
    limit_seconds(float(request["seconds"]))
    answers.write(json.dumps(_marked(request)) + "\n")
    answers.flush()


def _marked(request: dict[str, Any]) -> dict[str, Any]:
    try:
        exhibit = Exhibit.open(Path(request["source"]))
        if exhibit.sha256 != request["sha256"]:
            return {"refused": "the file changed while it was being marked"}
        made = marker_of(exhibit.media_type)(exhibit, Path(request["out"]), Payload.from_bytes(_payload(request)))
    except FacevalueError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": "marking this file needs more memory than its limit"}
    except Exception as error:  # codecs raise their own families on damaged or unusual files
        return {"refused": f"this file could not be decoded and written again ({type(error).__name__})"}
    return {
        "algorithm": made.algorithm,
        "distortion_db": made.distortion_db,
        "frames": made.frames,
        "notes": list(made.notes),
    }


def _payload(request: dict[str, Any]) -> bytes:
    return bytes.fromhex(request["payload"])


def marker_of(media_type: str) -> Any:
    """Who marks files of that sniffed type. Raises KeyError for one that nobody marks."""
    makers = ((PICTURES, mark_picture), (CLIPS, mark_clip), (SOUNDS, mark_sound))
    return {kind: maker for kinds, maker in makers for kind in kinds}[media_type]


if __name__ == "__main__":
    main()
