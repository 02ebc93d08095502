"""`facevalue.compare` on pictures: what was changed is shown, what was only re-encoded is not."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from scenes import jpeg, png, scene

import facevalue as fv
from facevalue.reports.comparison import render_comparison
from facevalue.reports.json import load_schema

RGB = scene(40)
ORIGINAL = png(RGB)


def compare(suspect: np.ndarray, quality: int = 60) -> fv.Comparison:
    found = fv.compare(ORIGINAL, jpeg(np.ascontiguousarray(suspect), quality))
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(load_schema("comparison-1")).validate(json.loads(found.to_json()))
    return found


def pasted(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A round piece of another scene, and its mask."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.circle(mask, (150, 140), 38, 1, -1)
    inside = mask > 0
    return np.where(inside[..., None], scene(41), rgb).astype(np.uint8), inside


def iou(found: fv.Comparison, mask: np.ndarray) -> float:
    assert found.mask is not None
    return float((found.mask & mask).sum() / (found.mask | mask).sum())


@pytest.mark.parametrize(
    "copy",
    [
        (RGB, 50),
        (RGB, 25),
        (cv2.resize(RGB, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), 70),
        (RGB[25:-25, 33:-33], 60),
        (RGB[:, ::-1], 60),
        (np.clip(RGB * 0.8 + 25.0, 0, 255).astype(np.uint8), 70),
    ],
    ids=["q50", "q25", "resized", "cropped", "mirrored", "toned"],
)
def test_a_mere_copy_has_nothing_changed(copy: tuple[np.ndarray, int]) -> None:
    found = compare(*copy)
    assert found.common
    assert found.changed_share == 0
    assert found.changes == ()


@pytest.mark.parametrize("place", ["as it is", "cropped", "mirrored", "framed", "turned"])
def test_a_pasted_object_shows_its_mask(place: str) -> None:
    forged, mask = pasted(RGB)
    height, width = RGB.shape[:2]
    placed = {
        "as it is": forged,
        "cropped": forged[20:-20, 30:-30],
        "mirrored": forged[:, ::-1],
        "framed": cv2.copyMakeBorder(forged, 50, 50, 20, 20, cv2.BORDER_CONSTANT, value=(15, 15, 15)),
        "turned": cv2.warpAffine(
            forged, cv2.getRotationMatrix2D((width / 2, height / 2), 3, 1), (width, height), flags=cv2.INTER_CUBIC
        ),
    }[place]
    found = compare(placed)
    assert iou(found, mask) > 0.7
    assert found.changes[0].kind in ("replaced", "covered")
    assert found.changed_share * found.alignment["shown_share"] == pytest.approx(mask.mean(), rel=0.3)


def test_what_was_done_to_all_of_it_is_said() -> None:
    found = compare(RGB[40:, :][:, ::-1])
    said = " ".join(found.whole)
    assert "mirrored" in said
    assert "cropped away" in said
    assert "re-encoded" in said
    assert found.alignment["shown_box"] == [0, 40, 420, 260]
    framed = compare(cv2.copyMakeBorder(RGB, 80, 80, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    assert "bars, bands or a page" in " ".join(framed.whole)


def test_a_copied_patch_is_told_from_where_it_came() -> None:
    forged = RGB.copy()
    forged[180:250, 280:370] = RGB[40:110, 60:150]
    found = compare(forged, 90)
    copied = [change for change in found.changes if change.kind == "copied"]
    assert copied
    assert "original" in copied[0].what


def test_covered_by_writing() -> None:
    covered = RGB.copy()
    cv2.rectangle(covered, (60, 200), (260, 240), (255, 255, 255), -1)
    cv2.putText(covered, "EXCLUSIVE", (70, 230), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2)
    assert compare(covered).changes[0].kind == "covered"


def test_the_same_content_is_identical() -> None:
    assert compare(RGB, 90).identical is False
    assert fv.compare(ORIGINAL, ORIGINAL).identical
    assert fv.compare(ORIGINAL, io.BytesIO(png(RGB))).changed_share == 0


def test_strangers_have_nothing_in_common() -> None:
    found = compare(scene(42))
    assert not found.common
    assert found.summary == "No common content was found."


def test_a_flat_picture_is_no_error() -> None:
    assert not compare(np.full((90, 120, 3), 120, np.uint8)).common


def test_what_does_not_decode_says_which_of_the_two() -> None:
    with pytest.raises(fv.DecodeError, match="the suspect"):
        fv.compare(ORIGINAL, b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(fv.DecodeError, match="the original"):
        fv.compare(b"text", ORIGINAL)


def test_equal_files_give_equal_text() -> None:
    forged, _ = pasted(RGB)
    assert compare(forged).to_json() == compare(forged).to_json()


def test_the_report_is_self_contained_and_names_are_harmless() -> None:
    attack = "<script>alert(1)</script>'; DROP TABLE x; --\u202e" + "A" * 10_000
    forged, _ = pasted(RGB)
    found = fv.compare(ORIGINAL, jpeg(forged, 60), names=(attack, attack))
    html = render_comparison(found)
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src &#39;none&#39;" in html
    assert html.count("data:image/png") >= 1
