"""Clips: one mark over all frames, added up again."""

from __future__ import annotations

import io

import av
import cv2
import numpy as np
import pytest
from make_host import Pixels, scene

from facevalue.errors import UsageError
from facevalue.watermark import Payload, picture, video


def h264(frames: list[Pixels], crf: int) -> list[Pixels]:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        for rgb in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as back:
        return [np.ascontiguousarray(f.to_ndarray(format="rgb24")) for f in back.decode(video=0)]


@pytest.fixture(scope="module")
def moving() -> list[Pixels]:
    wide = cv2.GaussianBlur(scene(320, 520, seed=5), (0, 0), 1.5)
    return [np.ascontiguousarray(wide[:, k : k + 400]) for k in range(8)]


@pytest.mark.parametrize("crf", [23, 28])
def test_the_mark_survives_h264(moving: list[Pixels], payload: Payload, crf: int) -> None:
    embedder = video.Embedder(payload)
    marked = [embedder(frame) for frame in moving]
    assert all(picture.psnr_db(a, b) >= picture.LOWEST_DB for a, b in zip(moving, marked, strict=True))
    reading = video.read(h264(marked, crf))
    assert reading is not None
    assert reading.payload == payload


def test_a_still_scene_keeps_its_change(photo: Pixels, payload: Payload) -> None:
    embedder = video.Embedder(payload)
    first, second = embedder(photo), embedder(photo)
    assert embedder.renewals == 1
    assert (first == second).all()
    embedder(scene(seed=8))
    assert embedder.renewals == 2


def test_frames_say_more_together_than_one_alone(moving: list[Pixels], payload: Payload) -> None:
    embedder = video.Embedder(payload)
    rng = np.random.default_rng(1)
    noisy = [np.clip(embedder(f) + rng.normal(0, 25, f.shape), 0, 255).astype(np.uint8) for f in moving]
    listener = video.Listener()
    scores = []
    for frame in noisy:
        listener.add(frame)
        reading = listener.reading()
        scores.append(reading.score if reading else 0.0)
    assert scores[-1] > scores[0]
    assert reading is not None
    assert reading.payload == payload


def test_mirrored_clips_are_read(moving: list[Pixels], payload: Payload) -> None:
    embedder = video.Embedder(payload)
    reading = video.read(np.ascontiguousarray(embedder(f)[:, ::-1]) for f in moving[:3])
    assert reading is not None
    assert (reading.payload, reading.orientation) == (payload, 4)


def test_unmarked_frames_and_no_frames_give_nothing(moving: list[Pixels]) -> None:
    assert video.read(moving) is None
    assert video.read([]) is None


def test_small_frames_are_refused(payload: Payload) -> None:
    with pytest.raises(UsageError, match="pixels"):
        video.Embedder(payload)(cv2.resize(scene(), (120, 90)))
