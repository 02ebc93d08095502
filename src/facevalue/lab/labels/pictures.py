"""Labelled pictures: PNG or JPEG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facevalue.errors import UsageError
from facevalue.lab.labels import made as words
from facevalue.lab.labels.credential import labelled
from facevalue.lab.labels.made import Labelled, Made
from facevalue.lab.labels.stated import xmp_label
from facevalue.lab.labels.visible import marked
from facevalue.signing.identity import Identity
from facevalue.signing.manifest import SoftBinding
from facevalue.watermark import PICTURE_ALGORITHM, Payload, picture

Pixels = npt.NDArray[np.uint8]
MIN_PX = 16
JPEG_QUALITY = 92
_FORMS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def write_picture(
    pixels: Pixels, out: Path, made: Made, *, quality: int = JPEG_QUALITY, who: Identity | None = None
) -> Labelled:
    """Write uint8 RGB (H, W, 3), 16 px a side or more, as .png or .jpg with every label.

    quality: JPEG, 1..100. who: signs in place of the lab's identity. A picture that carries a mark saying "made by a
    model" keeps that one. The same pixels and seed give the same content. Raises UsageError for anything else, and
    SigningError when it cannot be signed; `out` is then as it was.
    """
    form = _FORMS.get(out.suffix.lower())
    if form is None:
        raise UsageError(f"a picture is written as .png or .jpg, not as '{out.suffix}'")
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < MIN_PX:
        raise UsageError(f"a picture is an array uint8 (height, width, 3) of {MIN_PX} pixels a side or more")

    def draft(ready: Path) -> tuple[tuple[str, ...], tuple[str, ...], SoftBinding | None]:
        data, payload, notes = _encoded(pixels, form, quality, made)
        ready.write_bytes(data)
        if payload is None:
            return (words.VISIBLE, words.SOURCE_TYPE), notes, None
        binding = SoftBinding(PICTURE_ALGORITHM, payload.to_bytes(), "watermark")
        return (words.VISIBLE, words.WATERMARK, words.SOURCE_TYPE), notes, binding

    return labelled(out, made, who, draft)


def _encoded(pixels: Pixels, form: str, quality: int, made: Made) -> tuple[bytes, Payload | None, tuple[str, ...]]:
    """The file without its credential, what its watermark says, and why it has none."""
    seen = np.ascontiguousarray(marked(pixels))
    carried = picture.read(seen) if min(seen.shape[:2]) >= picture.MIN_READ_PX else None
    payload, notes = carried.payload if carried is not None else None, tuple[str, ...]()
    if payload is None or not payload.synthetic:
        payload = made.payload(pixels.tobytes())
        try:
            seen = picture.embed(seen, payload).rgb
        except UsageError as error:
            payload, notes = None, (f"no watermark: {error}",)
    data = _bytes(seen, form, quality, made)
    if payload is not None and not _holds(data, payload):
        payload, notes = None, ("no watermark: it could not be read back from the file",)
    return data, payload, notes


def _bytes(pixels: Pixels, form: str, quality: int, made: Made) -> bytes:
    buffer, declared = io.BytesIO(), xmp_label(made.uri, made.tool)
    if form == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", declared.decode())
        Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    else:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=2, xmp=declared)
    return buffer.getvalue()


def _holds(data: bytes, payload: Payload) -> bool:
    found = picture.read(np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint8))
    return found is not None and found.payload == payload
