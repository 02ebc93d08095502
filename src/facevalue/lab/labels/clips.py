"""Labelled clips: MP4 or MOV. The mark is burned into every frame, the watermark hidden in it; the sound is copied."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.lab.labels import made as words
from facevalue.lab.labels.credential import labelled
from facevalue.lab.labels.made import Labelled, Made
from facevalue.lab.labels.stated import tags, xmp_box
from facevalue.lab.labels.visible import plate
from facevalue.marking.clips import FrameMarker, Plane, rewrite_clip
from facevalue.signing.identity import Identity
from facevalue.signing.manifest import SoftBinding
from facevalue.watermark import PICTURE_ALGORITHM, Payload, picture, video

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
LOOK_EVERY_S, MOST_LOOKS = 0.5, 64
_BLACK, _WHITE, _NEUTRAL = 16, 235, 128  # ITU-R BT.601 and BT.709, 8 bits


def write_clip(draft: Path, out: Path, made: Made, *, who: Identity | None = None) -> Labelled:
    """Write a clip with every label, from one that the lab encoded in a temporary folder.

    draft: whatever FFmpeg decodes, 8 bits, any container; it stays as it is. out: .mp4, .m4v or .mov, as H.264. who:
    signs in place of the lab's identity. Frames under 200 px a side hold no watermark; a note says so. A clip that
    carries a mark saying "made by a model" keeps that one. Raises UsageError for anything else, SigningError when it
    cannot be signed; `out` is then as it was.
    """
    container = _CONTAINERS.get(out.suffix.lower())
    if container is None:
        raise UsageError(f"a clip is written as {', '.join(_CONTAINERS)}, not as '{out.suffix}'")
    source = Exhibit.open(draft)

    def write(ready: Path) -> tuple[tuple[str, ...], tuple[str, ...], SoftBinding | None]:
        payload, notes = _written(source, draft, ready, container, made)
        if payload is None:
            return (words.VISIBLE, words.SOURCE_TYPE), notes, None
        binding = SoftBinding(PICTURE_ALGORITHM, payload.to_bytes(), "watermark")
        return (words.VISIBLE, words.WATERMARK, words.SOURCE_TYPE), notes, binding

    return labelled(out, made, who, write)


def _written(
    source: Exhibit, draft: Path, ready: Path, container: str, made: Made
) -> tuple[Payload | None, tuple[str, ...]]:
    """What the watermark of the file says, and notes."""
    kept, payload = _carried(draft), made.payload(bytes.fromhex(source.sha256))
    change = _Labels(None if kept else payload)
    left: list[str] = []
    try:
        rewrite_clip(source, ready, container, change, left, tags(made, "video"))
    except (av.FFmpegError, ValueError) as error:
        raise UsageError(f"the clip cannot be written as {container}: {type(error).__name__}") from None
    with ready.open("ab") as stream:
        stream.write(xmp_box(made.uri, made.tool))
    wanted = kept or payload
    if change.small:
        return None, (*left, f"no watermark: a clip needs {picture.MIN_MARK_PX} pixels on its shorter side")
    if _carried(ready) != wanted:
        return None, (*left, "no watermark: it could not be read back from the file")
    return wanted, tuple(left)


class _Labels:
    """The labels of one frame after the other: planes in, planes out. small: whether none could hold a watermark."""

    def __init__(self, payload: Payload | None) -> None:
        self._mark = FrameMarker(payload) if payload else None
        self.small = False

    def __call__(self, planes: list[Plane]) -> list[Plane]:
        out = [plane.copy() for plane in planes]
        _burn(out)
        if min(out[0].shape) < picture.MIN_MARK_PX:
            self.small = True
        elif self._mark is not None:
            out[0] = self._mark(out[0])
        return out


def _burn(planes: list[Plane]) -> None:
    """The visible mark, in place: black and white as televisions have them, no colour."""
    height, width = planes[0].shape
    mark = plate(height, width)
    levels = _BLACK + mark.astype(np.float32) * ((_WHITE - _BLACK) / 255)
    rows, columns = mark.shape
    planes[0][height - rows :, width - columns :] = np.round(levels).astype(np.uint8)
    for plane in planes[1:]:
        h, w = plane.shape
        plane[h - -(-rows * h // height) :, w - -(-columns * w // width) :] = _NEUTRAL


def _carried(path: Path) -> Payload | None:
    """A mark in the frames that says "made by a model": two looks a second, at most MOST_LOOKS."""
    listener, due = video.Listener(), 0.0
    try:
        with av.open(str(path)) as clip:
            for frame in clip.decode(video=0):
                if (frame.time or 0.0) >= due and min(frame.height, frame.width) >= picture.MIN_READ_PX:
                    listener.add(np.ascontiguousarray(frame.to_ndarray(format="rgb24")))
                    due = (frame.time or 0.0) + LOOK_EVERY_S
                if listener.frames >= MOST_LOOKS:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise UsageError(f"the clip cannot be read: {type(error).__name__}") from None
    found = listener.reading() if listener.frames else None
    return found.payload if found is not None and found.payload.synthetic else None
