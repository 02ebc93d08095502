"""A file of each kind that carries credentials, made on the spot: signed, verified, changed by a bit, and cut off."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import make_credentials as kit
import pytest

import facevalue as fv

CASES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": ("image/jpeg", lambda: kit.picture("JPEG")),
    "png": ("image/png", lambda: kit.picture("PNG")),
    "gif": ("image/gif", lambda: kit.picture("GIF")),
    "webp": ("image/webp", lambda: kit.picture("WEBP")),
    "tiff": ("image/tiff", lambda: kit.picture("TIFF")),
    "avif": ("image/avif", lambda: kit.picture("AVIF")),
    "heic": ("image/heic", kit.still),
    "svg": ("image/svg+xml", kit.drawing),
    "pdf": ("application/pdf", kit.document),
    "mp4": ("video/mp4", kit.clip),
    "mov": ("video/quicktime", lambda: kit.clip("mov")),
    "avi": ("video/x-msvideo", lambda: kit.clip("avi")),
    "wav": ("audio/wav", kit.sound),
    "mp3": ("audio/mpeg", lambda: kit.tone("mp3", "libmp3lame")),
    "flac": ("audio/flac", lambda: kit.tone("flac", "flac")),
    "m4a": ("audio/mp4", lambda: kit.tone("ipod", "aac")),
}
GOOD = {fv.State.VERIFIED, fv.State.VERIFIED_WITH_WARNINGS}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, bytes, bytes]:
    """The type, the file before it was signed, and after."""
    media_type, make = CASES[request.param]
    plain = make()
    return media_type, plain, kit.sign(plain, media_type)


def covered(found: fv.Provenance, size: int) -> list[tuple[int, int]]:
    """Where the bytes lie that the hash covers: start and end of each run."""
    assert found.uncovered is not None
    holes = sorted((r.start, r.start + r.length) for r in found.uncovered.ranges if r.start is not None and r.length)
    runs, at = [], 0
    for start, end in [*holes, (size, size)]:
        if start > at:
            runs.append((at, start))
        at = max(at, end)
    return runs


def test_it_is_verified_and_says_what_it_does_not_cover(case: tuple[str, bytes, bytes], trust: Path) -> None:
    media_type, plain, data = case
    before, found = fv.verify(plain, trust=trust), fv.verify(data, trust=trust)
    assert (before.exhibit.media_type, before.state) == (media_type, fv.State.NO_CREDENTIALS)
    assert (found.exhibit.media_type, found.state) == (media_type, fv.State.VERIFIED), found.summary
    assert found.uncovered is not None
    assert found.uncovered.count >= 1
    assert (found.uncovered.total_bytes or 0) >= (found.uncovered.credential_bytes or 0) > 500
    assert sum(r.length or 0 for r in found.uncovered.ranges) == found.uncovered.total_bytes


def test_a_changed_bit_of_the_media_is_altered(case: tuple[str, bytes, bytes], trust: Path) -> None:
    _, _, data = case
    runs = covered(fv.verify(data, trust=trust, second_opinion=False), len(data))
    start, end = max(runs, key=lambda run: run[1] - run[0])
    found = fv.verify(kit.flipped(data, (start + end) // 2), trust=trust)
    assert (found.state, found.content_differs) == (fv.State.ALTERED, True), found.summary
    assert str(found.axes["binding"].status) == "failed"


def test_no_covered_bit_may_change_unnoticed(case: tuple[str, bytes, bytes], trust: Path) -> None:
    """Whatever it breaks, the type of the file included: it never stays verified."""
    _, _, data = case
    runs = covered(fv.verify(data, trust=trust, second_opinion=False), len(data))
    places = [at for start, end in runs for at in range(start, end)]
    for at in [places[0], places[-1], *random.Random(1).sample(places, 4)]:
        assert fv.verify(kit.flipped(data, at), trust=trust, second_opinion=False).state not in GOOD, at


@pytest.mark.parametrize("left", [0.999, 0.7, 0.4, 0.1])
def test_a_file_that_is_cut_off_is_never_verified(case: tuple[str, bytes, bytes], trust: Path, left: float) -> None:
    _, _, data = case
    whole = fv.verify(data, trust=trust, second_opinion=False)
    assert whole.uncovered is not None
    ends = max((r.start or 0) + (r.length or 0) for r in whole.uncovered.ranges)
    end = int(len(data) * left)
    found = fv.verify(data[:end], trust=trust, second_opinion=False)
    allowed = {fv.State.ALTERED, fv.State.ERROR}
    # Where the credential itself was cut, there may be nothing left of it to be seen.
    assert found.state in (allowed if end >= ends else allowed | {fv.State.NO_CREDENTIALS}), found.summary
