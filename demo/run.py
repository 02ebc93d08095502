"""The demonstration behind `make demo`: real photographs, forgeries made from one of them, one report for all.

    python demo/run.py build/demo

The photographs ship inside scikit-image and scikit-learn, so nothing is downloaded. Three kinds of files are made:

    real/     photographs as they are, saved as JPEG without metadata
    forged/   the portrait with a blended face, as `facevalue lab forge` writes it, with all of its labels
    copies/   what is left after a trip: re-encoded, so that the declaration is gone and only the pixels can speak
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facevalue.lab.launder import launder

SEED = 7
JPEG_QUALITY = 92
TRIPS = ("whatsapp", "crop", "webp")
FACEVALUE = Path(sys.executable).with_name("facevalue")

Pixels = npt.NDArray[np.uint8]


def photographs() -> Iterator[tuple[str, Pixels]]:
    """Real photographs by name, uint8 RGB."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        yield name, getattr(data, name)()
    samples = load_sample_images()
    for file, pixels in zip(samples.filenames, samples.images, strict=True):
        yield Path(file).stem, pixels


def save(pixels: Pixels, path: Path) -> Path:
    """Write a JPEG without any metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=JPEG_QUALITY)
    return path


def forge(portrait: Path, out: Path) -> list[Path]:
    """Blend the portrait's face with the lab, which labels what it writes."""
    command = [FACEVALUE, "lab", "forge", portrait, "--out", out, "--method", "blend", "--seed", str(SEED)]
    subprocess.run(command, check=True)
    rows = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [out / json.loads(row)["file"] for row in rows if row]


def copies(pictures: list[Path], out: Path) -> list[Path]:
    """Send every picture on the trips that pictures take; labels do not survive them."""
    made = []
    for picture in pictures:
        pixels = np.asarray(Image.open(picture).convert("RGB"), np.uint8)
        made += [save(launder(pixels, trip, SEED), out / f"{picture.stem}-{trip}.jpg") for trip in TRIPS]
    return made


def main() -> int:
    """Make the pictures, check them, and say where the report is."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo")
    shutil.rmtree(out, ignore_errors=True)
    real = [save(pixels, out / "real" / f"{name}.jpg") for name, pixels in photographs()]
    portrait = next(path for path in real if path.stem == "astronaut")
    forged = forge(portrait, out / "forged")
    laundered = copies([portrait, *forged], out / "copies")
    print(f"Real photographs: {len(real)}. Labelled forgeries: {len(forged)}. Re-encoded copies: {len(laundered)}.\n")
    sys.stdout.flush()
    report = out / "report"
    done = subprocess.run([FACEVALUE, "check", *real, *forged, *laundered, "--quiet", "--report", report], check=False)
    if done.returncode:
        return done.returncode
    pages = sorted(report.glob("*.html"))
    index = report / "index.html"
    print(f"\nOpen {index if index in pages else pages[0]} in a browser ({len(pages)} pages).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
