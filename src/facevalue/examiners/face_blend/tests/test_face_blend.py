"""face_blend over a stand-in network: geometry, quality features, several faces, and when it abstains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.examiners.base import Card, Examiner, Subject
from facevalue.examiners.face_blend import FaceBlendExaminer, examiner
from facevalue.examiners.face_blend.crop import FACE_CROP_PX, FACE_MARGIN, MIN_FACE_PX, face_crop, to_network
from facevalue.examiners.face_blend.examiner import crop_box, look, look_crops, quality_features
from facevalue.exhibit import Exhibit
from facevalue.faces import Face, FaceQuality, detect_faces
from facevalue.finding import Question, Status
from facevalue.media import Picture

Install = Callable[..., Path]


def face(x: float, y: float, side: float, **quality: float) -> Face:
    record = {"sharpness": 3.0, "yaw": 0.0, "roll": 0.0, "exposure": 0.5, "contrast": 0.2, "truncated": 0.0} | quality
    return Face((x, y, side, side), np.zeros((5, 2), np.float32), 0.9, FaceQuality(size_px=side, **record))


def subject(pixels: np.ndarray, faces: tuple[Face, ...] | None) -> Subject:
    picture = Picture(pixels, "PNG", "RGB", (pixels.shape[1], pixels.shape[0]))
    return Subject(Exhibit("a.png", b"", "", "image/png"), picture, {}, None, faces)


def two_tone() -> np.ndarray:
    """Black on the left, white on the right: the stand-in can tell a face on one side from one on the other."""
    picture = np.zeros((400, 800, 3), np.uint8)
    picture[:, 400:] = 255
    return picture


def test_it_is_an_examiner_with_a_card() -> None:
    made = FaceBlendExaminer()
    assert isinstance(made, Examiner)
    assert (made.name, made.question, made.reads_pixels) == ("face_blend", Question.FACE_SWAPPED, True)
    assert Card.load(made.folder).question == "face_swapped"


# Geometry


@given(st.floats(-50, 750), st.floats(-50, 350), st.floats(10, 500))
def test_crops_and_the_square_they_cover_agree(x: float, y: float, side: float) -> None:
    rows, columns = np.mgrid[0:400, 0:800]
    ramp = np.stack([columns * 255 / 799, rows * 255 / 399, columns * 0], axis=-1).astype(np.uint8)
    one = face(x, y, side)
    left, top, width, height = crop_box(ramp, one)
    assert width == height
    assert left >= -1e-6
    assert top >= -1e-6
    assert left + width <= 800 + 1e-6
    assert top + height <= 400 + 1e-6
    crop = face_crop(ramp, one.box)
    assert crop.shape == (FACE_CROP_PX, FACE_CROP_PX, 3)
    middle = crop[FACE_CROP_PX // 2, FACE_CROP_PX // 2].astype(float)
    assert middle[0] * 799 / 255 == pytest.approx(left + width / 2, abs=8)
    assert middle[1] * 399 / 255 == pytest.approx(top + height / 2, abs=8)


def test_the_square_is_the_middle_margin() -> None:
    assert crop_box(two_tone(), face(300, 150, 100)) == pytest.approx((285, 135, 100 * FACE_MARGIN, 100 * FACE_MARGIN))


def test_four_crops_are_looked_at_one_of_them_mirrored(portrait: np.ndarray) -> None:
    crops = look_crops(portrait, detect_faces(portrait)[0])
    assert crops.shape == (4, FACE_CROP_PX, FACE_CROP_PX, 3)
    assert np.array_equal(crops[3], crops[1][:, ::-1])


def test_the_network_sees_minus_one_to_one() -> None:
    made = to_network(np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)]))
    assert made.shape == (2, 3, 8, 8)
    assert made.dtype == np.float32
    assert (made.min(), made.max()) == (-1, 1)


def test_the_heat_map_is_upright_though_half_of_it_comes_from_a_mirror(standing_in: Install) -> None:
    standing_in()
    logit, heat, box = look(two_tone(), face(350, 150, 100))
    assert heat.dtype == np.uint8
    assert heat[:, : heat.shape[1] // 4].mean() < heat[:, -heat.shape[1] // 4 :].mean()
    assert box == pytest.approx((335, 135, 130, 130))
    assert logit == pytest.approx(0)


# Quality


@given(st.floats(-9, 9), st.floats(16, 400), st.floats(0, 4), st.floats(0, 1), st.floats(0, 9))
def test_quality_changes_how_much_a_logit_weighs_and_never_speaks_itself(
    logit: float, side: float, sharpness: float, truncated: float, blockiness: float
) -> None:
    poor = face(0, 0, side, sharpness=sharpness, truncated=truncated)
    features = quality_features(logit, poor, blockiness)
    assert len(features) == len(examiner.QUALITY_NAMES)
    assert features[0] == logit
    assert all(abs(f) <= abs(logit) + 1e-12 for f in features)
    assert all(f * logit >= 0 for f in features)
    assert not any(quality_features(0.0, poor, blockiness))


@pytest.mark.parametrize(
    ("name", "side", "record", "blockiness"),
    [
        ("logit x small", MIN_FACE_PX, {}, 1.0),
        ("logit x blur", 200, {"sharpness": 0.5}, 1.0),
        ("logit x truncated", 200, {"truncated": 0.3}, 1.0),
        ("logit x blocky", 200, {}, 3.0),
    ],
)
def test_quality_features_are_named_after_what_moves_them(
    name: str, side: float, record: dict[str, float], blockiness: float
) -> None:
    features = quality_features(2.0, face(0, 0, side, **{"sharpness": 3.5, **record}), blockiness)
    assert dict(zip(examiner.QUALITY_NAMES, features, strict=True)) == pytest.approx(
        {n: 2.0 if n in ("logit", name) else 0.0 for n in examiner.QUALITY_NAMES}
    )


# Findings


def test_one_face_gives_a_box_and_a_heat_map(standing_in: Install, portrait: np.ndarray) -> None:
    standing_in(bias=2.0)
    finding = FaceBlendExaminer().examine(subject(portrait, detect_faces(portrait)))
    assert finding.status is Status.FOUND
    assert finding.log10_lr == pytest.approx(2.0, abs=0.05)
    assert [r.kind for r in finding.regions] == ["box", "mask"]
    assert finding.regions[1].mask is not None
    assert finding.regions[1].mask.shape == (FACE_CROP_PX // 8, FACE_CROP_PX // 8)
    assert "Face 1" in finding.why


def test_several_faces_are_each_judged_and_their_mean_lr_is_given(standing_in: Install) -> None:
    standing_in(slope=2.0)
    faces = (face(40, 100, 120), face(560, 100, 120))
    finding = FaceBlendExaminer().examine(subject(two_tone(), faces))
    each = [r.details["log10_lr"] for r in finding.regions if r.kind == "box"]
    assert each == pytest.approx([-2, 2], abs=0.05)
    assert finding.log10_lr == pytest.approx(np.log10((10.0 ** each[0] + 10.0 ** each[1]) / 2), abs=0.01)
    assert "Face 2" in finding.why


def test_nothing_found_is_no_proof(standing_in: Install) -> None:
    standing_in(bias=-1.0)
    finding = FaceBlendExaminer().examine(subject(two_tone(), (face(40, 100, 120), face(560, 100, 120))))
    assert finding.status is Status.CLEAR
    assert "2 faces" in finding.why
    assert "does not prove" in finding.why


def test_small_faces_are_listed_and_not_judged(standing_in: Install) -> None:
    standing_in()
    faces = (face(40, 100, 120), face(560, 100, 40))
    finding = FaceBlendExaminer().examine(subject(two_tone(), faces))
    assert [r.label for r in finding.regions][-1] == "face 2: not judged (40 px, below 64 px)"
    assert "1 more could not be judged" in finding.why


def test_a_crowd_is_judged_by_its_largest_faces(standing_in: Install) -> None:
    standing_in()
    faces = tuple(face(80.0 * i, 100, 90 - i) for i in range(10))
    finding = FaceBlendExaminer().examine(subject(two_tone(), faces))
    assert len([r for r in finding.regions if r.kind == "mask"]) == examiner.MAX_FACES
    assert len([r for r in finding.regions if "only the 8 largest" in r.label]) == 2


def test_why_it_abstains(standing_in: Install) -> None:
    folder = standing_in()
    assert "the detector is not installed" in _abstention(None)
    assert "no face was found" in _abstention(())
    assert "the largest face is 50 px wide; below 64 px" in _abstention((face(0, 0, 50), face(90, 0, 30)))
    (folder / examiner.NETWORK_FILES[0]).unlink()
    assert _abstention((face(40, 100, 120),)).endswith("missing from this installation: face_blend.onnx")


def _abstention(faces: tuple[Face, ...] | None) -> str:
    finding = FaceBlendExaminer().examine(subject(two_tone(), faces))
    assert finding.status is Status.INAPPLICABLE
    assert (finding.score, finding.log10_lr) == (None, None)
    return finding.why


def test_weights_are_named_by_their_hash(standing_in: Install) -> None:
    standing_in()
    names = {*examiner.NETWORK_FILES, examiner.CALIBRATION_FILE}
    assert set(FaceBlendExaminer().weights()) == {f"face_blend/{name}" for name in names}
