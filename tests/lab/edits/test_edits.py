"""Edits in memory: outside the mask every byte is the source's, and the same seed makes the same bytes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.errors import UsageError
from facevalue.faces import detect_faces
from facevalue.lab.edits import EDITS, METHODS, Edit, copymove, inpaint, retouch, splice
from facevalue.lab.edits.edit import checked_mask, soft_edge
from facevalue.lab.edits.placing import Move
from facevalue.lab.edits.regions import SHAPES, blob, box_mask, draw_region, object_mask, strokes
from facevalue.lab.edits.seamless import membrane, seamless


@pytest.fixture(scope="module")
def photo(scene: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(cv2.resize(scene, (180, 132), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def other(portrait: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(cv2.resize(portrait, (180, 180), interpolation=cv2.INTER_AREA))


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def assert_exact(made: Edit, source: np.ndarray) -> None:
    assert made.pixels.dtype == np.uint8
    assert made.pixels.shape == source.shape
    assert made.mask.dtype == np.bool_
    assert made.mask.any()
    assert not made.mask.all()
    assert np.array_equal(made.pixels[~made.mask], source[~made.mask])
    assert (made.pixels[made.mask] != source[made.mask]).any()
    assert made.share == pytest.approx(made.mask.mean())


@pytest.mark.parametrize(
    ("tool", "method"), [(tool, method) for tool in ("inpaint", "splice", "copymove") for method in METHODS[tool]]
)
def test_nothing_outside_the_mask_changes_and_seeds_decide(
    tool: str, method: str, photo: np.ndarray, other: np.ndarray
) -> None:
    make = {
        "inpaint": lambda seed: inpaint(photo, None, rng(seed), method),
        "splice": lambda seed: splice(photo, other, rng(seed), method=method),
        "copymove": lambda seed: copymove(photo, rng(seed), method=method),
    }[tool]
    before = photo.copy()
    made, again = make(5), make(5)
    assert made.method == method
    assert_exact(made, photo)
    assert np.array_equal(photo, before), "the source is not touched"
    assert np.array_equal(made.pixels, again.pixels)
    assert np.array_equal(made.mask, again.mask)
    assert made.parameters == again.parameters
    assert not np.array_equal(made.mask, make(6).mask)


@pytest.mark.parametrize("method", METHODS["retouch"])
def test_a_retouched_face_changes_on_the_face_alone(method: str, portrait: np.ndarray) -> None:
    made = retouch(portrait, rng(), method)
    assert_exact(made, portrait)
    assert np.array_equal(made.pixels, retouch(portrait, rng(), method).pixels)
    x, y, w, h = detect_faces(portrait, 1)[0].box
    near = box_mask(portrait.shape[:2], (int(x - 0.6 * w), int(y - 0.4 * h), int(2.2 * w), int(1.8 * h)))
    assert not (made.mask & ~near).any()


def test_retouching_does_what_it_says(portrait: np.ndarray) -> None:
    noisy = np.clip(portrait + rng(8).normal(0, 5, portrait.shape), 0, 255).astype(np.uint8)
    skin = retouch(noisy, rng(), "smooth")
    inside = cv2.erode(skin.mask.astype(np.uint8), np.ones((5, 5))).astype(bool)

    def rough(pixels: np.ndarray) -> float:
        luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return float(np.median(np.abs(luma - cv2.GaussianBlur(luma, (0, 0), 2))[inside]))

    assert rough(skin.pixels) < 0.85 * rough(noisy)
    bright = retouch(portrait, rng(), "brighten")
    assert bright.pixels[bright.mask].mean() > portrait[bright.mask].mean() + 2
    both = retouch(portrait, rng(), "liquify+spots")
    assert both.method == "liquify+spots"
    assert set(both.parameters["faces"][0]) == {"liquify", "spots"}


def test_everything_can_be_drawn(photo: np.ndarray, other: np.ndarray, portrait: np.ndarray) -> None:
    assert set(EDITS) == set(METHODS)
    for name, edit in EDITS.items():
        source = portrait if name == "retouch" else photo
        assert_exact(edit(source, rng(1), other), source)


def test_what_cannot_be_edited_is_told(photo: np.ndarray) -> None:
    with pytest.raises(UsageError, match="donor"):
        EDITS["splice"](photo, rng(), None)
    with pytest.raises(UsageError, match="no face"):
        retouch(photo, rng())
    with pytest.raises(UsageError, match="one of: smooth"):
        retouch(photo, rng(), "magic")
    with pytest.raises(UsageError, match="one of: patches"):
        inpaint(photo, None, rng(), "magic")
    with pytest.raises(UsageError, match="too little is left"):
        inpaint(photo, np.ones(photo.shape[:2], bool), rng())
    with pytest.raises(UsageError, match="empty"):
        inpaint(photo, np.zeros(photo.shape[:2], bool), rng())
    with pytest.raises(UsageError, match="10 x 20"):
        copymove(photo, rng(), np.ones((20, 10), bool))
    with pytest.raises(UsageError, match="too small"):
        inpaint(photo[:20, :20], None, rng())
    with pytest.raises(UsageError, match="uint8"):
        inpaint(photo.astype(np.float32), None, rng())
    with pytest.raises(UsageError, match="outside"):
        copymove(photo, rng(), box_mask(photo.shape[:2], (5, 5, 20, 20)), move=Move(0, 1, False, (-200.0, -200.0)))


def test_masks_of_any_type_say_the_same() -> None:
    inside = np.zeros((40, 50), bool)
    inside[3:9, 4:20] = True
    for given_mask in (inside, inside * np.uint8(255), inside.astype(np.float32), np.repeat(inside[..., None], 3, 2)):
        grown = given_mask * np.uint8(255) if given_mask.ndim == 3 else given_mask
        assert np.array_equal(checked_mask(grown, (40, 50)), inside)


# What fills a hole


def test_patches_continue_a_texture_that_telea_blurs() -> None:
    y, x = np.mgrid[:120, :120]
    stripes = np.where((x + y) // 5 % 2, 200, 60)[..., None] + rng().normal(0, 3, (120, 120, 3))
    picture = np.clip(stripes, 0, 255).astype(np.uint8)
    hole = box_mask((120, 120), (45, 45, 28, 28))
    filled, spread = (inpaint(picture, hole, rng(), method) for method in ("patches", "telea"))
    inner = box_mask((120, 120), (52, 52, 14, 14))
    errors = [np.abs(made.pixels[inner].astype(int) - picture[inner]).mean() for made in (filled, spread)]
    assert errors[0] < 15 < errors[1]


def test_a_large_hole_is_filled_from_real_pixels(scene: np.ndarray) -> None:
    hole = box_mask(scene.shape[:2], (200, 150, 90, 80))
    made = inpaint(scene, hole, rng())
    assert_exact(made, scene)

    def grain(pixels: np.ndarray) -> float:
        return float(np.abs(pixels[160:220, 215:280].astype(int) - pixels[160:220, 214:279]).mean())

    assert grain(made.pixels) > 2 * grain(inpaint(scene, hole, rng(2), "telea").pixels) or grain(made.pixels) > 6


@pytest.mark.parametrize("at", [(0, 0), (150, 102), (0, 50)])
def test_a_hole_at_the_edge_is_filled(at: tuple[int, int], photo: np.ndarray) -> None:
    assert_exact(inpaint(photo, box_mask(photo.shape[:2], (*at, 30, 30)), rng()), photo)


# How regions are joined


def test_a_membrane_is_flat_over_a_flat_edge_and_linear_over_a_linear_one() -> None:
    region = box_mask((60, 80), (20, 15, 40, 30))
    x = np.broadcast_to(np.arange(80, dtype=np.float32)[None, :, None], (60, 80, 1))
    assert membrane(np.full((60, 80, 1), 7.0, np.float32), region)[region] == pytest.approx(7.0, abs=1e-3)
    linear = np.where(region[..., None], 1000.0, x).astype(np.float32)  # what lies inside is of no account
    assert np.abs(membrane(linear, region)[region] - x[region]).max() < 1.0
    assert not membrane(linear, np.ones((60, 80), bool)).any(), "without an edge there is nothing to join"


def test_gradients_are_kept_and_levels_taken(photo: np.ndarray) -> None:
    darker = np.clip(photo.astype(int) - 40, 0, 255).astype(np.uint8)
    base = np.clip(photo, 40, 255).astype(np.uint8)
    region = blob(photo.shape[:2], rng(1), (0.05, 0.06))
    made = seamless(base, np.clip(base.astype(int) - 40, 0, 255).astype(np.uint8), region)
    assert np.abs(made.astype(int) - base)[region].mean() < 1.5
    assert np.array_equal(made[~region], base[~region])
    assert (darker != photo).any()


def test_a_shift_copies_bytes(photo: np.ndarray) -> None:
    taken = box_mask(photo.shape[:2], (20, 30, 40, 25))
    made = copymove(photo, rng(), taken, "hard", Move(0, 1, False, (39.5 + 80, 42.0 + 50)))
    assert np.array_equal(made.pixels[80:105, 100:140], photo[30:55, 20:60])
    assert np.array_equal(made.mask, box_mask(photo.shape[:2], (100, 80, 40, 25)))
    assert made.origin is not None
    assert np.array_equal(made.origin, taken)


def test_a_mirrored_copy_is_mirrored(photo: np.ndarray) -> None:
    taken = box_mask(photo.shape[:2], (20, 30, 41, 25))
    made = copymove(photo, rng(), taken, "hard", Move(0, 1, True, (130.0, 92.0)))
    copy, wanted = (part.astype(int) for part in (made.pixels[82:102, 113:149], photo[32:52, 22:58][:, ::-1]))
    assert np.abs(copy - wanted).mean() < 3


def test_a_splice_gives_the_donor_a_history_of_its_own(photo: np.ndarray, other: np.ndarray) -> None:
    records = [splice(photo, other, rng(seed), method="hard").parameters["donor_jpeg"] for seed in range(8)]
    qualities = {record["quality"] for record in records if record}
    assert len(qualities) > 2
    assert all(45 <= quality <= 96 for quality in qualities)


# Regions


@settings(max_examples=15, deadline=None)
@given(st.integers(32, 300), st.integers(32, 300), st.integers(0, 2**31))
def test_drawn_regions_lie_in_the_picture_and_leave_most_of_it(height: int, width: int, seed: int) -> None:
    for region in (blob((height, width), rng(seed)), strokes((height, width), rng(seed))):
        assert region.shape == (height, width)
        assert 0 < region.mean() < 0.5


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape_is_drawn_by_seed(kind: str, photo: np.ndarray) -> None:
    one, two = (draw_region(photo, rng(9), kind)[0] for _ in range(2))
    assert np.array_equal(one, two)
    assert 0 < one.mean() < 0.5


def test_a_thing_that_stands_out_is_outlined() -> None:
    picture = np.clip(rng().normal(90, 6, (150, 200, 3)), 0, 255).astype(np.uint8)
    disc = np.zeros((150, 200), np.uint8)
    cv2.circle(disc, (100, 75), 32, 1, -1)
    picture[disc > 0] = np.clip(rng(1).normal((210, 60, 40), 6, (int(disc.sum()), 3)), 0, 255).astype(np.uint8)
    overlaps = []
    for seed in range(4):
        found = object_mask(picture, rng(seed))
        if found is not None:
            overlaps.append((found & (disc > 0)).sum() / (found | (disc > 0)).sum())
    assert max(overlaps) > 0.85
    assert object_mask(np.full((80, 80, 3), 50, np.uint8), rng()) is None


def test_a_soft_edge_stays_inside() -> None:
    region = box_mask((50, 60), (10, 12, 30, 20))
    soft = soft_edge(region, 1.5)
    assert not soft[~region].any()
    assert soft.max() == 1
    assert np.array_equal(soft_edge(region, 0), region.astype(np.float32))
