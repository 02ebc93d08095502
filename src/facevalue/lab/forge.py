"""`lab forge`: labelled forgeries with exact masks, for training and for trying examiners out.

Every picture written here says what it is, three ways: a visible mark in a corner, IPTC digitalSourceType in its
XMP, and a line in manifest.jsonl (source, method, parameters, seed, sha256 of both pictures, mask). There is no
switch to leave a label out. Training code that must see unlabelled pixels makes them in memory (lab.blend) and
writes none of them to disk.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facevalue.errors import DecodeError, UnreadableError, UsageError
from facevalue.examiners.metadata.declarations import declarations
from facevalue.examiners.metadata.source_types import declares_synthetic
from facevalue.exhibit import Exhibit
from facevalue.faces import detect_faces
from facevalue.lab.blend import Blend, RealFace, composite, self_blend
from facevalue.media import Media, decode

Pixels = npt.NDArray[np.uint8]
METHODS = ("blend", "composite", "reconstruct", "splice")
COMPOSITE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
ALGORITHMIC_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
TRAINED_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MANIFEST = "manifest.jsonl"
MARK = "AI / FORGED"
JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Forgery:
    """One line of the manifest. file and mask are names inside the output folder; sha256 is of the file written."""

    file: str
    mask: str
    method: str
    source: str
    source_sha256: str
    donor: str | None
    parameters: dict[str, object]
    seed: int
    sha256: str


def read_media(path: Path) -> tuple[Media, str]:
    """A picture with its facts, and the file's sha256. Raises DecodeError or UnreadableError."""
    exhibit = Exhibit.open(path)
    return decode(exhibit), exhibit.sha256


def read_picture(path: Path) -> tuple[Pixels, str]:
    """A picture's upright sRGB pixels and the file's sha256. Raises DecodeError or UnreadableError."""
    media, digest = read_media(path)
    return media.picture.pixels, digest


def forge(
    sources: Iterable[Path],
    out: Path,
    method: str = "blend",
    seed: int = 0,
    donors: Iterable[Path] = (),
    report: Callable[[str], None] = lambda line: None,
) -> Iterator[Forgery]:
    """Forge each source picture into out/, yielding the manifest's lines as they are written.

    blend: every face is joined with a changed copy of itself. composite: facial regions of a donor picture's face;
    donors must be pictures whose people consented or whose data set licenses it; without donors the other sources
    serve. reconstruct: the picture as a lossy transform codec re-draws it. splice: a region of the picture moved
    within it. Pictures that cannot be forged are reported and skipped. Raises UsageError for an unknown method.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method '{method}'; one of: {', '.join(METHODS)}")
    paths = list(sources)
    givers = list(donors) or paths
    out.mkdir(parents=True, exist_ok=True)
    for i, path in enumerate(paths):
        rng = np.random.default_rng((seed, i))
        giver = None
        if method == "composite":
            giver = next((g for g in rng.permutation(np.array(givers, object)).tolist() if g != path), None)
            if giver is None:
                raise UsageError("composite needs a donor: give a second picture or --donor")
        try:
            pixels, digest = read_picture(path)
            made = _make(method, pixels, giver, rng)
        except (DecodeError, UnreadableError) as error:
            report(f"{path.name}: {error}, nothing was forged")
            continue
        if made is None:
            report(f"{path.name}: no face of at least 48 px, nothing was forged")
            continue
        yield _write(made, out, f"{path.stem}-{method}-{seed}-{i}", path, digest, giver, seed)


def _make(method: str, pixels: Pixels, giver: Path | None, rng: np.random.Generator) -> Blend | None:
    if method == "splice":
        return splice(pixels, rng)
    if method == "reconstruct":
        return redraw(pixels, rng)
    faces = [f for f in detect_faces(pixels) if f.size_px >= 48]
    if not faces:
        return None
    if method == "blend":
        out, mask = pixels, np.zeros(pixels.shape[:2], np.float32)
        regions: list[object] = []
        for face in faces:
            made = self_blend(RealFace(out, face.landmarks), rng)
            out, mask = made.pixels, np.maximum(mask, made.mask)
            regions.append(made.parameters)
        return Blend(out, mask, "blend", {"faces": regions})
    assert giver is not None
    donor_pixels, _ = read_picture(giver)
    donor = next(iter(detect_faces(donor_pixels, max_faces=1)), None)
    return (
        composite(RealFace(pixels, faces[0].landmarks), RealFace(donor_pixels, donor.landmarks), rng) if donor else None
    )


def splice(pixels: Pixels, rng: np.random.Generator) -> Blend:
    """A copy-move: an elliptic region of the picture, colour-shifted a little, pasted elsewhere in it."""
    height, width = pixels.shape[:2]
    rx, ry = (max(4, int(s * rng.uniform(0.08, 0.18))) for s in (width, height))
    fx, fy = (int(rng.integers(r, max(r + 1, s - r))) for r, s in ((rx, width), (ry, height)))
    tx, ty = (int(rng.integers(r, max(r + 1, s - r))) for r, s in ((rx, width), (ry, height)))
    hard = np.zeros((height, width), np.uint8)
    cv2.ellipse(hard, (tx, ty), (rx, ry), float(rng.uniform(0, 180)), 0, 360, 255, -1)
    mask = np.asarray(cv2.GaussianBlur(hard.astype(np.float32) / 255, (0, 0), float(rng.uniform(0.6, 3))), np.float32)
    moved = np.roll(pixels, (ty - fy, tx - fx), axis=(0, 1)).astype(np.float32) * rng.uniform(0.96, 1.04)
    alpha = mask[..., None]
    out = np.clip(pixels * (1 - alpha) + moved * alpha, 0, 255).astype(np.uint8)
    return Blend(out, mask, "splice", {"from": [fx, fy], "to": [tx, ty], "radii": [rx, ry]})


def redraw(pixels: Pixels, rng: np.random.Generator) -> Blend:
    """The whole picture re-drawn from a quarter of its samples with a learned-decoder-like up-sampler (torch-free).

    Nearest or bilinear up-sampling followed by edge-preserving smoothing and sharpening leaves the periodic and
    over-smooth texture that decoders leave; lab.reconstruct has the trained ones.
    """
    height, width = pixels.shape[:2]
    factor = int(rng.choice([2, 3]))
    kernel = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR]))
    small = cv2.resize(pixels, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
    grown = cv2.resize(small, (width, height), interpolation=kernel)
    smooth = cv2.bilateralFilter(grown, 5, 30, 3)
    out = cv2.addWeighted(smooth, 1.6, cv2.GaussianBlur(smooth, (0, 0), 1.4), -0.6, 0)
    everywhere = np.ones((height, width), np.float32)
    return Blend(np.asarray(out, np.uint8), everywhere, "reconstruct", {"factor": factor, "kernel": kernel})


def _write(made: Blend, out: Path, stem: str, source: Path, digest: str, giver: Path | None, seed: int) -> Forgery:
    picture, mask = out / f"{stem}.jpg", out / f"{stem}.mask.png"
    kind = ALGORITHMIC_TYPE if made.method == "reconstruct" else COMPOSITE_TYPE
    save_labelled(made.pixels, picture, kind, f"facevalue lab: {made.method}")
    Image.fromarray(np.round(made.mask * 255).astype(np.uint8)).save(mask)
    line = Forgery(
        file=picture.name,
        mask=mask.name,
        method=made.method,
        source=source.name,
        source_sha256=digest,
        donor=giver.name if giver else None,
        parameters=made.parameters,
        seed=seed,
        sha256=hashlib.sha256(picture.read_bytes()).hexdigest(),
    )
    text, manifest = json.dumps(asdict(line), sort_keys=True), out / MANIFEST
    # The same command run again writes the same files: their lines stand there already.
    if not manifest.is_file() or text not in manifest.read_text(encoding="utf-8").splitlines():
        with manifest.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")
    return line


def visible_mark(pixels: Pixels) -> Pixels:
    """The picture with "AI / FORGED" on a black plate in its lower right corner, sized to it, legible on any ground."""
    out = pixels.copy()
    height, width = out.shape[:2]
    scale = max(0.3, min(height, width) / 640)
    thick = max(1, round(scale * 1.5))
    (w, h), base = cv2.getTextSize(MARK, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    margin = max(3, round(4 * scale))
    plate = np.zeros((h + base + 2 * margin, w + 2 * margin, 3), np.uint8)
    cv2.putText(plate, MARK, (margin, margin + h), cv2.FONT_HERSHEY_SIMPLEX, scale, (255,) * 3, thick, cv2.LINE_AA)
    fit = min(1.0, width / plate.shape[1], height / plate.shape[0])
    if fit < 1.0:
        size = (max(1, int(plate.shape[1] * fit)), max(1, int(plate.shape[0] * fit)))
        plate = np.asarray(cv2.resize(plate, size, interpolation=cv2.INTER_AREA), np.uint8)
    out[height - plate.shape[0] :, width - plate.shape[1] :] = plate
    return out


def xmp_label(digital_source_type: str, tool: str) -> bytes:
    """An XMP packet that declares the digital source type (IPTC Photo Metadata Standard 2023.1)."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{html.escape(digital_source_type)}" xmp:CreatorTool="{html.escape(tool)}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def save_labelled(pixels: Pixels, path: Path, digital_source_type: str, tool: str) -> None:
    """Write a JPEG with the visible mark and the XMP declaration."""
    Image.fromarray(visible_mark(pixels)).save(
        path, quality=JPEG_QUALITY, subsampling=2, xmp=xmp_label(digital_source_type, tool)
    )


def declared_type(facts: Mapping[str, Any]) -> str | None:
    """The digital source type that a copy of this picture must go on declaring; None when it declares nothing.

    A statement of another kind (generation parameters, a credential) becomes "trained algorithmic media".
    """
    stated = [r for r in declarations(facts) if r.details.get("strength") == "statement"]
    types = [r.value for r in stated if r.value and declares_synthetic(r.value)]
    return (types or [TRAINED_TYPE])[0] if stated else None


def save_copy(pixels: Pixels, path: Path, digital_source_type: str | None, tool: str) -> None:
    """Write a PNG; with a digital source type it declares that in XMP, so that no label is lost in a copy."""
    info = PngInfo()
    if digital_source_type:
        info.add_itxt("XML:com.adobe.xmp", xmp_label(digital_source_type, tool).decode())
    Image.fromarray(pixels).save(path, pnginfo=info)
