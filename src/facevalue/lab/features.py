"""First stage of `lab train generated`: CLIP features of every view of every sample, as is and laundered.

Resumable: each sample's features are one .npz file in the cache folder, named by its key and variant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.examiners.generated.embed import ClipEmbedder
from facevalue.examiners.generated.views import (
    WHOLE_SIDE_PX,
    WINDOW_JPEG_QUALITY,
    WINDOW_PX,
    jpeg_round,
    portrait_view,
    short_side_to,
    to_clip_input,
    whole_view,
    window_views,
)
from facevalue.faces import detect_faces
from facevalue.lab.data import Sample
from facevalue.lab.launder import augment

Pixels = npt.NDArray[np.uint8]


def read_rgb(path: Path) -> Pixels:
    """A training picture as uint8 RGB (H, W, 3). Raises ValueError when it does not decode."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path.name} does not decode")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def sample_views(
    sample: Sample, variant: int, *, windows_only: bool = False, whole_only: bool = False
) -> Iterator[tuple[str, Pixels]]:
    """(view name, pixels) of a sample; variant 0 is the file as it is, others are seeded trips.

    windows_only and whole_only skip the work for the other views; what they yield is the same.
    """
    pixels = read_rgb(sample.path)
    rng = np.random.default_rng(sample.seed(variant))
    if sample.form == "native":
        if variant:
            pixels = augment(pixels, rng)
            pixels = np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < 0.5 else pixels
            pixels = (
                cv2.resize(pixels, (WINDOW_PX, WINDOW_PX)) if pixels.shape[:2] != (WINDOW_PX, WINDOW_PX) else pixels
            )
            pixels = jpeg_round(np.asarray(pixels, np.uint8), WINDOW_JPEG_QUALITY)
        yield "window", pixels
        return
    if variant:
        pixels = augment(pixels, rng, geometry=True)
    if sample.form == "whole":
        if not windows_only:
            yield "whole", whole_view(pixels) if variant else short_side_to(pixels, WHOLE_SIDE_PX)
        return
    if not windows_only:
        yield "whole", whole_view(pixels)
    if whole_only:
        return
    for face in [] if windows_only else detect_faces(pixels)[:1]:
        portrait = portrait_view(pixels, face)
        if portrait is not None:
            yield "portrait", portrait
    for i, window in enumerate(window_views(pixels, 2)):
        yield f"window{i}", window


def cache_path(cache: Path, sample: Sample, variant: int) -> Path:
    """The .npz file of one sample and variant."""
    name = hashlib.sha1(f"{sample.key}#{variant}".encode(), usedforsecurity=False).hexdigest()[:20]
    return cache / name[:2] / f"{name}.npz"


def extract(sample: Sample, variant: int, embedder: ClipEmbedder, cache: Path) -> Path:
    """Compute (or find) the features of one sample and variant; float16 arrays named view.feature."""
    path = cache_path(cache, sample, variant)
    if path.is_file():
        return path
    views = dict(sample_views(sample, variant))
    read = embedder.several(to_clip_input(pixels) for pixels in views.values())
    arrays = {
        f"{view}.{name}": values.astype(np.float16)
        for view, features in zip(views, read, strict=True)
        for name, values in features.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp.npz")
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    partial.rename(path)
    return path


def load(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays of one cache file, float32."""
    with np.load(path) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}
