"""Every picture that leaves the lab's generator says what it is. No argument and no option leaves that out.

A visible mark in its lower right corner; IPTC digitalSourceType `trainedAlgorithmicMedia` in its XMP; a line in the
folder's manifest; and, when a key is given, a signed C2PA credential that says the same. Small pictures get a mark of
their own: "AI" in the smallest letters that can be read.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facevalue.lab.forge import MANIFEST, TRAINED_TYPE, visible_mark, xmp_label
from facevalue.lab.gan.credential import Signer

Pixels = npt.NDArray[np.uint8]
# Below this side the words of `visible_mark` can no longer be read.
WORDS_FROM_PX = 160
GRID_QUALITY = 88
TOOL = "facevalue lab: gan"
_LETTERS = ("0100111", "1010010", "1110010", "1010010", "1010111")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line of the manifest: what was drawn from which weights. number: which of the seed's latents."""

    file: str
    method: str
    seed: int
    number: int
    run: str
    images: int
    weights_sha256: str
    sha256: str
    signed: bool


def marked(pixels: Pixels) -> Pixels:
    """The picture with its visible mark; uint8 RGB (H, W, 3), at least 16 px a side."""
    side = min(pixels.shape[:2])
    return visible_mark(pixels) if side >= WORDS_FROM_PX else _small_mark(pixels, max(1, side // 32))


def _small_mark(pixels: Pixels, scale: int) -> Pixels:
    """The letters AI in white, 5 x scale pixels high, on a black plate in the lower right corner."""
    letters = np.array([[int(dot) for dot in row] for row in _LETTERS], np.uint8)
    plate = np.pad(np.kron(letters, np.ones((scale, scale), np.uint8)), scale) * np.uint8(255)
    out = pixels.copy()
    out[-plate.shape[0] :, -plate.shape[1] :] = plate[..., None]
    return out


def encode(pixels: Pixels, form: str, signer: Signer | None = None) -> bytes:
    """A marked, declared file: form "PNG" or "JPEG"; signed when there is a signer. Raises UsageError as it does."""
    buffer, declared = io.BytesIO(), xmp_label(TRAINED_TYPE, TOOL)
    if form == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", declared.decode())
        Image.fromarray(marked(pixels)).save(buffer, "PNG", pnginfo=info)
    else:
        Image.fromarray(marked(pixels)).save(buffer, "JPEG", quality=GRID_QUALITY, xmp=declared)
    data = buffer.getvalue()
    return signer.sign(data, f"image/{form.lower()}") if signer else data


def save(pixels: Pixels, path: Path, signer: Signer | None = None) -> str:
    """Write a labelled picture, whole or not at all; .png or .jpg. Returns its sha256."""
    data = encode(pixels, "PNG" if path.suffix == ".png" else "JPEG", signer)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
    return hashlib.sha256(data).hexdigest()


def note(folder: Path, lines: list[Drawn]) -> None:
    """Add lines to the folder's manifest; those of the same command run again stand there already."""
    manifest = folder / MANIFEST
    known = set(manifest.read_text(encoding="utf-8").splitlines()) if manifest.is_file() else set()
    texts = (json.dumps(asdict(line), sort_keys=True) for line in lines)
    with manifest.open("a", encoding="utf-8") as stream:
        stream.writelines(text + "\n" for text in texts if text not in known)


def grid(pictures: Pixels, columns: int = 0, gap: int = 2) -> Pixels:
    """Pictures uint8 (N, S, S, 3) in rows on white, as square as they go: one uint8 picture."""
    count, side = pictures.shape[:2]
    columns = columns or max(1, round(count**0.5))
    rows = -(-count // columns)
    sheet = np.full((rows * (side + gap) + gap, columns * (side + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (gap + (side + gap) * at for at in divmod(i, columns))
        sheet[top : top + side, left : left + side] = picture
    return sheet
