"""DiffAugment against its formulas, written out in numpy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from facevalue.lab.gan.augment import NUMBERS, Changes

SIDE = 16
OFF = 1.0  # a number that is above every chance below 1


def numbers(**at: float) -> torch.Tensor:
    """Every family off, but for those whose chance number is given: colour, move or cut, with their parameters."""
    row = torch.full((1, NUMBERS), OFF)
    places = {"colour": 0, "brightness": 1, "saturation": 2, "contrast": 3, "move": 4, "down": 5, "right": 6}
    for name, value in at.items():
        row[0, (places | {"cut": 7, "row": 8, "column": 9})[name]] = value
    return row


def picture() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(4).uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32))


def test_no_chance_changes_nothing() -> None:
    x = picture()
    assert Changes(torch.zeros(1, NUMBERS), 0.0)(x) is x
    assert torch.equal(Changes(numbers(), 0.5)(x), x)


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_colour_is_brightness_then_saturation_then_contrast(
    brightness: float, saturation: float, contrast: float
) -> None:
    x = picture()
    row = numbers(colour=0.0, brightness=brightness, saturation=saturation, contrast=contrast)
    a = x.numpy()[0].astype(np.float64) + brightness - 0.5
    grey = a.mean(axis=0)
    a = grey + (a - grey) * 2 * saturation
    a = a.mean() + (a - a.mean()) * (contrast + 0.5)
    assert np.allclose(Changes(row, 0.5)(x)[0], a, atol=1e-5)


@given(st.floats(0, 1, width=32, exclude_max=True), st.floats(0, 1, width=32, exclude_max=True))
def test_translation_moves_by_whole_pixels_and_brings_in_grey(down: float, right: float) -> None:
    x = picture()
    moved = Changes(numbers(move=0.0, down=down, right=right), 0.5)(x).numpy()[0]
    dy, dx = (int(np.float32(n) * np.float32(5)) - 2 for n in (down, right))
    expected = np.zeros((3, SIDE + 8, SIDE + 8), np.float32)
    expected[:, 4 + dy : 4 + dy + SIDE, 4 + dx : 4 + dx + SIDE] = x.numpy()[0]
    assert np.array_equal(moved, expected[:, 4 : 4 + SIDE, 4 : 4 + SIDE])


@given(st.floats(0, 1, width=32, exclude_max=True), st.floats(0, 1, width=32, exclude_max=True))
def test_cutout_greys_a_square_of_half_the_side(row: float, column: float) -> None:
    x = picture()
    cut = Changes(numbers(cut=0.0, row=row, column=column), 0.5)(x).numpy()[0]
    gone = (cut == 0).all(axis=0)
    rows, columns = gone.any(axis=1).sum(), gone.any(axis=0).sum()
    assert gone.sum() == rows * columns
    assert SIDE // 4 <= min(rows, columns) <= max(rows, columns) <= SIDE // 2
    assert np.array_equal(cut[:, ~gone], x.numpy()[0][:, ~gone])


def test_gradients_flow_through_every_family() -> None:
    x = picture().requires_grad_()
    row = numbers(
        colour=0.0,
        brightness=0.3,
        saturation=0.6,
        contrast=0.7,
        move=0.0,
        down=0.9,
        right=0.1,
        cut=0.0,
        row=0.2,
        column=0.2,
    )
    Changes(row, 0.5)(x).square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert (x.grad != 0).any()


def test_each_family_falls_on_its_share_of_pictures_and_parts_agree_with_the_whole() -> None:
    torch.manual_seed(0)
    changes, x = Changes(torch.rand(400, NUMBERS), 0.3), picture().expand(400, -1, -1, -1)
    out = changes(x)
    untouched = (out == x).flatten(1).all(dim=1).float().mean()
    assert 0.25 < float(untouched) < 0.45  # 0.7 cubed
    assert torch.equal(changes.part(slice(100, 110))(x[100:110]), out[100:110])
