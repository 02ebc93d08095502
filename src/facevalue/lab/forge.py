"""`lab forge`: labelled forgeries with exact masks, for training and for trying examiners out.

Every picture is written through lab.labels (visible mark, watermark, IPTC digitalSourceType, credential), with a line
in manifest.jsonl (source, method, parameters, seed, sha256 of both pictures, mask). Training code that must see
unlabelled pixels makes them in memory (lab.blend) and writes none of them to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UnreadableError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.faces import detect_faces
from facevalue.lab.blend import Blend, RealFace, composite, self_blend
from facevalue.lab.labels import ALGORITHMIC_TYPE, COMPOSITE_TYPE, TRAINED_TYPE, Made, note, write_mask, write_picture
from facevalue.lab.zoo.forging import redrawer
from facevalue.media import Media, decode
from facevalue.signing.identity import Identity

Pixels = npt.NDArray[np.uint8]
Redraw = Callable[[Pixels, np.random.Generator], Blend]
METHODS = ("blend", "composite", "reconstruct", "splice")


@dataclass(frozen=True, slots=True)
class Forgery:
    """One line of the manifest. file and mask are names inside the output folder; sha256 is of the file written.

    content_sha256: of the file without its credential; the same command again gives the same one.
    """

    file: str
    mask: str
    method: str
    source: str
    source_sha256: str
    donor: str | None
    parameters: dict[str, object]
    seed: int
    sha256: str
    content_sha256: str


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
    who: Identity | None = None,
    network: str | None = None,
    zoo: Path | None = None,
) -> Iterator[Forgery]:
    """Forge each source picture into out/, yielding the manifest's lines as they are written.

    blend: every face is joined with a changed copy of itself. composite: facial regions of a donor picture's face;
    donors must be pictures whose people consented or whose data set licenses it; without donors the other sources
    serve. reconstruct: the picture as the network of that name redraws it (lab.zoo; from the folder zoo, or facevalue's
    own), or without a name as a lossy transform codec does. splice: a region of the picture moved within it. who: signs
    in place of the lab's own identity. Pictures that cannot be forged are reported and skipped. Raises UsageError for
    an unknown method, a network for another method, or one that is not trained.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method '{method}'; one of: {', '.join(METHODS)}")
    if network and method != "reconstruct":
        raise UsageError(f"a network redraws with the method reconstruct, not with {method}")
    draws = redrawer(network, zoo) if network else redraw
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
            made = _make(method, pixels, giver, rng, draws)
        except (DecodeError, UnreadableError) as error:
            report(f"{path.name}: {error}, nothing was forged")
            continue
        if made is None:
            report(f"{path.name}: no face of at least 48 px, nothing was forged")
            continue
        yield _write(made, out, f"{path.stem}-{network or method}-{seed}-{i}", path, digest, giver, seed, who)


def _make(method: str, pixels: Pixels, giver: Path | None, rng: np.random.Generator, draws: Redraw) -> Blend | None:
    if method == "splice":
        return splice(pixels, rng)
    if method == "reconstruct":
        return draws(pixels, rng)
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


def _write(
    made: Blend, out: Path, stem: str, source: Path, digest: str, giver: Path | None, seed: int, who: Identity | None
) -> Forgery:
    mask = out / f"{stem}.mask.png"
    kind = ALGORITHMIC_TYPE if made.method == "reconstruct" else COMPOSITE_TYPE
    kind = TRAINED_TYPE if "network" in made.parameters else kind
    ingredients = (source, giver) if giver else (source,)
    how = Made(f"facevalue lab: {made.method}", kind, ingredients, made.parameters, seed)
    written = write_picture(made.pixels, out / f"{stem}.jpg", how, who=who)
    write_mask(made.mask, mask)
    line = Forgery(
        file=written.path.name,
        mask=mask.name,
        method=made.method,
        source=source.name,
        source_sha256=digest,
        donor=giver.name if giver else None,
        parameters=made.parameters,
        seed=seed,
        sha256=written.sha256,
        content_sha256=written.content_sha256,
    )
    note(out, asdict(line))
    return line
